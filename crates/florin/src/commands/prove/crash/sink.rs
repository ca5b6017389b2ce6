//! A merchant's webhook server on loopback, which outlives everything that is killed: keeps what came, in order of coming, and answers
//! 200. Knows no payment.

use super::super::hooks::request;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DONE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// A delivery is smaller; whoever sends more is cut off.
const REQUEST_LIMIT_BYTES: usize = 4 << 20;

#[derive(Default)]
pub struct Came {
    /// Id of each event and the place at which it came first.
    pub first: BTreeMap<String, usize>,
    pub deliveries: usize,
    /// Deliveries that do not read.
    pub unreadable: usize,
}

pub struct Sink {
    pub port: u16,
    came: Arc<Mutex<Came>>,
}

impl Sink {
    pub async fn listen() -> std::io::Result<Sink> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (port, came) = (listener.local_addr()?.port(), Arc::default());
        let keep = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(take(socket, Arc::clone(&keep)));
            }
        });
        Ok(Sink { port, came })
    }

    pub fn came(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of these have not come.
    pub fn missing(&self, events: &[Value]) -> usize {
        let came = self.came();
        events.iter().filter(|e| e["id"].as_str().is_none_or(|id| !came.first.contains_key(id))).count()
    }
}

async fn take(mut socket: TcpStream, came: Arc<Mutex<Came>>) {
    let mut held = Vec::new();
    while matches!(socket.read_buf(&mut held).await, Ok(n) if n > 0) && held.len() < REQUEST_LIMIT_BYTES {
        while let Some(length) = request(&held) {
            let whole: Vec<u8> = held.drain(..length).collect();
            note(&mut came.lock().unwrap_or_else(PoisonError::into_inner), &whole);
            if socket.write_all(DONE).await.is_err() {
                return;
            }
        }
    }
}

fn note(came: &mut Came, whole: &[u8]) {
    let body = whole.windows(4).position(|four| four == b"\r\n\r\n").and_then(|at| whole.get(at + 4..));
    let event: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
    match event.as_ref().and_then(|event| event["id"].as_str()) {
        Some(id) => {
            came.first.entry(id.to_owned()).or_insert(came.deliveries);
        }
        None => came.unreadable += 1,
    }
    came.deliveries += 1;
}

/// Events of one thing that came in another order than the API lists them (newest first): (thing, event).
pub fn disordered(came: &Came, events: &[Value]) -> Vec<(String, String)> {
    let mut newest: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for event in events.iter().rev() {
        let thing = event.pointer("/data/object/id").and_then(Value::as_str).unwrap_or_default();
        let id = event["id"].as_str().unwrap_or_default();
        let Some(at) = came.first.get(id) else { continue };
        let before = newest.entry(thing).or_insert(*at);
        if *at < *before {
            wrong.insert((thing.to_owned(), id.to_owned()));
        }
        *before = (*before).max(*at);
    }
    wrong.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::{Came, disordered, note};
    use serde_json::{Value, json};

    #[test]
    fn the_order_of_each_thing_is_held() {
        let event = |id: &str, thing: &str| json!({ "id": id, "data": { "object": { "id": thing } } });
        let check = |coming: &[&str], expected: &[(&str, &str)]| {
            let mut came = Came::default();
            for id in coming {
                note(&mut came, format!("POST / HTTP/1.1\r\n\r\n{}", json!({ "id": id })).as_bytes());
            }
            let listed: Vec<Value> = vec![event("c", "one"), event("x", "two"), event("b", "one"), event("a", "one")];
            let found = disordered(&came, &listed);
            let found: Vec<(&str, &str)> = found.iter().map(|(t, e)| (t.as_str(), e.as_str())).collect();
            assert_eq!(found, expected, "{coming:?}");
        };
        check(&["a", "b", "c", "x"], &[]);
        check(&["x", "a", "b", "a", "c"], &[]);
        check(&["b", "a", "c", "x"], &[("one", "b")].map(|_| ("one", "b")));
        check(&["c", "x", "b", "a"], &[("one", "b"), ("one", "c")]);
    }
}
