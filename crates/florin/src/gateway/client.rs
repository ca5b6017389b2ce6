//! Asks a running gateway through its door.

use super::ops::{Answer, Ask};
use crate::fail::Fail;
use serde_json::Value;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

pub struct Gateway {
    stream: BufReader<UnixStream>,
}

impl Gateway {
    /// None when no gateway listens there.
    pub async fn connect(socket: &Path) -> Option<Gateway> {
        let stream = UnixStream::connect(socket).await.ok()?;
        Some(Gateway { stream: BufReader::new(stream) })
    }

    pub async fn ask(&mut self, ask: &Ask) -> Result<Value, Fail> {
        let lost = |_| {
            Fail::new(
                "gateway_lost",
                "the gateway went away before it answered. What was asked may have been done: look with `florin list`.",
            )
            .exit(4)
        };
        let mut line =
            serde_json::to_vec(ask).map_err(|_| Fail::new("bad_question", "the question cannot be written"))?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await.map_err(lost)?;
        let mut answer = String::new();
        let n = self.stream.read_line(&mut answer).await.map_err(lost)?;
        if n == 0 {
            return Err(lost(std::io::Error::other("closed")));
        }
        match serde_json::from_str::<Answer>(&answer) {
            Ok(Answer::Ok(value)) => Ok(value),
            Ok(Answer::Error { code, message, param, status }) => {
                Err(Fail { code, message, param, exit: if status < 500 { 2 } else { 1 } })
            }
            Err(_) => {
                Err(Fail::new("bad_answer", "the gateway's answer cannot be read: use the same version of florin"))
            }
        }
    }
}
