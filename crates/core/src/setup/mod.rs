//! A card set up for later without a payment: its issuer is asked with a message over nothing.

mod authenticate;
mod before;
mod confirm;
mod owner;
mod verify;

pub use authenticate::{AuthenticatedSetup, authenticated};
pub use confirm::{ConfirmSetup, CreateSetup, confirm, create};
pub use verify::{Verify, verify};

use crate::attempt::{Attempt, Move};
use crate::codec::{BadBody, Body, whole};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::money::{Currency, Money};
use crate::payment::{CancelReason, Contact, FutureUse, Method, PaymentError, ThreeDsWish};
use crate::record::Record;
use crate::threeds::Authentication;
use crate::time::Time;
use crate::wire::{CardToken, Initiator};
use serde::{Deserialize, Serialize};

/// Attempts of one setup: more is card testing, or a bug of the caller.
pub const MOST_ATTEMPTS: usize = 40;
/// Authentications of one setup: a soft refusal after that is a refusal.
pub const MOST_AUTHENTICATIONS: usize = 10;
/// Nothing, in a currency that every acquirer takes: a verification names one and moves none.
const NOTHING: Money = Money::new(0, Currency::USD);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetupStage {
    RequiresPaymentMethod {
        last_error: Option<PaymentError>,
    },
    RequiresConfirmation,
    /// The issuer was asked. Neither success nor failure.
    Processing {
        attempt: Key,
    },
    /// With the attempt that the issuer approved.
    Succeeded {
        at: Time,
        attempt: Key,
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

impl SetupStage {
    /// Stripe's word for it.
    pub const fn status(&self) -> &'static str {
        match self {
            SetupStage::RequiresPaymentMethod { .. } => "requires_payment_method",
            SetupStage::RequiresConfirmation => "requires_confirmation",
            SetupStage::Processing { .. } => "processing",
            SetupStage::Succeeded { .. } => "succeeded",
            SetupStage::Canceled { .. } => "canceled",
            SetupStage::RequiresAction { .. } => "requires_action",
        }
    }
    pub const fn is_open(&self) -> bool {
        match self {
            SetupStage::RequiresPaymentMethod { .. }
            | SetupStage::RequiresConfirmation
            | SetupStage::RequiresAction { .. } => true,
            SetupStage::Processing { .. } | SetupStage::Succeeded { .. } | SetupStage::Canceled { .. } => false,
        }
    }
}

/// What it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The merchant's own setup intent.
    Intent,
    /// To verify a card that is being attached to a customer. Seen by nobody outside.
    Attach,
}

/// How the cardholder may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Stripe's library leads the customer to the issuer, not a redirect of the page.
    pub by_library: bool,
    pub three_ds: ThreeDsWish,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub live: bool,
    pub purpose: Purpose,
    pub customer: Option<Key>,
    /// The card to set up.
    pub method: Option<Method>,
    /// Every card that was tried, oldest first: attempts of the past show theirs.
    pub methods: Vec<Method>,
    pub usage: FutureUse,
    /// Methods are chosen by what the account offers; whether ones that lead the customer away are among them.
    pub automatic_methods: Option<bool>,
    pub asking: Asking,
    pub stage: SetupStage,
    /// Oldest first, at most `MOST_ATTEMPTS`.
    pub attempts: Vec<Attempt>,
    /// Oldest first, at most `MOST_AUTHENTICATIONS`.
    pub authentications: Vec<Authentication>,
}

impl Setup {
    /// Of nobody, without a card.
    pub const fn plain(live: bool, purpose: Purpose) -> Setup {
        Setup {
            live,
            purpose,
            customer: None,
            method: None,
            methods: vec![],
            usage: FutureUse::OffSession,
            automatic_methods: None,
            asking: Asking { by_library: false, three_ds: ThreeDsWish::Automatic },
            stage: SetupStage::RequiresPaymentMethod { last_error: None },
            attempts: vec![],
            authentications: vec![],
        }
    }
    pub fn attempt(&self, key: Key) -> Option<&Attempt> {
        self.attempts.iter().find(|a| a.key == key)
    }
    pub fn authentication(&self, key: Key) -> Option<&Authentication> {
        self.authentications.iter().find(|a| a.key == key)
    }
    /// The payment method that holds this card, if it was given as one.
    pub fn method_of(&self, card: CardToken) -> Option<&Method> {
        self.methods.iter().find(|m| m.card.token == card)
    }
    /// Takes a card as the one to set up.
    pub fn choose(&mut self, method: Method) {
        if self.method_of(method.card.token).is_none() {
            self.methods.push(method.clone());
        }
        self.method = Some(method);
        self.stage = SetupStage::RequiresConfirmation;
    }
}

/// The message that asks: the cardholder is there and agrees that the card is kept.
const ASKS: Move = Move::Verification(Initiator::CustomerStoring);

impl Body for Setup {
    const FORMAT: u8 = 2;

    fn decode_format(format: u8, rest: &[u8]) -> Result<Setup, BadBody> {
        match format {
            1 => before::setup(rest),
            Self::FORMAT => whole(rest),
            _ => Err(BadBody::Damaged),
        }
    }
}

impl Record for Setup {
    const KIND: Kind = Kind::Setup;
}

pub type SetupView = View<Setup>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupPersonal {
    pub description: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
    /// Of the card that was given last.
    pub billing: Option<Contact>,
    /// Where the customer goes after an authentication.
    pub return_url: Option<String>,
}

impl Body for SetupPersonal {
    const FORMAT: u8 = 2;

    fn decode_format(format: u8, rest: &[u8]) -> Result<SetupPersonal, BadBody> {
        match format {
            1 => before::personal(rest),
            Self::FORMAT => whole(rest),
            _ => Err(BadBody::Damaged),
        }
    }
}
