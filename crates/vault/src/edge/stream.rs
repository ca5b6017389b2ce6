//! Bytes of one client, over TLS or plain: plaintext in and out. What was read stands in memory that is wiped.
//! Knows no HTTP.

use super::chunked::append;
use crate::tls::{SERVER_SLOT_BYTES, ServerSession, Slot};
use rustls::ServerConfig;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

enum Way {
    Tls(Box<ServerSession>),
    Plain(Slot, Outbox),
}

/// What waits to be written without TLS.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

/// What moved in one step of a connection that reads and writes at once.
pub enum Step {
    /// Appended.
    Read,
    Wrote,
    /// The client sends no more.
    End,
}

enum Moved {
    In(usize),
    Out(usize),
}

pub struct Stream {
    socket: TcpStream,
    way: Way,
}

/// Reads into the space that `space` gives; gives it back with `release` while there is nothing.
async fn read_some<T>(
    socket: &mut TcpStream,
    way: &mut T,
    space: impl Fn(&mut T) -> &mut [u8],
    release: impl Fn(&mut T),
) -> Result<usize> {
    std::future::poll_fn(|cx| {
        let mut buffer = ReadBuf::new(space(way));
        match Pin::new(&mut *socket).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(buffer.filled().len())),
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            Poll::Pending => {
                release(way);
                Poll::Pending
            }
        }
    })
    .await
}

/// Moves what was read out of its slot.
fn take(slot: &mut Slot, bytes: usize, into: &mut Zeroizing<Vec<u8>>) {
    slot.filled += bytes;
    append(into, slot.records());
    slot.discard(bytes);
    slot.release();
}

fn queued(way: &Way) -> &[u8] {
    match way {
        Way::Plain(_, out) => out.bytes.get(out.written..).unwrap_or_default(),
        Way::Tls(session) => session.pending(),
    }
}

impl Stream {
    pub fn plain(socket: TcpStream) -> Stream {
        Stream { socket, way: Way::Plain(Slot::default(), Outbox::default()) }
    }

    pub fn tls(socket: TcpStream, config: Arc<ServerConfig>) -> Result<Stream> {
        let session = ServerSession::accept(config).map_err(|e| Error::other(e.0))?;
        Ok(Stream { socket, way: Way::Tls(Box::new(session)) })
    }

    pub fn is_tls(&self) -> bool {
        matches!(self.way, Way::Tls(_))
    }

    /// Until plaintext may be sent. What comes with the last bytes of the handshake is put into `into`.
    pub async fn handshake(&mut self, into: &mut Zeroizing<Vec<u8>>) -> Result<()> {
        while matches!(&self.way, Way::Tls(session) if !session.is_ready()) {
            if !self.advance(into).await? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Appends what comes next. Zero when the client sends no more.
    pub async fn read(&mut self, into: &mut Zeroizing<Vec<u8>>) -> Result<usize> {
        let before = into.len();
        while into.len() == before {
            if !self.advance(into).await? {
                return Ok(0);
            }
        }
        Ok(into.len() - before)
    }

    /// One read from the socket. False at the end.
    async fn advance(&mut self, into: &mut Zeroizing<Vec<u8>>) -> Result<bool> {
        match &mut self.way {
            Way::Plain(slot, _) => {
                let got =
                    read_some(&mut self.socket, slot, |slot| slot.space(SERVER_SLOT_BYTES), Slot::release).await?;
                take(slot, got, into);
                Ok(got > 0)
            }
            Way::Tls(session) => {
                let got = read_some(&mut self.socket, session, |s| s.space(), |s| s.release()).await?;
                if got == 0 {
                    return Ok(false);
                }
                let received = session.received(got, &mut |plain| append(into, plain));
                if received.is_err() {
                    session.alert();
                }
                self.flush().await?;
                received.map_err(|e| Error::other(e.0))?;
                Ok(!matches!(&self.way, Way::Tls(session) if session.is_closed()))
            }
        }
    }

    /// The client showed a certificate of the authority that is asked for.
    pub fn is_certified(&self) -> bool {
        matches!(&self.way, Way::Tls(session) if session.is_certified())
    }

    /// Puts bytes where `step` writes them from.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.way {
            Way::Plain(_, out) => {
                out.bytes.extend_from_slice(bytes);
                Ok(())
            }
            Way::Tls(session) => session.send(bytes).map_err(|e| Error::other(e.0)),
        }
    }

    /// Something waits for `step` to write it.
    pub fn has_queued(&self) -> bool {
        !queued(&self.way).is_empty()
    }

    /// Writes what waits and, if it is to, reads: whichever can be done first. May be dropped and called again: nothing is lost.
    pub async fn step(&mut self, reads: bool, into: &mut Zeroizing<Vec<u8>>) -> Result<Step> {
        let (socket, way) = (&mut self.socket, &mut self.way);
        let moved = std::future::poll_fn(|cx| {
            let waiting = queued(way);
            if !waiting.is_empty()
                && let Poll::Ready(written) = Pin::new(&mut *socket).poll_write(cx, waiting)
            {
                return Poll::Ready(written.map(Moved::Out));
            }
            if !reads {
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(match way {
                Way::Plain(slot, _) => slot.space(SERVER_SLOT_BYTES),
                Way::Tls(session) => session.space(),
            });
            match Pin::new(&mut *socket).poll_read(cx, &mut buffer) {
                Poll::Ready(read) => Poll::Ready(read.map(|()| Moved::In(buffer.filled().len()))),
                Poll::Pending => {
                    match way {
                        Way::Plain(slot, _) => slot.release(),
                        Way::Tls(session) => session.release(),
                    }
                    Poll::Pending
                }
            }
        });
        match (moved.await?, &mut self.way) {
            (Moved::Out(0), _) => Err(ErrorKind::WriteZero.into()),
            (Moved::In(0), _) => Ok(Step::End),
            (Moved::Out(bytes), Way::Tls(session)) => {
                session.wrote(bytes);
                Ok(Step::Wrote)
            }
            (Moved::Out(bytes), Way::Plain(_, out)) => {
                out.written += bytes;
                if out.written >= out.bytes.len() {
                    *out = Outbox::default();
                }
                Ok(Step::Wrote)
            }
            (Moved::In(bytes), Way::Plain(slot, _)) => {
                take(slot, bytes, into);
                Ok(Step::Read)
            }
            (Moved::In(bytes), Way::Tls(session)) => {
                session.received(bytes, &mut |plain| append(into, plain)).map_err(|e| Error::other(e.0))?;
                Ok(if session.is_closed() { Step::End } else { Step::Read })
            }
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.way {
            Way::Plain(..) => self.socket.write_all(bytes).await,
            Way::Tls(session) => {
                session.send(bytes).map_err(|e| Error::other(e.0))?;
                self.flush().await
            }
        }
    }

    async fn flush(&mut self) -> Result<()> {
        let Way::Tls(session) = &mut self.way else { return Ok(()) };
        while !session.pending().is_empty() {
            match self.socket.write(session.pending()).await? {
                0 => return Err(ErrorKind::WriteZero.into()),
                bytes => session.wrote(bytes),
            }
        }
        Ok(())
    }

    /// Says that no more is sent.
    pub async fn finish(&mut self) -> Result<()> {
        if let Way::Tls(session) = &mut self.way {
            session.close();
        }
        self.flush().await?;
        self.socket.shutdown().await
    }
}
