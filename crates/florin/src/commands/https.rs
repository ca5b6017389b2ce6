//! A light HTTPS client for commands that ask the API of a demo: one connection, its records and its answers under control. Knows
//! HTTP/1.1 as far as the edge answers it.

use crate::fail::Fail;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// With everything expanded an answer has up to 1 MiB.
const ANSWER_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// An API on loopback.
#[derive(Clone)]
pub struct Target {
    port: u16,
    tls: TlsConnector,
}

impl Target {
    /// A port of loopback whose certificate the CA in this file signed for `localhost`.
    pub fn new(port: u16, ca: &Path) -> Result<Target, Fail> {
        let bad = |what: String| Fail::new("bad_ca", format!("{}: {what}", ca.display()));
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
        Ok(Line { stream: self.tls.connect(name, socket).await?, held: Vec::new(), given: 0 })
    }
}

/// One connection.
pub struct Line {
    stream: TlsStream<TcpStream>,
    /// What came and was not taken yet.
    held: Vec<u8>,
    /// How much of it was given out as the last answer.
    given: usize,
}

impl Line {
    /// Sends a request and gives the status and the body of its answer.
    pub async fn ask(&mut self, request: &[u8]) -> std::io::Result<(u16, &[u8])> {
        self.send(request).await?;
        self.answer().await
    }

    /// Sends these bytes as TLS records of their own.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Status and body of the next answer.
    pub async fn answer(&mut self) -> std::io::Result<(u16, &[u8])> {
        self.held.drain(..std::mem::take(&mut self.given));
        loop {
            if let Some((status, from, to)) = answer(&self.held) {
                self.given = to;
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
