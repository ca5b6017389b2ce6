//! What was sent and is no longer waited for, so that an answer that comes late or twice can be handed back with its attempt.
//! Outlives connections; bounded by number and by time. Knows no message format.

use super::{LinkSettings, Sent};
use crate::core::time::Time;
use florin_connect::iso8583::MatchKey;
use std::collections::{BTreeMap, VecDeque};

/// One shelf: what has been answered, or what has not.
struct Shelf {
    sent: BTreeMap<MatchKey, (Sent, u64)>,
    /// (forget after, key, number): oldest first. An entry whose number is not the shelved one is stale.
    oldest: VecDeque<(Time, MatchKey, u64)>,
    next: u64,
    limit_messages: usize,
    limit_ms: i64,
}

impl Shelf {
    fn new(limit_messages: usize, limit_ms: u32) -> Shelf {
        Shelf { sent: BTreeMap::new(), oldest: VecDeque::new(), next: 0, limit_messages, limit_ms: i64::from(limit_ms) }
    }

    fn put(&mut self, now: Time, key: MatchKey, sent: Sent) {
        self.next += 1;
        self.sent.insert(key, (sent, self.next));
        self.oldest.push_back((now.plus_ms(self.limit_ms), key, self.next));
        while self.oldest.front().is_some_and(|(until, ..)| self.oldest.len() > self.limit_messages || *until < now) {
            let Some((_, key, number)) = self.oldest.pop_front() else { break };
            if self.sent.get(&key).is_some_and(|(_, shelved)| *shelved == number) {
                self.sent.remove(&key);
            }
        }
    }
}

pub(super) struct Past {
    answered: Shelf,
    /// Apart from the answered ones, so that a busy link does not push out what may still be answered.
    unanswered: Shelf,
}

impl Past {
    pub fn new(settings: &LinkSettings) -> Past {
        Past {
            answered: Shelf::new(settings.answered_limit_messages, settings.answered_limit_ms),
            unanswered: Shelf::new(settings.unanswered_limit_messages, settings.unanswered_limit_ms),
        }
    }

    pub fn find(&self, key: &MatchKey) -> Option<&Sent> {
        let found = self.unanswered.sent.get(key).or_else(|| self.answered.sent.get(key));
        found.map(|(sent, _)| sent)
    }

    pub fn remember(&mut self, now: Time, key: MatchKey, sent: Sent, answered: bool) {
        if answered {
            self.unanswered.sent.remove(&key);
            self.answered.put(now, key, sent);
        } else {
            self.unanswered.put(now, key, sent);
        }
    }
}
