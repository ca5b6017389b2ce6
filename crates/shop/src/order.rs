//! What an order is, and what becomes of it when the gateway says something of its payment. Pure: knows no database and no clock.

use crate::money::Currency;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The customer ordered; nothing is paid.
    Placed,
    /// The bank is being asked. Nobody gives another card meanwhile.
    Paying,
    /// The bank wants the customer to confirm; another card may be given instead.
    Confirming,
    Paid,
    Fulfilled,
    Cancelled,
    Refunded,
    Disputed,
    /// Paid otherwise than it was ordered: a person must look, nothing is sent.
    Review,
}

impl Stage {
    pub const ALL: &[Stage] = &[
        Stage::Placed,
        Stage::Paying,
        Stage::Confirming,
        Stage::Paid,
        Stage::Fulfilled,
        Stage::Cancelled,
        Stage::Refunded,
        Stage::Disputed,
        Stage::Review,
    ];
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Placed => "placed",
            Stage::Paying => "paying",
            Stage::Confirming => "confirming",
            Stage::Paid => "paid",
            Stage::Fulfilled => "fulfilled",
            Stage::Cancelled => "cancelled",
            Stage::Refunded => "refunded",
            Stage::Disputed => "disputed",
            Stage::Review => "review",
        }
    }
    pub fn parse(text: &str) -> Option<Stage> {
        Stage::ALL.iter().copied().find(|s| s.name() == text)
    }
    /// Money may still come.
    pub const fn is_open(self) -> bool {
        matches!(self, Stage::Placed | Stage::Paying | Stage::Confirming)
    }
    /// A card may be given.
    pub const fn takes_card(self) -> bool {
        matches!(self, Stage::Placed | Stage::Confirming)
    }
    /// Money came and some of it may go back.
    pub const fn is_refundable(self) -> bool {
        matches!(self, Stage::Paid | Stage::Fulfilled | Stage::Review)
    }
}

/// An order as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub id: String,
    /// What people call it.
    pub number: i64,
    pub stage: Stage,
    pub currency: Currency,
    pub total: i64,
    /// What the gateway says went back.
    pub refunded: i64,
    /// Counts the payments that were made for it at the gateway: one at a time.
    pub attempt: u32,
    pub intent: Option<String>,
    /// What came in, once it did.
    pub received: i64,
    /// Seconds since 1970.
    pub placed: i64,
    pub changed: i64,
    /// What it is signed with: what was paid must bear the same.
    pub code: Option<String>,
}

impl Order {
    /// What is not back, minor units.
    pub fn refundable(&self) -> i64 {
        if self.stage.is_refundable() { (self.received - self.refunded).max(0) } else { 0 }
    }
}

/// Where a payment stands at the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a card, or for another one.
    Open,
    /// It waits for the customer, whom the bank asks.
    Acting,
    /// It waits for the bank.
    Checking,
    Succeeded,
    Canceled,
}

/// What the gateway says, in an answer, a notification or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Payment {
        standing: Standing,
        received: i64,
        currency: String,
        /// Of the order that the gateway says was paid.
        code: Option<String>,
    },
    /// So much of the payment is back, by all its refunds that are over.
    Refunded {
        done: i64,
    },
    /// Something happened to its refunds: they have to be read.
    Stirred,
    Disputed,
}

/// What changes in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub stage: Stage,
    pub attempt: u32,
    pub intent: Option<String>,
    pub received: i64,
    pub refunded: i64,
}

impl Change {
    pub fn of(order: &Order) -> Change {
        Change {
            stage: order.stage,
            attempt: order.attempt,
            intent: order.intent.clone(),
            received: order.received,
            refunded: order.refunded,
        }
    }
}

/// What becomes of an order. Nothing when it says nothing new; messages may come twice, late and out of order, so that what was true once
/// (money came, money went back) stays true whatever an older message says.
pub fn decide(order: &Order, intent: &str, said: &Said) -> Option<Change> {
    let mut change = Change::of(order);
    let ours = order.intent.as_deref().is_none_or(|own| own == intent);
    match said {
        Said::Payment { standing: Standing::Succeeded, received, currency, code } => {
            let signed = order.code.is_none() || order.code == *code;
            let as_ordered = *received == order.total && currency == order.currency.code() && signed;
            match (order.stage, ours) {
                (Stage::Placed | Stage::Paying | Stage::Confirming, true) => {
                    change.intent = Some(intent.to_owned());
                    change.received = *received;
                    change.stage = if as_ordered { Stage::Paid } else { Stage::Review };
                }
                // A second payment, or one for an order that was given up: a person gives it back.
                (Stage::Placed | Stage::Paying | Stage::Confirming | Stage::Cancelled, _) => {
                    change.intent = Some(intent.to_owned());
                    change.received = *received;
                    change.stage = Stage::Review;
                }
                (Stage::Paid | Stage::Fulfilled, false) => change.stage = Stage::Review,
                (Stage::Paid | Stage::Fulfilled | Stage::Refunded | Stage::Disputed | Stage::Review, true | false) => {}
            }
        }
        Said::Payment { standing: Standing::Checking, .. } if ours && order.stage.is_open() => {
            change.stage = Stage::Paying;
            change.intent = Some(intent.to_owned());
        }
        Said::Payment { standing: Standing::Acting, .. } if ours && order.stage.is_open() => {
            change.stage = Stage::Confirming;
            change.intent = Some(intent.to_owned());
        }
        Said::Payment { standing: Standing::Open, .. } if ours && order.stage.is_open() => {
            change.stage = Stage::Placed;
            change.intent = Some(intent.to_owned());
        }
        // Only what the order knows can end: then a fresh payment may be made.
        Said::Payment { standing: Standing::Canceled, .. }
            if order.intent.as_deref() == Some(intent) && order.stage.is_open() =>
        {
            change.stage = Stage::Placed;
            change.intent = None;
            change.attempt = order.attempt.saturating_add(1);
        }
        Said::Payment { .. } => {}
        Said::Refunded { done } if order.intent.as_deref() == Some(intent) => {
            change.refunded = *done;
            let all = order.received > 0 && *done >= order.received;
            if all && order.stage.is_refundable() {
                change.stage = Stage::Refunded;
            } else if !all && order.stage == Stage::Refunded {
                // The bank sent back what seemed done; the goods are somebody else's by now.
                change.stage = Stage::Review;
            }
        }
        Said::Disputed if order.intent.as_deref() == Some(intent) && order.stage.is_refundable() => {
            change.stage = Stage::Disputed;
        }
        Said::Refunded { .. } | Said::Stirred | Said::Disputed => {}
    }
    (change != Change::of(order)).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Cancelled, Confirming, Disputed, Fulfilled, Paid, Paying, Placed, Refunded, Review};

    fn order(stage: Stage) -> Order {
        let received = if stage.is_refundable() || stage == Refunded || stage == Disputed { 1000 } else { 0 };
        Order {
            id: "o1".into(),
            number: 1001,
            stage,
            currency: Currency::Eur,
            total: 1000,
            refunded: if stage == Refunded { 1000 } else { 0 },
            attempt: 1,
            intent: Some("pi_1".into()),
            received,
            placed: 0,
            changed: 0,
            code: None,
        }
    }

    fn paid(received: i64, currency: &str) -> Said {
        Said::Payment { standing: Standing::Succeeded, received, currency: currency.into(), code: None }
    }

    fn stands(standing: Standing) -> Said {
        Said::Payment { standing, received: 0, currency: "eur".into(), code: None }
    }

    #[test]
    fn payments() {
        #[track_caller]
        fn check(stage: Stage, intent: &str, said: &Said, expected: Option<Stage>) {
            assert_eq!(decide(&order(stage), intent, said).map(|c| c.stage), expected, "{stage:?} {intent} {said:?}");
        }
        let good = paid(1000, "eur");
        check(Placed, "pi_1", &good, Some(Paid));
        check(Paying, "pi_1", &good, Some(Paid));
        check(Confirming, "pi_1", &good, Some(Paid));
        for stage in [Paid, Fulfilled, Refunded, Disputed, Review] {
            check(stage, "pi_1", &good, None);
        }
        // Not what was ordered.
        check(Paying, "pi_1", &paid(999, "eur"), Some(Review));
        check(Paying, "pi_1", &paid(1000, "usd"), Some(Review));
        check(Paying, "pi_1", &paid(100_000, "eur"), Some(Review));
        check(Cancelled, "pi_1", &good, Some(Review));
        check(Paid, "pi_2", &good, Some(Review));
        check(Paying, "pi_2", &good, Some(Review));
        // Old news.
        for stage in [Paid, Fulfilled, Cancelled, Refunded, Disputed, Review] {
            for standing in [Standing::Open, Standing::Acting, Standing::Checking, Standing::Canceled] {
                check(stage, "pi_1", &stands(standing), None);
                check(stage, "pi_2", &stands(standing), None);
            }
        }
        check(Placed, "pi_1", &stands(Standing::Checking), Some(Paying));
        check(Confirming, "pi_1", &stands(Standing::Checking), Some(Paying));
        check(Paying, "pi_1", &stands(Standing::Acting), Some(Confirming));
        check(Confirming, "pi_1", &stands(Standing::Open), Some(Placed));
        check(Placed, "pi_2", &stands(Standing::Acting), None);
        check(Paying, "pi_1", &stands(Standing::Open), Some(Placed));
        check(Paying, "pi_2", &stands(Standing::Open), None);
        check(Paying, "pi_2", &stands(Standing::Canceled), None);
    }

    /// What bears no code, or another order's, is looked at by a person.
    #[test]
    fn what_was_paid_bears_the_orders_code() {
        #[track_caller]
        fn check(own: Option<&str>, told: Option<&str>, expected: Stage) {
            let order = Order { code: own.map(str::to_owned), ..order(Paying) };
            let (standing, received, code) = (Standing::Succeeded, 1000, told.map(str::to_owned));
            let said = Said::Payment { standing, received, currency: "eur".into(), code };
            assert_eq!(decide(&order, "pi_1", &said).map(|c| c.stage), Some(expected));
        }
        check(Some("v1.a"), Some("v1.a"), Paid);
        check(Some("v1.a"), Some("v1.b"), Review);
        check(Some("v1.a"), None, Review);
        check(None, None, Paid);
        check(None, Some("v1.a"), Paid);
    }

    #[test]
    fn a_cancelled_payment_makes_room_for_another() {
        let change = decide(&order(Paying), "pi_1", &stands(Standing::Canceled)).unwrap();
        assert_eq!((change.stage, change.intent, change.attempt), (Placed, None, 2));
    }

    #[test]
    fn money_that_goes_back() {
        #[track_caller]
        fn check(stage: Stage, done: i64, expected: Option<(Stage, i64)>) {
            let said = Said::Refunded { done };
            assert_eq!(decide(&order(stage), "pi_1", &said).map(|c| (c.stage, c.refunded)), expected);
        }
        check(Paid, 400, Some((Paid, 400)));
        check(Paid, 1000, Some((Refunded, 1000)));
        check(Fulfilled, 1000, Some((Refunded, 1000)));
        check(Review, 1000, Some((Refunded, 1000)));
        check(Refunded, 1000, None);
        check(Refunded, 400, Some((Review, 400)));
        check(Disputed, 1000, Some((Disputed, 1000)));
        check(Paid, 0, None);
        assert_eq!(decide(&order(Paid), "pi_2", &Said::Refunded { done: 400 }), None);
        assert_eq!(decide(&order(Fulfilled), "pi_1", &Said::Disputed).map(|c| c.stage), Some(Disputed));
        assert_eq!(decide(&order(Placed), "pi_1", &Said::Disputed), None);
    }
}
