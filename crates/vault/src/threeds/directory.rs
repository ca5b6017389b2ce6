//! The way to the directory server: one JSON message over mutual TLS and its answer, a connection each. Knows no message.

use crate::line::{interest, read_some, write_some};
use crate::tls::{TlsFiles, TlsSession, TlsSetupError, client_config, server_name};
use florin_connect::threeds::MESSAGE_LIMIT_BYTES;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// From connecting to the last byte of the answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Messages at a time; more wait.
const AT_ONCE_LIMIT: usize = 64;
/// The longest answer with its head: the ranges of a whole network.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// Where the directory is.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// `host:port`.
    pub address: String,
    /// The name in its certificate.
    pub name: String,
    pub tls: TlsFiles,
}

pub struct Directory {
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    room: Semaphore,
}

impl Directory {
    pub fn new(settings: &DirectorySettings) -> Result<Directory, TlsSetupError> {
        let (tls, name) = (client_config(&settings.tls)?, server_name(&settings.name)?);
        Ok(Directory { address: settings.address.clone(), name, tls, room: Semaphore::new(AT_ONCE_LIMIT) })
    }

    /// The body of the answer, if there is one with status 200.
    pub(super) async fn ask(&self, path: &str, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let _room = self.room.acquire().await.ok()?;
        if body.len() > MESSAGE_LIMIT_BYTES {
            return None;
        }
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            body.len()
        );
        let mut request = Zeroizing::new(Vec::with_capacity(head.len() + body.len()));
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body);
        tokio::time::timeout(ANSWER_LIMIT, self.exchange(&request)).await.ok()?
    }

    async fn exchange(&self, request: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let stream = TcpStream::connect(&self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let mut session = TlsSession::new(Arc::clone(&self.tls), self.name.clone()).ok()?;
        let mut got = Zeroizing::new(Vec::new());
        let mut asked = false;
        loop {
            if session.is_ready() && !asked {
                session.send(request).ok()?;
                asked = true;
            }
            write_some(&stream, &mut session).ok()?;
            stream.ready(interest(&session)).await.ok()?;
            let open = read_some(&stream, &mut session, &mut |plain| append(&mut got, plain)).ok()?;
            crate::wipe::touched();
            if let Some(body) = whole(&got) {
                return Some(body);
            }
            if !open || session.is_closed() || got.len() > ANSWER_LIMIT_BYTES {
                return None;
            }
        }
    }
}

/// Grown by hand, so that the smaller buffer is wiped.
fn append(got: &mut Zeroizing<Vec<u8>>, plain: &[u8]) {
    let needed = got.len() + plain.len();
    if needed > got.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
        larger.extend_from_slice(got);
        *got = larger;
    }
    got.extend_from_slice(plain);
}

/// The body of an answer that is there whole: status 200, with its length.
fn whole(got: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const END: &[u8] = b"\r\n\r\n";
    let at = got.windows(END.len()).position(|w| w == END)?;
    let head = std::str::from_utf8(got.get(..at)?).ok()?;
    let mut lines = head.split("\r\n");
    if lines.next()?.split(' ').nth(1) != Some("200") {
        return None;
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    })?;
    let body = got.get(at + END.len()..)?;
    body.get(..length).map(|body| Zeroizing::new(body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        #[track_caller]
        fn check(got: &str, expected: Option<&str>) {
            let body = whole(got.as_bytes());
            assert_eq!(body.as_ref().map(|b| b.as_slice()), expected.map(str::as_bytes), "{got:?}");
        }
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some("{}"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}more", Some("{}"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}", None);
        check("HTTP/1.1 200 OK\r\n\r\n{}", None);
        check("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 2", None);
        check("", None);
    }
}
