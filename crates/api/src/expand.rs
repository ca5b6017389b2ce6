//! `expand[]`: ids in an answer become the things themselves, up to four levels deep. Knows no endpoint.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::load;
use crate::router::Route;
use florin_core::store::Wait;
use serde_json::{Map, Value};

/// Names in one path, not counting the `data` of lists.
pub const DEEPEST: usize = 4;
/// Paths of one request.
pub const MOST_PATHS: usize = 20;

/// What may be expanded: by `object`, the field and what it leads to. `[x]` is a list of x, `.x` a part without an id of its own, `|` one
/// of several; what leads to nothing that Florin has is null in every answer.
const FIELDS: &[(&str, &[(&str, &str)])] = &[
    (
        "payment_intent",
        &[
            ("application", ""),
            ("charges", "[charge]"),
            ("customer", "customer"),
            ("latest_charge", "charge"),
            ("on_behalf_of", ""),
            ("payment_method", "payment_method"),
            ("payment_record", ""),
            ("review", ""),
            ("source", ""),
            ("transfer_data", ".transfer_data"),
        ],
    ),
    (
        "charge",
        &[
            ("application", ""),
            ("application_fee", ""),
            ("balance_transaction", "balance_transaction"),
            ("customer", "customer"),
            ("failure_balance_transaction", ""),
            ("on_behalf_of", ""),
            ("payment_intent", "payment_intent"),
            ("refunds", "[refund]"),
            ("review", ""),
            ("source_transfer", ""),
            ("transfer", ""),
            ("transfer_data", ".transfer_data"),
        ],
    ),
    (".transfer_data", &[("destination", "")]),
    (
        "refund",
        &[
            ("balance_transaction", "balance_transaction"),
            ("charge", "charge"),
            ("customer", "customer"),
            ("failure_balance_transaction", ""),
            ("payment_intent", "payment_intent"),
            ("payment_method", "payment_method"),
            ("source_transfer_reversal", ""),
            ("transfer_reversal", ""),
        ],
    ),
    ("payment_method", &[("customer", "customer")]),
    (
        "customer",
        &[
            ("cash_balance", ""),
            ("default_source", "card"),
            ("invoice_settings", ".invoice_settings"),
            ("sources", "[card]"),
            ("subscriptions", "[subscription]"),
            ("tax", ""),
            ("tax_ids", "[tax_id]"),
            ("test_clock", ""),
        ],
    ),
    (".invoice_settings", &[("default_payment_method", "payment_method")]),
    ("card", &[("customer", "customer")]),
    (
        "setup_intent",
        &[
            ("application", ""),
            ("customer", "customer"),
            ("latest_attempt", "setup_attempt"),
            ("mandate", ""),
            ("on_behalf_of", ""),
            ("payment_method", "payment_method"),
            ("single_use_mandate", ""),
        ],
    ),
    (
        "setup_attempt",
        &[
            ("application", ""),
            ("customer", "customer"),
            ("on_behalf_of", ""),
            ("payment_method", "payment_method"),
            ("setup_intent", "setup_intent"),
        ],
    ),
    ("balance_transaction", &[("source", "charge|refund")]),
    ("price", &[("currency_options", ""), ("product", "product"), ("tiers", "")]),
    ("product", &[("default_price", "price"), ("tax_code", "")]),
];

/// What the lists of these addresses hold: an empty list says no more of it.
const LISTS: &[(&str, &str)] = &[
    ("/v1/balance_transactions", "balance_transaction"),
    ("/v1/charges", "charge"),
    ("/v1/customers", "customer"),
    ("/v1/customers/{}/sources", "card"),
    ("/v1/florin/customers/{}/consents", "florin.consent"),
    ("/v1/payment_intents", "payment_intent"),
    ("/v1/payment_methods", "payment_method"),
    ("/v1/prices", "price"),
    ("/v1/products", "product"),
    ("/v1/refunds", "refund"),
    ("/v1/setup_attempts", "setup_attempt"),
    ("/v1/setup_intents", "setup_intent"),
];

/// What the holder of a client secret may expand: a method is what the browser itself gave.
const PUBLISHABLE: &[&str] = &["payment_method"];

type Path = Vec<String>;

/// Takes `expand` out of the parameters.
pub fn asked(map: &mut Map<String, Value>) -> Result<Vec<Path>, ApiError> {
    let bad = |message: String| ApiError::invalid(message).param("expand");
    let list = match map.remove("expand") {
        None => return Ok(vec![]),
        Some(Value::Array(list)) => list,
        Some(Value::String(text)) if text.is_empty() => return Ok(vec![]),
        Some(_) => return Err(bad("Invalid array: write expand[]=customer.".to_owned())),
    };
    if list.len() > MOST_PATHS {
        return Err(bad(format!("At most {MOST_PATHS} properties can be expanded at a time.")));
    }
    let mut paths = vec![];
    for one in &list {
        let text = one.as_str().ok_or_else(|| bad("Invalid array: expand takes texts.".to_owned()))?;
        let path: Path = text.split('.').map(str::to_owned).collect();
        let deep = path.iter().filter(|p| *p != "data").count();
        if path.iter().any(String::is_empty) || deep > DEEPEST {
            return Err(
                bad(format!("You cannot expand more than {DEEPEST} levels of a property.")).code("parameter_invalid")
            );
        }
        paths.push(path);
    }
    Ok(paths)
}

/// Refuses a path that no answer of this route has: before anything is done, so that whoever reads 400 knows that nothing was.
pub fn check(route: &Route, paths: &[Path], is_secret: bool) -> Result<(), ApiError> {
    if paths.is_empty() {
        return Ok(());
    }
    let says = says(route.method, route.path);
    match paths.iter().find(|path| !may(says, path, is_secret)) {
        None => Ok(()),
        Some(path) => {
            let shown: String = path.join(".").chars().take(100).collect();
            let message = format!("This property cannot be expanded ({shown}).");
            Err(ApiError::invalid(message).param("expand"))
        }
    }
}

/// What a route answers with: the `object`, alone or in a list; empty when nothing within is ever expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    One(&'static str),
    List(&'static str),
    Search(&'static str),
}

/// Read off the route's path: the last part that names a collection, and what stands behind it.
pub fn says(method: &str, path: &str) -> Says {
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    // `/v1/customers/{}/payment_methods` holds what `/v1/payment_methods` holds.
    let held = |part: &str| {
        let last = |address: &str| address.rsplit('/').next() == Some(part);
        LISTS.iter().find(|(address, _)| last(address)).map(|(_, held)| *held)
    };
    let found = parts.iter().enumerate().rev().find_map(|(n, part)| Some((n, held(part)?)));
    let Some((place, object)) = found else { return Says::One("") };
    match (method, parts.get(place + 1..).unwrap_or_default()) {
        ("GET", []) => Says::List(object),
        ("GET", ["search"]) => Says::Search(object),
        (_, [] | ["{}"]) | ("POST", ["{}", _]) => Says::One(object),
        // A collection within, of which nothing is known here.
        _ => Says::One(""),
    }
}

pub async fn all(ask: &Ask<'_>, mut answer: Answer, paths: &[Path]) -> Result<Answer, ApiError> {
    if answer.status == 200 && !answer.whole {
        if ask.version.lists_charges() {
            charges(ask, &mut answer.body).await?;
        }
        for path in paths {
            one(ask, &mut answer.body, path).await?;
        }
    }
    Ok(answer)
}

/// Whether there is such a path in such answers, whatever is null in one of them.
fn may(says: Says, path: &[String], is_secret: bool) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    if !is_secret && (!rest.is_empty() || !PUBLISHABLE.contains(&first.as_str())) {
        return false;
    }
    match says {
        Says::Search(_) if first == "total_count" => rest.is_empty(),
        Says::List(held) | Says::Search(held) => first == "data" && (rest.is_empty() || leads(held, rest)),
        Says::One(object) => leads(object, path),
    }
}

/// Whether a path leads somewhere from this kind of thing.
fn leads(kind: &str, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    if let Some(held) = kind.strip_prefix('[').and_then(|k| k.strip_suffix(']')) {
        return first == "data" && leads(held, rest);
    }
    kind.split('|').any(|kind| {
        let fields = FIELDS.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, fields)| *fields);
        fields.iter().any(|(name, to)| name == first && leads(to, rest))
    })
}

fn one<'a>(ask: &'a Ask<'_>, value: &'a mut Value, path: &'a [String]) -> Wait<'a, Result<(), ApiError>> {
    Box::pin(async move {
        let Some((field, rest)) = path.split_first() else { return Ok(()) };
        let object = value.get("object").and_then(Value::as_str).unwrap_or("").to_owned();
        if (object == "list" || object == "search_result") && field == "data" {
            let Some(data) = value.get_mut("data").and_then(Value::as_array_mut) else { return Ok(()) };
            for item in data {
                one(ask, item, rest).await?;
            }
            return Ok(());
        }
        if let Some(part) = load::part(ask, value, field).await? {
            set(value, field, part);
        }
        if let Some(Value::String(id)) = value.get(field) {
            let id = id.clone();
            if let Some(loaded) = load::by_id(ask, &id).await? {
                set(value, field, loaded);
            }
        }
        match value.get_mut(field) {
            Some(inner @ Value::Object(_)) => one(ask, inner, rest).await,
            _ => Ok(()),
        }
    })
}

fn set(value: &mut Value, field: &str, to: Value) {
    if let Some(map) = value.as_object_mut() {
        map.insert(field.to_owned(), to);
    }
}

/// Older versions have the charges of an intent as a list.
async fn charges(ask: &Ask<'_>, body: &mut Value) -> Result<(), ApiError> {
    let is_intent = |v: &Value| v.get("object").is_some_and(|o| o == "payment_intent");
    let mut intents: Vec<&mut Value> = vec![];
    if is_intent(body) {
        intents.push(body);
    } else if let Some(data) = body.get_mut("data").and_then(Value::as_array_mut) {
        intents.extend(data.iter_mut().filter(|v| is_intent(v)));
    }
    for intent in intents {
        if let Some(list) = load::charges_of(ask, intent).await? {
            set(intent, "charges", list);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_paths_there_are() {
        #[track_caller]
        fn check(method: &str, route: &str, is_secret: bool, path: &str, expected: bool) {
            let path: Path = path.split('.').map(str::to_owned).collect();
            assert_eq!(may(says(method, route), &path, is_secret), expected, "{method} {route} {path:?}");
        }
        let intent = |is_secret, path, expected| check("GET", "/v1/payment_intents/{}", is_secret, path, expected);
        intent(true, "customer", true);
        intent(true, "customer.foo", false);
        intent(true, "customer.invoice_settings.default_payment_method", true);
        intent(true, "latest_charge.balance_transaction.source.payment_intent", true);
        intent(true, "latest_charge.refunds.data.charge", true);
        intent(true, "amount", false);
        intent(true, "data.customer", false);
        intent(false, "payment_method", true);
        intent(false, "payment_method.customer", false);
        intent(false, "latest_charge", false);
        check("POST", "/v1/payment_intents", true, "customer", true);
        check("POST", "/v1/payment_intents", true, "data.customer", false);
        check("POST", "/v1/payment_intents/{}/confirm", true, "latest_charge", true);
        check("POST", "/v1/payment_intents/{}/confirm", false, "latest_charge", false);
        check("POST", "/v1/charges/{}/capture", true, "payment_intent", true);
        check("GET", "/v1/refunds", true, "data.charge", true);
        check("GET", "/v1/refunds", true, "data", true);
        check("GET", "/v1/refunds", true, "data.foo", false);
        check("GET", "/v1/refunds", true, "charge", false);
        check("GET", "/v1/charges/{}/refunds", true, "data.payment_intent", true);
        check("GET", "/v1/charges/{}/refunds/{}", true, "payment_intent", true);
        check("GET", "/v1/customers/{}/payment_methods", true, "data.customer", true);
        check("GET", "/v1/customers/{}/unheard_of", true, "customer", false);
        check("GET", "/v1/events", true, "data.object", false);
        check("GET", "/v1/customers/search", true, "total_count", true);
        check("GET", "/v1/customers/search", true, "data.sources", true);
        check("GET", "/v1/customers", true, "total_count", false);
        check("GET", "/v1/balance", true, "available", false);
    }
}
