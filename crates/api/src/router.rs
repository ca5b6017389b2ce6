//! The one table of routes. Knows no parameter.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::expand::{self, Says};
use crate::params::Params;
use crate::resources::{
    abuse_decisions, account, balance, charges, confirmation_tokens, consents, customers, deliveries, events, journeys,
    payment_intents, payment_method_domains, payment_methods, prices, products, refunds, request_logs, settlement,
    setup_attempts, setup_intents, sources, stripecli, tokens, webhook_endpoints,
};
use florin_core::store::Wait;

pub type Handler = for<'a> fn(&'a Ask<'a>, &'a Params) -> Wait<'a, Result<Answer, ApiError>>;

/// Which keys a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    Secret,
    /// Publishable keys too: on their own, or with the thing's client secret, which the endpoint checks.
    Any,
}

pub struct Route {
    pub method: &'static str,
    /// `{}` stands for an id.
    pub path: &'static str,
    pub permit: Permit,
    pub handler: Handler,
}

macro_rules! routes {
    ($($method:ident $path:literal $permit:ident $handler:path;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            permit: Permit::$permit,
            handler: |ask, params| Box::pin($handler(ask, params)),
        }),*]
    };
}

pub static ROUTES: &[Route] = routes! {
    GET "/v1/account" Secret account::retrieve;
    GET "/v1/accounts/{}" Secret account::retrieve_by_id;
    GET "/v1/balance" Secret balance::retrieve;
    GET "/v1/balance_transactions" Secret balance::list;
    GET "/v1/balance_transactions/{}" Secret balance::retrieve_transaction;
    GET "/v1/charges" Secret charges::list;
    GET "/v1/charges/search" Secret charges::search;
    GET "/v1/charges/{}" Secret charges::retrieve;
    POST "/v1/charges/{}" Secret charges::update;
    POST "/v1/charges/{}/capture" Secret charges::capture;
    GET "/v1/charges/{}/refunds" Secret refunds::list_of_charge;
    GET "/v1/charges/{}/refunds/{}" Secret refunds::retrieve_of_charge;
    POST "/v1/confirmation_tokens" Any confirmation_tokens::create;
    GET "/v1/confirmation_tokens/{}" Secret confirmation_tokens::retrieve;
    GET "/v1/customers" Secret customers::list;
    POST "/v1/customers" Secret customers::create;
    GET "/v1/customers/search" Secret customers::search;
    GET "/v1/customers/{}" Secret customers::retrieve;
    POST "/v1/customers/{}" Secret customers::update;
    DELETE "/v1/customers/{}" Secret customers::delete;
    GET "/v1/customers/{}/payment_methods" Secret customers::payment_methods;
    GET "/v1/customers/{}/payment_methods/{}" Secret customers::payment_method;
    GET "/v1/customers/{}/sources" Secret sources::list;
    GET "/v1/customers/{}/sources/{}" Secret sources::retrieve;
    GET "/v1/events" Secret events::list;
    GET "/v1/events/{}" Secret events::retrieve;
    POST "/v1/events/{}/retry" Secret deliveries::resend;
    GET "/v1/florin/abuse_decisions" Secret abuse_decisions::list;
    GET "/v1/florin/customers/{}/consents" Secret consents::list;
    POST "/v1/florin/customers/{}/consents" Secret consents::create;
    GET "/v1/florin/payments/{}/journey" Secret journeys::of_payment;
    GET "/v1/florin/refunds/{}/journey" Secret journeys::of_refund;
    GET "/v1/florin/request_logs" Secret request_logs::list;
    GET "/v1/florin/request_logs/{}" Secret request_logs::retrieve;
    GET "/v1/florin/settlement_breaks" Secret settlement::breaks;
    GET "/v1/florin/settlement_reports" Secret settlement::reports;
    GET "/v1/florin/settlement_reports/{}" Secret settlement::retrieve_report;
    GET "/v1/florin/webhook_endpoints/{}/deliveries" Secret deliveries::list;
    GET "/v1/florin/webhook_endpoints/{}/deliveries/{}" Secret deliveries::retrieve;
    POST "/v1/florin/webhook_endpoints/{}/roll" Secret deliveries::roll;
    GET "/v1/payment_intents" Secret payment_intents::list;
    POST "/v1/payment_intents" Secret payment_intents::create;
    GET "/v1/payment_intents/search" Secret payment_intents::search;
    GET "/v1/payment_intents/{}" Any payment_intents::retrieve;
    POST "/v1/payment_intents/{}" Secret payment_intents::update;
    POST "/v1/payment_intents/{}/confirm" Any payment_intents::confirm;
    POST "/v1/payment_intents/{}/capture" Secret payment_intents::capture;
    POST "/v1/payment_intents/{}/cancel" Secret payment_intents::cancel;
    POST "/v1/payment_intents/{}/increment_authorization" Secret payment_intents::increment;
    GET "/v1/payment_method_domains" Secret payment_method_domains::list;
    POST "/v1/payment_method_domains" Secret payment_method_domains::create;
    GET "/v1/payment_method_domains/{}" Secret payment_method_domains::retrieve;
    POST "/v1/payment_method_domains/{}" Secret payment_method_domains::update;
    POST "/v1/payment_method_domains/{}/validate" Secret payment_method_domains::validate;
    GET "/v1/payment_methods" Secret payment_methods::list;
    POST "/v1/payment_methods" Any payment_methods::create;
    GET "/v1/payment_methods/{}" Secret payment_methods::retrieve;
    POST "/v1/payment_methods/{}" Secret payment_methods::update;
    POST "/v1/payment_methods/{}/attach" Secret payment_methods::attach;
    POST "/v1/payment_methods/{}/detach" Secret payment_methods::detach;
    GET "/v1/prices" Secret prices::list;
    POST "/v1/prices" Secret prices::create;
    GET "/v1/prices/search" Secret prices::search;
    GET "/v1/prices/{}" Secret prices::retrieve;
    POST "/v1/prices/{}" Secret prices::update;
    GET "/v1/products" Secret products::list;
    POST "/v1/products" Secret products::create;
    GET "/v1/products/search" Secret products::search;
    GET "/v1/products/{}" Secret products::retrieve;
    POST "/v1/products/{}" Secret products::update;
    DELETE "/v1/products/{}" Secret products::delete;
    GET "/v1/refunds" Secret refunds::list;
    POST "/v1/refunds" Secret refunds::create;
    GET "/v1/refunds/{}" Secret refunds::retrieve;
    POST "/v1/refunds/{}" Secret refunds::update;
    POST "/v1/refunds/{}/cancel" Secret refunds::cancel;
    GET "/v1/setup_attempts" Secret setup_attempts::list;
    GET "/v1/setup_intents" Secret setup_intents::list;
    POST "/v1/setup_intents" Secret setup_intents::create;
    GET "/v1/setup_intents/{}" Any setup_intents::retrieve;
    POST "/v1/setup_intents/{}" Secret setup_intents::update;
    POST "/v1/setup_intents/{}/confirm" Any setup_intents::confirm;
    POST "/v1/setup_intents/{}/cancel" Secret setup_intents::cancel;
    POST "/v1/stripecli/sessions" Secret stripecli::create;
    POST "/v1/test_helpers/confirmation_tokens" Secret confirmation_tokens::create_for_test;
    POST "/v1/tokens" Any tokens::create;
    GET "/v1/tokens/{}" Any tokens::retrieve;
    GET "/v1/webhook_endpoints" Secret webhook_endpoints::list;
    POST "/v1/webhook_endpoints" Secret webhook_endpoints::create;
    GET "/v1/webhook_endpoints/{}" Secret webhook_endpoints::retrieve;
    POST "/v1/webhook_endpoints/{}" Secret webhook_endpoints::update;
    DELETE "/v1/webhook_endpoints/{}" Secret webhook_endpoints::delete;
};

pub enum Found {
    Route(&'static Route, Vec<String>),
    /// The path is there, the method is not.
    OtherMethod,
    Nothing,
}

/// Method, path with `{}` for ids, and whether publishable keys may ask: for tests that walk every route.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    ROUTES.iter().map(|r| (r.method, r.path, r.permit == Permit::Any))
}

/// What an answer to this request is said to be: for tests that hold every answer against it.
pub fn says(method: &str, path: &str) -> Option<Says> {
    match find(method, path) {
        Found::Route(route, _) => Some(expand::says(route.method, route.path)),
        Found::OtherMethod | Found::Nothing => None,
    }
}

/// Fixed parts win over ids: the table lists them first.
pub fn find(method: &str, path: &str) -> Found {
    // HEAD is a GET whose body stays away (RFC 9110 §9.3.2); the edge leaves it out.
    let method = if method == "HEAD" { "GET" } else { method };
    let mut other = false;
    let path = path.strip_suffix('/').unwrap_or(path);
    for route in ROUTES {
        // Most differ before the first id, and are not taken apart.
        let fixed = route.path.split_once('{').map_or(route.path, |(fixed, _)| fixed);
        if !path.starts_with(fixed) {
            continue;
        }
        let Some(ids) = matches(route.path, path) else { continue };
        if route.method == method {
            return Found::Route(route, ids);
        }
        other = true;
    }
    if other { Found::OtherMethod } else { Found::Nothing }
}

fn matches(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut parts, mut ids) = (path.split('/'), vec![]);
    for part in template.split('/') {
        let given = parts.next()?;
        if part == "{}" {
            let id = crate::form::decode(&given.replace('+', "%2B")).ok().filter(|id| !id.is_empty())?;
            ids.push(id);
        } else if part != given {
            return None;
        }
    }
    parts.next().is_none().then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        #[track_caller]
        fn check(method: &str, path: &str, expected: &str) {
            let found = match find(method, path) {
                Found::Route(route, ids) => format!("{} {}", route.path, ids.join(",")),
                Found::OtherMethod => "other method".to_owned(),
                Found::Nothing => "nothing".to_owned(),
            };
            assert_eq!(found.trim(), expected, "{method} {path}");
        }
        check("GET", "/v1/customers", "/v1/customers");
        check("GET", "/v1/customers/", "/v1/customers");
        check("HEAD", "/v1/customers", "/v1/customers");
        check("GET", "/v1/customers/search", "/v1/customers/search");
        check("GET", "/v1/customers/cus_1", "/v1/customers/{} cus_1");
        check("GET", "/v1/customers/a%2Fb", "/v1/customers/{} a/b");
        check("GET", "/v1/customers/cus_1/payment_methods/pm_1", "/v1/customers/{}/payment_methods/{} cus_1,pm_1");
        check("PUT", "/v1/customers", "other method");
        check("GET", "/v1/customers/cus_1/x", "nothing");
        check("GET", "/v1//", "nothing");
        check("GET", "/v1/customers/%zz", "nothing");
    }

    #[test]
    fn no_route_hides_another() {
        for (n, route) in ROUTES.iter().enumerate() {
            let before = ROUTES.iter().take(n).filter(|b| b.method == route.method);
            let sample = route.path.replace("{}", "x_1");
            for b in before {
                assert!(matches(b.path, &sample).is_none(), "{} hides {}", b.path, route.path);
            }
        }
    }
}
