//! Sockets round the engine: accepts links, cuts frames, writes replies when they are due. Knows nothing of what messages mean.

use crate::deliver::{Reply, ReplyKind};
use crate::engine::{Engine, Written};
use florin_connect::iso8583::{Dialect, Framer, Framing};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

const READ_BUFFER_BYTES: usize = 16 * 1024;
/// Groups of replies that wait for the disk or for the peer to read; a link that has more is not read from.
const GROUPS_WAITING_LIMIT: usize = 256;
/// Replies of one link that wait for their time; more are dropped, as a network would.
const DELAYED_LIMIT: usize = 10_000;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Bytes are handed to the socket in pieces of about this size.
const WRITE_BYTES: usize = 64 * 1024;
/// After a failed accept (no file descriptors left, for example).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Limits of the acquirer's port.
#[derive(Clone, Copy, Debug)]
pub struct LinkLimits {
    pub connections: usize,
    /// A link on which nothing comes for so long is closed.
    pub idle_seconds: u64,
}

impl Default for LinkLimits {
    fn default() -> LinkLimits {
        LinkLimits { connections: 256, idle_seconds: 300 }
    }
}

/// Takes links until `stop` changes.
pub(crate) async fn listen(
    engine: Arc<Engine>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: LinkLimits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((socket, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let down = engine.with(|host, now| host.is_down(now)).0;
        let (Ok(place), false) = (places.clone().try_acquire_owned(), down) else { continue };
        // Without it, small frames wait for acknowledgements; if it fails, they only wait.
        drop(socket.set_nodelay(true));
        let (engine, tls, stop) = (engine.clone(), tls.clone(), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            match tls {
                None => link(engine, socket, limits, stop).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HANDSHAKE_LIMIT, tls.accept(socket)).await {
                        link(engine, stream, limits, stop).await;
                    }
                }
            }
        });
    }
}

/// Replies to one read's messages, which may leave once they are written.
struct Group {
    replies: Vec<Reply>,
    written: Option<Written>,
}

/// How the writing side of a link ended.
enum End {
    Closed,
    /// The link stays open and dead.
    HalfOpen,
}

async fn link<S: AsyncRead + AsyncWrite>(
    engine: Arc<Engine>,
    stream: S,
    limits: LinkLimits,
    mut stop: watch::Receiver<bool>,
) {
    let (reader, writer) = tokio::io::split(stream);
    let (groups, waiting) = mpsc::channel(GROUPS_WAITING_LIMIT);
    let idle = Duration::from_secs(limits.idle_seconds);
    let mut hang_up = engine.hang_up.subscribe();
    let reading = read(&engine, reader, groups, idle);
    let writing = write(&Dialect::link().framing, writer, waiting);
    let whole = async {
        tokio::pin!(writing);
        let end = tokio::select! {
            end = &mut writing => end,
            // The peer sends nothing more: what it asked is still answered.
            () = reading => writing.await,
        };
        if matches!(end, End::HalfOpen) {
            sleep(idle).await;
        }
    };
    tokio::select! {
        () = whole => {}
        _ = hang_up.changed() => {}
        _ = stop.changed() => {}
    }
}

/// Reads until the peer ends, is idle for too long, or sends what is no frame.
async fn read<R: AsyncRead + Unpin>(engine: &Engine, mut reader: R, groups: mpsc::Sender<Group>, idle: Duration) {
    let mut framer = Framer::new(&Dialect::link().framing);
    let mut buffer = florin_connect::Wiped::new(vec![0u8; READ_BUFFER_BYTES]);
    loop {
        let Ok(Ok(count @ 1..)) = timeout(idle, reader.read(&mut buffer)).await else { return };
        framer.push(buffer.get(..count).unwrap_or_default());
        let mut bodies = Vec::new();
        let broken = loop {
            match framer.next_frame() {
                Ok(Some(body)) => bodies.push(body),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        if !bodies.is_empty() {
            let (replies, written) = engine.receive(&bodies);
            if (!replies.is_empty() || written.is_some()) && groups.send(Group { replies, written }).await.is_err() {
                return;
            }
        }
        if broken {
            return;
        }
    }
}

/// Bytes that are due, and replies that are not yet.
struct Outbox<'a> {
    framing: &'a Framing,
    out: Vec<u8>,
    delayed: BTreeMap<(Instant, u64), ReplyKind>,
    number: u64,
}

impl Outbox<'_> {
    fn delay(&mut self, reply: Reply) {
        if self.delayed.len() < DELAYED_LIMIT {
            self.number += 1;
            let due = Instant::now() + Duration::from_millis(u64::from(reply.after_ms));
            self.delayed.insert((due, self.number), reply.kind);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((due, _), _)| *due)
    }

    fn take_due(&mut self) -> Option<ReplyKind> {
        let first = self.delayed.first_entry().filter(|first| first.key().0 <= Instant::now())?;
        Some(first.remove())
    }

    /// Writes what is waiting. False when the peer is gone.
    async fn flush<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> bool {
        let done = writer.write_all(&self.out).await.is_ok() && writer.flush().await.is_ok();
        self.out.clear();
        done
    }

    /// Puts one reply out. `Some` when the link ends with it.
    async fn put<W: AsyncWrite + Unpin>(&mut self, writer: &mut W, kind: ReplyKind) -> Option<End> {
        match kind {
            // A body that the dialect made always fits a frame.
            ReplyKind::Frame(body) => drop(self.framing.frame_into(&body, &mut self.out)),
            ReplyKind::Raw(bytes) => self.out.extend_from_slice(&bytes),
            ReplyKind::Slowly { body, ms_per_byte } => {
                let Ok(frame) = self.framing.frame(&body) else { return None };
                if !self.flush(writer).await {
                    return Some(End::Closed);
                }
                for byte in frame.iter() {
                    sleep(Duration::from_millis(u64::from(ms_per_byte))).await;
                    if writer.write_all(&[*byte]).await.is_err() || writer.flush().await.is_err() {
                        return Some(End::Closed);
                    }
                }
            }
            ReplyKind::HalfOpen => {
                self.flush(writer).await;
                return Some(End::HalfOpen);
            }
            ReplyKind::Close => {
                self.flush(writer).await;
                // The peer may be gone already.
                drop(writer.shutdown().await);
                return Some(End::Closed);
            }
        }
        if self.out.len() >= WRITE_BYTES && !self.flush(writer).await {
            return Some(End::Closed);
        }
        None
    }
}

/// Writes replies in order, delayed ones when they are due, until the reading side ended and nothing is left.
async fn write<W: AsyncWrite + Unpin>(framing: &Framing, mut writer: W, mut groups: mpsc::Receiver<Group>) -> End {
    let mut outbox = Outbox { framing, out: Vec::new(), delayed: BTreeMap::new(), number: 0 };
    let mut open = true;
    while open || !outbox.delayed.is_empty() {
        let due = outbox.next_due();
        tokio::select! {
            group = groups.recv(), if open => match group {
                None => open = false,
                Some(group) => {
                    let mut next = Some(group);
                    while let Some(group) = next {
                        if let Some(end) = take(&mut outbox, &mut writer, group).await {
                            return end;
                        }
                        next = groups.try_recv().ok();
                    }
                }
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        while let Some(kind) = outbox.take_due() {
            if let Some(end) = outbox.put(&mut writer, kind).await {
                return end;
            }
        }
        if !outbox.out.is_empty() && !outbox.flush(&mut writer).await {
            return End::Closed;
        }
    }
    drop(writer.shutdown().await);
    End::Closed
}

async fn take<W: AsyncWrite + Unpin>(outbox: &mut Outbox<'_>, writer: &mut W, group: Group) -> Option<End> {
    if let Some(written) = group.written {
        // While the disk works, what is ready goes out.
        if !outbox.out.is_empty() && !outbox.flush(writer).await {
            return Some(End::Closed);
        }
        if written.await.is_err() {
            return Some(End::Closed);
        }
    }
    for reply in group.replies {
        if reply.after_ms > 0 {
            outbox.delay(reply);
        } else if let Some(end) = outbox.put(writer, reply.kind).await {
            return Some(end);
        }
    }
    None
}

/// Tells issuers of stand-in decisions while no message comes.
pub(crate) async fn tick(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(Duration::from_secs(1)) => drop(engine.with(|host, now| host.tick(now))),
            _ = stop.changed() => return,
        }
    }
}

/// Ends the business day after each so many seconds in which something was cleared.
pub(crate) async fn days(engine: Arc<Engine>, seconds: u32, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = sleep(Duration::from_secs(u64::from(seconds))) => {}
            _ = stop.changed() => return,
        }
        // Its record goes to the disk with those of the messages, in order.
        drop(engine.with(|host, now| host.books().has_lines().then(|| host.close_day(now))));
    }
}

/// Closes every link now.
pub(crate) fn hang_up(engine: &Engine) {
    engine.hang_up.send_modify(|count| *count += 1);
}
