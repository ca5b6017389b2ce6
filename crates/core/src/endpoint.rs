//! Where a merchant wants to be told of events. Knows no HTTP.

use crate::codec::Body;
use crate::id::Kind;
use crate::record::Record;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub live: bool,
    pub url: String,
    /// `*`, or types of events.
    pub events: Vec<String>,
    pub api_version: Option<String>,
    pub enabled: bool,
    pub deleted: bool,
    pub description: Option<String>,
    /// The merchant's own fields, sorted by name.
    pub metadata: Vec<(String, String)>,
}

impl Body for Endpoint {
    const FORMAT: u8 = 1;
}

impl Record for Endpoint {
    const KIND: Kind = Kind::Endpoint;
}
