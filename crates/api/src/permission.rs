//! What a restricted key must be allowed for a route: the resource is the first part of its path, GET reads, all else writes, so that a
//! new route needs no word of its own. Knows no key.

use crate::error::{ApiError, ErrorType};
use crate::keys::Caller;
use crate::look::Look;
use crate::router::{ROUTES, Route};
use florin_core::id::Kind;

/// The right to read, or to read and write, things of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As a path begins: `payment_intents`.
    pub resource: &'static str,
    pub write: bool,
}

impl Permission {
    /// As Stripe names it in a refusal: `rak_payment_intent_write`.
    pub fn name(&self) -> String {
        let resource = match self.resource {
            "webhook_endpoints" => "webhook".to_owned(),
            other => singular(other),
        };
        format!("rak_{resource}_{}", if self.write { "write" } else { "read" })
    }
}

pub fn of(route: &Route) -> Permission {
    let mut parts = route.path.trim_start_matches("/v1/").split('/');
    let first = parts.next().unwrap_or_default();
    // Florin's own endpoints, and test helpers, stand one level further down.
    let below = first == "florin" || first == "test_helpers";
    let resource = match if below { parts.next().unwrap_or(first) } else { first } {
        // What a payment's page shows is what its intent tells, and more of it.
        "payments" => "payment_intents",
        other => other,
    };
    Permission { resource, write: route.method != "GET" }
}

/// `payment_intents` -> `payment_intent`.
pub fn singular(resource: &str) -> String {
    resource.strip_suffix('s').unwrap_or(resource).to_owned()
}

/// Every resource that a permission can name.
pub fn resources() -> Vec<&'static str> {
    let mut all: Vec<&str> = ROUTES.iter().map(|route| of(route).resource).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The resource that an id's prefix names: who may not read it may not expand it either.
pub fn of_id(prefix: &str) -> Option<&'static str> {
    const RESOURCES: &[(&str, &str)] = &[
        ("pi", "payment_intents"),
        ("ch", "charges"),
        ("cus", "customers"),
        ("pm", "payment_methods"),
        ("card", "payment_methods"),
        ("re", "refunds"),
        ("seti", "setup_intents"),
        ("setatt", "setup_attempts"),
        ("prod", "products"),
        ("price", "prices"),
        ("txn", "balance_transactions"),
    ];
    RESOURCES.iter().find(|(known, _)| *known == prefix).map(|(_, resource)| *resource)
}

/// 403, in Stripe's words.
pub fn lacking(look: &Look, caller: &Caller, permission: &Permission) -> ApiError {
    let account = look.id(Kind::Account, caller.account);
    let (shown, name) = (caller.shown(), permission.name());
    let message = format!(
        "The provided key '{shown}' does not have the required permissions for this endpoint on account '{account}'. \
         Having the '{name}' permission would allow this request to continue."
    );
    ApiError::new(403, ErrorType::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Found, find};

    #[test]
    fn names() {
        #[track_caller]
        fn check(method: &str, path: &str, expected: &str) {
            let Found::Route(route, _) = find(method, path) else { panic!("{method} {path}") };
            assert_eq!(of(route).name(), expected);
        }
        check("GET", "/v1/payment_intents", "rak_payment_intent_read");
        check("POST", "/v1/payment_intents/pi_1/confirm", "rak_payment_intent_write");
        check("DELETE", "/v1/customers/cus_1", "rak_customer_write");
        check("GET", "/v1/webhook_endpoints", "rak_webhook_read");
        check("GET", "/v1/balance", "rak_balance_read");
        check("GET", "/v1/florin/payments/pi_1/journey", "rak_payment_intent_read");
        check("GET", "/v1/florin/refunds/re_1/journey", "rak_refund_read");
    }
}
