//! New events as they get their numbers, for whoever in this process wants to know: webhook lanes, streams, the CLI's listeners.
//! Holds no event itself.

use florin_core::commit::{SHARDS, shard};
use florin_core::id::Key;
use tokio::sync::watch;

/// Tells that something is new.
pub struct News {
    numbered: Vec<watch::Sender<u64>>,
    /// Webhook endpoints that were made or changed.
    endpoints: watch::Sender<u64>,
}

impl Default for News {
    fn default() -> News {
        News { numbered: (0..SHARDS).map(|_| watch::Sender::new(0)).collect(), endpoints: watch::Sender::new(0) }
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
    pub fn again(&self, account: Key) {
        self.numbered(shard(account));
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
}
