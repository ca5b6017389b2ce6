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
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// From the name to the end of the answer.
const WHOLE_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;
/// Names being resolved at a time: the system's resolver cannot be stopped.
const MOST_LOOKUPS: usize = 16;
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
    lookups: Semaphore,
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
        let (tls, lookups) = (TlsConnector::from(Arc::new(config)), Semaphore::new(MOST_LOOKUPS));
        Ok(Client { tls, local: trust.local, lookups, idle: Mutex::default() })
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
        if let Some(mut sender) = self.kept(letter.endpoint, &to.authority)
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
        while let Some(frame) = body.frame().await {
            // What came of it stands in the head: a body that breaks off changes nothing.
            let Ok(frame) = frame else { return Ok((status, read)) };
            if let Some(data) = frame.data_ref() {
                read.extend(data.iter().take(ANSWER_LIMIT_BYTES.saturating_sub(read.len())));
            }
            if read.len() >= ANSWER_LIMIT_BYTES {
                return Ok((status, read));
            }
        }
        self.keep(endpoint, to.authority.clone(), sender);
        Ok((status, read))
    }

    async fn connect(&self, letter: &Letter, to: &Target) -> Result<Sender, Outcome> {
        let addresses = self.resolve(to, self.local && !letter.live).await?;
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
    async fn resolve(&self, to: &Target, loopback: bool) -> Result<Vec<SocketAddr>, Outcome> {
        let Ok(_permit) = self.lookups.acquire().await else { return Err(Outcome::NoAddress) };
        // glibc does not know names under `localhost`.
        let host = if loopback && to.host.ends_with(".localhost") { "localhost" } else { to.host.as_str() };
        let found = tokio::net::lookup_host((host, to.port)).await.map_err(|_| Outcome::NoAddress)?;
        let found: Vec<SocketAddr> = found.collect();
        if found.is_empty() {
            return Err(Outcome::NoAddress);
        }
        match found.iter().all(|a| may_dial(a.ip(), loopback)) {
            true => Ok(found),
            false => Err(Outcome::ForbiddenAddress),
        }
    }

    fn pool(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection of this endpoint that is still open.
    fn kept(&self, endpoint: Key, authority: &str) -> Option<Sender> {
        let mut pool = self.pool();
        let of = pool.get_mut(&endpoint)?;
        of.retain(|i| !i.sender.is_closed() && i.since.elapsed() < IDLE_LIMIT && i.authority == authority);
        let found = of.pop().filter(|i| i.sender.is_ready());
        if of.is_empty() {
            pool.remove(&endpoint);
        }
        found.map(|i| i.sender)
    }

    fn keep(&self, endpoint: Key, authority: String, sender: Sender) {
        let mut pool = self.pool();
        if pool.values().map(Vec::len).sum::<usize>() >= MOST_IDLE {
            pool.clear();
        }
        let of = pool.entry(endpoint).or_default();
        if of.len() < MOST_IDLE_PER_ENDPOINT && !sender.is_closed() {
            of.push(Idle { sender, authority, since: Instant::now() });
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
