//! What can be searched for, by kind of thing, and with which signs. Knows no query's text.

use super::Compare;
use florin_core::id::Kind;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Charge,
    Customer,
    Payment,
    Price,
    Product,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The whole of it, in either case.
    Token,
    /// The same, and parts of it with `~`.
    Text,
    /// Also by size.
    Number,
    /// By name within it.
    Metadata,
}

use Sort::{Metadata, Number, Text, Token};

impl Subject {
    pub const fn kind(self) -> Kind {
        match self {
            Subject::Charge => Kind::Charge,
            Subject::Customer => Kind::Customer,
            Subject::Payment => Kind::Payment,
            Subject::Price => Kind::Price,
            Subject::Product => Kind::Product,
        }
    }

    pub const fn url(self) -> &'static str {
        match self {
            Subject::Charge => "/v1/charges/search",
            Subject::Customer => "/v1/customers/search",
            Subject::Payment => "/v1/payment_intents/search",
            Subject::Price => "/v1/prices/search",
            Subject::Product => "/v1/products/search",
        }
    }

    pub const fn fields(self) -> &'static [(&'static str, Sort)] {
        match self {
            Subject::Charge => &[
                ("amount", Number),
                ("billing_details.address.postal_code", Token),
                ("created", Number),
                ("currency", Token),
                ("customer", Token),
                ("disputed", Token),
                ("metadata", Metadata),
                ("payment_method_details.card.brand", Token),
                ("payment_method_details.card.exp_month", Token),
                ("payment_method_details.card.exp_year", Token),
                ("payment_method_details.card.fingerprint", Token),
                ("payment_method_details.card.last4", Token),
                ("refunded", Token),
                ("status", Token),
            ],
            Subject::Customer => {
                &[("created", Number), ("email", Text), ("metadata", Metadata), ("name", Text), ("phone", Text)]
            }
            Subject::Payment => &[
                ("amount", Number),
                ("created", Number),
                ("currency", Token),
                ("customer", Token),
                ("metadata", Metadata),
                ("status", Token),
            ],
            Subject::Price => &[
                ("active", Token),
                ("currency", Token),
                ("lookup_key", Token),
                ("metadata", Metadata),
                ("product", Token),
                ("type", Token),
            ],
            Subject::Product => &[
                ("active", Token),
                ("description", Text),
                ("metadata", Metadata),
                ("name", Text),
                ("shippable", Token),
                ("url", Text),
            ],
        }
    }
}

impl Sort {
    pub const fn takes(self, compare: Compare) -> bool {
        match compare {
            Compare::Equal => true,
            Compare::Like => matches!(self, Text),
            Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual => matches!(self, Number),
        }
    }
}
