//! What a payment carries besides its money: terms, the cards that were given, personal data. Decides nothing.

use super::CardFacts;
use crate::codec::Body;
use crate::commit::Personal;
use crate::id::Key;
use serde::{Deserialize, Serialize};

/// A card that was given as a payment method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    pub key: Key,
    pub card: CardFacts,
}

/// Whether the card is to be kept for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FutureUse {
    OnSession,
    OffSession,
}

impl FutureUse {
    pub const fn as_str(self) -> &'static str {
        match self {
            FutureUse::OnSession => "on_session",
            FutureUse::OffSession => "off_session",
        }
    }
}

/// When the merchant wants the cardholder to be authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThreeDsWish {
    /// When the issuer asks for it.
    #[default]
    Automatic,
    /// Always, where the card takes part.
    Any,
    /// The same, and with a challenge.
    Challenge,
}

impl ThreeDsWish {
    /// Stripe's words for them.
    pub const WORDS: &[(&str, ThreeDsWish)] =
        &[("any", ThreeDsWish::Any), ("automatic", ThreeDsWish::Automatic), ("challenge", ThreeDsWish::Challenge)];
    pub const fn as_str(self) -> &'static str {
        match self {
            ThreeDsWish::Automatic => "automatic",
            ThreeDsWish::Any => "any",
            ThreeDsWish::Challenge => "challenge",
        }
    }
}

/// `payment_method_options[card]`. What may be asked for is Some: true when it was, false when it was asked not to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardOptions {
    pub three_ds: ThreeDsWish,
    /// Captured later, whatever holds for other ways to pay.
    pub capture_later: bool,
    pub incremental: Option<bool>,
    pub extended: Option<bool>,
    pub multicapture: Option<bool>,
    pub overcapture: Option<bool>,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub future_use: Option<FutureUse>,
    /// Methods are chosen by what the account offers; whether ones that lead the customer away are among them.
    pub automatic_methods: Option<bool>,
    /// The capture was asked for as one that the caller waits for to the end.
    pub synchronous_capture: bool,
    /// Cards were named as the one way to pay.
    pub only_cards: bool,
    /// Only the merchant's server may confirm.
    pub manual_confirmation: bool,
    pub card: CardOptions,
    /// A library of the merchant's page leads the cardholder through what is to be done.
    pub by_library: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub city: Option<String>,
    /// ISO 3166 alpha-2.
    pub country: Option<String>,
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub postal_code: Option<String>,
    pub state: Option<String>,
}

/// A person and where to find them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub address: Option<Address>,
    /// Of a parcel.
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
}

/// Personal data of a payment, stored apart under a key of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentPersonal {
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
    pub shipping: Option<Contact>,
    /// Of the card that was given last.
    pub billing: Option<Contact>,
    pub statement_descriptor: Option<String>,
    pub statement_descriptor_suffix: Option<String>,
    pub return_url: Option<String>,
    /// Ways to pay that the merchant does not want.
    pub excluded_types: Vec<String>,
    pub transfer_group: Option<String>,
    /// What the merchant thinks of the charge: `safe` or `fraudulent`.
    pub fraud_report: Option<String>,
    /// What was written on the charge itself; until then it shows what is written on the payment.
    pub charge: Option<ChargeWords>,
}

/// What the merchant wrote on a charge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeWords {
    pub description: Option<String>,
    pub receipt_email: Option<String>,
    pub shipping: Option<Contact>,
    /// Sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for PaymentPersonal {
    const FORMAT: u8 = 1;
}

impl PaymentPersonal {
    /// What its charge shows.
    pub fn charge_words(&self) -> ChargeWords {
        self.charge.clone().unwrap_or_else(|| ChargeWords {
            description: self.description.clone(),
            receipt_email: self.receipt_email.clone(),
            shipping: self.shipping.clone(),
            metadata: self.metadata.clone(),
        })
    }
    /// As it is stored under the key of `subject`.
    pub fn stored(&self, subject: Key) -> Personal {
        Personal { subject, body: self.encode() }
    }
}
