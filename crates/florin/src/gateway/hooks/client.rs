//! One POST to an endpoint: resolved, its addresses looked at, the checked one dialled, within one time limit. Follows no redirect,
//! asks no proxy, keeps connections of an endpoint for the next letter. Knows no event.

use florin_core::deliver::{BadUrl, Letter, Outcome, Reply, Target, may_dial, target};
use florin_core::id::Key;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsConnector;

/// From the name to the end of the answer.
const WHOLE_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;
/// After the head of an answer, which says what came of the letter, its body is waited for so long.
const BODY_LIMIT: Duration = Duration::from_secs(2);
/// Names being resolved at a time: the system's resolver cannot be stopped.
const MOST_LOOKUPS: usize = 64;
/// An answer is read so far; of a longer one the connection is closed.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024;
/// An idle connection is kept so long, and so many for an endpoint, and for all.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
const MOST_IDLE_PER_ENDPOINT: usize = 8;
const MOST_IDLE: usize = 512;

type Sender = SendRequest<Full<Bytes>>;

struct Idle {
    sender: Sender,
    authority: String,
    tls: bool,
    since: Instant,
}

/// Whom to believe, and where letters may go.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// A certificate authority besides the system's: a demo's own.
    pub ca: Option<std::path::PathBuf>,
    /// Endpoints of test mode may be on this machine.
    pub local: bool,
}

pub struct Client {
    tls: TlsConnector,
    local: bool,
    lookups: Arc<Semaphore>,
    /// Endpoints whose name is being resolved. One name server that never answers holds one lookup, not all.
    looking: Arc<Mutex<BTreeSet<Key>>>,
    idle: Mutex<BTreeMap<Key, Vec<Idle>>>,
}

impl Client {
    /// Errors: a file of `trust` that cannot be read. Without any authority every `https` endpoint fails with `bad_tls`.
    pub fn new(trust: &Trust) -> Result<Client, String> {
        let mut roots = rustls::RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = &trust.ca {
            add_file(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        let lookups = Arc::new(Semaphore::new(MOST_LOOKUPS));
        Ok(Client { tls, local: trust.local, lookups, looking: Arc::default(), idle: Mutex::default() })
    }

    pub async fn post(&self, letter: Letter) -> Reply {
        let began = Instant::now();
        let (outcome, body) = match timeout(WHOLE_LIMIT, self.exchange(&letter)).await {
            Ok(Ok((status, body))) => (Outcome::Answered(status), body),
            Ok(Err(outcome)) => (outcome, vec![]),
            Err(_) => (Outcome::TimedOut, vec![]),
        };
        Reply { outcome, took_ms: u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX), body }
    }

    async fn exchange(&self, letter: &Letter) -> Result<(u16, Vec<u8>), Outcome> {
        let to = target(&letter.url, letter.live, self.local).map_err(|bad| match bad {
            BadUrl::Forbidden => Outcome::ForbiddenAddress,
            BadUrl::TooLong
            | BadUrl::Scheme
            | BadUrl::Host
            | BadUrl::Credentials
            | BadUrl::Port
            | BadUrl::CardNumber => Outcome::BadUrl,
        })?;
        if let Some(mut sender) = self.kept(letter.endpoint, &to)
            && let Ok(answer) = sender.send_request(request(letter, &to)?).await
        {
            return self.read(letter.endpoint, &to, sender, answer).await;
        }
        // No connection was there, or the endpoint had closed it: the event's id tells a repetition.
        let mut sender = self.connect(letter, &to).await?;
        let answer = sender.send_request(request(letter, &to)?).await.map_err(|_| Outcome::Broken)?;
        self.read(letter.endpoint, &to, sender, answer).await
    }

    async fn read(
        &self,
        endpoint: Key,
        to: &Target,
        sender: Sender,
        answer: Response<Incoming>,
    ) -> Result<(u16, Vec<u8>), Outcome> {
        let status = answer.status().as_u16();
        let (mut body, mut read) = (answer.into_body(), vec![]);
        let until = tokio::time::Instant::now() + BODY_LIMIT;
        // What came of it stands in the head: a body that breaks off or never ends changes nothing.
        while let Ok(frame) = timeout_at(until, body.frame()).await {
            let Some(frame) = frame else {
                self.keep(endpoint, to, sender);
                return Ok((status, read));
            };
            let Ok(frame) = frame else { break };
            if let Some(data) = frame.data_ref() {
                read.extend(data.iter().take(ANSWER_LIMIT_BYTES.saturating_sub(read.len())));
            }
            if read.len() >= ANSWER_LIMIT_BYTES {
                break;
            }
        }
        Ok((status, read))
    }

    async fn connect(&self, letter: &Letter, to: &Target) -> Result<Sender, Outcome> {
        let addresses = self.resolve(letter.endpoint, to, self.local && !letter.live).await?;
        for address in addresses.into_iter().take(MOST_ADDRESSES) {
            let Ok(Ok(stream)) = timeout(CONNECT_LIMIT, TcpStream::connect(address)).await else { continue };
            let _ = stream.set_nodelay(true);
            if !to.tls {
                return speak(stream).await;
            }
            let name = ServerName::try_from(to.host.clone()).map_err(|_| Outcome::BadUrl)?;
            let stream = self.tls.connect(name, stream).await.map_err(|_| Outcome::BadTls)?;
            return speak(stream).await;
        }
        Err(Outcome::NoConnection)
    }

    /// The addresses of a host, each of which may be dialled. One that may not spoils them all: who mixes them is up to no good.
    async fn resolve(&self, endpoint: Key, to: &Target, loopback: bool) -> Result<Vec<SocketAddr>, Outcome> {
        // glibc does not know names under `localhost`.
        let host = if loopback && to.host.ends_with(".localhost") { "localhost" } else { to.host.as_str() };
        let found = self.look_up(endpoint, host.to_owned(), to.port).await.ok_or(Outcome::NoAddress)?;
        if found.is_empty() {
            return Err(Outcome::NoAddress);
        }
        match found.iter().all(|a| may_dial(a.ip(), loopback)) {
            true => Ok(found),
            false => Err(Outcome::ForbiddenAddress),
        }
    }

    /// In a task of its own: a lookup that nobody waits for any more goes on in the system, and counts until it ends.
    async fn look_up(&self, endpoint: Key, host: String, port: u16) -> Option<Vec<SocketAddr>> {
        let permit = Arc::clone(&self.lookups).try_acquire_owned().ok()?;
        if !lock(&self.looking).insert(endpoint) {
            return None;
        }
        let looking = Arc::clone(&self.looking);
        let lookup = tokio::spawn(async move {
            let found = tokio::net::lookup_host((host, port)).await.map(Iterator::collect::<Vec<_>>);
            lock(&looking).remove(&endpoint);
            drop(permit);
            found
        });
        lookup.await.ok()?.ok()
    }

    fn pool(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<Idle>>> {
        lock(&self.idle)
    }

    /// A connection of this endpoint that is still open.
    fn kept(&self, endpoint: Key, to: &Target) -> Option<Sender> {
        let mut pool = self.pool();
        let of = pool.get_mut(&endpoint)?;
        let same = |i: &Idle| i.authority == to.authority && i.tls == to.tls;
        of.retain(|i| !i.sender.is_closed() && i.since.elapsed() < IDLE_LIMIT && same(i));
        let found = of.pop().filter(|i| i.sender.is_ready());
        if of.is_empty() {
            pool.remove(&endpoint);
        }
        found.map(|i| i.sender)
    }

    fn keep(&self, endpoint: Key, to: &Target, sender: Sender) {
        let mut pool = self.pool();
        if pool.values().map(Vec::len).sum::<usize>() >= MOST_IDLE {
            pool.clear();
        }
        let of = pool.entry(endpoint).or_default();
        if of.len() < MOST_IDLE_PER_ENDPOINT && !sender.is_closed() {
            of.push(Idle { sender, authority: to.authority.clone(), tls: to.tls, since: Instant::now() });
        }
    }

    /// Closes what was idle for too long.
    pub fn tidy(&self) {
        let mut pool = self.pool();
        for of in pool.values_mut() {
            of.retain(|i| !i.sender.is_closed() && i.since.elapsed() < IDLE_LIMIT);
        }
        pool.retain(|_, of| !of.is_empty());
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// HTTP/1.1 on a connection; its work is done by a task that ends with the connection.
async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Sender, Outcome> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|_| Outcome::Broken)?;
    tokio::spawn(async move {
        // Whoever waits for an answer hears of the end too.
        let _ = connection.await;
    });
    Ok(sender)
}

fn request(letter: &Letter, to: &Target) -> Result<Request<Full<Bytes>>, Outcome> {
    let mut request = Request::post(to.path.as_str()).header("host", to.authority.as_str());
    for (name, value) in &letter.headers {
        request = request.header(*name, value.as_str());
    }
    let body = Full::new(Bytes::copy_from_slice(&letter.body));
    request.header("accept", "*/*").body(body).map_err(|_| Outcome::BadUrl)
}

fn add_file(roots: &mut rustls::RootCertStore, path: &Path) -> Result<(), String> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let bad = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))? {
        roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// What becomes of a letter whose endpoint answers so and then says nothing more.
    fn check(answer: &'static str, expected: (Outcome, &[u8])) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/hooks", listener.local_addr().unwrap());
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                std::future::pending::<()>().await;
            });
            let client = Client::new(&Trust { ca: None, local: true }).unwrap();
            client.post(Letter { endpoint: Key(1), live: false, url, headers: vec![], body: b"{}".to_vec() }).await
        });
        assert_eq!((reply.outcome, reply.body.as_slice()), expected, "{answer}");
    }

    #[test]
    fn the_head_of_an_answer_says_what_came_of_a_letter() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", (Outcome::Answered(200), b"ok"));
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", (Outcome::Answered(200), b"ok"));
        check("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", (Outcome::Answered(500), b""));
    }
}
