//! What clients heard: an acknowledged success stays true, and one idempotency key has one answer.

use super::Audit;
use florin_core::attempt::{Move, State};
use florin_core::id::{Key, Kind};
use florin_core::payment::Stage;
use florin_core::refund::RefundStage;
use florin_core::time::Time;
use std::collections::{BTreeMap, BTreeSet};

/// An answer of a gateway, as its client reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    pub key: Key,
    pub status: String,
    pub amount: i64,
    pub of: Of,
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    Payment,
    Refund,
    Setup,
}

/// What lists promise.
pub const WHOLE_LISTS: &str = "lists hold everything once, newest first";

const SAME_ANSWER: &str = "a repeated request is answered as the first was";

/// An idempotency key is remembered for a day: later it may be taken anew.
const KEYS_LAST_MS: i64 = 23 * 3_600_000;

/// The first answer under an idempotency key: of what, and every byte of it.
struct First {
    about: Key,
    status: u16,
    body: Vec<u8>,
}

fn text(status: u16, body: &[u8]) -> String {
    format!("{status} {}", String::from_utf8_lossy(body))
}

struct KeyUsed {
    at: Time,
    /// The first answer that a client got under it.
    first: Option<First>,
}

#[derive(Default)]
pub struct Answers {
    by_claim: BTreeMap<i64, KeyUsed>,
    heard: BTreeSet<Heard>,
}

impl Audit {
    /// A merchant begins to use an idempotency key.
    pub fn key_used(&mut self, claim: i64, wall: Time) {
        self.answers.by_claim.insert(claim, KeyUsed { at: wall, first: None });
    }

    /// A client got this answer, of this status and body, under this idempotency key; reads have none.
    pub fn answered(&mut self, claim: Option<i64>, wall: Time, heard: &Heard, (status, body): (u16, &[u8])) {
        let about = heard.key;
        self.answers.heard.insert(heard.clone());
        let Some(used) = claim.and_then(|c| self.answers.by_claim.get_mut(&c)) else { return };
        if wall.since(used.at).abs() > KEYS_LAST_MS {
            return;
        }
        let first = used.first.get_or_insert_with(|| First { about, status, body: body.to_vec() });
        if (first.status, first.body.as_slice()) == (status, body) {
            return;
        }
        let same = first.about == about;
        let promise = if same { SAME_ANSWER } else { "a request is done once under one idempotency key" };
        let (first, then) = (text(first.status, &first.body), text(status, body));
        self.broken(promise, Some(about), || format!("first `{first}`, then `{then}`"));
    }

    /// A client was refused for good under this idempotency key.
    pub fn refused(&mut self, claim: i64, wall: Time, why: &str) {
        let used = self.answers.by_claim.get(&claim);
        let Some(used) = used.filter(|used| wall.since(used.at).abs() <= KEYS_LAST_MS) else { return };
        if let Some(first) = &used.first {
            let (about, first) = (first.about, text(first.status, &first.body));
            self.broken(SAME_ANSWER, Some(about), || format!("first `{first}`, then refused: {why}"));
        }
    }

    /// What a merchant knows to be there.
    pub fn acknowledged(&self, account: Key, kind: Kind) -> Vec<Key> {
        let of = |of: Of| match of {
            Of::Payment => Kind::Payment,
            Of::Refund => Kind::Refund,
            Of::Setup => Kind::Setup,
        };
        let heard = self.answers.heard.iter().filter(|h| of(h.of) == kind);
        heard.map(|h| h.key).filter(|key| self.accounts.get(key) == Some(&(account, kind))).collect()
    }

    /// A list as it was walked: newest first, nothing twice, nothing that is not there, and everything that was known to be there.
    pub fn listed(&mut self, path: &str, keys: &[Key], known: &[Key]) {
        let unordered = keys.windows(2).find(|pair| pair[0] <= pair[1]).map(|pair| pair[1]);
        let missing = known.iter().find(|key| !keys.contains(key)).copied();
        let invented = keys.iter().find(|key| !self.accounts.contains_key(key)).copied();
        for (key, what) in
            [(unordered, "stands twice or out of order"), (missing, "is left out"), (invented, "is not there")]
        {
            if let Some(key) = key {
                self.broken(WHOLE_LISTS, Some(key), || format!("{path}: {} of {} rows {what}", key.0, keys.len()));
            }
        }
    }

    /// Whether what clients heard still stands, after everything.
    pub(super) fn check_heard(&mut self) {
        let heard = std::mem::take(&mut self.answers.heard);
        for said in &heard {
            let stands = match said.of {
                Of::Payment => self.payment_stands(said),
                Of::Refund => self.refund_stands(said),
                Of::Setup => self.setup_stands(said),
            };
            if !stands {
                self.broken("an acknowledged answer stays true", Some(said.key), || {
                    format!("a client heard {} ({})", said.status, said.amount)
                });
            }
        }
    }

    fn payment_stands(&self, said: &Heard) -> bool {
        let Some(payment) = self.payment(said.key) else { return false };
        let was_held = || {
            let held = |what: &Move, state: &State| {
                matches!(what, Move::Authorization(_)) && matches!(state, State::Approved { .. })
            };
            payment.attempts.iter().any(|a| held(&a.what, &a.state))
        };
        match said.status.as_str() {
            "succeeded" => matches!(payment.stage, Stage::Succeeded { captured, .. } if captured == said.amount),
            "canceled" => matches!(payment.stage, Stage::Canceled { .. }),
            "requires_capture" => was_held(),
            _ => true,
        }
    }

    fn setup_stands(&self, said: &Heard) -> bool {
        let Some(setup) = self.setups.get(&said.key) else { return false };
        said.status != "succeeded" || setup.stage.status() == "succeeded"
    }

    fn refund_stands(&self, said: &Heard) -> bool {
        let Some(refund) = self.refund(said.key) else { return false };
        match said.status.as_str() {
            "succeeded" => matches!(refund.stage, RefundStage::Succeeded { .. }) && refund.money.minor == said.amount,
            "failed" => matches!(refund.stage, RefundStage::Failed { .. }),
            _ => true,
        }
    }
}
