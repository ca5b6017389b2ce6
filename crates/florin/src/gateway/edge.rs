//! Where the vault's edge hands in requests: a Unix socket for this user alone, many requests on one connection, answers in any order.
//! Knows no endpoint and no card.

use florin_api::Api;
use florin_core::edge::{
    BadFrame, EdgeRequest, EdgeResponse, Frame, FrameKind, Identified, Identify, REQUEST_FRAME_LIMIT_BYTES,
    RESPONSE_FRAME_LIMIT_BYTES, next_frame, payload, put_frame,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};

/// Requests under way on one connection; above this the edge hears `Busy`, before anything is done.
const MOST_IN_FLIGHT: usize = 1_024;
/// Connections at a time: one vault has one.
const MOST_CONNECTIONS: usize = 16;
const READ_BYTES: usize = 64 * 1024;

pub async fn serve(listener: UnixListener, api: Arc<Api>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let ours = stream.peer_cred().is_ok_and(|c| c.uid() == rustix::process::geteuid().as_raw());
        if !ours {
            continue;
        }
        let api = Arc::clone(&api);
        tokio::spawn(async move {
            converse(stream, api).await;
            drop(permit);
        });
    }
}

/// Frames that wait to be written: whatever is there goes out in one write.
#[derive(Default)]
struct Outbox {
    bytes: Mutex<Vec<u8>>,
    filled: Notify,
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
}

async fn converse(stream: UnixStream, api: Arc<Api>) {
    let (read, write) = stream.into_split();
    let outbox = Arc::new(Outbox::default());
    // What is under way goes on when the connection is lost: it may have reached the acquirer.
    tokio::select! {
        () = receive(read, &api, &outbox) => {}
        () = send(write, &outbox) => {}
    }
}

async fn send(mut write: OwnedWriteHalf, outbox: &Outbox) {
    loop {
        let bytes = std::mem::take(&mut *outbox.lock());
        if bytes.is_empty() {
            outbox.filled.notified().await;
        } else if write.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn receive(mut read: OwnedReadHalf, api: &Arc<Api>, outbox: &Arc<Outbox>) {
    let room = Arc::new(Semaphore::new(MOST_IN_FLIGHT));
    let mut held: Vec<u8> = Vec::with_capacity(READ_BYTES);
    loop {
        match read.read_buf(&mut held).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        match take(&mut held, api, outbox, &room) {
            Ok(()) => {}
            Err(bad) => {
                eprintln!("florin gateway: the edge's connection is closed: {bad:?}");
                return;
            }
        }
    }
}

/// Starts what the whole frames in `held` ask for, and removes them.
fn take(held: &mut Vec<u8>, api: &Arc<Api>, outbox: &Arc<Outbox>, room: &Arc<Semaphore>) -> Result<(), BadFrame> {
    let mut done = 0;
    while let Some((frame, length)) = next_frame(held.get(done..).unwrap_or(&[]), REQUEST_FRAME_LIMIT_BYTES)? {
        start(&frame, api, outbox, room);
        done += length;
    }
    held.drain(..done);
    Ok(())
}

fn start(frame: &Frame<'_>, api: &Arc<Api>, outbox: &Arc<Outbox>, room: &Arc<Semaphore>) {
    let (id, api, out) = (frame.id, Arc::clone(api), Arc::clone(outbox));
    let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
        out.put::<()>(id, FrameKind::Busy, None);
        return;
    };
    match frame.kind {
        FrameKind::Request => {
            let Some(request) = payload::<EdgeRequest>(frame.payload) else { return };
            tokio::spawn(async move {
                let answer = api.handle(request).await;
                if !out.put(id, FrameKind::Response, Some(&answer)) {
                    out.put(id, FrameKind::Response, Some(&too_long(answer)));
                }
                drop(permit);
            });
        }
        FrameKind::Identify => {
            let Some(asked) = payload::<Identify>(frame.payload) else { return };
            tokio::spawn(async move {
                let identified: Identified = api.identify(asked).await;
                out.put(id, FrameKind::Identified, Some(&identified));
                drop(permit);
            });
        }
        // The edge asks; it answers nothing.
        FrameKind::Response | FrameKind::Identified | FrameKind::Busy => {}
        // Streams are not carried here yet: they have connections of their own.
        FrameKind::Open | FrameKind::Opened | FrameKind::Part | FrameKind::End | FrameKind::Closing => {}
    }
}

/// An answer that fits no frame: a long list with everything expanded.
fn too_long(answer: EdgeResponse) -> EdgeResponse {
    let body = serde_json::json!({ "error": {
        "type": "invalid_request_error", "code": "answer_too_long", "param": "limit",
        "message": "The answer is longer than 1 MiB. Ask for fewer things, or expand less.",
    } });
    EdgeResponse { status: 400, headers: answer.headers, body: body.to_string().into_bytes() }
}
