//! Where Stripe's API takes a card: requests and the parameters in which one may stand. Data, and how to look it up.
//! Knows no body.

use super::form;

/// The fields of a card that never leave the vault.
pub const NUMBER: &str = "number";
pub const EXP_MONTH: &str = "exp_month";
pub const EXP_YEAR: &str = "exp_year";
pub const CVC: &str = "cvc";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// number, expiry and perhaps a security code.
    Card,
    /// A security code alone, for a card that is in the vault already.
    Code,
}

/// A parameter that may hold a card: `["payment_method_data", "card"]` is `payment_method_data[card]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub path: &'static [&'static str],
    pub holds: Holds,
}

impl Place {
    /// As a parameter is named in errors.
    pub fn param(&self) -> String {
        nested(self.path.iter().copied())
    }
}

/// `a[b][c]`.
pub fn nested<'a>(mut parts: impl Iterator<Item = &'a str>) -> String {
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| format!("{name}[{part}]"))
}

const fn card(path: &'static [&'static str]) -> Place {
    Place { path, holds: Holds::Card }
}

const TOKENS: &[Place] = &[card(&["card"]), Place { path: &["cvc_update"], holds: Holds::Code }];
const METHODS: &[Place] = &[card(&["card"])];
const INTENTS: &[Place] = &[card(&["payment_method_data", "card"])];
const SOURCES: &[Place] = &[card(&["source"]), card(&["card"])];

/// The places of a request. The path as it was written.
pub fn of(method: &str, path: &str) -> &'static [Place] {
    if method != "POST" {
        return &[];
    }
    let decoded = form::decode(path.as_bytes(), false);
    let Ok(path) = std::str::from_utf8(&decoded) else { return &[] };
    // Looks over empty segments: where the gateway sees another route, a swapped card is only a card swapped in vain.
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    if parts.next() != Some("v1") {
        return &[];
    }
    match (parts.next(), parts.next(), parts.next()) {
        (Some("tokens"), None, _) => TOKENS,
        (Some("payment_methods" | "sources"), None, _) => METHODS,
        (Some("payment_intents" | "setup_intents" | "confirmation_tokens"), _, _) => INTENTS,
        (Some("test_helpers"), Some("confirmation_tokens"), _) => INTENTS,
        (Some("charges"), None, _) => SOURCES,
        (Some("customers"), _, None | Some("sources" | "cards")) => SOURCES,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_take_a_card() {
        let check = |method: &str, path: &str, expected: &[&str]| {
            let got: Vec<String> = of(method, path).iter().map(Place::param).collect();
            assert_eq!(got, expected, "{method} {path}");
        };
        check("POST", "/v1/tokens", &["card", "cvc_update"]);
        check("POST", "/v1/%74okens", &["card", "cvc_update"]);
        check("POST", "/v1//tokens/", &["card", "cvc_update"]);
        check("POST", "/v1/payment_methods", &["card"]);
        check("POST", "/v1/payment_methods/pm_1", &[]);
        check("POST", "/v1/payment_intents", &["payment_method_data[card]"]);
        check("POST", "/v1/payment_intents/pi_1/confirm", &["payment_method_data[card]"]);
        check("POST", "/v1/setup_intents/seti_1/confirm", &["payment_method_data[card]"]);
        check("POST", "/v1/confirmation_tokens", &["payment_method_data[card]"]);
        check("POST", "/v1/test_helpers/confirmation_tokens", &["payment_method_data[card]"]);
        check("POST", "/v1/customers", &["source", "card"]);
        check("POST", "/v1/customers/cus_1", &["source", "card"]);
        check("POST", "/v1/customers/cus_1/sources", &["source", "card"]);
        check("POST", "/v1/customers/cus_1/balance_transactions", &[]);
        check("POST", "/v1/refunds", &[]);
        check("POST", "/tokens", &[]);
        check("GET", "/v1/tokens", &[]);
        check("POST", "/v1/%FF", &[]);
    }
}
