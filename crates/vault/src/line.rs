//! The connection under the link: connects, moves bytes between the socket, TLS and the link, connects again.
//! Decides nothing about messages.

use crate::core::time::Time;
use crate::egress::Egress;
use crate::link::LinkState;
use crate::tls::{TlsSession, TlsTrouble};
use florin_connect::iso8583::{Dialect, Framer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;
use zeroize::Zeroizing;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Pauses between tries to connect: doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Plaintext encrypted at once: one TLS record, so that little stands in the buffer when the other side stops reading.
const BATCH_BYTES: usize = 16 * 1024;
/// Network management may take so long to leave.
const WRITE_LIMIT_MS: i64 = 5_000;

pub struct Line {
    /// `host:port`.
    pub address: String,
    pub name: ServerName<'static>,
    pub tls: Arc<ClientConfig>,
    pub dialect: &'static Dialect,
}

pub(crate) enum End {
    /// The egress is closed and nothing is in flight.
    Stopped,
    Trouble(String),
}

impl From<TlsTrouble> for End {
    fn from(trouble: TlsTrouble) -> End {
        End::Trouble(trouble.0)
    }
}

fn io_trouble(what: &str, error: &std::io::Error) -> End {
    End::Trouble(format!("{what}: {error}"))
}

impl Line {
    /// Keeps the link connected until the egress is closed and no order waits any more.
    pub async fn run(&self, egress: &Egress) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = self.once(egress).await;
            let was_up = egress.with_link(|link, now| {
                let was_up = matches!(link.state(), LinkState::Up | LinkState::SignedOff);
                link.disconnected(now);
                was_up
            });
            match ended {
                End::Stopped => return,
                End::Trouble(trouble) => egress.set_trouble(trouble),
            }
            pause = if was_up { FIRST_PAUSE } else { pause };
            tokio::select! {
                biased;
                () = egress.drained() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection from beginning to end.
    async fn once(&self, egress: &Egress) -> End {
        let connected = tokio::select! {
            biased;
            () = egress.drained() => return End::Stopped,
            connected = self.connect() => connected,
        };
        match connected {
            Ok((stream, session)) => match self.serve(egress, &stream, session).await {
                Ok(()) => End::Trouble("the acquirer closed the connection".into()),
                Err(end) => end,
            },
            Err(end) => end,
        }
    }

    async fn connect(&self) -> Result<(TcpStream, TlsSession), End> {
        let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(&self.address)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(e)) => return Err(io_trouble(&format!("cannot connect to {}", self.address), &e)),
            Err(_) => return Err(End::Trouble(format!("no connection to {} in time", self.address))),
        };
        stream.set_nodelay(true).map_err(|e| io_trouble("cannot set up the connection", &e))?;
        let mut session = TlsSession::new(Arc::clone(&self.tls), self.name.clone())?;
        let shaken = async {
            while !session.is_ready() {
                write_some(&stream, &mut session)?;
                let interest = interest(&session);
                stream.ready(interest).await.map_err(|e| io_trouble("the connection failed", &e))?;
                // A host that closes at once must not be asked for ever.
                let open = read_some(&stream, &mut session, &mut |_| {})?;
                if !open || session.is_closed() {
                    return Err(End::Trouble("the acquirer ended the TLS handshake".into()));
                }
            }
            Ok(())
        };
        match tokio::time::timeout(HANDSHAKE_LIMIT, shaken).await {
            Ok(done) => done?,
            Err(_) => return Err(End::Trouble("the TLS handshake was not done in time".into())),
        }
        Ok((stream, session))
    }

    async fn serve(&self, egress: &Egress, stream: &TcpStream, mut session: TlsSession) -> Result<(), End> {
        let clock = egress.clock();
        let mut framer = Framer::new(&self.dialect.framing);
        // Until when what stands in the session's buffer must have left.
        let mut leave_by: Option<Time> = None;
        egress.with_link(|link, now| link.connected(now));
        loop {
            let mut took = false;
            if session.pending().is_empty() {
                leave_by = encrypt_batch(egress, &mut session)?;
                took = leave_by.is_some();
            }
            write_some(stream, &mut session)?;
            let blocked = !session.pending().is_empty();
            if took && !blocked {
                // More may wait than fits one record.
                continue;
            }
            let (wake, close) = egress.with_link(|link, _| (link.next_wake(), link.must_close()));
            if let Some(reason) = close {
                return Err(End::Trouble(reason.words().into()));
            }
            if egress.is_drained() {
                session.close();
                write_some(stream, &mut session)?;
                return Err(End::Stopped);
            }
            let until = [wake, leave_by.filter(|_| blocked)].into_iter().flatten().min();
            tokio::select! {
                ready = stream.ready(interest(&session)) => {
                    let ready = ready.map_err(|e| io_trouble("the connection failed", &e))?;
                    if ready.is_readable() || ready.is_read_closed() {
                        let open = read_some(stream, &mut session, &mut |plain| framer.push(plain))?;
                        let read = deliver(egress, &mut framer);
                        if !open || session.is_closed() {
                            return read;
                        }
                        read?;
                    }
                }
                () = egress.wake.notified() => {}
                () = wait_until(until.map(|at| clock.instant(at))) => {
                    egress.with_link(|link, now| link.tick(now));
                    // What is in the buffer could leave much later, when it must not: rather lose the connection.
                    if blocked && leave_by.is_some_and(|by| by <= clock.now().steady) {
                        return Err(End::Trouble("the acquirer does not read".into()));
                    }
                }
            }
        }
    }
}

/// Encrypts what waits, up to one record. Gives the moment by which it must have left.
fn encrypt_batch(egress: &Egress, session: &mut TlsSession) -> Result<Option<Time>, End> {
    let frames = egress.take_frames(BATCH_BYTES);
    if frames.is_empty() {
        return Ok(None);
    }
    let bytes = frames.iter().map(|frame| frame.bytes.len()).sum();
    let mut batch = Zeroizing::new(Vec::with_capacity(bytes));
    let mut leave_by = egress.clock().now().steady.plus_ms(WRITE_LIMIT_MS);
    for frame in &frames {
        batch.extend_from_slice(&frame.bytes);
        leave_by = frame.send_by.map_or(leave_by, |by| by.min(leave_by));
    }
    session.send(&batch)?;
    Ok(Some(leave_by))
}

/// Hands whole frames to the link. An unreadable stream ends the connection: nothing after it can be trusted.
fn deliver(egress: &Egress, framer: &mut Framer) -> Result<(), End> {
    egress.with_link(|link, now| {
        loop {
            match framer.next_frame() {
                Ok(Some(body)) => {
                    crate::wipe::touched();
                    link.received(now, &body);
                }
                Ok(None) => return Ok(()),
                Err(e) => return Err(End::Trouble(format!("the acquirer's stream cannot be read: {e}"))),
            }
        }
    })
}

pub(crate) fn interest(session: &TlsSession) -> Interest {
    if session.pending().is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE }
}

pub(crate) fn write_some(stream: &TcpStream, session: &mut TlsSession) -> Result<(), End> {
    while !session.pending().is_empty() {
        match stream.try_write(session.pending()) {
            Ok(bytes) => session.wrote(bytes),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(io_trouble("the connection failed", &e)),
        }
    }
    Ok(())
}

/// Reads what is there. False when the other side has closed.
pub(crate) fn read_some(
    stream: &TcpStream,
    session: &mut TlsSession,
    plain: &mut dyn FnMut(&[u8]),
) -> Result<bool, End> {
    match stream.try_read(session.space()) {
        Ok(0) => Ok(false),
        Ok(bytes) => session.received(bytes, plain).map(|()| true).map_err(End::from),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(e) => Err(io_trouble("the connection failed", &e)),
    }
}

async fn wait_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
