//! Where the vault's edge hands in requests: a Unix socket for this user alone, many requests on one connection, answers in any order;
//! a connection that begins with `Open` has one request for itself. Knows no endpoint and no card.

use super::listeners::Listeners;
use super::site::Sites;
use super::streams;
use crate::log::log;
use florin_core::edge::{
    BadFrame, EdgeRequest, EdgeResponse, Frame, FrameKind, Identified, Identify, REQUEST_FRAME_LIMIT_BYTES,
    RESPONSE_FRAME_LIMIT_BYTES, next_frame, payload, put_frame,
};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;

/// Requests under way on one connection; above this the edge hears `Busy`, before anything is done.
const MOST_IN_FLIGHT: u32 = 1_024;
/// Connections at a time: one for all ordinary requests of a vault, and one for each stream.
const MOST_CONNECTIONS: usize = 512;
const READ_BYTES: usize = 64 * 1024;
/// How long what is under way is waited for at the end: an answer of the acquirer takes 15 s at most, after 5 s of waiting for its turn.
const FINISH_WITHIN: Duration = Duration::from_secs(22);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// `vault` is its user, where that is another one. Serves until `stopping` turns true; then no request is taken any more, and all that were taken are answered.
pub async fn serve(
    listener: UnixListener,
    (path, vault): (&Path, Option<u32>),
    listeners: Arc<Listeners>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let own = rustix::process::geteuid().as_raw();
        if stream.peer_cred().is_ok_and(|c| c.uid() == own || Some(c.uid()) == vault) {
            connections.spawn(first(stream, Arc::clone(&listeners), stopping.clone()));
        }
    }
    // Who connects now waits for the next gateway.
    let _ = std::fs::remove_file(path);
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FINISH_WITHIN, all).await;
}

/// Reads the first frame: it says what the connection is for.
async fn first(mut stream: UnixStream, listeners: Arc<Listeners>, stopping: watch::Receiver<bool>) {
    let mut held: Vec<u8> = Vec::with_capacity(READ_BYTES);
    let mut waits = stopping.clone();
    loop {
        match next_frame(&held, REQUEST_FRAME_LIMIT_BYTES) {
            Ok(Some((frame, _))) if frame.kind == FrameKind::Open => {
                return streams::serve(stream, held, listeners).await;
            }
            Ok(Some(_)) => break,
            Ok(None) => {}
            Err(bad) => return complain(bad),
        }
        tokio::select! {
            got = stream.read_buf(&mut held) => match got {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            },
            _ = waits.wait_for(|stopping| *stopping), if held.is_empty() => break,
        }
    }
    converse(stream, held, Arc::clone(&listeners.sites), stopping).await;
}

fn complain(bad: BadFrame) {
    log!("florin gateway", "the edge's connection is closed: {}", bad);
}

/// Frames that wait to be written: whatever is there goes out in one write.
#[derive(Default)]
struct Outbox {
    bytes: Mutex<Vec<u8>>,
    filled: Notify,
    /// Nothing comes any more.
    done: watch::Sender<bool>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn put<T: serde::Serialize>(&self, id: u32, kind: FrameKind, payload: Option<&T>) -> bool {
        let fits = put_frame(&mut self.lock(), id, kind, payload, RESPONSE_FRAME_LIMIT_BYTES);
        self.filled.notify_one();
        fits
    }
    fn finish(&self) {
        self.done.send_replace(true);
        self.filled.notify_one();
    }
}

/// Many requests at once, until the edge or this process ends.
async fn converse(stream: UnixStream, held: Vec<u8>, sites: Arc<Sites>, mut stopping: watch::Receiver<bool>) {
    let (read, write) = stream.into_split();
    let outbox = Arc::new(Outbox::default());
    let room = Arc::new(Semaphore::new(usize::try_from(MOST_IN_FLIGHT).unwrap_or(1)));
    let work = async {
        if receive(read, held, &sites, &outbox, &room).await {
            // The edge sends no more. What it sent is answered.
            let _ = room.acquire_many(MOST_IN_FLIGHT).await;
        }
        outbox.finish();
        std::future::pending::<()>().await;
    };
    let tell = async {
        let _ = stopping.wait_for(|stopping| *stopping).await;
        outbox.put::<()>(0, FrameKind::Closing, None);
        std::future::pending::<()>().await;
    };
    // What is under way goes on when the connection is lost: it may have reached the acquirer.
    tokio::select! {
        () = work => {}
        () = tell => {}
        () = send(write, &outbox) => {}
    }
}

async fn send(mut write: OwnedWriteHalf, outbox: &Outbox) {
    loop {
        let done = *outbox.done.borrow();
        let bytes = std::mem::take(&mut *outbox.lock());
        if !bytes.is_empty() {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        } else if done {
            return;
        } else {
            outbox.filled.notified().await;
        }
    }
}

/// True when the edge ended it in order.
async fn receive(
    mut read: OwnedReadHalf,
    mut held: Vec<u8>,
    sites: &Arc<Sites>,
    outbox: &Arc<Outbox>,
    room: &Arc<Semaphore>,
) -> bool {
    loop {
        if let Err(bad) = take(&mut held, sites, outbox, room) {
            complain(bad);
            return false;
        }
        match read.read_buf(&mut held).await {
            Ok(0) => return true,
            Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// Starts what the whole frames in `held` ask for, and removes them.
fn take(held: &mut Vec<u8>, sites: &Arc<Sites>, outbox: &Arc<Outbox>, room: &Arc<Semaphore>) -> Result<(), BadFrame> {
    let mut done = 0;
    while let Some((frame, length)) = next_frame(held.get(done..).unwrap_or(&[]), REQUEST_FRAME_LIMIT_BYTES)? {
        start(&frame, sites, outbox, room);
        done += length;
    }
    held.drain(..done);
    Ok(())
}

fn start(frame: &Frame<'_>, sites: &Arc<Sites>, outbox: &Arc<Outbox>, room: &Arc<Semaphore>) {
    let (id, sites, out) = (frame.id, Arc::clone(sites), Arc::clone(outbox));
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        out.put::<()>(id, FrameKind::Busy, None);
        return;
    };
    match frame.kind {
        FrameKind::Request => {
            let Some(request) = payload::<EdgeRequest>(frame.payload) else { return };
            if sites.disk.is_low() && request.method != "GET" {
                out.put::<()>(id, FrameKind::Busy, None);
                return;
            }
            tokio::spawn(async move {
                let answer = sites.answer(request).await;
                if !out.put(id, FrameKind::Response, Some(&answer)) {
                    out.put(id, FrameKind::Response, Some(&too_long(answer)));
                }
                drop(permit);
            });
        }
        FrameKind::Identify => {
            let Some(asked) = payload::<Identify>(frame.payload) else { return };
            tokio::spawn(async move {
                let identified: Identified = sites.api.identify(asked).await;
                out.put(id, FrameKind::Identified, Some(&identified));
                drop(permit);
            });
        }
        // The edge asks; it answers nothing. What has a connection of its own begins one.
        FrameKind::Response
        | FrameKind::Identified
        | FrameKind::Busy
        | FrameKind::Open
        | FrameKind::Opened
        | FrameKind::Part
        | FrameKind::End
        | FrameKind::Closing => {}
    }
}

/// An answer that fits no frame: a long list with everything expanded.
fn too_long(answer: EdgeResponse) -> EdgeResponse {
    let body = serde_json::json!({ "error": {
        "type": "invalid_request_error", "code": "answer_too_long", "param": "limit",
        "message": "The answer is longer than 1 MiB. Ask for fewer things, or expand less.",
    } });
    let told = |name: &str| answer.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    // Nothing else of the long answer: neither its type nor what made its head long.
    let kept = ["request-id", "stripe-version"].into_iter().filter_map(|name| Some((name, told(name)?)));
    let own = [("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
    let headers = own.into_iter().chain(kept).map(|(name, value)| (name.to_owned(), value)).collect();
    EdgeResponse { status: 400, headers, body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_long_leaves_its_head_behind() {
        let head = [
            ("content-type", "text/html; charset=utf-8"),
            ("request-id", "req_1"),
            ("stripe-version", "2026-08-26.dahlia"),
            ("set-cookie", "florin_lang=ko"),
            ("idempotent-replayed", "true"),
        ];
        let headers = head.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let short = too_long(EdgeResponse { status: 200, headers, body: vec![b'x'; RESPONSE_FRAME_LIMIT_BYTES] });
        let kept: Vec<(&str, &str)> = short.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("request-id", "req_1"),
            ("stripe-version", "2026-08-26.dahlia"),
        ];
        assert_eq!((short.status, kept), (400, expected.to_vec()));
        assert!(short.body.starts_with(b"{\"error\""));
    }
}
