//! HTTP/1.1 to one server, over TLS or on loopback without: one connection that is kept, a time limit on everything, answers as they come.
//! For commands that wait; knows no S3.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// From the first byte sent to the head of the answer: a part of 16 MiB over a slow line.
const HEAD_LIMIT: Duration = Duration::from_secs(300);
/// Between two pieces of an answer's body.
const PIECE_LIMIT: Duration = Duration::from_secs(60);

type Sender = SendRequest<Full<Bytes>>;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub tls: bool,
    pub host: String,
    pub port: u16,
}

impl Server {
    /// `https://host[:port]`, or `http://` for this machine alone.
    pub fn parse(url: &str) -> Option<Server> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (rest, if tls { 443 } else { 80 }),
        };
        let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (named && (tls || here)).then(|| Server { tls, host: host.to_ascii_lowercase(), port })
    }

    /// As the header `Host` says it.
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }
}

pub struct Http {
    runtime: Runtime,
    tls: TlsConnector,
    server: Server,
    kept: Mutex<Option<Sender>>,
}

impl Http {
    /// Believes the system's authorities, and those in `ca`.
    pub fn new(server: Server, ca: Option<&Path>) -> Result<Http, String> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let bad = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))? {
                roots.add(certificate.map_err(|e| bad(&e))?).map_err(|e| bad(&e))?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        Ok(Http { runtime, tls: TlsConnector::from(Arc::new(config)), server, kept: Mutex::default() })
    }

    /// The head of the answer; its body is read from it.
    pub fn send(&self, request: &Request<Full<Bytes>>) -> io::Result<Answer<'_>> {
        self.runtime.block_on(async {
            let kept = self.slot().take().filter(|sender| !sender.is_closed());
            if let Some(mut sender) = kept
                && sender.ready().await.is_ok()
                && let Ok(answer) = exchange(&mut sender, request).await
            {
                return Ok(self.answer(sender, answer));
            }
            // There was none, or the server had closed it: every request of ours may be sent twice.
            let mut sender = self.connect().await?;
            let answer = exchange(&mut sender, request).await?;
            Ok(self.answer(sender, answer))
        })
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Sender>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, sender: Sender, answer: Response<Incoming>) -> Answer<'_> {
        let (head, body) = answer.into_parts();
        let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Answer {
            http: self,
            status: head.status.as_u16(),
            length: header("content-length").and_then(|text| text.parse().ok()),
            etag: header("etag"),
            body,
            piece: Bytes::new(),
            sender: Some(sender),
        }
    }

    async fn connect(&self) -> io::Result<Sender> {
        let Server { tls, host, port } = &self.server;
        let stream = timeout(CONNECT_LIMIT, TcpStream::connect((host.as_str(), *port))).await.map_err(late)??;
        stream.set_nodelay(true)?;
        if !tls {
            return speak(stream).await;
        }
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        speak(timeout(CONNECT_LIMIT, self.tls.connect(name, stream)).await.map_err(late)??).await
    }
}

fn late<E>(_: E) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> io::Result<Sender> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        // Whoever waits for an answer hears of the end too.
        let _ = connection.await;
    });
    Ok(sender)
}

async fn exchange(sender: &mut Sender, request: &Request<Full<Bytes>>) -> io::Result<Response<Incoming>> {
    timeout(HEAD_LIMIT, sender.send_request(request.clone())).await.map_err(late)?.map_err(io::Error::other)
}

/// An answer; its connection is kept once it was read to its end.
pub struct Answer<'a> {
    http: &'a Http,
    pub status: u16,
    pub length: Option<u64>,
    pub etag: Option<String>,
    body: Incoming,
    piece: Bytes,
    sender: Option<Sender>,
}

impl io::Read for Answer<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            let next = async { timeout(PIECE_LIMIT, self.body.frame()).await };
            match self.http.runtime.block_on(next).map_err(late)? {
                Some(Ok(frame)) => self.piece = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => {
                    *self.http.slot() = self.sender.take();
                    return Ok(0);
                }
            }
        }
        let n = into.len().min(self.piece.len());
        into[..n].copy_from_slice(&self.piece.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        let server = |tls, host: &str, port| Some(Server { tls, host: host.to_owned(), port });
        for (url, expected) in [
            ("https://s3.example.com", server(true, "s3.example.com", 443)),
            ("https://S3.example.com:9000/", server(true, "s3.example.com", 9_000)),
            ("http://127.0.0.1:4568", server(false, "127.0.0.1", 4_568)),
            ("http://localhost", server(false, "localhost", 80)),
            ("http://s3.example.com", None),
            ("ftp://localhost", None),
            ("https://", None),
            ("https://user@example.com", None),
            ("https://example.com/path", None),
        ] {
            assert_eq!(Server::parse(url), expected, "{url}");
        }
    }
}
