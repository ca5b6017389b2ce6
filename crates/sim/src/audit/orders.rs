//! Looks at every order that is handed to a vault: durable before it is sent, with trace numbers that no other message has.

use super::Audit;
use crate::words;
use crate::world::World;
use florin_core::id::Key;
use florin_core::payment::Payment;
use florin_core::time::Time;
use florin_core::wire::{Order, WireId};

/// A message that was given a terminal and a STAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    attempt: Key,
    at: Time,
}

/// Trace numbers of a terminal come round no sooner than this.
const A_DAY_MS: i64 = 86_400_000;

impl Audit {
    /// What is charged is what the merchant signed, and a code is one payment's.
    pub(super) fn ordered(&mut self, key: Key, payment: &Payment) {
        let Some(order) = &payment.order else { return };
        let first = *self.codes.entry((order.key, order.nonce.clone())).or_insert(key);
        if first != key {
            self.broken("an order code pays once", Some(key), || format!("payment {} has it", first.0));
        }
        if let Err(refusal) = order.fits(payment.money, payment.customer) {
            self.broken("what is charged is what was signed", Some(key), || format!("{refusal:?}"));
        }
        let most = order.money.minor;
        let moved = payment.attempts.iter().find(|a| a.money.minor > most).map(|a| a.money.minor);
        if payment.received() > most || moved.is_some() {
            self.broken("what is charged is what was signed", Some(key), || format!("{moved:?} of {most}"));
        }
    }

    /// A message became durable with these trace numbers.
    pub(super) fn durable(&mut self, owner: Key, attempt: Key, wire: &WireId) {
        let used = self.used.entry((wire.terminal.0, wire.stan)).or_default();
        let new = Used { attempt, at: wire.at };
        if used.contains(&new) {
            return;
        }
        let clash = used.iter().find(|u| u.at.since(wire.at).abs() < A_DAY_MS).copied();
        used.push(new);
        if let Some(clash) = clash {
            let (terminal, stan) = (wire.terminal.text(), wire.stan);
            self.broken("a trace number is used once a day", Some(owner), || {
                format!("{terminal} STAN {stan:06} belongs to attempt {} already", clash.attempt.0)
            });
        }
    }
}

impl World {
    pub fn check_order(&mut self, order: &Order) {
        self.trace.mix(order.attempt.0 ^ i64::from(order.wire.stan));
        self.tell(Some(order.owner), || format!("to the vault: {}", words::order(order)));
        let wire = &order.wire;
        let used = self.audit.used.get(&(wire.terminal.0, wire.stan)).into_iter().flatten();
        let durable = used.into_iter().any(|u| u.attempt == order.attempt && u.at == wire.at);
        if !durable {
            self.audit
                .broken("an attempt is durable before its message leaves", Some(order.owner), || words::order(order));
        }
        let money = self.audit.attempt(order.attempt).map(|a| a.money);
        if durable && money != Some(order.money) {
            self.audit.broken("what is sent is what was decided", Some(order.owner), || {
                format!("{} where {money:?} is durable", words::order(order))
            });
        }
    }
}
