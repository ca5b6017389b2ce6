//! Bytes of one client, over TLS or plain: plaintext in and out. What was read stands in memory that is wiped.
//! Knows no HTTP.

use super::chunked::append;
use crate::tls::{SERVER_SLOT_BYTES, ServerSession, Slot};
use rustls::ServerConfig;
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

enum Way {
    Tls(Box<ServerSession>),
    Plain(Slot),
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

impl Stream {
    pub fn plain(socket: TcpStream) -> Stream {
        Stream { socket, way: Way::Plain(Slot::default()) }
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
            Way::Plain(slot) => {
                let got =
                    read_some(&mut self.socket, slot, |slot| slot.space(SERVER_SLOT_BYTES), Slot::release).await?;
                slot.filled += got;
                append(into, slot.records());
                slot.discard(got);
                slot.release();
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

    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.way {
            Way::Plain(_) => self.socket.write_all(bytes).await,
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
