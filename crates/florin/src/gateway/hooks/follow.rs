//! New events as they get their numbers, for whoever in this process wants to know: webhook lanes, streams, the CLI's listeners.
//! Holds no event itself.

// Webhooks use the news; those who listen without an endpoint use the rest.
#![allow(dead_code)]

use florin_core::commit::{SHARDS, shard};
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::store::{Query, SequencedEvent, Store};
use tokio::sync::{broadcast, watch};

/// Events that a follower gets at a time.
const AT_ONCE: u32 = 256;
/// Repeats that a listener may be behind by.
const REPEATS_KEPT: usize = 256;

/// Tells that something is new.
pub struct News {
    numbered: Vec<watch::Sender<u64>>,
    /// Webhook endpoints that were made or changed.
    endpoints: watch::Sender<u64>,
    again: broadcast::Sender<(Key, Key)>,
}

impl Default for News {
    fn default() -> News {
        News {
            numbered: (0..SHARDS).map(|_| watch::Sender::new(0)).collect(),
            endpoints: watch::Sender::new(0),
            again: broadcast::Sender::new(REPEATS_KEPT),
        }
    }
}

impl News {
    /// Events of a shard have got numbers.
    pub fn numbered(&self, shard: u8) {
        if let Some(sender) = self.numbered.get(usize::from(shard)) {
            sender.send_modify(|n| *n = n.wrapping_add(1));
        }
    }
    pub fn endpoints_changed(&self) {
        self.endpoints.send_modify(|n| *n = n.wrapping_add(1));
    }
    /// Somebody asked that an event be told again, to whoever listens.
    pub fn repeat(&self, account: Key, event: Key) {
        // Nobody listening is no failure.
        let _ = self.again.send((account, event));
    }

    /// Wakes when events of the account's shard have got numbers since the last look.
    pub fn of(&self, account: Key) -> watch::Receiver<u64> {
        let sender = self.numbered.get(usize::from(shard(account)));
        sender.map_or_else(|| watch::channel(0).1, watch::Sender::subscribe)
    }
    /// Wakes when an endpoint was made or changed since the last look.
    pub fn endpoints(&self) -> watch::Receiver<u64> {
        self.endpoints.subscribe()
    }
    /// (account, id) of events that are to be told again.
    pub fn repeats(&self) -> broadcast::Receiver<(Key, Key)> {
        self.again.subscribe()
    }
}

/// Reads an account's events as they get their numbers, each once, in order.
pub struct Follower {
    account: Key,
    after: u64,
    news: watch::Receiver<u64>,
}

impl Follower {
    /// Begins with the next event that gets a number.
    pub async fn from_now(store: &dyn Store, news: &News, account: Key) -> Result<Follower, Failure> {
        let receiver = news.of(account);
        let head = store.find(Query::ChainHead { shard: shard(account) }).await?.head();
        Ok(Follower { account, after: head.map_or(0, |h| h.sequence), news: receiver })
    }

    /// The next events, at least one; waits for them. Those that merchants are not told of are among them
    /// (`EventKind::is_public`). May be dropped while it waits.
    pub async fn next(&mut self, store: &dyn Store) -> Result<Vec<SequencedEvent>, Failure> {
        loop {
            self.news.borrow_and_update();
            let (account, after) = (self.account, self.after);
            let query = Query::OfAccount { account, after, before: u64::MAX, backwards: false, limit: AT_ONCE };
            let found = store.find(query).await?.sequenced();
            if let Some(last) = found.last() {
                self.after = last.link.sequence;
                return Ok(found);
            }
            if self.news.changed().await.is_err() {
                // The process ends.
                std::future::pending::<()>().await;
            }
        }
    }
}
