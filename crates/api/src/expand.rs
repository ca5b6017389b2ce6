//! `expand[]`: ids in an answer become the things themselves, up to four levels deep. Knows no endpoint.

use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::load;
use florin_core::store::Wait;
use serde_json::{Map, Value};

/// Names in one path, not counting the `data` of a list.
pub const DEEPEST: usize = 4;
/// Paths of one request.
pub const MOST_PATHS: usize = 20;

/// What may be expanded, by `object`.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "payment_intent",
        &["application", "customer", "latest_charge", "on_behalf_of", "payment_method", "review", "source"],
    ),
    (
        "charge",
        &[
            "application",
            "application_fee",
            "balance_transaction",
            "customer",
            "failure_balance_transaction",
            "on_behalf_of",
            "payment_intent",
            "refunds",
            "review",
            "source_transfer",
            "transfer",
        ],
    ),
    ("refund", &["balance_transaction", "charge", "failure_balance_transaction", "payment_intent", "payment_method"]),
    ("payment_method", &["customer"]),
    (
        "customer",
        &["default_source", "subscriptions", "sources", "tax", "tax_ids", "invoice_settings", "default_payment_method"],
    ),
    (
        "setup_intent",
        &[
            "application",
            "customer",
            "latest_attempt",
            "mandate",
            "on_behalf_of",
            "payment_method",
            "single_use_mandate",
        ],
    ),
    ("balance_transaction", &["source"]),
    ("price", &["product", "currency_options", "tiers"]),
    ("product", &["default_price", "tax_code"]),
];

/// Takes `expand` out of the parameters.
pub fn asked(map: &mut Map<String, Value>) -> Result<Vec<Vec<String>>, ApiError> {
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
        let path: Vec<String> = text.split('.').map(str::to_owned).collect();
        let deep = path.len() - usize::from(path.first().is_some_and(|p| p == "data"));
        if path.iter().any(String::is_empty) || deep > DEEPEST {
            return Err(
                bad(format!("You cannot expand more than {DEEPEST} levels of a property.")).code("parameter_invalid")
            );
        }
        paths.push(path);
    }
    Ok(paths)
}

pub async fn all(ask: &Ask<'_>, mut answer: Answer, paths: &[Vec<String>]) -> Result<Answer, ApiError> {
    if answer.status == 200 {
        for path in paths {
            one(ask, &mut answer.body, path, path).await?;
        }
        if ask.version.lists_charges() {
            charges(ask, &mut answer.body).await?;
        }
    }
    Ok(answer)
}

fn one<'a>(
    ask: &'a Ask<'_>,
    value: &'a mut Value,
    path: &'a [String],
    whole: &'a [String],
) -> Wait<'a, Result<(), ApiError>> {
    Box::pin(async move {
        let Some((field, rest)) = path.split_first() else { return Ok(()) };
        let object = value.get("object").and_then(Value::as_str).unwrap_or("").to_owned();
        if (object == "list" || object == "search_result") && field == "data" && !rest.is_empty() {
            let Some(data) = value.get_mut("data").and_then(Value::as_array_mut) else { return Ok(()) };
            for item in data {
                one(ask, item, rest, whole).await?;
            }
            return Ok(());
        }
        let known =
            FIELDS.iter().find(|(name, _)| *name == object).is_some_and(|(_, fields)| fields.contains(&field.as_str()));
        // `invoice_settings` and the like have no `object` of their own.
        let inner = object.is_empty() && field == "default_payment_method";
        if !known && !inner {
            let shown: String = whole.join(".").chars().take(100).collect();
            let message = format!("This property cannot be expanded ({shown}).");
            return Err(ApiError::invalid(message).param("expand"));
        }
        if object == "charge" && field == "refunds" {
            let list = load::refunds_of(ask, value).await?;
            set(value, field, list);
        }
        if let Some(Value::String(id)) = value.get(field) {
            let id = id.clone();
            if let Some(loaded) = load::by_id(ask, &id).await? {
                set(value, field, loaded);
            }
        }
        match value.get_mut(field) {
            Some(inner @ Value::Object(_)) => one(ask, inner, rest, whole).await,
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
        let list = load::charges_of(ask, intent).await?;
        set(intent, "charges", list);
    }
    Ok(())
}
