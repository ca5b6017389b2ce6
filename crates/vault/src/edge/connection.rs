//! One client's connection: one request after the other, each under its deadlines. What was read is wiped before anything is waited for.
//! Knows no route and no card.

use super::answer::{self, Manner};
use super::carry::{Carried, carry};
use super::chunked::{Chunked, append};
use super::head::{self, Framing, Head};
use super::own::{self, Own};
use super::refusal::Refusal;
use super::request::{Asked, Asker, METHODS, api_version, perform, prepare, route};
use super::seats::Seat;
use super::settings::LogLine;
use super::stream::Stream;
use super::{Edge, count, sites};
use crate::core::edge::{BODY_LIMIT_BYTES, Site};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

type Buffer = Zeroizing<Vec<u8>>;

const HEAD_END: &[u8] = b"\r\n\r\n";
/// After an error the client's bytes are read for a moment, so that it can read the answer before the connection breaks.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_LIMIT_BYTES: usize = 256 * 1024;

/// Why no request came, or came whole.
enum Stop {
    /// The client is gone, has nothing to say, or has to make room.
    Silent,
    Refused(Refusal),
}

/// Serves one client until it or the edge closes.
pub async fn serve(mut stream: Stream, asker: Asker, edge: Arc<Edge>, seat: Seat) {
    let mut waiting = Buffer::default();
    let shaken = async { timeout(edge.limits.handshake, stream.handshake(&mut waiting)).await };
    let shaken = tokio::select! {
        shaken = shaken => matches!(shaken, Ok(Ok(()))),
        () = seat.must_leave() => false,
    };
    if !shaken {
        return;
    }
    seat.has_shaken();
    while let Some(rest) = exchange(&mut stream, waiting, asker, &edge, &seat).await {
        waiting = rest;
    }
}

/// One request and its answer. Gives what the client sent behind it, if the connection goes on.
async fn exchange(stream: &mut Stream, mut waiting: Buffer, asker: Asker, edge: &Edge, seat: &Seat) -> Option<Buffer> {
    let came = read_head(stream, &mut waiting, edge, seat).await;
    if matches!(came, Err(Stop::Silent)) || !seat.set_busy(true) {
        wipe(waiting);
        let _ = timeout(LINGER, stream.finish()).await;
        return None;
    }
    let started = edge.clock.now().steady;
    count(&edge.counts.requests, 1);
    let mut told = Told::new();
    let mut rest = Buffer::default();
    let mut goes_on = false;
    let asked = match came {
        Ok(length) => {
            append(&mut rest, waiting.get(length..).unwrap_or_default());
            let head_bytes = waiting.get(..length).unwrap_or_default();
            match head::parse(head_bytes) {
                Ok(head) => {
                    told.see(&head);
                    goes_on = head.keep_alive;
                    receive(stream, &told.id, asker, &head, &mut rest, edge, &mut goes_on).await
                }
                Err(bad) => Err(Stop::Refused(Refusal::Head(bad))),
            }
        }
        Err(stop) => Err(stop),
    };
    // Here the client's bytes end, before anything is waited for.
    drop(waiting);
    let tls = stream.is_tls();
    let carried = match asked {
        Ok(Came::Framed(asked)) => Carried::Answer { response: perform(edge, asked).await, goes_on },
        Ok(Came::Own(own)) => carry(edge, stream, *own, &mut rest, told.manner(goes_on, asker, edge)).await,
        Err(Stop::Refused(refusal)) => {
            if matches!(refusal, Refusal::CardNumber(_)) {
                crate::wipe::touched();
                count(&edge.counts.card_number_in_field, 1);
            }
            Carried::Answer { response: refusal.response(), goes_on }
        }
        Err(Stop::Silent) => {
            wipe(rest);
            return None;
        }
    };
    let (status, well) = match carried {
        Carried::Answer { response, goes_on: more } => {
            goes_on &= more && !*edge.stopping.borrow();
            let bytes = answer::write(&response, &told.manner(goes_on, asker, edge));
            let written = timeout(edge.limits.write, stream.write(&bytes)).await;
            (response.status, matches!(written, Ok(Ok(()))))
        }
        Carried::Whole(status) => (status, true),
        Carried::Over(status) => (status, false),
    };
    edge.log(told.line(status, edge.clock.now().steady.since(started), tls));
    if !goes_on || !well || !seat.set_busy(false) {
        wipe(rest);
        let _ = timeout(LINGER, linger(stream)).await;
        return None;
    }
    Some(rest)
}

/// A request that came whole, or whole but for a body that is carried apart.
enum Came {
    Framed(Asked),
    Own(Box<Own>),
}

/// Reads the body where it belongs to the frame, and looks at everything.
async fn receive(
    stream: &mut Stream,
    id: &str,
    asker: Asker,
    head: &Head<'_>,
    rest: &mut Buffer,
    edge: &Edge,
    goes_on: &mut bool,
) -> Result<Came, Stop> {
    if let Err(refusal) = sites::check_host(asker, edge.name(asker.site), head) {
        *goes_on = false;
        return Err(Stop::Refused(refusal));
    }
    if edge.certified && asker.site == Site::Api && !stream.is_certified() {
        *goes_on = false;
        return Err(Stop::Refused(Refusal::NoClientCertificate));
    }
    let asker = asker.behind(&edge.proxies, head);
    if let Some(own) = own::prepare(id, asker, head) {
        *goes_on &= own.is_ok();
        return own.map(|own| Came::Own(Box::new(own))).map_err(Stop::Refused);
    }
    let body = read_body(stream, head, rest, edge).await;
    *goes_on &= body.is_ok();
    prepare(id, asker, head, &body?).map(Came::Framed).map_err(Stop::Refused)
}

/// What of a request outlives its bytes: for the answer's head and the log.
struct Told {
    id: String,
    method: &'static str,
    route: String,
    head_only: bool,
    api_version: String,
}

impl Told {
    fn new() -> Told {
        let (id, api_version) = (super::request_id(), api_version(None));
        Told { id, method: "-", route: "-".into(), head_only: false, api_version }
    }

    fn see(&mut self, head: &Head<'_>) {
        self.method = METHODS.into_iter().find(|known| *known == head.method).unwrap_or("-");
        self.route = route(head.path);
        self.head_only = head.method == "HEAD";
        self.api_version = api_version(Some(head));
    }

    fn manner(&self, keep_alive: bool, asker: Asker, edge: &Edge) -> Manner<'_> {
        let (request_id, api_version, head_only) = (&self.id, &self.api_version, self.head_only);
        let (site, only_tls) = (asker.site, asker.tls && edge.only_tls);
        Manner { request_id, api_version, keep_alive, head_only, site, only_tls, now: edge.clock.now().wall }
    }

    fn line(self, status: u16, ms: i64, tls: bool) -> LogLine {
        let ms = u64::try_from(ms).unwrap_or(0);
        LogLine { id: self.id, method: self.method.into(), route: self.route, status, ms, tls }
    }
}

/// Reads until a head is whole; gives its length.
async fn read_head(stream: &mut Stream, waiting: &mut Buffer, edge: &Edge, seat: &Seat) -> Result<usize, Stop> {
    let (mut looked_at, mut deadline) = (0, None);
    loop {
        // One empty line before a request is looked over (RFC 9112 §2.2).
        if looked_at == 0 && waiting.starts_with(b"\r\n") {
            *waiting = Zeroizing::new(waiting.get(2..).unwrap_or_default().to_vec());
        }
        let from = usize::saturating_sub(looked_at, HEAD_END.len());
        let behind = waiting.get(from..).unwrap_or_default();
        if let Some(at) = behind.windows(HEAD_END.len()).position(|w| w == HEAD_END) {
            let length = from + at + HEAD_END.len();
            return if length > edge.limits.head_bytes {
                Err(Stop::Refused(Refusal::HeadTooLarge))
            } else {
                Ok(length)
            };
        }
        looked_at = waiting.len();
        if looked_at > edge.limits.head_bytes {
            return Err(Stop::Refused(Refusal::HeadTooLarge));
        }
        let begun = !waiting.is_empty();
        let until = match (begun, deadline) {
            (true, None) => *deadline.insert(Instant::now() + edge.limits.head),
            (true, Some(deadline)) => deadline,
            (false, _) => Instant::now() + edge.limits.idle,
        };
        let mut stopping = edge.stopping.clone();
        let read = tokio::select! {
            biased;
            read = timeout_at(until, stream.read(waiting)) => read,
            () = seat.must_leave() => return Err(Stop::Silent),
            _ = stopping.wait_for(|stopping| *stopping), if !begun => return Err(Stop::Silent),
        };
        match read {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return Err(Stop::Silent),
            Err(_) if begun => return Err(Stop::Refused(Refusal::HeadTooSlow)),
            Err(_) => return Err(Stop::Silent),
        }
    }
}

/// Reads the body. `rest` holds what came with the head, and afterwards what came behind the body.
async fn read_body(stream: &mut Stream, head: &Head<'_>, rest: &mut Buffer, edge: &Edge) -> Result<Buffer, Stop> {
    let deadline = Instant::now() + edge.limits.body;
    let mut expected = head.expects_continue;
    let mut chunked = Chunked::new(BODY_LIMIT_BYTES);
    loop {
        let whole = match head.framing {
            Framing::Length(length) if length > BODY_LIMIT_BYTES => return Err(Stop::Refused(Refusal::BodyTooLarge)),
            Framing::Length(length) => rest.get(..length).map(|body| Zeroizing::new(body.to_vec())),
            Framing::Chunked => {
                let taken = chunked.push(rest).map_err(|bad| Stop::Refused(bad.into()))?;
                cut(rest, taken);
                chunked.is_done().then(|| chunked.take_body())
            }
        };
        if let Some(body) = whole {
            if let Framing::Length(length) = head.framing {
                cut(rest, length);
            }
            return Ok(body);
        }
        if std::mem::take(&mut expected) {
            let told = timeout_at(deadline, stream.write(answer::CONTINUE)).await;
            if !matches!(told, Ok(Ok(()))) {
                return Err(Stop::Silent);
            }
        }
        match timeout_at(deadline, stream.read(rest)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return Err(Stop::Silent),
            Err(_) => return Err(Stop::Refused(Refusal::BodyTooSlow)),
        }
    }
}

/// Removes the first bytes; the memory that held them is wiped.
fn cut(buffer: &mut Buffer, bytes: usize) {
    let rest = buffer.get(bytes..).unwrap_or_default().to_vec();
    *buffer = Zeroizing::new(rest);
}

/// What came and was not looked at could be half a card.
fn wipe(buffer: Buffer) {
    if !buffer.is_empty() {
        crate::wipe::touched();
    }
    drop(buffer);
}

/// Closes so that the client can read what was written, though it may still be sending.
async fn linger(stream: &mut Stream) {
    if stream.finish().await.is_err() {
        return;
    }
    let mut read = 0;
    while read < LINGER_LIMIT_BYTES {
        let mut unread = Buffer::default();
        match stream.read(&mut unread).await {
            Ok(bytes @ 1..) => read += bytes,
            Ok(0) | Err(_) => return,
        }
    }
}
