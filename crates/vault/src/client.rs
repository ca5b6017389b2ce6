//! The gateway's side of the vault's door. Reconnects by itself; a submit never fails, it is `NotSent` or `Unknown`.
//! Knows no acquirer. A card passes through on its way to a token and is wiped.

use crate::cards::rotation::{KeysAnswer, KeysAsk};
use crate::cards::{NewCard, Tokenised};
use crate::core::threeds;
use crate::core::wire::{Late, NotSent, Order, Unsure, Verdict};
use crate::frame::{ANSWER_LIMIT_BYTES, FrameKind, Inbox, REQUEST_LIMIT_BYTES, put_frame, write_card};
use crate::health::Health;
use crate::refusal::CardRefusal;
use crate::renewal::Renewal;
use florin_connect::journey::Hop;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// Requests that wait for their answers; above this a submit is `NotSent(Busy)`.
const PENDING_LIMIT: usize = 4_096;
/// The vault answers an order within its send and answer limits; this is for a vault that hangs. Whoever gives up on an order ends
/// the connection as well: then the vault knows which approvals were not heard.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Late answers that nobody took yet; more are told again later.
const LATE_LIMIT: usize = 1_024;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a request waits for a vault that was there before. Well within the 5 s in which an order must leave.
const BACK_WITHIN: Duration = Duration::from_secs(3);
const READ_BYTES: usize = 64 * 1024;

/// The vault cannot be reached, or does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoVault;

/// An answer that no waiter was left for. It is told again until it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateAnswer {
    /// For `acknowledge`.
    pub id: i64,
    pub late: Late,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// No byte of it left this process.
    NotWritten,
    Full,
    /// It may have reached the vault.
    Lost,
    TimedOut,
}

type Reply = Result<(FrameKind, Vec<u8>), Gone>;

#[derive(Default)]
struct State {
    connected: bool,
    watching: bool,
    next_id: u32,
    /// May hold a card: wiped when it is dropped.
    out: Zeroizing<Vec<u8>>,
    /// Requests whose frames are still in `out`.
    unwritten: Vec<u32>,
    pending: BTreeMap<u32, oneshot::Sender<Reply>>,
}

struct Inner {
    path: PathBuf,
    state: Mutex<State>,
    filled: Notify,
    /// An order on this connection was given up.
    gave_up: Notify,
    late: mpsc::Sender<LateAnswer>,
    /// Connected, not connected, or not connected yet.
    there: watch::Sender<Option<bool>>,
}

struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Cheap to clone; all clones share one connection, which ends with the last of them.
#[derive(Clone)]
pub struct VaultClient {
    inner: Arc<Inner>,
    late: Arc<Mutex<Option<mpsc::Receiver<LateAnswer>>>>,
    _connection: Arc<Connection>,
}

impl VaultClient {
    /// Tries to connect once before it returns; whether that worked shows in `is_connected`. Must be called within a runtime.
    pub async fn connect(path: &Path) -> VaultClient {
        let (tell, told) = mpsc::channel(LATE_LIMIT);
        let (filled, gave_up, there) = (Notify::new(), Notify::new(), watch::Sender::new(None));
        let inner =
            Arc::new(Inner { path: path.to_owned(), state: Mutex::default(), filled, gave_up, late: tell, there });
        let (first, tried) = oneshot::channel();
        let connection = tokio::spawn(keep_connected(Arc::clone(&inner), first));
        let _ = tried.await;
        VaultClient { inner, late: Arc::new(Mutex::new(Some(told))), _connection: Arc::new(Connection(connection)) }
    }

    pub fn is_connected(&self) -> bool {
        self.inner.lock().connected
    }

    /// Sends an order and waits for what comes of it. When the connection dies first: `NotSent` if the order cannot have reached
    /// the vault, `Unknown` otherwise.
    pub async fn submit(&self, order: &Order) -> Verdict {
        let Ok(payload) = postcard::to_allocvec(order) else { return Verdict::NotSent(NotSent::NotEncodable) };
        match self.inner.ask(FrameKind::Submit, &payload).await {
            Ok((FrameKind::Submit, verdict)) => {
                postcard::from_bytes(&verdict).unwrap_or(Verdict::Unknown(Unsure::LinkLost))
            }
            // The vault could not read the order, so it did nothing with it.
            Ok((FrameKind::BadRequest, _)) => Verdict::NotSent(NotSent::NotEncodable),
            Ok(_) | Err(Gone::Lost) => Verdict::Unknown(Unsure::LinkLost),
            Err(Gone::TimedOut) => Verdict::Unknown(Unsure::NoAnswer),
            Err(Gone::NotWritten) => Verdict::NotSent(NotSent::NoVault),
            Err(Gone::Full) => Verdict::NotSent(NotSent::Busy),
        }
    }

    /// Asks about the vault's keys, or for others.
    pub async fn keys(&self, ask: &KeysAsk) -> Result<KeysAnswer, NoVault> {
        let payload = postcard::to_allocvec(ask).map(Zeroizing::new).map_err(|_| NoVault)?;
        match self.inner.ask(FrameKind::Keys, &payload).await {
            Ok((FrameKind::Keys, answer)) => serde_json::from_slice(&answer).map_err(|_| NoVault),
            Ok(_) | Err(_) => Err(NoVault),
        }
    }

    /// Asks about an authentication. When the vault cannot be reached: `Trouble`.
    pub async fn authenticate(&self, ask: &threeds::Ask) -> threeds::Answer {
        let Ok(payload) = postcard::to_allocvec(ask) else { return threeds::Answer::Trouble };
        match self.inner.ask(FrameKind::ThreeDs, &payload).await {
            Ok((FrameKind::ThreeDs, answer)) => postcard::from_bytes(&answer).unwrap_or(threeds::Answer::Trouble),
            Ok(_) | Err(_) => threeds::Answer::Trouble,
        }
    }

    /// Gives a card to the vault for a token. When the vault cannot be reached: `CardRefusal::Trouble`.
    pub async fn tokenise(&self, card: NewCard) -> Result<Tokenised, CardRefusal> {
        let payload = write_card(&card).ok_or(CardRefusal::Bad(florin_connect::card::BadCard::InvalidNumber))?;
        drop(card);
        self.card(FrameKind::Tokenise, &payload).await
    }

    /// The same card under another expiry date, with a token of its own.
    pub async fn renew(&self, asked: &Renewal) -> Result<Tokenised, CardRefusal> {
        let payload = postcard::to_allocvec(asked).map_err(|_| CardRefusal::Trouble)?;
        self.card(FrameKind::Renew, &payload).await
    }

    async fn card(&self, kind: FrameKind, payload: &[u8]) -> Result<Tokenised, CardRefusal> {
        match self.inner.ask(kind, payload).await {
            Ok((answered, answer)) if answered == kind => match answer.as_slice() {
                [0, tokenised @ ..] => postcard::from_bytes(tokenised).map_err(|_| CardRefusal::Trouble),
                [1, number] => Err(CardRefusal::from_number(*number)),
                _ => Err(CardRefusal::Trouble),
            },
            Ok(_) | Err(_) => Err(CardRefusal::Trouble),
        }
    }

    /// What went over the wire under these retrieval reference numbers (at most 64), oldest first.
    pub async fn hops(&self, rrns: &[String]) -> Result<Vec<Hop>, NoVault> {
        let payload = serde_json::to_vec(rrns).map_err(|_| NoVault)?;
        self.json(FrameKind::Hops, &payload).await
    }

    pub async fn health(&self) -> Result<Health, NoVault> {
        self.json(FrameKind::Health, &[]).await
    }

    /// Asks for late answers, now and after every reconnect. There is one stream: a second call gives nothing.
    pub fn watch_late(&self) -> Option<mpsc::Receiver<LateAnswer>> {
        let stream = self.late.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let mut state = self.inner.lock();
        state.watching = true;
        if state.connected {
            put_frame(&mut state.out, 0, FrameKind::Watch, &[]);
            self.inner.filled.notify_one();
        }
        Some(stream)
    }

    /// The late answer is durable here: the vault forgets it. If this gets lost, it is told again.
    pub fn acknowledge(&self, id: i64) {
        let mut state = self.inner.lock();
        if state.connected {
            put_frame(&mut state.out, 0, FrameKind::LateDone, &id.to_be_bytes());
            self.inner.filled.notify_one();
        }
    }

    async fn json<T: DeserializeOwned>(&self, kind: FrameKind, payload: &[u8]) -> Result<T, NoVault> {
        match self.inner.ask(kind, payload).await {
            Ok((answered, json)) if answered == kind => serde_json::from_slice(&json).map_err(|_| NoVault),
            Ok(_) | Err(_) => Err(NoVault),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A vault that is being started anew is waited for, for a moment.
    async fn ready(&self) {
        let mut there = self.there.subscribe();
        let back = there.wait_for(|there| *there != Some(false));
        let _ = tokio::time::timeout(BACK_WITHIN, back).await.map(|_| ());
    }

    async fn ask(&self, kind: FrameKind, payload: &[u8]) -> Reply {
        self.ready().await;
        let (id, mut answered) = self.enqueue(kind, payload)?;
        if let Ok(reply) = tokio::time::timeout(ANSWER_LIMIT, &mut answered).await {
            return reply.unwrap_or(Err(Gone::Lost));
        }
        if self.lock().pending.remove(&id).is_none() {
            // Its answer has come this very moment.
            return answered.await.unwrap_or(Err(Gone::Lost));
        }
        if kind == FrameKind::Submit {
            self.gave_up.notify_waiters();
        }
        Err(Gone::TimedOut)
    }

    fn enqueue(&self, kind: FrameKind, payload: &[u8]) -> Result<(u32, oneshot::Receiver<Reply>), Gone> {
        let mut state = self.lock();
        if !state.connected || payload.len() + 5 > REQUEST_LIMIT_BYTES {
            return Err(Gone::NotWritten);
        }
        if state.pending.len() >= PENDING_LIMIT {
            return Err(Gone::Full);
        }
        let mut id = state.next_id;
        while state.pending.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        state.next_id = id.wrapping_add(1);
        // Grown by hand, so that the smaller buffer is wiped: it may hold a card.
        let needed = state.out.len() + payload.len() + 16;
        if needed > state.out.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two().max(4_096)));
            larger.extend_from_slice(&state.out);
            state.out = larger;
        }
        put_frame(&mut state.out, id, kind, payload);
        state.unwritten.push(id);
        let (tell, told) = oneshot::channel();
        state.pending.insert(id, tell);
        drop(state);
        self.filled.notify_one();
        Ok((id, told))
    }

    fn connected(&self) {
        let mut state = self.lock();
        state.connected = true;
        if state.watching {
            put_frame(&mut state.out, 0, FrameKind::Watch, &[]);
        }
        drop(state);
        self.there.send_replace(Some(true));
    }

    /// Whoever waits learns whether his request can have reached the vault.
    fn disconnected(&self) {
        let mut state = self.lock();
        self.there.send_replace(Some(false));
        state.connected = false;
        state.out = Zeroizing::default();
        for id in std::mem::take(&mut state.unwritten) {
            if let Some(waiter) = state.pending.remove(&id) {
                let _ = waiter.send(Err(Gone::NotWritten));
            }
        }
        for (_, waiter) in std::mem::take(&mut state.pending) {
            let _ = waiter.send(Err(Gone::Lost));
        }
    }

    /// The frames that wait. From here on they may have been written.
    fn take(&self) -> Zeroizing<Vec<u8>> {
        let mut state = self.lock();
        state.unwritten.clear();
        std::mem::take(&mut state.out)
    }
}

async fn keep_connected(inner: Arc<Inner>, first: oneshot::Sender<()>) {
    let mut first = Some(first);
    let mut pause = FIRST_PAUSE;
    loop {
        let stream = UnixStream::connect(&inner.path).await.ok().filter(same_user);
        if stream.is_some() {
            inner.connected();
        }
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
        if let Some(stream) = stream {
            pause = FIRST_PAUSE;
            let (read, write) = stream.into_split();
            tokio::select! {
                () = read_answers(&inner, read) => {}
                () = write_requests(&inner, write) => {}
                () = inner.gave_up.notified() => {}
            }
            inner.disconnected();
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Another user's socket at this path is no vault of ours.
fn same_user(stream: &UnixStream) -> bool {
    // The vault of root may be a user of its own; the folder of the socket is closed to all others.
    let own = rustix::process::geteuid();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own.as_raw() || own.is_root())
}

async fn write_requests(inner: &Inner, mut write: OwnedWriteHalf) {
    loop {
        let batch = inner.take();
        if batch.is_empty() {
            inner.filled.notified().await;
        } else if write.write_all(&batch).await.is_err() {
            return;
        }
    }
}

async fn read_answers(inner: &Inner, mut read: OwnedReadHalf) {
    let mut inbox = Inbox::new(ANSWER_LIMIT_BYTES + 5);
    let mut bytes = vec![0u8; READ_BYTES];
    loop {
        let Ok(got) = read.read(&mut bytes).await else { return };
        let Some(part) = bytes.get(..got).filter(|part| !part.is_empty()) else { return };
        inbox.push(part);
        loop {
            let Ok(frame) = inbox.next_frame() else { return };
            let Some(frame) = frame else { break };
            if frame.kind == FrameKind::Late {
                late(inner, frame.payload);
                continue;
            }
            let waiter = inner.lock().pending.remove(&frame.id);
            if let Some(waiter) = waiter {
                let _ = waiter.send(Ok((frame.kind, frame.payload.to_vec())));
            }
        }
    }
}

fn late(inner: &Inner, payload: &[u8]) {
    if let Some((id, late)) = payload.split_first_chunk::<8>()
        && let Ok(late) = postcard::from_bytes::<Late>(late)
    {
        // When the stream is full the answer is dropped here and told again later.
        let _ = inner.late.try_send(LateAnswer { id: i64::from_be_bytes(*id), late });
    }
}
