//! Requests as they are answered, for whoever listens in this process. Holds nothing of their bodies, queries or senders.

use florin_core::id::Key;
use florin_core::time::Time;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Entries that a slow listener may be behind.
const BEHIND: usize = 1_024;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub id: String,
    pub account: Key,
    pub live: bool,
    pub at: Time,
    pub method: String,
    /// Without its query.
    pub path: String,
    pub status: u16,
    pub error: Option<HeardError>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeardError {
    pub kind: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub message: Option<String>,
    pub param: Option<String>,
}

#[derive(Clone)]
pub struct Feed(broadcast::Sender<Arc<Heard>>);

impl Default for Feed {
    fn default() -> Feed {
        Feed(broadcast::Sender::new(BEHIND))
    }
}

impl Feed {
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.0.subscribe()
    }
    /// Returns at once; costs nothing when nobody listens.
    pub fn tell(&self, entry: impl FnOnce() -> Heard) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Arc::new(entry()));
        }
    }
}
