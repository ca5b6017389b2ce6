//! Asks the API over TLS until there is an answer, with the same idempotency key, through whatever dies meanwhile. Knows no payment.

use crate::commands::https::{Line, Target};
use crate::fail::Fail;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Longer than any answer of a payment takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// Between two tries of one request.
const PAUSE: Duration = Duration::from_millis(250);
/// What is asked for again, as SDKs do: in use, limited, and what no answer stands behind.
const AGAIN: [u16; 6] = [409, 429, 500, 502, 503, 504];
/// Idle connections kept.
const MOST_IDLE: usize = 64;

/// Where the API is now: a starter that was killed takes other ports.
pub struct Place {
    pub target: Target,
    pub key: String,
    /// Grows with each starter.
    pub generation: u64,
}

pub struct Answer {
    pub status: u16,
    pub body: Value,
    /// SHA-256 of the body, as hex.
    pub digest: String,
}

/// How often asking went otherwise than straight.
#[derive(Default)]
pub struct Counts {
    pub requests: AtomicU64,
    pub answered: AtomicU64,
    /// Connections that ended before an answer.
    pub cut: AtomicU64,
    /// Answers that ask for another try.
    pub again: AtomicU64,
}

pub struct Client {
    place: Mutex<Arc<Place>>,
    idle: Mutex<Vec<(u64, Line)>>,
    permits: Arc<Semaphore>,
    /// Nobody asks again from now on.
    pub over: AtomicBool,
    pub counts: Counts,
}

/// The right to ask: given back while there is nothing to do but wait, so that others go on.
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Client {
    pub fn new(place: Place, at_once: usize) -> Client {
        let (place, idle) = (Mutex::new(Arc::new(place)), Mutex::default());
        let permits = Arc::new(Semaphore::new(at_once));
        Client { place, idle, permits, over: AtomicBool::new(false), counts: Counts::default() }
    }

    pub fn moved(&self, place: Place) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(place);
    }

    pub async fn turn(&self) -> Turn {
        Turn(Arc::clone(&self.permits).acquire_owned().await.ok())
    }

    /// Waits, without holding up others.
    pub async fn pause(&self, turn: &mut Turn, time: Duration) {
        turn.0 = None;
        tokio::time::sleep(time).await;
        *turn = self.turn().await;
    }

    /// Asks until there is an answer. Errors: there was none before all was over.
    pub async fn insist(
        &self,
        turn: &mut Turn,
        method: &str,
        path: &str,
        form: &str,
        key: &str,
    ) -> Result<Answer, Fail> {
        loop {
            let why = match self.ask(method, path, form, key).await {
                Ok(answer) if !AGAIN.contains(&answer.status) => {
                    self.counts.answered.fetch_add(1, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(answer) => {
                    self.counts.again.fetch_add(1, Ordering::Relaxed);
                    format!("{} {}", answer.status, answer.body)
                }
                Err(error) => {
                    self.counts.cut.fetch_add(1, Ordering::Relaxed);
                    error.to_string()
                }
            };
            if self.over.load(Ordering::Relaxed) {
                return Err(Fail::new("unanswered", format!("{method} {path} ({key}): {why}")));
            }
            self.pause(turn, PAUSE).await;
        }
    }

    /// Asks once.
    pub async fn ask(&self, method: &str, path: &str, form: &str, key: &str) -> std::io::Result<Answer> {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let place = Arc::clone(&self.place.lock().unwrap_or_else(PoisonError::into_inner));
        let mut line = match self.kept(place.generation) {
            Some(line) => line,
            None => place.target.connect().await?,
        };
        let key = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{key}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            place.key,
            form.len()
        );
        let answer = match tokio::time::timeout(ANSWER_WITHIN, line.ask(request.as_bytes())).await {
            Ok(answered) => answered.map(|(status, body)| Answer {
                status,
                body: serde_json::from_slice(body).unwrap_or(Value::Null),
                digest: digest(body),
            })?,
            Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push((place.generation, line));
        }
        Ok(answer)
    }

    fn kept(&self, generation: u64) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((of, line)) = idle.pop() {
            if of == generation {
                return Some(line);
            }
        }
        None
    }

    /// All of a list, newest first.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, Fail> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=100{after}")).await?;
            let more = page["has_more"] == true;
            let Value::Array(mut data) = page["data"].clone() else {
                return Err(Fail::new("bad_answer", format!("{path} has no data")));
            };
            let last = data.last().and_then(|one| one["id"].as_str()).map(|id| format!("&starting_after={id}"));
            all.append(&mut data);
            match last {
                Some(last) if more => after = last,
                _ => return Ok(all),
            }
        }
    }

    /// What stands at a path; a lost connection is made anew.
    pub async fn get(&self, path: &str) -> Result<Value, Fail> {
        let mut turn = Turn(None);
        let answer = self.insist(&mut turn, "GET", path, "", "").await?;
        match answer.status {
            200 => Ok(answer.body),
            status => Err(Fail::new("bad_answer", format!("{path}: {status} {}", answer.body))),
        }
    }
}

fn digest(body: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
