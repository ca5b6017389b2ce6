//! A merchant's customer. Everything that tells who it is lies under a key of the customer's own.

mod delete;

pub use delete::{Forget, delete, forget};

use crate::codec::Body;
use crate::commit::{Beside, EventKind};
use crate::flow::View;
use crate::id::{Key, Kind};
use crate::payment::Contact;
use crate::record::{self, Record};
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub live: bool,
    pub deleted: Option<Time>,
    /// The payment method of invoices.
    pub default_method: Option<Key>,
    /// The card that came as `source`, as older clients choose what is charged.
    pub default_source: Option<Key>,
}

impl Body for Customer {
    const FORMAT: u8 = 1;
}

impl Record for Customer {
    const KIND: Kind = Kind::Customer;
}

/// The next version of a customer whose card leaves it, for the commit that detaches the card. None when it was no default.
pub fn without(view: &View<Customer>, method: Key, now: Time) -> Option<Beside> {
    let left = |default: Option<Key>| default.filter(|key| *key != method);
    let (default_method, default_source) = (left(view.body.default_method), left(view.body.default_source));
    let body = Customer { default_method, default_source, ..view.body.clone() };
    let changed = body != view.body;
    let next = View { version: view.version.next(), at: now, body, ..view.clone() };
    let (row, event) = (record::row(&next, vec![]), EventKind::CustomerUpdated);
    changed.then_some(Beside { from: view.version, row, event })
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerPersonal {
    pub contact: Contact,
    pub description: Option<String>,
    pub shipping: Option<Contact>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
    /// Languages, the liked ones first.
    pub locales: Vec<String>,
    pub business_name: Option<String>,
    pub individual_name: Option<String>,
    pub invoicing: Invoicing,
}

/// What invoices to a customer say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoicing {
    /// Minor units that the next invoice takes into account: below zero is in the customer's favour.
    pub balance: i64,
    /// Derived from the customer's id when absent.
    pub prefix: Option<String>,
    /// Counts from 1.
    pub next_number: Option<i64>,
    pub tax_exempt: TaxExempt,
    pub footer: Option<String>,
    pub fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaxExempt {
    #[default]
    None,
    Exempt,
    /// The customer accounts for the tax.
    Reverse,
}

impl TaxExempt {
    pub const ALL: &[TaxExempt] = &[TaxExempt::None, TaxExempt::Exempt, TaxExempt::Reverse];
    pub const fn as_str(self) -> &'static str {
        match self {
            TaxExempt::None => "none",
            TaxExempt::Exempt => "exempt",
            TaxExempt::Reverse => "reverse",
        }
    }
}

impl Body for CustomerPersonal {
    const FORMAT: u8 = 1;
}
