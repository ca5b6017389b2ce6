//! A request with a connection of its own, carried between the client and the gateway: a body in, an answer out in parts, or a WebSocket.
//! Under deadlines all the way; nothing that was read outlives the moment in which it is passed on. Knows no route.

use super::answer::{self, Follows, LAST_CHUNK, Manner};
use super::chunked::Chunked;
use super::gateway::NoAnswer;
use super::head::Framing;
use super::own::Own;
use super::pipe::{Pipe, Said};
use super::refusal::Refusal;
use super::stream::{Step, Stream};
use super::sweep::Sweep;
use super::{Edge, count};
use crate::core::edge::{EdgeResponse, Opened, Way};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use zeroize::Zeroizing;

type Buffer = Zeroizing<Vec<u8>>;

/// What a client may send while it gets an answer: the next requests. When it is full it is read no more.
const NEXT_LIMIT_BYTES: usize = 16 * 1024;
/// How long the gateway may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// How it ended.
pub enum Carried {
    /// An ordinary answer is to be written. The connection goes on only if the whole body was read.
    Answer { response: EdgeResponse, goes_on: bool },
    /// All was written, with this status, and the connection goes on.
    Whole(u16),
    /// All was written that could be, and the connection ends.
    Over(u16),
}

impl Carried {
    fn refused(refusal: &Refusal) -> Carried {
        Carried::Answer { response: refusal.response(), goes_on: false }
    }
}

/// Carries the request. `rest` is what came behind its head, and afterwards what came behind its body.
pub async fn carry(edge: &Edge, stream: &mut Stream, own: Own, rest: &mut Buffer, mut manner: Manner<'_>) -> Carried {
    let Ok(_place) = edge.streams.try_acquire() else {
        count(&edge.counts.overloaded, 1);
        return Carried::refused(&Refusal::Overloaded);
    };
    count(&edge.counts.streams, 1);
    let mut pipe = match edge.gateway.open(&own.open).await {
        Ok(pipe) => pipe,
        Err(none) => return Carried::refused(&none.into()),
    };
    let mut whole = own.framing == Framing::Length(0);
    let said = if own.open.way == Way::Body && !whole {
        match upload(edge, stream, &own, rest, &mut pipe).await {
            Ok(said) => said,
            Err(carried) => return carried,
        }
    } else {
        None
    };
    whole |= said.is_none();
    let said = match said {
        Some(said) => Ok(Ok(said)),
        None => timeout(edge.limits.gateway.answer, pipe.said()).await,
    };
    match said {
        Ok(Ok(Said::Response(mut response))) => {
            if answer::mask(&mut response) {
                count(&edge.counts.masked, 1);
            }
            Carried::Answer { response, goes_on: whole }
        }
        Ok(Ok(Said::Opened(opened))) if own.open.way == Way::WebSocket && opened.status == 101 => {
            web_socket(edge, stream, &own, rest, &mut pipe, &opened, &manner).await
        }
        Ok(Ok(Said::Opened(opened))) if own.open.way != Way::WebSocket && opened.status != 101 => {
            manner.keep_alive &= whole && !own.endless && !*edge.stopping.borrow();
            download(edge, stream, &own, rest, &mut pipe, &opened, &manner).await
        }
        Ok(Ok(Said::Opened(_) | Said::Part(_) | Said::End)) => Carried::refused(&Refusal::BadAnswer),
        Ok(Err(_)) | Err(_) => Carried::refused(&NoAnswer::Unknown.into()),
    }
}

/// Passes the body on piece by piece. Gives what the gateway said before it had all.
async fn upload(
    edge: &Edge,
    stream: &mut Stream,
    own: &Own,
    rest: &mut Buffer,
    pipe: &mut Pipe,
) -> Result<Option<Said>, Carried> {
    let refused = |refusal: Refusal| {
        crate::wipe::touched();
        Err(Carried::refused(&refusal))
    };
    let deadline = Instant::now() + edge.limits.large_body;
    let mut sweep = Sweep::default();
    let mut chunked = Chunked::new(own.body_limit_bytes);
    let mut left = match own.framing {
        Framing::Length(length) if length > own.body_limit_bytes => return refused(Refusal::BodyTooLarge),
        Framing::Length(length) => length,
        Framing::Chunked => 0,
    };
    if own.expects_continue && !matches!(timeout_at(deadline, stream.write(answer::CONTINUE)).await, Ok(Ok(()))) {
        return Err(Carried::Over(408));
    }
    loop {
        let (piece, whole) = match own.framing {
            Framing::Length(_) => {
                let piece = take(rest, left);
                left -= piece.len();
                (piece, left == 0)
            }
            Framing::Chunked => match chunked.push(rest) {
                Ok(taken) => {
                    take(rest, taken);
                    (chunked.take_body(), chunked.is_done())
                }
                Err(bad) => return refused(bad.into()),
            },
        };
        let Ok(clean) = sweep.push(&piece) else {
            count(&edge.counts.card_number_in_field, 1);
            return refused(Refusal::CardNumber(None));
        };
        drop(piece);
        if !matches!(timeout_at(deadline, pipe.part(&clean)).await, Ok(Ok(()))) {
            // It may have said why it takes no more.
            let said = timeout(FAREWELL, pipe.said()).await;
            return said
                .ok()
                .and_then(Result::ok)
                .map_or_else(|| refused(NoAnswer::Unknown.into()), |said| Ok(Some(said)));
        }
        if whole {
            break;
        }
        let until = deadline.min(Instant::now() + edge.limits.body);
        tokio::select! {
            biased;
            said = pipe.said() => return said.map(Some).or_else(|_| refused(NoAnswer::Unknown.into())),
            read = timeout_at(until, stream.read(rest)) => match read {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Err(Carried::Over(400)),
                Err(_) => return refused(Refusal::BodyTooSlow),
            },
        }
    }
    let Ok(clean) = sweep.finish() else {
        count(&edge.counts.card_number_in_field, 1);
        return refused(Refusal::CardNumber(None));
    };
    let sent = async { pipe.part(&clean).await.is_ok() && pipe.end().await.is_ok() };
    if matches!(timeout_at(deadline, sent).await, Ok(true)) { Ok(None) } else { refused(NoAnswer::Unknown.into()) }
}

/// Writes the gateway's parts as chunks until it says that they are all.
async fn download(
    edge: &Edge,
    stream: &mut Stream,
    own: &Own,
    rest: &mut Buffer,
    pipe: &mut Pipe,
    opened: &Opened,
    manner: &Manner<'_>,
) -> Carried {
    let head = answer::head(opened.status, &opened.headers, manner, Follows::Chunks);
    let mut written = timeout(edge.limits.write, stream.write(&head)).await;
    let mut stopping = edge.stopping.clone();
    while matches!(written, Ok(Ok(()))) {
        let reads = rest.len() < NEXT_LIMIT_BYTES;
        let said = tokio::select! {
            said = timeout(edge.limits.stream_idle, pipe.said()) => said,
            read = stream.read(rest), if reads => match read {
                Ok(1..) => continue,
                // The client is gone.
                Ok(0) | Err(_) => break,
            },
            // Whoever reads an endless answer asks again, and is served by whoever listens then.
            _ = stopping.wait_for(|stopping| *stopping), if own.endless => Ok(Ok(Said::End)),
        };
        let last = matches!(said, Ok(Ok(Said::End)));
        written = match said {
            Ok(Ok(Said::Part(bytes))) => timeout(edge.limits.write, stream.write(&answer::chunk(&bytes))).await,
            Ok(Ok(Said::End)) => timeout(edge.limits.write, stream.write(LAST_CHUNK)).await,
            // Without its end the client sees that the answer is not whole.
            Ok(Ok(Said::Response(_) | Said::Opened(_)) | Err(_)) | Err(_) => break,
        };
        if last && manner.keep_alive && matches!(written, Ok(Ok(()))) {
            return Carried::Whole(opened.status);
        }
        if last {
            break;
        }
    }
    Carried::Over(opened.status)
}

/// What became of a WebSocket in one step.
enum Moved {
    Something,
    /// The client ends, or the edge stops: the gateway is told, and may say goodbye.
    NoMore,
    /// The gateway ends, a side breaks, or both are silent for too long.
    Ended,
}

/// Copies bytes both ways, each at its own pace, until one side ends, both are silent for too long, or the edge stops.
async fn web_socket(
    edge: &Edge,
    stream: &mut Stream,
    own: &Own,
    rest: &mut Buffer,
    pipe: &mut Pipe,
    opened: &Opened,
    manner: &Manner<'_>,
) -> Carried {
    let head = answer::head(101, &opened.headers, manner, Follows::WebSocket { accept: &own.accept });
    let (mut stopping, mut last_moved) = (edge.stopping.clone(), Instant::now());
    let (mut from, mut to, mut out) = pipe.both();
    let mut well = stream.queue(&head).is_ok();
    // What the client may still hear once nothing more is taken from it.
    let mut until = None;
    while well {
        if !out.is_empty() && !stream.has_queued() {
            well = stream.queue(&std::mem::take(&mut out)).is_ok();
            continue;
        }
        let (takes, sends) = (rest.is_empty() && until.is_none(), !rest.is_empty() && until.is_none());
        let sending = if sends { std::mem::take(rest) } else { Buffer::default() };
        let moved = tokio::select! {
            step = stream.step(takes, rest) => match step {
                Ok(Step::Read | Step::Wrote) => Moved::Something,
                Ok(Step::End) => Moved::NoMore,
                Err(_) => Moved::Ended,
            },
            sent = to.write(&sending), if sends => match sent {
                Ok(bytes @ 1..) => {
                    *rest = Zeroizing::new(sending.get(bytes..).unwrap_or_default().to_vec());
                    last_moved = Instant::now();
                    continue;
                }
                Ok(0) | Err(_) => Moved::Ended,
            },
            got = from.read_buf(&mut out), if out.is_empty() => match got {
                Ok(1..) => Moved::Something,
                Ok(0) | Err(_) => Moved::Ended,
            },
            _ = stopping.wait_for(|stopping| *stopping), if until.is_none() => Moved::NoMore,
            () = sleep_until(until.unwrap_or(last_moved + edge.limits.stream_idle)) => Moved::Ended,
        };
        if sends {
            *rest = sending;
        }
        last_moved = Instant::now();
        match moved {
            Moved::Something => {}
            Moved::NoMore => {
                let _ = to.shutdown().await;
                until = Some(last_moved + FAREWELL);
            }
            Moved::Ended => well = false,
        }
    }
    let _ = stream.queue(&out);
    while stream.has_queued() && matches!(timeout(FAREWELL, stream.step(false, rest)).await, Ok(Ok(_))) {}
    Carried::Over(101)
}

/// Removes and gives the first bytes, at most so many; the memory that held them is wiped.
fn take(buffer: &mut Buffer, bytes: usize) -> Buffer {
    let (first, behind) = buffer.split_at(bytes.min(buffer.len()));
    let (first, behind) = (first.to_vec(), behind.to_vec());
    *buffer = Zeroizing::new(behind);
    Zeroizing::new(first)
}
