//! A setup: a card kept for later without a payment. Sends nothing yet: the card is checked when it first pays.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::payment::{CancelReason, FutureUse, Method};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetupStage {
    RequiresPaymentMethod,
    RequiresConfirmation,
    Succeeded { at: Time },
    Canceled { at: Time, reason: CancelReason },
}

impl SetupStage {
    /// Stripe's word for it.
    pub const fn status(&self) -> &'static str {
        match self {
            SetupStage::RequiresPaymentMethod => "requires_payment_method",
            SetupStage::RequiresConfirmation => "requires_confirmation",
            SetupStage::Succeeded { .. } => "succeeded",
            SetupStage::Canceled { .. } => "canceled",
        }
    }
    pub const fn is_open(&self) -> bool {
        match self {
            SetupStage::RequiresPaymentMethod | SetupStage::RequiresConfirmation => true,
            SetupStage::Succeeded { .. } | SetupStage::Canceled { .. } => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub live: bool,
    pub customer: Option<Key>,
    pub method: Option<Method>,
    pub usage: FutureUse,
    /// Methods are chosen by what the account offers; whether ones that lead the customer away are among them.
    pub automatic_methods: Option<bool>,
    /// The confirmation that succeeded.
    pub attempt: Option<Key>,
    pub stage: SetupStage,
}

impl Body for Setup {
    const FORMAT: u8 = 1;
}

impl Record for Setup {
    const KIND: Kind = Kind::Setup;
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupPersonal {
    pub description: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for SetupPersonal {
    const FORMAT: u8 = 1;
}
