//! Holds answers against the published shapes: every field that must be there is, none is unknown, each is of its type.

use serde_json::Value;
use std::sync::OnceLock;

fn shapes() -> &'static Value {
    static SHAPES: OnceLock<Value> = OnceLock::new();
    SHAPES.get_or_init(|| serde_json::from_str(include_str!("shapes.json")).unwrap())
}

/// Fields of Florin's own.
const OURS: &[&str] = &["event.sequence", "payment_intent.charges", "payment_intent.order", "charge.order"];
/// What older versions had, and clients may still look for.
const OLDER: &[&str] = &["customer.account_balance"];

#[track_caller]
pub fn check(told: &str, body: &Value) {
    let mut faults = vec![];
    match body.get("object").and_then(Value::as_str) {
        Some("list" | "search_result") => {
            for item in body["data"].as_array().unwrap() {
                object(item, "data", &mut faults);
            }
            assert!(body["has_more"].is_boolean() && body["url"].is_string(), "{told}: {body}");
        }
        Some(_) => object(body, "", &mut faults),
        None => {
            if let Some(error) = body.get("error") {
                assert!(error["message"].is_string() && error["type"].is_string(), "{told}: {body}");
                for name in ["payment_intent", "payment_method", "setup_intent"] {
                    if let Some(inner) = error.get(name) {
                        object(inner, name, &mut faults);
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{told}:\n{}\n{body:#}", faults.join("\n"));
}

fn object(value: &Value, path: &str, faults: &mut Vec<String>) {
    let Some(name) = value.get("object").and_then(Value::as_str) else {
        faults.push(format!("{path}: no object"));
        return;
    };
    // Things of Florin's own have no published shape.
    if name.starts_with("florin.") || name.starts_with("stripecli.") {
        return;
    }
    let Some(roots) = shapes()["roots"].get(name) else {
        faults.push(format!("{path}: {name} has no shape"));
        return;
    };
    let tried: Vec<Vec<String>> = roots
        .as_array()
        .unwrap()
        .iter()
        .map(|root| {
            let mut inner = vec![];
            fits(value, &shapes()["defs"][root.as_str().unwrap()], &format!("{path}/{name}"), &mut inner);
            inner
        })
        .collect();
    if tried.iter().all(|t| !t.is_empty()) {
        faults.extend(tried.into_iter().min_by_key(Vec::len).unwrap());
    }
}

fn fits(value: &Value, shape: &Value, path: &str, faults: &mut Vec<String>) {
    if value.is_null() {
        if shape["z"].is_null() && shape["k"] != "any" && shape["k"] != "null" {
            faults.push(format!("{path}: is null"));
        }
        return;
    }
    let mut wrong = |what: &str| faults.push(format!("{path}: {value} is no {what}"));
    match shape["k"].as_str().unwrap() {
        "s" if !value.is_string() => wrong("text"),
        "n" if !value.is_number() => wrong("number"),
        "b" if !value.is_boolean() => wrong("boolean"),
        "lit" if !shape["v"].as_array().unwrap().contains(value) => wrong("known word"),
        "null" => wrong("null"),
        "a" => match value.as_array() {
            Some(list) => list.iter().for_each(|v| fits(v, &shape["i"], path, faults)),
            None => wrong("list"),
        },
        "m" => match value.as_object() {
            Some(map) => map.values().for_each(|v| fits(v, &shape["i"], path, faults)),
            None => wrong("map"),
        },
        "list" => match value["data"].as_array() {
            Some(list) => list.iter().for_each(|v| fits(v, &shape["i"], path, faults)),
            None => wrong("list object"),
        },
        "r" => {
            // A thing within: its own shape says what it must be.
            if value.get("object").is_some_and(|o| shapes()["roots"].get(o.as_str().unwrap_or("")).is_some()) {
                object(value, path, faults);
            } else {
                fits(value, &shapes()["defs"][shape["r"].as_str().unwrap()], path, faults);
            }
        }
        "u" => {
            let fitting = shape["o"].as_array().unwrap().iter().any(|one| {
                let mut inner = vec![];
                fits(value, one, path, &mut inner);
                inner.is_empty()
            });
            if !fitting {
                wrong("one of its types");
            }
        }
        "o" => fields(value, &shape["p"], path, faults),
        _ => {}
    }
}

fn fields(value: &Value, known: &Value, path: &str, faults: &mut Vec<String>) {
    let (Some(map), Some(known)) = (value.as_object(), known.as_object()) else {
        faults.push(format!("{path}: {value} is no object"));
        return;
    };
    for (name, shape) in known {
        let inner = format!("{path}/{name}");
        match map.get(name) {
            Some(field) => fits(field, shape, &inner, faults),
            None if shape["q"].is_null() => faults.push(format!("{inner}: is absent")),
            None => {}
        }
    }
    for name in map.keys().filter(|n| !known.contains_key(*n)) {
        let own = format!("{}.{name}", path.rsplit('/').next().unwrap_or(""));
        if !OURS.contains(&own.as_str()) && !OLDER.contains(&own.as_str()) {
            faults.push(format!("{path}/{name}: is unknown"));
        }
    }
}
