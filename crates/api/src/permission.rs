//! What a restricted key must be allowed for a route: the resource is the first part of its path, GET reads, all else writes, so that a
//! new route needs no word of its own. Knows no key.

use crate::router::Route;

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
    let resource = if below { parts.next().unwrap_or(first) } else { first };
    Permission { resource, write: route.method != "GET" }
}

/// `payment_intents` -> `payment_intent`.
pub fn singular(resource: &str) -> String {
    resource.strip_suffix('s').unwrap_or(resource).to_owned()
}
