//! A movement: money in or out of a merchant's balance, made in the commit that captures or gives back, changed once, when the
//! acquirer has settled it. Knows no report.

use crate::attempt::{Attempt, Move, Place};
use crate::codec::Body;
use crate::commit::{IndexEntry, Row, Version};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::ledger::{self, Transfer};
use crate::money::Money;
use crate::record::Record;
use crate::terminal::HOUSE;
use crate::time::Time;
use crate::wire::WireId;
use serde::{Deserialize, Serialize};

/// What the money moved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// `capture` when an authorization was claimed, otherwise a sale.
    Charge {
        charge: Key,
        capture: bool,
    },
    Refund {
        refund: Key,
        charge: Key,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settled {
    /// The acquirer's report does not name it yet.
    Pending,
    /// By this line of this report, which names what others kept of it: minor units, below zero when they gave back.
    By { report: u64, line: u32, cost: i64, at: Time },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    pub payment: Key,
    pub source: Source,
    /// In the merchant's favour: below zero for a refund.
    pub money: Money,
    /// What the merchant pays us for it, minor units, zero or more.
    pub fee: i64,
    pub live: bool,
    /// The message that moved it, as the acquirer knows it.
    pub wire: WireId,
    /// When it is expected to be available.
    pub expected: Time,
    /// Its place among the movements of all merchants, in order of their commits.
    pub place: Key,
    pub settled: Settled,
}

impl Body for Movement {
    const FORMAT: u8 = 1;
}

impl Record for Movement {
    const KIND: Kind = Kind::Movement;
}

pub type MovementView = View<Movement>;

/// Generators leave this bit of a key zero, so a movement's key is found from its attempt's and is nobody else's.
const MARK: i64 = 1 << 15;

/// The key of the movement that this sale, completion or refund makes.
pub const fn key_of(attempt: Key) -> Key {
    Key(attempt.0 | MARK)
}

impl Movement {
    /// Net amount in the merchant's favour, minor units.
    pub const fn net(&self) -> i64 {
        self.money.minor.saturating_sub(self.fee)
    }
    pub const fn is_pending(&self) -> bool {
        matches!(self.settled, Settled::Pending)
    }
    /// When it is, or is expected to be, available.
    pub const fn available(&self) -> Time {
        match self.settled {
            Settled::Pending => self.expected,
            Settled::By { at, .. } => at,
        }
    }
}

/// A movement that the commit of its attempt is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewMovement {
    attempt: Key,
    body: Movement,
}

impl NewMovement {
    /// What was captured by a sale or a completion.
    pub fn of_capture(place: Place, attempt: &Attempt, charge: Key, live: bool) -> NewMovement {
        let capture = matches!(attempt.what, Move::Completion(_));
        let fee = place.fees.rounded_half_up(attempt.money).minor;
        NewMovement::new(place, attempt, place.key, Source::Charge { charge, capture }, attempt.money, fee, live)
    }

    /// What a refund gave back: the fee of the capture stays with us, and a refund is free.
    pub fn of_refund(place: Place, attempt: &Attempt, payment: Key, charge: Key, live: bool) -> NewMovement {
        let source = Source::Refund { refund: place.key, charge };
        let money = attempt.money.with_minor(attempt.money.minor.saturating_neg());
        NewMovement::new(place, attempt, payment, source, money, 0, live)
    }

    fn new(
        place: Place,
        attempt: &Attempt,
        payment: Key,
        source: Source,
        money: Money,
        fee: i64,
        live: bool,
    ) -> NewMovement {
        let (wire, expected) = (attempt.wire, place.fees.settles(place.now));
        let settled = Settled::Pending;
        let body = Movement { payment, source, money, fee, live, wire, expected, place: Key(0), settled };
        NewMovement { attempt: attempt.key, body }
    }

    /// The transfer of its fee.
    pub fn fee(&self, account: Key) -> Option<Transfer> {
        ledger::fee(account, self.body.money.with_minor(self.body.fee))
    }

    /// Its first row. `place` is a fresh key.
    pub fn row(mut self, account: Key, now: Time, place: Key) -> Row {
        self.body.place = place;
        let mut index = vec![IndexEntry { under: HOUSE, kind: Kind::Movement, key: place }];
        if let Source::Charge { charge, capture: true } = self.body.source {
            // The completion carries the RRN of its authorization: a report names it by that.
            index.push(IndexEntry { under: HOUSE, kind: Kind::Charge, key: charge });
        }
        Row {
            key: key_of(self.attempt),
            version: Version(1),
            kind: Kind::Movement,
            account,
            at: now,
            body: self.body.encode(),
            personal: None,
            index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::State;
    use crate::fees::Fees;
    use crate::id::KeyGen;
    use crate::ledger::{Book, Reason};
    use crate::sample::{ACCOUNT, CHARGE, NOW, OPEN, PAYMENT, SALE, attempt, eur, every_move, original};

    const FEES: Fees = Fees { basis_points: 140, fixed_minor: 25, settles_after_ms: 60_000 };
    const PLACE: Place = Place { account: ACCOUNT, key: PAYMENT, now: NOW, fees: FEES };

    fn body(source: Source, minor: i64, fee: i64, wire: WireId) -> Movement {
        let (expected, settled) = (NOW.plus_ms(60_000), Settled::Pending);
        let (payment, money) = (PAYMENT, eur(minor));
        Movement { payment, source, money, fee, live: true, wire, expected, place: Key(9), settled }
    }

    #[test]
    fn rows_of_captures_and_refunds() {
        #[track_caller]
        fn check(new: NewMovement, expected: Movement, by_charge: Option<Key>, fee: i64) {
            let transfer = Transfer {
                debit: (ACCOUNT, Book::Merchant),
                credit: (ACCOUNT, Book::FeeIncome),
                money: eur(fee),
                reason: Reason::Fee,
            };
            assert_eq!(new.fee(ACCOUNT), (fee > 0).then_some(transfer));
            let row = new.row(ACCOUNT, NOW, Key(9));
            assert_eq!(Movement::decode(&row.body), Ok(expected));
            assert_eq!((row.key, row.version, row.account), (key_of(OPEN), Version(1), ACCOUNT));
            let house = |kind, key| IndexEntry { under: HOUSE, kind, key };
            let by_charge = by_charge.map(|key| house(Kind::Charge, key));
            let index: Vec<IndexEntry> = [house(Kind::Movement, Key(9))].into_iter().chain(by_charge).collect();
            assert_eq!(row.index, index);
        }
        let sale = attempt(OPEN, SALE, 2, State::Sent);
        let sold = Source::Charge { charge: OPEN, capture: false };
        check(NewMovement::of_capture(PLACE, &sale, OPEN, true), body(sold, 1000, 39, sale.wire), None, 39);
        let completion = attempt(OPEN, Move::Completion(original()), 2, State::Sent);
        let claimed = Source::Charge { charge: CHARGE, capture: true };
        let new = NewMovement::of_capture(PLACE, &completion, CHARGE, true);
        check(new, body(claimed, 1000, 39, completion.wire), Some(CHARGE), 39);
        let refund = attempt(OPEN, every_move()[4], 2, State::Sent);
        let source = Source::Refund { refund: Key(7), charge: CHARGE };
        let new = NewMovement::of_refund(Place { key: Key(7), ..PLACE }, &refund, PAYMENT, CHARGE, true);
        check(new, body(source, -1000, 0, refund.wire), None, 0);
    }

    #[test]
    fn no_generator_makes_the_key_of_a_movement() {
        let mut keys = KeyGen::new(31, None);
        for n in 0..2_000 {
            let key = keys.next(Time(1_000 + n / 1_500));
            assert_ne!(key, key_of(key));
            assert_eq!(key.0 & MARK, 0);
        }
    }
}
