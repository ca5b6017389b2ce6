//! The way to the gateway: one connection over its Unix socket, many requests at once, written in batches, made again when it breaks.
//! Knows what a frame is, not what it asks.

use super::pipe::Pipe;
use crate::core::edge::{
    FrameKind, Open, REQUEST_FRAME_LIMIT_BYTES, RESPONSE_FRAME_LIMIT_BYTES, next_frame, put_frame,
};
use crate::door::same_user;
use serde::Serialize;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// Pauses between tries to connect: doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Frames that the gateway does not read: above this none is added.
const OUT_LIMIT_BYTES: usize = 16 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// A buffer that grew beyond this is given back once it is empty.
const KEPT_BYTES: usize = 256 * 1024;

/// Why there is no answer, and whether the gateway may have seen the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// As many as may be are in flight, or the gateway says so. It did nothing.
    Busy,
    /// Not a byte left.
    Gone,
    /// Bytes left, and the connection broke or time is over.
    Unknown,
}

/// The kind and payload of the frame that came back.
type Answer = Result<(FrameKind, Vec<u8>), NoAnswer>;

struct Waiter {
    /// Where its frame begins in what this connection carries.
    start: u64,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Shared {
    up: bool,
    /// The gateway stops: what is in `out` goes, nothing more, and the answers are waited for.
    closing: bool,
    /// Frames that no write was tried for.
    out: Vec<u8>,
    /// Bytes put in `out` since the connection was made, and bytes that left.
    put: u64,
    written: u64,
    waiters: HashMap<u32, Waiter>,
    last_id: u32,
    in_flight: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct GatewayLimits {
    pub in_flight_requests: usize,
    /// How long a request waits for a gateway that is being started again.
    pub connect: Duration,
    pub answer: Duration,
}

pub struct Gateway {
    shared: Mutex<Shared>,
    filled: Notify,
    up: watch::Sender<bool>,
    path: PathBuf,
    limits: GatewayLimits,
}

/// One request's place among those in flight.
pub struct Place<'a>(&'a Gateway);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
    }
}

impl Gateway {
    pub fn new(path: PathBuf, limits: GatewayLimits) -> Gateway {
        Gateway { shared: Mutex::default(), filled: Notify::new(), up: watch::Sender::new(false), path, limits }
    }

    pub fn is_up(&self) -> bool {
        *self.up.borrow()
    }

    /// A place in flight, for as long as the request takes.
    pub fn enter(&self) -> Result<Place<'_>, NoAnswer> {
        let mut shared = self.lock();
        if shared.in_flight >= self.limits.in_flight_requests {
            return Err(NoAnswer::Busy);
        }
        shared.in_flight += 1;
        Ok(Place(self))
    }

    /// Until the gateway is there, if it comes in time.
    async fn there(&self, until: Instant) -> Result<(), NoAnswer> {
        let mut up = self.up.subscribe();
        let connected = up.wait_for(|up| *up);
        match timeout_at(until, connected).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NoAnswer::Gone),
        }
    }

    /// A connection of its own for one request.
    pub async fn open(&self, open: &Open) -> Result<Pipe, NoAnswer> {
        self.there(Instant::now() + self.limits.connect).await?;
        Pipe::open(&self.path, open).await
    }

    /// Asks, and waits for the answer. A question of which not a byte left is asked again of the gateway that comes next.
    pub async fn ask<T: Serialize>(&self, kind: FrameKind, question: &T) -> Answer {
        let until = Instant::now() + self.limits.connect;
        loop {
            self.there(until).await?;
            let asked = match self.put(kind, question) {
                Ok((id, answer)) => match timeout(self.limits.answer, answer).await {
                    Ok(Ok(answer)) => answer,
                    Ok(Err(_)) => Err(NoAnswer::Unknown),
                    // Also when the frame stands in the buffer yet: it may leave later.
                    Err(_) => {
                        self.lock().waiters.remove(&id);
                        Err(NoAnswer::Unknown)
                    }
                },
                Err(none) => Err(none),
            };
            match asked {
                Err(NoAnswer::Gone) if Instant::now() < until => tokio::task::yield_now().await,
                asked => return asked,
            }
        }
    }

    fn put<T: Serialize>(&self, kind: FrameKind, question: &T) -> Result<(u32, oneshot::Receiver<Answer>), NoAnswer> {
        let (tell, answer) = oneshot::channel();
        let mut shared = self.lock();
        if !shared.up {
            return Err(NoAnswer::Gone);
        }
        if shared.out.len() > OUT_LIMIT_BYTES {
            return Err(NoAnswer::Busy);
        }
        let mut id = shared.last_id.wrapping_add(1);
        while shared.waiters.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        shared.last_id = id;
        let (before, start) = (shared.out.len(), shared.put);
        if !put_frame(&mut shared.out, id, kind, Some(question), REQUEST_FRAME_LIMIT_BYTES) {
            return Err(NoAnswer::Gone);
        }
        shared.put += (shared.out.len() - before) as u64;
        shared.waiters.insert(id, Waiter { start, answer: tell });
        drop(shared);
        self.filled.notify_one();
        Ok((id, answer))
    }

    /// Keeps the connection until the task is dropped.
    pub async fn run(self: Arc<Gateway>) {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Ok(stream) = UnixStream::connect(&self.path).await
                && same_user(&stream)
            {
                self.connected();
                let (read, write) = stream.into_split();
                tokio::select! {
                    () = self.read_answers(read) => {}
                    () = self.write_questions(write) => {}
                }
                self.disconnected();
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn connected(&self) {
        let mut shared = self.lock();
        (shared.up, shared.closing) = (true, false);
        (shared.put, shared.written) = (0, 0);
        shared.out.clear();
        drop(shared);
        self.up.send_replace(true);
    }

    /// Tells everybody who waits whether the gateway may have seen the question.
    fn disconnected(&self) {
        self.up.send_replace(false);
        let mut shared = self.lock();
        shared.up = false;
        let written = shared.written;
        let waiters = std::mem::take(&mut shared.waiters);
        drop(shared);
        for waiter in waiters.into_values() {
            let seen = if waiter.start < written { NoAnswer::Unknown } else { NoAnswer::Gone };
            // Nobody waits any more when its time is over.
            let _ = waiter.answer.send(Err(seen));
        }
    }

    /// From now on questions wait for the gateway that comes next.
    fn closes(&self) {
        let mut shared = self.lock();
        (shared.up, shared.closing) = (false, true);
        drop(shared);
        self.up.send_replace(false);
        self.filled.notify_one();
    }

    async fn write_questions(&self, mut write: OwnedWriteHalf) {
        let mut batch: Vec<u8> = Vec::new();
        loop {
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                match write.write(rest).await {
                    Ok(bytes @ 1..) => {
                        self.lock().written += bytes as u64;
                        rest = rest.get(bytes..).unwrap_or_default();
                    }
                    Ok(0) | Err(_) => return,
                }
            }
            batch.clear();
            if batch.capacity() > KEPT_BYTES {
                batch = Vec::new();
            }
            let closing = {
                let mut shared = self.lock();
                std::mem::swap(&mut batch, &mut shared.out);
                shared.closing
            };
            match (batch.is_empty(), closing) {
                (false, _) => {}
                (true, false) => self.filled.notified().await,
                (true, true) => {
                    let _ = write.shutdown().await;
                    // The answers are read to their end.
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    async fn read_answers(&self, mut read: OwnedReadHalf) {
        let mut inbox: Vec<u8> = Vec::with_capacity(READ_BYTES);
        loop {
            inbox.reserve(READ_BYTES / 2);
            let Ok(1..) = read.read_buf(&mut inbox).await else { return };
            let mut taken = 0;
            while let Some(rest) = inbox.get(taken..) {
                match next_frame(rest, RESPONSE_FRAME_LIMIT_BYTES) {
                    Ok(Some((frame, bytes))) if frame.kind == FrameKind::Closing => {
                        self.closes();
                        taken += bytes;
                    }
                    Ok(Some((frame, bytes))) => {
                        self.answered(frame.id, frame.kind, frame.payload);
                        taken += bytes;
                    }
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            inbox.drain(..taken);
            if inbox.is_empty() && inbox.capacity() > KEPT_BYTES {
                inbox = Vec::with_capacity(READ_BYTES);
            }
        }
    }

    fn answered(&self, id: u32, kind: FrameKind, payload: &[u8]) {
        // An answer that comes after its time has no waiter.
        let Some(waiter) = self.lock().waiters.remove(&id) else { return };
        let busy = kind == FrameKind::Busy;
        let answer = if busy { Err(NoAnswer::Busy) } else { Ok((kind, payload.to_vec())) };
        let _ = waiter.answer.send(answer);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
