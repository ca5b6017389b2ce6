//! Cards for later: each was verified or paid with before it was kept, and what was agreed to be kept is kept.

use super::Audit;
use crate::world::World;
use florin_core::attempt::{Attempt, Move, State};
use florin_core::commit::Row;
use florin_core::id::Key;
use florin_core::method::{Hold, PaymentMethod};
use florin_core::money::Currency;
use florin_core::setup::{Setup, SetupStage};
use florin_sandbox::{Kind, Standing};
use std::collections::{BTreeMap, BTreeSet};

const KEPT: &str = "a card that was agreed to be kept is kept";

impl World {
    pub(super) fn stored_setup(&mut self, row: &Row, setup: Setup) {
        let before = self.audit.setups.get(&row.key).cloned();
        let was = before.as_ref().map_or(&[][..], |s| &s.attempts);
        for attempt in &setup.attempts {
            self.stepped(row.key, was.iter().find(|a| a.key == attempt.key), attempt);
        }
        let status = setup.stage.status();
        self.tell(Some(row.key), || format!("setup {} is {status}", row.key.0));
        self.audit.proofs(row.key, &setup.attempts);
        self.audit.setups.insert(row.key, setup);
    }

    pub(super) fn stored_method(&mut self, row: &Row, method: PaymentMethod) {
        self.audit.methods.insert(row.key, method);
    }

    /// After the storm: what is kept, and what the issuers say of it.
    pub(super) fn cards_agree(&mut self, books: &BTreeMap<String, Standing>) {
        let verified: BTreeSet<(String, u64)> = self
            .host
            .books()
            .entries()
            .iter()
            .filter(|e| e.kind == Kind::Verification)
            .map(|e| (e.rrn.as_str().to_owned(), e.network_id))
            .collect();
        let setups: Vec<(Key, Setup)> = self.audit.setups.iter().map(|(k, s)| (*k, s.clone())).collect();
        for (key, setup) in setups {
            for attempt in &setup.attempts {
                self.attempt_agrees(key, attempt, (0, 0, 0), Currency::USD, books);
            }
            match setup.stage {
                SetupStage::Succeeded { attempt, .. } => {
                    let approved = setup.attempt(attempt).filter(|a| matches!(a.state, State::Approved { .. }));
                    let named = approved.and_then(|a| Some((a.wire.rrn.text(), a.network_id()?.0)));
                    if named.is_none_or(|named| !verified.contains(&named)) {
                        self.audit.broken("a card that was set up was verified by its issuer", Some(key), || {
                            "the issuer knows nothing of it".into()
                        });
                    }
                    if let Some(attempt) = approved {
                        self.audit.is_kept(key, setup.method_of(attempt.card).map(|m| m.key), setup.customer, attempt);
                    }
                }
                SetupStage::Processing { .. } => {
                    self.audit.broken("every attempt ends", Some(key), || "the setup is processing".into());
                }
                SetupStage::RequiresPaymentMethod { .. }
                | SetupStage::RequiresConfirmation
                | SetupStage::RequiresAction { .. }
                | SetupStage::Canceled { .. } => {}
            }
        }
        self.audit.payments_keep_their_cards();
    }
}

impl Audit {
    /// A card that a customer has.
    pub fn kept(&self, method: Key) -> Option<&PaymentMethod> {
        self.methods.get(&method).filter(|m| m.customer().is_some())
    }

    fn payments_keep_their_cards(&mut self) {
        let mut kept = vec![];
        for (key, payment) in &self.payments {
            let (Some(_), Some(customer)) = (payment.terms.future_use, payment.customer) else { continue };
            for attempt in payment.attempts.iter().filter(|a| is_approved_charge(a)) {
                kept.push((*key, payment.method(attempt.card).map(|m| m.key), customer, attempt.clone()));
            }
        }
        for (key, method, customer, attempt) in kept {
            self.is_kept(key, method, Some(customer), &attempt);
        }
    }

    fn is_kept(&mut self, owner: Key, method: Option<Key>, customer: Option<Key>, attempt: &Attempt) {
        let (Some(method), Some(customer)) = (method, customer) else { return };
        let found = self.methods.get(&method);
        let held = found.is_some_and(|m| m.hold == Hold::Customer(customer) && m.network_id.is_some());
        if !held {
            let hold = found.map(|m| m.hold);
            self.broken(KEPT, Some(owner), || format!("method {}: {hold:?} after attempt {}", method.0, attempt.key.0));
        }
    }
}

fn is_approved_charge(attempt: &Attempt) -> bool {
    match attempt.what {
        Move::Sale(_) | Move::Authorization(_) => attempt.approval().is_some(),
        Move::Completion(_) | Move::Void(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_) => false,
    }
}
