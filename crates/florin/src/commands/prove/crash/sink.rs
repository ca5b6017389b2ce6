//! A merchant's webhook server on loopback, which outlives everything that is killed: keeps what came, in order of coming, and answers
//! 200. Knows no payment.

use super::super::hooks::request;
use crate::gateway::ports::now;
use florin_core::deliver::WAITS_MS;
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
    /// Id of each event, the place at which it came first, and when; seconds.
    pub first: BTreeMap<String, (usize, i64)>,
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
        let (keep, listener) = (Arc::clone(&came), listener.into_std()?);
        // A thread of its own: who waits for a starter here must not make a merchant's server slow.
        std::thread::spawn(move || serve(listener, &keep));
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

/// Ends only with an error, and then every event is missed.
fn serve(listener: std::net::TcpListener, came: &Arc<Mutex<Came>>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(take(socket, Arc::clone(came)));
        }
        Ok(())
    })
}

async fn take(mut socket: TcpStream, came: Arc<Mutex<Came>>) {
    let mut held = Vec::new();
    while matches!(socket.read_buf(&mut held).await, Ok(n) if n > 0) && held.len() < REQUEST_LIMIT_BYTES {
        while let Some(length) = request(&held) {
            let whole: Vec<u8> = held.drain(..length).collect();
            note(&mut came.lock().unwrap_or_else(PoisonError::into_inner), &whole, now().seconds());
            if socket.write_all(DONE).await.is_err() {
                return;
            }
        }
    }
}

fn note(came: &mut Came, whole: &[u8], at: i64) {
    let body = whole.windows(4).position(|four| four == b"\r\n\r\n").and_then(|at| whole.get(at + 4..));
    let event: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
    match event.as_ref().and_then(|event| event["id"].as_str()) {
        Some(id) => {
            came.first.entry(id.to_owned()).or_insert((came.deliveries, at));
        }
        None => came.unreadable += 1,
    }
    came.deliveries += 1;
}

/// Events of one thing that came in another order than the API lists them (newest first): (thing, event). An event waits for an earlier
/// one that cannot be delivered for a minute at most: what came then, or later, is in order.
pub fn disordered(came: &Came, events: &[Value]) -> Vec<(String, String)> {
    let mut newest: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    for event in events.iter().rev() {
        let thing = event.pointer("/data/object/id").and_then(Value::as_str).unwrap_or_default();
        let id = event["id"].as_str().unwrap_or_default();
        let Some((place, at)) = came.first.get(id) else { continue };
        let this = (*place, event["created"].as_i64().unwrap_or(0));
        let before = newest.entry(thing).or_insert(this);
        if *place < before.0 && *at < before.1 + WAITS_MS / 1_000 {
            wrong.insert((thing.to_owned(), id.to_owned()));
        }
        *before = (*before).max(this);
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
        let check = |at: i64, coming: &[&str], expected: &[(&str, &str)]| {
            let mut came = Came::default();
            for id in coming {
                note(&mut came, format!("POST / HTTP/1.1\r\n\r\n{}", json!({ "id": id })).as_bytes(), at);
            }
            let listed: Vec<Value> = vec![event("c", "one"), event("x", "two"), event("b", "one"), event("a", "one")];
            let found = disordered(&came, &listed);
            let found: Vec<(&str, &str)> = found.iter().map(|(t, e)| (t.as_str(), e.as_str())).collect();
            assert_eq!(found, expected, "{coming:?}");
        };
        check(0, &["a", "b", "c", "x"], &[]);
        check(0, &["x", "a", "b", "a", "c"], &[]);
        check(0, &["b", "a", "c", "x"], &[("one", "b")]);
        check(59, &["c", "x", "b", "a"], &[("one", "b"), ("one", "c")]);
        // Made and come in whole seconds: what waited for its minute comes sixty later.
        check(60, &["c", "x", "b", "a"], &[]);
    }
}
