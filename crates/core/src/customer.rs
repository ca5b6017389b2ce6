//! A merchant's customer. Everything that tells who it is lies under a key of the customer's own.

use crate::codec::Body;
use crate::id::{Key, Kind};
use crate::payment::Contact;
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    pub live: bool,
    pub deleted: Option<Time>,
    /// The payment method of invoices.
    pub default_method: Option<Key>,
}

impl Body for Customer {
    const FORMAT: u8 = 1;
}

impl Record for Customer {
    const KIND: Kind = Kind::Customer;
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
}

impl Body for CustomerPersonal {
    const FORMAT: u8 = 1;
}
