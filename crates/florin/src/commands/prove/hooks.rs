//! A receiver of webhooks on loopback, which answers each with 200 and keeps what came. Knows no event.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DONE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub struct Hooks {
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    requests: usize,
}

impl Hooks {
    pub async fn listen() -> std::io::Result<Hooks> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, kept) = (listener.local_addr()?.port(), Arc::new(Mutex::new(Kept::default())));
        let keep = Arc::clone(&kept);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(take(socket, Arc::clone(&keep)));
            }
        });
        Ok(Hooks { port, kept })
    }

    /// Waits for so many deliveries, but no longer than that; gives all that came.
    pub async fn came(&self, requests: usize, within: Duration) -> Vec<u8> {
        let enough = async {
            while self.kept.lock().unwrap_or_else(PoisonError::into_inner).requests < requests {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(within, enough).await;
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }
}

async fn take(mut socket: TcpStream, kept: Arc<Mutex<Kept>>) {
    let mut held = Vec::new();
    while matches!(socket.read_buf(&mut held).await, Ok(n) if n > 0) {
        while let Some(length) = request(&held) {
            {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes.extend(held.drain(..length));
                kept.requests += 1;
            }
            if socket.write_all(DONE).await.is_err() {
                return;
            }
        }
    }
}

/// The length of the first request, once all of it is there.
pub fn request(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = end + length.unwrap_or(0);
    (bytes.len() >= whole).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::request;

    #[test]
    fn requests_are_told_apart() {
        let check = |text: &str, expected: Option<usize>| assert_eq!(request(text.as_bytes()), expected, "{text}");
        check("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}next", Some(40));
        check("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{", None);
        check("GET / HTTP/1.1\r\n\r\n", Some(18));
        check("GET / HTTP/1.1\r\n", None);
    }
}
