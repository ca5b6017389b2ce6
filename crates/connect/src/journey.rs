//! How each process reports a message that it sent or received. Holds masked fields only: no card data, ever.

use crate::iso8583::Decoded;
use serde::{Deserialize, Serialize};

/// One hop of one message, as the process that did it saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    /// Who reports: `vault`, `acquirer`, `visa`, `issuer`.
    pub by: String,
    pub from: String,
    pub to: String,
    /// For example `0200 financial request: sale`.
    pub title: String,
    /// Retrieval reference number (DE 37): joins the hops of one payment.
    pub rrn: String,
    /// The message, masked.
    pub fields: Vec<Decoded>,
    /// What the reporter adds, in plain words; may be empty.
    pub note: String,
}
