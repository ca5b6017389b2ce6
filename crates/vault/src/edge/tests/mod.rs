//! The edge at its boundary: clients over TLS and plain, a gateway that stands in for the real one, cards in a vault of the test's own.

mod cards;
mod fuzzed;
mod gateway;
mod http;
mod sites;
mod streams;
mod swap;
mod tls;

use super::{Edge, EdgeSettings, Limits, LogLine, LogTo, open};
use crate::cards::Cards;
use crate::clock::Clock;
use crate::core::edge::{
    EdgeRequest, EdgeResponse, Frame, FrameKind, Identified, Identify, Open, REQUEST_FRAME_LIMIT_BYTES,
    RESPONSE_FRAME_LIMIT_BYTES, next_frame, payload, put_frame,
};
use crate::core::id::Key;
use crate::core::seal::Secret;
use crate::keys::{KekKind, SoftKek};
use crate::testing::Folder;
use crate::tls::tests::Pki;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

pub const ACCOUNT: Key = Key(1 << 20);
/// A canary number: it approves, and nothing may contain it.
pub const NUMBER: &str = "4929123456000009";
pub const CODE: &str = "739";

/// What the gateway that stands in saw, and how it is told to go on.
#[derive(Default)]
pub struct Seen {
    pub requests: Mutex<Vec<EdgeRequest>>,
    pub identified: Mutex<Vec<Identify>>,
    /// Connections of their own: what they began with, and the bodies that came whole.
    pub opened: Mutex<Vec<Open>>,
    pub uploads: Mutex<Vec<Vec<u8>>>,
    /// `/v1/wait` is answered once this is told.
    pub go: Notify,
}

impl Seen {
    pub fn last(&self) -> EdgeRequest {
        self.requests.lock().unwrap().last().cloned().unwrap()
    }
    pub fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
    pub async fn until(&self, requests: usize) {
        while self.count() < requests {
            tokio::task::yield_now().await;
        }
    }
}

fn json(status: u16, body: &str) -> EdgeResponse {
    EdgeResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

async fn stand_in(listener: UnixListener, seen: Arc<Seen>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let seen = Arc::clone(&seen);
        connections.spawn(async move { serve_frames(stream, &seen).await });
    }
}

/// Until somebody asks for `/v1/drop`.
async fn serve_frames(stream: UnixStream, seen: &Arc<Seen>) {
    let mut stream = stream;
    let mut inbox = Vec::new();
    while inbox.len() < 9 {
        let Ok(1..) = stream.read_buf(&mut inbox).await else { return };
    }
    if inbox[8] == FrameKind::Open as u8 {
        return streams::carried(stream, inbox, seen).await;
    }
    let (mut read, write) = stream.into_split();
    let write = Arc::new(tokio::sync::Mutex::new(write));
    let mut answers = tokio::task::JoinSet::new();
    let mut open = true;
    while open || !answers.is_empty() {
        while let Some((frame, taken)) = next_frame(&inbox, REQUEST_FRAME_LIMIT_BYTES).unwrap() {
            let (id, kind, bytes) = (frame.id, frame.kind, frame.payload.to_vec());
            let (seen, write) = (Arc::clone(seen), Arc::clone(&write));
            inbox.drain(..taken);
            answers.spawn(async move {
                let out = answer(Frame { id, kind, payload: &bytes }, &seen).await;
                if let Some(out) = &out {
                    write.lock().await.write_all(out).await.unwrap();
                }
                out.is_some()
            });
        }
        tokio::select! {
            got = read.read_buf(&mut inbox), if open => open = matches!(got, Ok(1..)),
            Some(answered) = answers.join_next() => {
                if !answered.unwrap() {
                    return;
                }
            }
        }
    }
}

/// The frame that answers; nothing to drop the connection.
async fn answer(frame: Frame<'_>, seen: &Arc<Seen>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut put = |kind, response: &EdgeResponse| {
        assert!(put_frame(&mut out, frame.id, kind, Some(response), RESPONSE_FRAME_LIMIT_BYTES));
    };
    match frame.kind {
        FrameKind::Identify => {
            let identify: Identify = payload(frame.payload).unwrap();
            let key = identify.authorization.clone().or_else(|| identify.key_param.clone()).unwrap_or_default();
            let identified = match key.as_str() {
                "Bearer sk_test_1" | "Basic c2tfdGVzdF8xOg==" | "pk_test_1" => {
                    Identified::Account { account: ACCOUNT, live: false, origins: vec![] }
                }
                "pk_live_1" => {
                    Identified::Account { account: ACCOUNT, live: true, origins: vec!["https://shop.example".into()] }
                }
                "pk_live_none" => Identified::Account { account: ACCOUNT, live: true, origins: vec![] },
                "Bearer sk_live_1" => Identified::Account { account: ACCOUNT, live: true, origins: vec![] },
                _ => Identified::Refused(json(401, r#"{"error":{"type":"invalid_request_error"}}"#)),
            };
            seen.identified.lock().unwrap().push(identify);
            put_frame(&mut out, frame.id, FrameKind::Identified, Some(&identified), RESPONSE_FRAME_LIMIT_BYTES);
        }
        FrameKind::Request => {
            let request: EdgeRequest = payload(frame.payload).unwrap();
            let path = request.path.clone();
            seen.requests.lock().unwrap().push(request);
            match path.as_str() {
                "/v1/drop" => return None,
                "/v1/silent" => {}
                "/v1/wait" => {
                    seen.go.notified().await;
                    put(FrameKind::Response, &json(200, r#"{"waited":true}"#));
                }
                "/v1/busy" => {
                    put_frame::<()>(&mut out, frame.id, FrameKind::Busy, None, RESPONSE_FRAME_LIMIT_BYTES);
                }
                "/v1/strange" => put(FrameKind::Identified, &json(200, "{}")),
                "/v1/leak" => {
                    put(FrameKind::Response, &json(404, &format!(r#"{{"error":{{"message":"No such '{NUMBER}'"}}}}"#)))
                }
                "/v1/closing" => {
                    put_frame::<()>(&mut out, 0, FrameKind::Closing, None, RESPONSE_FRAME_LIMIT_BYTES);
                    let ok = json(200, r#"{"last":true}"#);
                    put_frame(&mut out, frame.id, FrameKind::Response, Some(&ok), RESPONSE_FRAME_LIMIT_BYTES);
                }
                "/v1/large" => put(FrameKind::Response, &json(200, &"x".repeat(900_000))),
                _ => put(FrameKind::Response, &json(200, r#"{"ok":true}"#)),
            }
        }
        _ => return None,
    }
    Some(out)
}

pub struct World {
    pub folder: Folder,
    pub pki: Pki,
    pub seen: Arc<Seen>,
    pub edge: Arc<Edge>,
    pub address: SocketAddr,
    pub plain: SocketAddr,
    pub addresses: std::collections::BTreeMap<String, SocketAddr>,
    pub log: Arc<Mutex<Vec<LogLine>>>,
    pub stop: watch::Sender<bool>,
    pub ended: JoinHandle<()>,
    gateway: Option<JoinHandle<()>>,
}

impl World {
    pub async fn new() -> World {
        World::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut EdgeSettings)) -> World {
        let (folder, pki) = (Folder::new(), Pki::new());
        let (cert, key) = pki.issue("localhost", 2090);
        std::fs::write(folder.path("edge.pem"), cert).unwrap();
        std::fs::write(folder.path("edge.key"), key).unwrap();
        std::fs::write(folder.path("ca.pem"), &pki.ca_pem).unwrap();
        let kek = SoftKek::new(&Secret::new([8; 32]), KekKind::File);
        let cards = Arc::new(Cards::open(&folder.path("data"), Box::new(kek), false).unwrap());
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut settings =
            EdgeSettings::new(any, folder.path("edge.pem"), folder.path("edge.key"), folder.path("api.sock"));
        settings.entrances[0].plain = Some(any);
        let log: Arc<Mutex<Vec<LogLine>>> = Arc::default();
        let lines = Arc::clone(&log);
        settings.log = LogTo(Arc::new(move |line| lines.lock().unwrap().push(line.clone())));
        change(&mut settings);
        let doors = open(Some(&settings)).await.unwrap().unwrap();
        let (address, plain) = (doors.addresses["api"], doors.addresses["http_api"]);
        let addresses = doors.addresses.clone();
        let (stop, stopping) = watch::channel(false);
        let edge = Arc::new(Edge::new(&settings, cards, Clock::start(), stopping.clone()));
        let ended = tokio::spawn(doors.serve_until(Arc::clone(&edge), stopping));
        let seen = Arc::new(Seen::default());
        let mut world = World { folder, pki, seen, edge, address, plain, addresses, log, stop, ended, gateway: None };
        world.start_gateway().await;
        world
    }

    pub async fn start_gateway(&mut self) {
        let path = self.folder.path("api.sock");
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(path).unwrap();
        self.gateway = Some(tokio::spawn(stand_in(listener, Arc::clone(&self.seen))));
        while !self.edge.gateway.is_up() {
            tokio::task::yield_now().await;
        }
    }

    pub async fn stop_gateway(&mut self) {
        let gateway = self.gateway.take().unwrap();
        gateway.abort();
        let _ = gateway.await;
        while self.edge.gateway.is_up() {
            tokio::task::yield_now().await;
        }
    }

    pub async fn plain(&self) -> Client<TcpStream> {
        Client { stream: TcpStream::connect(self.plain).await.unwrap(), read: Vec::new() }
    }

    pub fn client_config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pki.ca_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        config.with_root_certificates(roots).with_no_client_auth()
    }

    pub async fn tls(&self) -> Client<tokio_rustls::client::TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let connector = TlsConnector::from(Arc::new(self.client_config()));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap();
        Client { stream, read: Vec::new() }
    }

    /// What a test leaves behind holds no card number and no code.
    pub async fn end(self) {
        let said = format!("{:?} {:?}", self.log.lock().unwrap(), self.seen.requests.lock().unwrap());
        assert!(!said.contains(NUMBER), "{said}");
        self.stop.send_replace(true);
        self.ended.await.unwrap();
        crate::testing::assert_no_card_data(&self.folder.path("data"), &[NUMBER], &[]);
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
    /// A part of the error.
    pub fn error(&self, part: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        body["error"][part].as_str().map(str::to_owned)
    }
}

pub struct Client<S> {
    pub stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next answer; nothing when the edge has closed.
    pub async fn answer(&mut self) -> Option<Got> {
        loop {
            if let Some(at) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(self.read[..at].to_vec()).unwrap();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                let mut got = Got { status, head, body: String::new() };
                let length: usize = got.header("content-length").unwrap_or("0").parse().unwrap();
                if let Some(body) = self.read.get(at + 4..at + 4 + length) {
                    got.body = String::from_utf8(body.to_vec()).unwrap();
                    self.read.drain(..at + 4 + length);
                    return Some(got);
                }
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                assert!(self.read.is_empty(), "closed in the middle of an answer");
                return None;
            }
        }
    }

    /// Reads until this comes; gives what came before it.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(text.len()).position(|w| w == text.as_bytes()) {
                let before = String::from_utf8(self.read[..at].to_vec()).unwrap();
                self.read.drain(..at + text.len());
                return before;
            }
            let got = self.stream.read_buf(&mut self.read).await;
            assert!(matches!(got, Ok(1..)), "closed before {text:?}: {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// What comes until the edge closes.
    pub async fn rest(&mut self) -> String {
        while matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    pub async fn ask(&mut self, text: &str) -> Got {
        self.send(text).await;
        self.answer().await.unwrap()
    }
}

pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk_test_1\r\n\r\n")
}

pub fn post(path: &str, body: &str) -> String {
    post_as(path, "application/x-www-form-urlencoded", body)
}

pub fn post_as(path: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk_test_1\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn within(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

/// Deadlines that a test can wait for.
pub fn short(settings: &mut EdgeSettings) {
    let Limits { handshake, head, body, idle, gateway, .. } = &mut settings.limits;
    [*handshake, *head, *body, *idle] = [Duration::from_millis(100); 4];
    [gateway.connect, gateway.answer] = [Duration::from_millis(300); 2];
}
