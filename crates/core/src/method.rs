//! Payment methods and tokens: cards of the vault as the merchant holds them. Knows no card number.

use crate::attempt::Place;
use crate::codec::Body;
use crate::commit::{Beside, EventKind, IndexEntry, Personal, Row};
use crate::flow::{self, View};
use crate::id::{Key, Kind};
use crate::payment::{CardFacts, Contact};
use crate::record::{self, Record};
use crate::time::Time;
use crate::wire::{Approval, CardToken, Checks, NetworkId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    pub live: bool,
    pub card: CardFacts,
    pub hold: Hold,
    /// The network's id of the first use that the cardholder agreed to: a merchant's own charges name it.
    pub network_id: Option<NetworkId>,
    /// What the issuer said of the cardholder's data at that use.
    pub checks: Option<Checks>,
}

/// Who may use a payment method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// Anybody, once.
    Free,
    /// This payment, or setup, used it; nothing else may.
    UsedBy(Key),
    /// This customer, as often as wanted.
    Customer(Key),
    /// Nobody any more.
    Detached,
}

/// Why a payment method cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    Detached,
    UsedBefore,
    /// It belongs to another customer, or the payment has none.
    OfAnotherCustomer,
}

impl PaymentMethod {
    /// In nobody's hands, of which the issuer was not asked yet.
    pub const fn free(live: bool, card: CardFacts) -> PaymentMethod {
        PaymentMethod { live, card, hold: Hold::Free, network_id: None, checks: None }
    }
    /// As it is once its issuer approved a use that the cardholder agreed to. The first one counts.
    pub fn learnt(self, approval: &Approval) -> PaymentMethod {
        let checks = self.checks.or(Some(approval.checks));
        PaymentMethod { network_id: self.network_id.or(approval.network_id), checks, ..self }
    }
    /// The same when there may have been no approval.
    pub fn known(self, approval: Option<&Approval>) -> PaymentMethod {
        match approval {
            Some(approval) => self.learnt(approval),
            None => self,
        }
    }
    /// The issuer said yes to having it kept.
    pub const fn is_verified(&self) -> bool {
        self.checks.is_some()
    }
    pub const fn customer(&self) -> Option<Key> {
        match self.hold {
            Hold::Customer(customer) => Some(customer),
            Hold::Free | Hold::UsedBy(_) | Hold::Detached => None,
        }
    }
    /// Who holds it once `by` used it: the rule that a method of nobody works once.
    pub fn used(&self, by: Key, customer: Option<Key>) -> Result<Hold, Unusable> {
        match self.hold {
            Hold::Free => Ok(Hold::UsedBy(by)),
            Hold::UsedBy(user) if user == by => Ok(self.hold),
            Hold::UsedBy(_) => Err(Unusable::UsedBefore),
            Hold::Customer(of) if customer == Some(of) => Ok(self.hold),
            Hold::Customer(_) => Err(Unusable::OfAnotherCustomer),
            Hold::Detached => Err(Unusable::Detached),
        }
    }
}

impl Body for PaymentMethod {
    const FORMAT: u8 = 1;
}

impl Record for PaymentMethod {
    const KIND: Kind = Kind::Method;
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodPersonal {
    pub billing: Contact,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
    pub redisplay: Redisplay,
}

/// Whether the card may be shown to the customer again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Redisplay {
    #[default]
    Unspecified,
    Limited,
    Always,
}

impl Redisplay {
    pub const ALL: &[Redisplay] = &[Redisplay::Unspecified, Redisplay::Limited, Redisplay::Always];
    pub const fn as_str(self) -> &'static str {
        match self {
            Redisplay::Unspecified => "unspecified",
            Redisplay::Limited => "limited",
            Redisplay::Always => "always",
        }
    }
}

impl Body for MethodPersonal {
    const FORMAT: u8 = 1;
}

/// What becomes of a method when a payment or setup that was to keep it for a customer is approved. None when nothing does: the
/// customer has it and its network id already, or it is in other hands by now.
pub(crate) fn kept(row: &Row, place: Place, customer: Key, approval: &Approval) -> Option<Beside> {
    let view: View<PaymentMethod> = flow::read(row).ok()?;
    let known = View { body: view.body.clone().learnt(approval), ..view.clone() };
    match view.body.hold {
        Hold::UsedBy(by) if by == place.key => Some(handed(&known, Hold::Customer(customer), place.now)),
        Hold::Customer(of) if of == customer && view.body.network_id != known.body.network_id => {
            Some(Beside { event: EventKind::MethodUsed, ..handed(&known, view.body.hold, place.now) })
        }
        Hold::UsedBy(_) | Hold::Customer(_) | Hold::Free | Hold::Detached => None,
    }
}

/// A method that a setup without a customer verified: free again, for a customer or a payment.
pub(crate) fn verified(row: &Row, place: Place, approval: &Approval) -> Option<Beside> {
    let view: View<PaymentMethod> = flow::read(row).ok()?;
    let known = View { body: view.body.clone().learnt(approval), ..view.clone() };
    (view.body.hold == Hold::UsedBy(place.key)).then(|| handed(&known, Hold::Free, place.now))
}

/// The next version of a method in another hand, for a commit about something else. A customer's is personal data of that customer.
pub fn handed(view: &View<PaymentMethod>, hold: Hold, now: Time) -> Beside {
    let index = match hold {
        Hold::Customer(under) if view.body.hold != hold => {
            vec![IndexEntry { under, kind: Kind::Method, key: view.key }]
        }
        Hold::Customer(_) | Hold::Free | Hold::UsedBy(_) | Hold::Detached => vec![],
    };
    let body = PaymentMethod { hold, ..view.body.clone() };
    let personal = match (hold, &view.personal) {
        (Hold::Customer(subject), Some(p)) => Some(Personal { subject, body: p.body.clone() }),
        (_, personal) => personal.clone(),
    };
    let next = View { version: view.version.next(), at: now, body, personal, ..view.clone() };
    let event = match hold {
        Hold::Customer(_) => EventKind::MethodAttached,
        Hold::Free | Hold::UsedBy(_) => EventKind::MethodUsed,
        Hold::Detached => EventKind::MethodDetached,
    };
    Beside { from: view.version, row: record::row(&next, index), event }
}

/// A card that is handed on once: a payment method is made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardOnce {
    pub live: bool,
    pub card: CardFacts,
    pub used: bool,
}

impl Body for CardOnce {
    const FORMAT: u8 = 1;
}

impl Record for CardOnce {
    const KIND: Kind = Kind::CardToken;
}

/// A security code in the vault's memory, which one payment may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeOnce {
    pub live: bool,
    pub code: CardToken,
    pub used: bool,
}

impl Body for CodeOnce {
    const FORMAT: u8 = 1;
}

impl Record for CodeOnce {
    const KIND: Kind = Kind::CodeToken;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::card;

    #[test]
    fn who_may_use_it() {
        #[track_caller]
        fn check(hold: Hold, customer: Option<i64>, expected: Result<Hold, Unusable>) {
            let method = PaymentMethod { hold, ..PaymentMethod::free(false, card()) };
            assert_eq!(method.used(Key(1), customer.map(Key)), expected);
        }
        check(Hold::Free, None, Ok(Hold::UsedBy(Key(1))));
        check(Hold::Free, Some(5), Ok(Hold::UsedBy(Key(1))));
        check(Hold::UsedBy(Key(1)), None, Ok(Hold::UsedBy(Key(1))));
        check(Hold::UsedBy(Key(2)), None, Err(Unusable::UsedBefore));
        check(Hold::Customer(Key(5)), Some(5), Ok(Hold::Customer(Key(5))));
        check(Hold::Customer(Key(5)), Some(6), Err(Unusable::OfAnotherCustomer));
        check(Hold::Customer(Key(5)), None, Err(Unusable::OfAnotherCustomer));
        check(Hold::Detached, Some(5), Err(Unusable::Detached));
    }
}
