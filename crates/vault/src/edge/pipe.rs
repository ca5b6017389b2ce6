//! A connection of its own to the gateway, for one request: an `Open`, then parts both ways, or the bytes of another protocol.
//! Knows no HTTP and no client.

use super::gateway::NoAnswer;
use crate::core::edge::{
    EdgeResponse, FrameKind, Open, Opened, REQUEST_FRAME_LIMIT_BYTES, RESPONSE_FRAME_LIMIT_BYTES, next_frame, payload,
    put_frame, put_part,
};
use crate::door::same_user;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{ReadHalf, WriteHalf};

const READ_BYTES: usize = 32 * 1024;

/// What the gateway said.
pub enum Said {
    /// The whole answer.
    Response(EdgeResponse),
    Opened(Opened),
    Part(Vec<u8>),
    End,
}

/// The gateway broke off, or does not keep to the protocol.
pub struct Broken;

pub struct Pipe {
    stream: UnixStream,
    held: Vec<u8>,
}

impl Pipe {
    /// Connects and says what is wanted. The error says whether the gateway may have seen it.
    pub async fn open(path: &Path, open: &Open) -> Result<Pipe, NoAnswer> {
        let stream = UnixStream::connect(path).await.map_err(|_| NoAnswer::Gone)?;
        if !same_user(&stream) {
            return Err(NoAnswer::Gone);
        }
        let mut pipe = Pipe { stream, held: Vec::new() };
        let mut out = Vec::new();
        if !put_frame(&mut out, 0, FrameKind::Open, Some(open), REQUEST_FRAME_LIMIT_BYTES) {
            return Err(NoAnswer::Gone);
        }
        pipe.stream.write_all(&out).await.map_err(|_| NoAnswer::Unknown)?;
        Ok(pipe)
    }

    /// Passes on a piece of the request's body.
    pub async fn part(&mut self, mut bytes: &[u8]) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let mut out = Vec::with_capacity(bytes.len() + 16);
            let taken = put_part(&mut out, bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            self.raw(&out).await?;
        }
        Ok(())
    }

    /// The request's body is whole.
    pub async fn end(&mut self) -> Result<(), Broken> {
        let mut out = Vec::new();
        put_frame::<()>(&mut out, 0, FrameKind::End, None, REQUEST_FRAME_LIMIT_BYTES);
        self.raw(&out).await
    }

    /// The next that the gateway says. May be dropped and called again: nothing is lost.
    pub async fn said(&mut self) -> Result<Said, Broken> {
        loop {
            if let Some((frame, taken)) = next_frame(&self.held, RESPONSE_FRAME_LIMIT_BYTES).map_err(|_| Broken)? {
                let said = match frame.kind {
                    FrameKind::Response => payload(frame.payload).map(Said::Response),
                    FrameKind::Opened => payload(frame.payload).map(Said::Opened),
                    FrameKind::Part => Some(Said::Part(frame.payload.to_vec())),
                    FrameKind::End => Some(Said::End),
                    FrameKind::Request
                    | FrameKind::Identify
                    | FrameKind::Identified
                    | FrameKind::Busy
                    | FrameKind::Open
                    | FrameKind::Closing => None,
                };
                self.held.drain(..taken);
                return said.ok_or(Broken);
            }
            self.held.reserve(READ_BYTES);
            let Ok(1..) = self.stream.read_buf(&mut self.held).await else { return Err(Broken) };
        }
    }

    async fn raw(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(bytes).await.map_err(|_| Broken)
    }

    /// For another protocol: both directions, and what was read of it already.
    pub fn both(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>, Vec<u8>) {
        let (read, write) = self.stream.split();
        (read, write, std::mem::take(&mut self.held))
    }
}
