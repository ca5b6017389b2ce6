//! What a customer agreed to, or took back: for what, to which version of which text, and when. Each is a record of its own that never
//! changes; the newest of a purpose is what holds. It lies under the customer's key, so erasing the customer erases it. Knows no law.

use crate::codec::Body;
use crate::commit::EventKind;
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record::{self, Change, Record, Render};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Of a purpose's name, of a text's version, and of where it was asked for, in characters.
pub const LONGEST_PURPOSE: usize = 64;
pub const LONGEST_TEXT_VERSION: usize = 64;
pub const LONGEST_SOURCE: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub live: bool,
    pub customer: Key,
    /// When the customer said it: that is not always when we heard of it.
    pub at: Time,
}

impl Body for Consent {
    const FORMAT: u8 = 1;
}

impl Record for Consent {
    const KIND: Kind = Kind::Consent;
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentPersonal {
    /// For example `marketing_email`, or a preference as `language`.
    pub purpose: String,
    pub granted: bool,
    /// Of the text that was shown.
    pub text_version: String,
    /// Where it was asked for: a page, a form, a call.
    pub source: Option<String>,
}

impl Body for ConsentPersonal {
    const FORMAT: u8 = 1;
}

pub type ConsentView = View<Consent>;

/// A new record.
pub struct Agree {
    pub account: Key,
    pub consent: Consent,
    pub personal: ConsentPersonal,
}

pub async fn record(
    ports: &dyn Ports,
    command: &Agree,
    claiming: Option<&Claiming>,
    render: Render<'_, Consent>,
) -> Result<Done<ConsentView>, Failure> {
    let (key, customer) = (ports.fresh_key(), command.consent.customer);
    let change = Change::to(command.consent.clone(), EventKind::ConsentRecorded)
        .personal(customer, &command.personal)
        .index(customer, Kind::Consent, key);
    record::make(ports, command.account, key, change, claiming, render).await
}
