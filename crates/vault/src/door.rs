//! The vault's only door: a Unix socket for processes of the same user, many requests at once on each connection.
//! Knows no acquirer; gives out no card data.

use crate::cards::{Cards, Tokenised, rotation};
use crate::clock::Clock;
use crate::core::wire::{Late, Order, Verdict};
use crate::db::Write;
use crate::edge::Edge;
use crate::egress::Egress;
use crate::frame::{ANSWER_LIMIT_BYTES, FrameKind, Inbound, Inbox, REQUEST_LIMIT_BYTES, put_frame, read_card};
use crate::harden::Hardened;
use crate::health::Health;
use crate::journey::Journey;
use crate::link::Moment;
use crate::refusal::CardRefusal;
use crate::renewal::Renewal;
use crate::threeds::ThreeDs;
use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use zeroize::{Zeroize, Zeroizing};

const CONNECTIONS_LIMIT: usize = 64;
/// Answers that a client does not read: above this its connection is closed.
const OUTBOX_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// An approval given to a client that goes away within this time may not have been heard. Longer than a client waits for it and
/// needs to make it durable.
const UNHEARD_MS: i64 = 120_000;
/// Approvals remembered for a client.
const GIVEN_LIMIT: usize = 4_096;
const READ_BYTES: usize = 64 * 1024;
const RRNS_LIMIT: usize = 64;
/// Late answers told at once; the rest follows when these are acknowledged.
const LATE_LIMIT: u32 = 1_000;
/// Late answers that were not acknowledged are told again.
const LATE_AGAIN: Duration = Duration::from_secs(30);

/// What goes back to one client. Filled by whoever has an answer, emptied by one writer, in batches.
struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Approvals that were given to this client a short while ago. It may have died before it read them.
    given: VecDeque<(Moment, Late)>,
    /// Nothing more comes: what is there is written, then the connection ends.
    last: bool,
    /// The client is gone, or does not read.
    closed: bool,
}

impl Outbox {
    fn put(&self, id: u32, kind: FrameKind, payload: &[u8]) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        let fits = payload.len() <= ANSWER_LIMIT_BYTES && waiting.bytes.len() + payload.len() <= OUTBOX_LIMIT_BYTES;
        if !fits || !put_frame(&mut waiting.bytes, id, kind, payload) {
            waiting.closed = true;
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Gives back the approvals that the client may not have heard of.
    fn close(&self, now: Moment) -> Vec<Late> {
        let mut waiting = self.lock();
        waiting.closed = true;
        let given = std::mem::take(&mut waiting.given);
        drop(waiting);
        self.filled.notify_one();
        given.into_iter().filter(|(at, _)| now.steady.since(at.steady) <= UNHEARD_MS).map(|(_, late)| late).collect()
    }

    /// Answers a submit. An approval is remembered for a while; false when the client is gone already.
    fn give(&self, now: Moment, id: u32, payload: &[u8], approval: Option<Late>) -> bool {
        if let Some(late) = approval {
            let mut waiting = self.lock();
            if waiting.closed {
                return false;
            }
            let old = |at: &Moment| now.steady.since(at.steady) > UNHEARD_MS;
            while waiting.given.len() >= GIVEN_LIMIT || waiting.given.front().is_some_and(|(at, _)| old(at)) {
                waiting.given.pop_front();
            }
            waiting.given.push_back((now, late));
        }
        self.put(id, FrameKind::Submit, payload);
        true
    }

    /// Writes what is there and no more.
    fn finish(&self) {
        self.lock().last = true;
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch; nothing when the connection is to be closed.
    async fn take(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.closed {
                    return None;
                }
                if !waiting.bytes.is_empty() {
                    return Some(std::mem::take(&mut waiting.bytes));
                }
                if waiting.last {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }
}

/// Those who asked to be told of late answers.
#[derive(Default)]
pub struct Watchers(Mutex<Vec<Arc<Outbox>>>);

impl Watchers {
    /// Tells all of a late answer that is durable now.
    pub fn tell(&self, id: i64, late: &Late) {
        let Ok(late) = postcard::to_allocvec(late) else { return };
        for outbox in self.lock().iter() {
            tell(outbox, id, &late);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, outbox: &Arc<Outbox>) {
        let mut watchers = self.lock();
        if !watchers.iter().any(|known| Arc::ptr_eq(known, outbox)) {
            watchers.push(Arc::clone(outbox));
        }
    }

    fn remove(&self, outbox: &Arc<Outbox>) {
        self.lock().retain(|known| !Arc::ptr_eq(known, outbox));
    }
}

fn tell(outbox: &Outbox, id: i64, late: &[u8]) {
    let mut payload = Vec::with_capacity(8 + late.len());
    payload.extend_from_slice(&id.to_be_bytes());
    payload.extend_from_slice(late);
    outbox.put(0, FrameKind::Late, &payload);
}

/// What requests are answered with.
pub struct Rooms {
    pub cards: Arc<Cards>,
    pub egress: Arc<Egress>,
    pub threeds: Arc<ThreeDs>,
    pub edge: Option<Arc<Edge>>,
    pub journey: Arc<Journey>,
    pub watchers: Arc<Watchers>,
    pub clock: Clock,
    pub hardened: Hardened,
}

/// Opens the socket for this user alone. A socket file that nobody listens on any more is replaced.
pub async fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if UnixStream::connect(path).await.is_ok() {
        return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, "another vault listens there"));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    // Made under a name that nobody knows and closed to others before it gets its own.
    let hidden = hidden_name(path);
    let _ = std::fs::remove_file(&hidden);
    let listener = UnixListener::bind(&hidden)?;
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(socket_mode(path)))?;
    std::fs::rename(&hidden, path)?;
    Ok(listener)
}

/// For this user alone; where the folder is shared with a group, for that group.
pub fn socket_mode(path: &Path) -> u32 {
    let shared =
        path.parent().and_then(|folder| folder.metadata().ok()).is_some_and(|m| m.permissions().mode() & 0o020 != 0);
    if shared { 0o660 } else { 0o600 }
}

fn hidden_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    PathBuf::from(name)
}

/// Serves connections until `closing` turns true; then writes the answers that are there and ends.
pub async fn serve(listener: UnixListener, rooms: Arc<Rooms>, closing: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut again = tokio::time::interval(LATE_AGAIN);
    let mut closed = closing.clone();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_LIMIT => {
                if let Ok((stream, _)) = accepted && same_user(&stream) {
                    connections.spawn(connection(stream, Arc::clone(&rooms), closing.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = again.tick() => rooms.tell_again(),
            _ = closed.wait_for(|closing| *closing) => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The kernel says who is at the other end.
pub(crate) fn same_user(stream: &UnixStream) -> bool {
    // Root can do everything anyway: the starter and the gateway may be root where the vault is a user of its own.
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw() || peer.uid() == 0)
}

async fn connection(stream: UnixStream, rooms: Arc<Rooms>, mut closing: watch::Receiver<bool>) {
    let outbox = Arc::new(Outbox { waiting: Mutex::default(), filled: Notify::new() });
    let (read, write) = stream.into_split();
    let finish = async {
        let _ = closing.wait_for(|closing| *closing).await;
        outbox.finish();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = read_requests(read, &rooms, &outbox) => {}
        () = write_answers(write, &outbox) => {}
        () = finish => {}
    }
    let now = rooms.clock.now();
    for late in outbox.close(now) {
        rooms.egress.keep(now, late);
    }
    rooms.watchers.remove(&outbox);
}

async fn write_answers(mut write: OwnedWriteHalf, outbox: &Outbox) {
    while let Some(batch) = outbox.take().await {
        if write.write_all(&batch).await.is_err() {
            return;
        }
    }
}

async fn read_requests(mut read: OwnedReadHalf, rooms: &Rooms, outbox: &Arc<Outbox>) {
    let mut inbox = Inbox::new(REQUEST_LIMIT_BYTES);
    let mut bytes = Zeroizing::new(vec![0u8; READ_BYTES]);
    loop {
        let Ok(got) = read.read(&mut bytes).await else { return };
        let Some(part) = bytes.get_mut(..got).filter(|part| !part.is_empty()) else { return };
        inbox.push(part);
        part.zeroize();
        loop {
            match inbox.next_frame() {
                Ok(Some(request)) => rooms.answer(&request, outbox),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        inbox.forget_handed_out();
    }
}

/// 0 and the card's facts, or 1 and the number of a refusal.
fn tokenised(outcome: Result<Tokenised, CardRefusal>) -> Vec<u8> {
    match outcome.map(|card| postcard::to_extend(&card, vec![0])) {
        Ok(Ok(tokenised)) => tokenised,
        Ok(Err(_)) => vec![1, CardRefusal::Trouble.number()],
        Err(refusal) => vec![1, refusal.number()],
    }
}

impl Rooms {
    fn answer(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) {
        let understood = match request.kind {
            FrameKind::Submit => self.submit(request, outbox),
            FrameKind::Tokenise => self.tokenise(request, outbox),
            FrameKind::Hops => self.hops(request, outbox),
            FrameKind::Health => self.health(request, outbox),
            FrameKind::Watch => {
                self.watchers.add(outbox);
                self.tell_all(std::slice::from_ref(outbox));
                Some(())
            }
            FrameKind::LateDone => self.late_done(request),
            FrameKind::ThreeDs => self.authentication(request, outbox),
            FrameKind::Keys => self.keys(request, outbox),
            FrameKind::Renew => self.renew(request, outbox),
            FrameKind::Late | FrameKind::BadRequest => None,
        };
        if understood.is_none() {
            outbox.put(request.id, FrameKind::BadRequest, &[]);
        }
    }

    fn submit(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        let order: Order = postcard::from_bytes(request.payload).ok()?;
        let (id, outbox, clock, egress) = (request.id, Arc::clone(outbox), self.clock, Arc::clone(&self.egress));
        let Order { account, owner, attempt, wire, .. } = order;
        let answer = move |verdict: Verdict| {
            let Ok(payload) = postcard::to_allocvec(&verdict) else { return };
            let late = Late { account, owner, attempt, wire, verdict };
            let approval = matches!(verdict, Verdict::Approved(_)).then_some(late);
            let now = clock.now();
            // An approval that nobody hears of is a late answer: whoever settles the attempt must know that money moved.
            if !outbox.give(now, id, &payload, approval) {
                egress.keep(now, late);
            }
        };
        self.egress.authorize(&order, Box::new(answer));
        Some(())
    }

    fn tokenise(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        crate::wipe::touched();
        let card = read_card(request.payload)?;
        let (id, outbox, now) = (request.id, Arc::clone(outbox), self.clock.now());
        let told = move |outcome| outbox.put(id, FrameKind::Tokenise, &tokenised(outcome));
        self.cards.tokenise(now.steady, now.wall, card, told);
        Some(())
    }

    fn renew(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        crate::wipe::touched();
        let asked: Renewal = postcard::from_bytes(request.payload).ok()?;
        let (id, outbox, now) = (request.id, Arc::clone(outbox), self.clock.now());
        let told = move |outcome| outbox.put(id, FrameKind::Renew, &tokenised(outcome));
        self.cards.renew(now.steady, now.wall, asked, told);
        Some(())
    }

    fn authentication(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        let ask = postcard::from_bytes(request.payload).ok()?;
        let (id, outbox, threeds) = (request.id, Arc::clone(outbox), Arc::clone(&self.threeds));
        tokio::spawn(async move {
            let answer = threeds.answer(ask).await;
            outbox.put(id, FrameKind::ThreeDs, &postcard::to_allocvec(&answer).unwrap_or_default());
        });
        Some(())
    }

    fn keys(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        let ask = postcard::from_bytes(request.payload).ok()?;
        let (id, outbox, cards, now) = (request.id, Arc::clone(outbox), Arc::clone(&self.cards), self.clock.now());
        tokio::spawn(async move {
            let answer = rotation::answer(cards, now.wall, ask).await;
            outbox.put(id, FrameKind::Keys, &serde_json::to_vec(&answer).unwrap_or_default());
        });
        Some(())
    }

    fn hops(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        let rrns: Vec<String> = serde_json::from_slice(request.payload).ok()?;
        if rrns.len() > RRNS_LIMIT {
            return None;
        }
        let (id, outbox) = (request.id, Arc::clone(outbox));
        self.journey.find(rrns, move |hops| {
            let hops = serde_json::to_vec(&hops).unwrap_or_default();
            outbox.put(id, FrameKind::Hops, &hops);
        });
        Some(())
    }

    fn health(&self, request: &Inbound<'_>, outbox: &Arc<Outbox>) -> Option<()> {
        let health = Health {
            instance: self.cards.instance,
            version: env!("CARGO_PKG_VERSION").into(),
            live: self.cards.live(),
            link: self.egress.health(),
            cells: self.cards.cells(),
            hardened: self.hardened,
            edge: self.edge.as_ref().map(|edge| edge.counts()),
        };
        outbox.put(request.id, FrameKind::Health, &serde_json::to_vec(&health).ok()?);
        Some(())
    }

    fn late_done(&self, request: &Inbound<'_>) -> Option<()> {
        let id = i64::from_be_bytes(request.payload.try_into().ok()?);
        // If this write is lost the answer is told again, which changes nothing at the gateway.
        self.cards.db().write(Write::LateDone { id }, Box::new(|_| {}));
        Some(())
    }

    fn tell_again(&self) {
        let watchers = self.watchers.lock().clone();
        if !watchers.is_empty() {
            self.tell_all(&watchers);
        }
    }

    fn tell_all(&self, watchers: &[Arc<Outbox>]) {
        for (id, late) in self.cards.db().late(LATE_LIMIT).unwrap_or_default() {
            for outbox in watchers {
                tell(outbox, id, &late);
            }
        }
    }
}
