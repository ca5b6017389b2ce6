//! A generator of load: so many connections over TLS, each with one request after the other, and what each took. Knows HTTP/1.1 as far
//! as the edge answers it, and no payment.

use crate::fail::Fail;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// What is sent, and how a good answer is known.
pub trait Asks: Send + Sync + 'static {
    /// Writes the request with this number, which no other has.
    fn request(&self, number: u64, into: &mut Vec<u8>);
    fn is_good(&self, status: u16, body: &[u8]) -> bool;
}

/// Where the load goes.
#[derive(Clone)]
pub struct Target {
    port: u16,
    tls: TlsConnector,
}

impl Target {
    /// A port of loopback whose certificate the CA in this file signed for `localhost`.
    pub fn new(port: u16, ca: &Path) -> Result<Target, Fail> {
        let bad = |what: String| Fail::new("bench_error", format!("{}: {what}", ca.display()));
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(ca).map_err(|e| bad(e.to_string()))?;
        roots.add(ca).map_err(|e| bad(e.to_string()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| bad(e.to_string()))?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Target { port, tls: TlsConnector::from(Arc::new(config)) })
    }

    pub async fn connect(&self) -> std::io::Result<Line> {
        let socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
        Ok(Line { stream: self.tls.connect(name, socket).await?, held: Vec::new() })
    }
}

/// One connection.
pub struct Line {
    stream: TlsStream<TcpStream>,
    /// What came and was not read yet.
    held: Vec<u8>,
}

impl Line {
    /// Sends a request and gives the status and the body of its answer.
    pub async fn ask(&mut self, request: &[u8]) -> std::io::Result<(u16, &[u8])> {
        self.held.clear();
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        loop {
            if let Some((status, from, to)) = answer(&self.held) {
                return Ok((status, self.held.get(from..to).unwrap_or_default()));
            }
            if self.stream.read_buf(&mut self.held).await? == 0 || self.held.len() > ANSWER_LIMIT_BYTES {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Status, beginning and end of the body, once all of it is there.
fn answer(bytes: &[u8]) -> Option<(u16, usize, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    })?;
    let (from, to) = (end + 4, end + 4 + length);
    (bytes.len() >= to).then_some((status, from, to))
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
