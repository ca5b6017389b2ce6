//! Where people enter what opens a locked KEK: a Unix socket of the same user, one line for each passphrase or share, one line of JSON
//! back. Open only until the KEK is. Keeps nothing of what was entered.

use crate::door::{listen, same_user};
use crate::keys::{KekKind, KekProvider, Locked, Offered};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use zeroize::{Zeroize, Zeroizing};

/// A passphrase or share is shorter.
const LINE_LIMIT_BYTES: usize = 4 * 1024;
/// Somebody who connects has it at hand.
const LINE_WITHIN: Duration = Duration::from_secs(60);

/// What a locked vault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub kind: KekKind,
    /// Shares that are here, and how many must be.
    pub have: usize,
    pub needed: usize,
}

/// The answer to what was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To an empty line: what is waited for.
    Waiting(Waiting),
    /// A good share.
    Taken {
        from: String,
        have: usize,
        needed: usize,
    },
    Opened,
    Refused {
        code: String,
        message: String,
    },
}

/// Waits until the KEK is open. One at a time: whoever comes second waits.
pub async fn unlock(mut locked: Locked, socket: &Path) -> std::io::Result<Box<dyn KekProvider>> {
    let listener = listen(socket).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        if !same_user(&stream) {
            continue;
        }
        while let Ok(Some(line)) = tokio::time::timeout(LINE_WITHIN, read_line(&mut stream)).await {
            let (answer, kek) = enter(&mut locked, &line);
            let mut text = serde_json::to_string(&answer).unwrap_or_default();
            text.push('\n');
            let written = stream.write_all(text.as_bytes()).await;
            if let Some(kek) = kek {
                let _ = std::fs::remove_file(socket);
                return Ok(kek);
            }
            if written.is_err() {
                break;
            }
        }
    }
}

fn enter(locked: &mut Locked, line: &str) -> (Answer, Option<Box<dyn KekProvider>>) {
    locked.forget_old();
    if line.is_empty() {
        let ((have, needed), kind) = (locked.progress(), locked.kind());
        return (Answer::Waiting(Waiting { kind, have, needed }), None);
    }
    match locked.offer(line) {
        Ok(Offered::Opened(kek)) => (Answer::Opened, Some(kek)),
        Ok(Offered::More { from, have, needed }) => (Answer::Taken { from, have, needed }, None),
        Err(e) => (Answer::Refused { code: e.code().to_owned(), message: e.to_string() }, None),
    }
}

/// The next line without its end; nothing when the other side is done or writes too much.
async fn read_line(stream: &mut UnixStream) -> Option<Zeroizing<String>> {
    // Never grown, so that nothing of it stays behind elsewhere.
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_LIMIT_BYTES));
    let mut byte = [0u8; 1];
    while stream.read(&mut byte).await.ok()? == 1 && line.len() < LINE_LIMIT_BYTES {
        if byte == *b"\n" {
            return std::str::from_utf8(&line).ok().map(|text| Zeroizing::new(text.to_owned()));
        }
        line.extend_from_slice(&byte);
        byte.zeroize();
    }
    None
}

/// Enters one line at a locked vault, for `florin keys unlock`.
pub async fn offer(socket: &Path, line: &str) -> std::io::Result<Answer> {
    let mut stream = UnixStream::connect(socket).await?;
    let whole = Zeroizing::new(format!("{}\n", line.trim_end_matches(['\r', '\n'])));
    stream.write_all(whole.as_bytes()).await?;
    let answer = read_line(&mut stream).await.unwrap_or_default();
    serde_json::from_str(&answer).map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
}
