//! A generator of load: so many connections, each with one request after the other, and what each took. Knows no payment.

use crate::commands::https::Line;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What is sent, and how a good answer is known.
pub trait Asks: Send + Sync + 'static {
    /// Writes the request with this number, which no other has.
    fn request(&self, number: u64, into: &mut Vec<u8>);
    fn is_good(&self, status: u16, body: &[u8]) -> bool;
}

/// What so many connections did in a time.
#[derive(Default)]
pub struct Did {
    took: Duration,
    each_us: Vec<u32>,
    failed: usize,
    /// The first bad answer, as far as it can be shown.
    pub trouble: Option<String>,
}

impl Did {
    pub fn answered(&self) -> u64 {
        self.each_us.len() as u64
    }
    pub fn failures(&self) -> u64 {
        self.failed as u64
    }
    pub fn per_second(&self) -> u64 {
        u64::try_from(u128::from(self.answered()) * 1_000_000 / self.took.as_micros().max(1)).unwrap_or(0)
    }
    /// The time in µs that so many hundredths of the requests did not exceed.
    pub fn at_us(&self, percent: usize) -> u32 {
        let last = self.each_us.len().saturating_sub(1);
        self.each_us.get(last * percent / 100).copied().unwrap_or(0)
    }
    pub fn json(&self) -> Value {
        json!({
            "per_second": self.per_second(), "p50_us": self.at_us(50), "p99_us": self.at_us(99),
            "answered": self.answered(), "failed": self.failed,
        })
    }

    /// Both as one: times add up.
    pub fn and(mut self, other: Did) -> Did {
        self.took += other.took;
        self.each_us.extend(other.each_us);
        self.each_us.sort_unstable();
        self.failed += other.failed;
        self.trouble = self.trouble.or(other.trouble);
        self
    }
}

/// Runs the load on open lines for so long; numbers start behind `first`.
pub async fn run<A: Asks>(lines: Vec<Line>, asks: &Arc<A>, first: u64, time: Duration) -> (Vec<Line>, Did) {
    let (begun, count) = (Instant::now(), lines.len() as u64);
    let mut set = JoinSet::new();
    for (n, line) in (0u64..).zip(lines) {
        let asks = Arc::clone(asks);
        set.spawn(lane(line, asks, begun + time, first + n, count));
    }
    let mut did = Did::default();
    let mut open = Vec::new();
    while let Some(ended) = set.join_next().await {
        let Ok((line, part)) = ended else { continue };
        open.push(line);
        did = did.and(part);
    }
    did.took = begun.elapsed();
    (open, did)
}

async fn lane<A: Asks>(mut line: Line, asks: Arc<A>, until: Instant, first: u64, step: u64) -> (Line, Did) {
    let (mut did, mut number, mut request) = (Did::default(), first, Vec::new());
    while Instant::now() < until {
        request.clear();
        asks.request(number, &mut request);
        number += step;
        let begun = Instant::now();
        let trouble = match line.ask(&request).await {
            Ok((status, body)) if asks.is_good(status, body) => None,
            Ok((status, body)) => Some(format!("{status} {}", String::from_utf8_lossy(body))),
            Err(e) => {
                did.failed += 1;
                did.trouble = Some(e.to_string());
                return (line, did);
            }
        };
        match trouble {
            None => did.each_us.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX)),
            Some(_) => {
                did.failed += 1;
                did.trouble = did.trouble.or(trouble);
            }
        }
    }
    (line, did)
}
