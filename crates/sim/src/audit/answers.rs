//! What clients heard: an acknowledged success stays true, and one idempotency key has one answer.

use super::Audit;
use florin_core::attempt::{Move, State};
use florin_core::id::Key;
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

impl Heard {
    /// Reads what the gateways' `render` writes.
    pub fn read(answer: &[u8]) -> Option<Heard> {
        let text = std::str::from_utf8(answer).ok()?;
        let mut words = text.split(' ');
        let of = match words.next()? {
            "payment" => Of::Payment,
            "refund" => Of::Refund,
            "setup" => Of::Setup,
            _ => return None,
        };
        let key = Key(words.next()?.parse().ok()?);
        let status = words.next()?.to_owned();
        let amount = words.next()?.parse().ok()?;
        Some(Heard { key, status, amount, of })
    }
}

const SAME_ANSWER: &str = "a repeated request is answered as the first was";

/// An idempotency key is remembered for a day: later it may be taken anew.
const KEYS_LAST_MS: i64 = 23 * 3_600_000;

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

struct KeyUsed {
    at: Time,
    /// The first answer that a client got under it.
    first: Option<Vec<u8>>,
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

    /// A client got this answer under this idempotency key; reads have none.
    pub fn answered(&mut self, claim: Option<i64>, wall: Time, answer: &[u8]) {
        let Some(heard) = Heard::read(answer) else { return };
        let about = heard.key;
        self.answers.heard.insert(heard);
        let Some(used) = claim.and_then(|c| self.answers.by_claim.get_mut(&c)) else { return };
        if wall.since(used.at).abs() > KEYS_LAST_MS {
            return;
        }
        let first = used.first.get_or_insert_with(|| answer.to_vec());
        if first == answer {
            return;
        }
        let promise = match Heard::read(first) {
            Some(heard) if heard.key == about => SAME_ANSWER,
            _ => "a request is done once under one idempotency key",
        };
        let (first, then) = (text(first), text(answer));
        self.broken(promise, Some(about), || format!("first `{first}`, then `{then}`"));
    }

    /// A client was refused for good under this idempotency key.
    pub fn refused(&mut self, claim: i64, wall: Time, why: &str) {
        let used = self.answers.by_claim.get(&claim);
        let Some(used) = used.filter(|used| wall.since(used.at).abs() <= KEYS_LAST_MS) else { return };
        if let Some(first) = &used.first {
            let about = Heard::read(first).map(|heard| heard.key);
            let first = text(first);
            self.broken(SAME_ANSWER, about, || format!("first `{first}`, then refused: {why}"));
        }
    }

    /// A list of an account's payments: newest first, and with everything that a client knows to be there.
    pub fn listed(&mut self, answer: &[u8], known: &[Key]) {
        let text = String::from_utf8_lossy(answer);
        let keys: Vec<i64> = text.split(' ').skip(1).filter_map(|word| word.parse().ok()).collect();
        let sorted = keys.windows(2).all(|pair| pair[0] > pair[1]);
        let missing = known.iter().find(|key| !keys.contains(&key.0)).copied();
        if !sorted || missing.is_some() {
            self.broken("lists hold what was acknowledged, newest first", missing, || format!("{} rows", keys.len()));
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
