//! A payment: what is stored of it, its stages, and the table of its operations.

mod authenticate;
mod cancel;
mod capture;
mod confirm;
mod create;
mod expire;
mod increment;
mod owner;
mod terms;
mod update;

pub use authenticate::{Authenticated, authenticated};
pub use cancel::{Cancel, CancelReason, cancel};
pub use capture::{Capture, capture, take_up_capture};
pub use confirm::{Confirm, confirm};
pub use create::{Create, create};
pub(crate) use expire::job as expiry;
pub use expire::{capture_before, expire};
pub use increment::{Increment, MOST_INCREMENTS, increment};
pub use terms::{Address, CardOptions, ChargeWords, Contact, FutureUse, Method, PaymentPersonal, Terms, ThreeDsWish};
pub use update::{Update, update};

use crate::attempt::{Attempt, Move};
use crate::codec::{BadBody, Body, whole};
use crate::decline::DeclineCode;
use crate::flow::View;
use crate::id::Key;
use crate::money::Money;
use crate::order::SignedOrder;
use crate::threeds::Authentication;
use crate::time::Time;
use crate::wire::{CardToken, Decline, Network, NotSent};
use serde::{Deserialize, Serialize};

/// Attempts of one payment: more is card testing, or a bug of the caller.
pub const MOST_ATTEMPTS: usize = 40;
/// Captures that the host refuses are attempts too. A void is always possible.
pub const MOST_ATTEMPTS_AND_CAPTURES: usize = 2 * MOST_ATTEMPTS;

/// Authentications of one payment: a soft refusal after that is a refusal.
pub const MOST_AUTHENTICATIONS: usize = 10;

/// When the money is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CaptureMethod {
    /// In the message that authorizes (0200).
    Automatic,
    /// By a later capture (0100, then 0220).
    Manual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Funding {
    Credit,
    Debit,
    Prepaid,
    Unknown,
}

/// What the vault told about a card. No more of the number than PCI DSS 3.4.1 lets be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardFacts {
    pub token: CardToken,
    pub network: Network,
    pub first6: [u8; 6],
    pub last4: [u8; 4],
    pub exp_year: u16,
    pub exp_month: u8,
    pub fingerprint: [u8; 16],
    pub funding: Funding,
    /// ISO 3166 alpha-2 of the issuer.
    pub country: Option<[u8; 2]>,
}

impl CardFacts {
    pub fn last4_text(&self) -> String {
        self.last4.iter().map(|b| char::from(*b)).collect()
    }
}

/// Why a payment is back at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentError {
    Declined(Decline),
    /// Nothing reached the issuer.
    NotSent(NotSent),
    /// What reached the issuer was taken back.
    Reversed,
    /// The issuer approved a part only; it was taken back.
    Partial,
    /// The cardholder was not authenticated; nothing was sent after that.
    NotAuthenticated,
    /// A verification without an answer: nothing is known of the card, and nothing was moved.
    Unanswered,
}

impl PaymentError {
    /// The issuer says no more than that the cardholder must be authenticated.
    pub fn is_soft(&self) -> bool {
        matches!(self, PaymentError::Declined(decline) if decline.code == DeclineCode::AuthenticationRequired)
    }
}

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    Confirm,
    Capture {
        amount: i64,
    },
    /// The whole amount that is to be held.
    Increment {
        to: i64,
    },
    Cancel {
        reason: CancelReason,
    },
}

/// Where the payment stands, with that stage's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    RequiresPaymentMethod {
        last_error: Option<PaymentError>,
    },
    RequiresConfirmation,
    /// An attempt is open. Neither success nor failure.
    Processing {
        attempt: Key,
        doing: Doing,
    },
    /// The issuer holds the whole amount for this authorization.
    RequiresCapture {
        hold: Key,
    },
    /// `charge` is the sale or the authorization that was captured.
    Succeeded {
        charge: Key,
        captured: i64,
    },
    Canceled {
        at: Time,
        reason: CancelReason,
    },
    /// The cardholder is to be authenticated. Nothing is under way.
    RequiresAction {
        authentication: Key,
    },
}

impl Stage {
    /// Stripe's word for it.
    pub const fn status(&self) -> &'static str {
        match self {
            Stage::RequiresPaymentMethod { .. } => "requires_payment_method",
            Stage::RequiresConfirmation => "requires_confirmation",
            Stage::Processing { .. } => "processing",
            Stage::RequiresCapture { .. } => "requires_capture",
            Stage::Succeeded { .. } => "succeeded",
            Stage::Canceled { .. } => "canceled",
            Stage::RequiresAction { .. } => "requires_action",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// What the customer ordered.
    pub money: Money,
    pub live: bool,
    pub capture: CaptureMethod,
    pub customer: Option<Key>,
    pub card: Option<CardFacts>,
    /// Every card that was given, oldest first: charges of the past show theirs.
    pub methods: Vec<Method>,
    pub terms: Terms,
    pub stage: Stage,
    /// Oldest first, at most `MOST_ATTEMPTS_AND_CAPTURES` and a void.
    pub attempts: Vec<Attempt>,
    /// Oldest first, at most `MOST_AUTHENTICATIONS`.
    pub authentications: Vec<Authentication>,
    /// What the merchant signed: what is charged is this, or nothing is.
    pub order: Option<SignedOrder>,
}

impl Body for Payment {
    const FORMAT: u8 = 2;

    /// Format 1 ended before the order: a payment of then has none, which is one byte of 0.
    fn decode_format(format: u8, rest: &[u8]) -> Result<Payment, BadBody> {
        match format {
            1 => whole(&[rest, &[0]].concat()),
            Self::FORMAT => whole(rest),
            _ => Err(BadBody::Damaged),
        }
    }
}

impl Payment {
    pub fn attempt(&self, key: Key) -> Option<&Attempt> {
        self.attempts.iter().find(|a| a.key == key)
    }

    pub fn authentication(&self, key: Key) -> Option<&Authentication> {
        self.authentications.iter().find(|a| a.key == key)
    }

    /// What the API calls a charge: a sale or a hold, but for one that only told that the cardholder must be authenticated first.
    pub fn is_charge(&self, attempt: &Attempt) -> bool {
        match attempt.what {
            Move::Sale(_) | Move::Authorization(_) => self.authentication(attempt.key).is_none(),
            Move::Completion(_) | Move::Void(_) | Move::Refund(_) | Move::Increment(_) | Move::Verification(_) => false,
        }
    }

    /// What the issuer approved for a charge: its own amount and the increments, minor units.
    pub fn authorized(&self, charge: &Attempt) -> i64 {
        let more = |a: &&Attempt| matches!(a.what, Move::Increment(of) if of.wire.rrn.0 == charge.key);
        let approved = self.attempts.iter().filter(more).filter(|a| a.approval().is_some());
        approved.fold(charge.money.minor, |sum, a| sum.saturating_add(a.money.minor))
    }

    /// The payment method that holds this card, if it was given as one.
    pub fn method(&self, card: CardToken) -> Option<&Method> {
        self.methods.iter().find(|m| m.card.token == card)
    }

    /// Takes a card as the one to pay with.
    pub(crate) fn choose(&mut self, method: Option<Key>, card: &CardFacts) {
        self.card = Some(card.clone());
        if let Some(key) = method
            && self.method(card.token).is_none()
        {
            self.methods.push(Method { key, card: card.clone() });
        }
    }

    /// Amount that the issuer holds and nobody has claimed.
    pub fn capturable(&self) -> i64 {
        match self.stage {
            Stage::RequiresCapture { .. } => self.money.minor,
            Stage::RequiresPaymentMethod { .. }
            | Stage::RequiresConfirmation
            | Stage::Processing { .. }
            | Stage::Succeeded { .. }
            | Stage::RequiresAction { .. }
            | Stage::Canceled { .. } => 0,
        }
    }

    pub fn received(&self) -> i64 {
        match self.stage {
            Stage::Succeeded { captured, .. } => captured,
            Stage::RequiresPaymentMethod { .. }
            | Stage::RequiresConfirmation
            | Stage::Processing { .. }
            | Stage::RequiresCapture { .. }
            | Stage::RequiresAction { .. }
            | Stage::Canceled { .. } => 0,
        }
    }
}

pub type PaymentView = View<Payment>;
