//! What endpoints ask for is found by asking them: each route is called with what it says is missing, until it has named every parameter
//! that it knows. `parameters.txt` holds what was found, and the OpenAPI document is made of it.

use crate::world::{Got, Request, Shop};
use florin_api::parameters::{Endpoint, Parameter, Table, read, write};
use florin_api::{Declaration, Declared, PARAMETERS, openapi, routes};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Given within an object, it makes the endpoint refuse once it has named all that the object may hold.
const PROBE: &str = "zz_probe";
const MOST_STEPS: usize = 30;

pub type Given = Map<String, Value>;

pub fn parts(name: &str) -> Vec<String> {
    name.split(['[', ']']).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

pub fn set(given: &mut Given, name: &str, value: Value) {
    let mut parts = parts(name);
    let last = parts.pop().unwrap();
    let mut at = given;
    for part in parts {
        let inner = at.entry(part).or_insert_with(|| json!({}));
        if !inner.is_object() {
            *inner = json!({});
        }
        at = inner.as_object_mut().unwrap();
    }
    at.insert(last, value);
}

fn remove(given: &mut Given, name: &str) {
    let mut parts = parts(name);
    let last = parts.pop().unwrap();
    let mut at = Some(given);
    for part in parts {
        at = at.and_then(|map| map.get_mut(&part)).and_then(Value::as_object_mut);
    }
    if let Some(map) = at {
        map.remove(&last);
    }
}

fn get<'a>(given: &'a Given, name: &str) -> Option<&'a Value> {
    let parts = parts(name);
    let (first, rest) = parts.split_first()?;
    rest.iter().try_fold(given.get(first)?, |value, part| value.get(part))
}

/// The pairs of a query.
fn pairs(given: &Given) -> String {
    fn put(name: String, value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(n, v)| put(format!("{name}[{n}]"), v, out)),
            Value::Array(list) => list.iter().for_each(|v| put(format!("{name}[]"), v, out)),
            Value::String(text) => out.push(format!("{name}={}", text.replace('&', "%26"))),
            other => out.push(format!("{name}={other}")),
        }
    }
    let mut out = vec![];
    given.iter().for_each(|(name, value)| put(name.clone(), value, &mut out));
    out.join("&")
}

/// What was found of one route.
#[derive(Default)]
pub struct Found {
    pub endpoint: Endpoint,
    /// Missing when it was left out.
    demanded: BTreeSet<String>,
    /// What was given when every parameter had been read.
    whole: Vec<Given>,
    pub base: Given,
}

pub struct Explorer<'a> {
    pub shop: &'a Shop,
    /// Whose key asks.
    pub key: &'a str,
    /// What makes a thing, by collection.
    pub makers: BTreeMap<String, Given>,
}

impl Explorer<'_> {
    pub fn send(&self, method: &str, path: &str, given: &Given) -> (Got, Arc<Declared>) {
        let request = match method {
            "POST" => Request::new(method, path, &Value::Object(given.clone()).to_string())
                .header("content-type", "application/json"),
            _ => Request::new(method, &format!("{path}?{}", pairs(given)), ""),
        };
        self.shop.declare(request.key(self.key))
    }

    /// The id of a thing of this collection: a fresh one where it can be made, else one that is there.
    pub fn id(&self, collection: &str) -> Option<String> {
        let path = format!("/v1/{collection}");
        // Florin's own stand one level further down.
        let path = if collection == "request_logs" { "/v1/florin/request_logs".to_owned() } else { path };
        // A payment's page stands under the word that people use.
        let (path, collection) = match collection {
            "payments" => ("/v1/payment_intents".to_owned(), "payment_intents"),
            other => (path, other),
        };
        let made = self.makers.get(collection).map(|given| self.send("POST", &path, given).0);
        if let Some(id) = made.as_ref().and_then(|got| got.at("/id").as_str()) {
            return Some(id.to_owned());
        }
        self.send("GET", &path, &Given::new()).0.at("/data/0/id").as_str().map(str::to_owned)
    }

    pub fn path(&self, template: &str) -> String {
        let (mut out, mut before) = (vec![], "");
        for part in template.split('/') {
            match part {
                "{}" => out.push(self.id(before).unwrap_or_else(|| "x_1".to_owned())),
                part => out.push(part.to_owned()),
            }
            before = part;
        }
        out.join("/")
    }

    /// Values that a parameter may take, the likeliest first.
    fn samples(&self, name: &str, kinds: &BTreeSet<Declaration>) -> Vec<Value> {
        let last = parts(name).pop().unwrap();
        let mut out = vec![];
        for kind in kinds {
            match kind {
                Declaration::Text(_) | Declaration::TextOrUnset(_) => {
                    out.extend(self.id(&format!("{last}s")).map(Value::String));
                    out.extend(["x", "https://example.com/x", "email:'a@b.nl'", "1", "shop.example"].map(|t| json!(t)));
                }
                Declaration::Email => out.push(json!("a@b.nl")),
                Declaration::Integer(least, most) => out.extend([1_000, 1].map(|n: i64| json!(n.clamp(*least, *most)))),
                Declaration::Boolean => out.extend([json!(true), json!(false)]),
                Declaration::Currency => out.push(json!("eur")),
                Declaration::Choice(words) => out.extend(words.iter().map(|w| json!(w))),
                Declaration::Object => out.push(json!({})),
                Declaration::Texts => out.extend([json!(["*"]), json!(["card"]), json!(["x"])]),
                Declaration::Objects => out.push(json!([])),
                Declaration::Decimal => out.push(json!("10")),
                Declaration::Metadata => out.push(json!({ "a": "b" })),
                Declaration::Unset | Declaration::NoEffect => {}
            }
        }
        out
    }

    /// Calls, and gives what is missing, until nothing is.
    fn settle(&self, (method, template): (&str, &str), mut given: Given, found: &mut Found) -> Given {
        let mut tried: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..MOST_STEPS {
            let path = self.path(template);
            let (got, declared) = self.send(method, &path, &given);
            for (name, kinds) in declared.parameters() {
                found.endpoint.parameters.entry(name).or_default().kinds.extend(kinds);
            }
            if declared.is_whole() {
                found.whole.push(given.clone());
            }
            if got.status == 200 && found.endpoint.answer.is_empty() {
                found.endpoint.answer = answer(&got.body);
            }
            let (status, code, param) = got.error();
            if status == 200 || param.is_empty() {
                break;
            }
            if param.contains(PROBE) {
                remove(&mut given, param);
                continue;
            }
            if code == "parameter_missing" {
                found.demanded.insert(param.to_owned());
                if let Some(card) = param.strip_suffix("[number]") {
                    set(&mut given, &format!("{card}[florin_card]"), json!(0));
                    continue;
                }
                // It is there, so it does not go together with something else.
                if get(&given, param).is_some() {
                    remove(&mut given, param);
                    continue;
                }
            } else if get(&given, param).is_none() || declared.is_whole() {
                break;
            }
            let kinds = found.endpoint.parameters.get(param).map(|p| p.kinds.clone()).unwrap_or_default();
            let samples = self.samples(param, &kinds);
            let n = tried.entry(param.to_owned()).or_default();
            let Some(sample) = samples.get(*n) else { break };
            *n += 1;
            set(&mut given, param, sample.clone());
        }
        given
    }

    pub fn explore(&self, method: &str, template: &str) -> Found {
        let route = (method, template);
        let mut found = Found::default();
        found.base = self.settle(route, Given::new(), &mut found);
        let mut done = BTreeSet::new();
        loop {
            let seen: Vec<(String, Declaration)> = found
                .endpoint
                .parameters
                .iter()
                .flat_map(|(name, p)| p.kinds.iter().map(|k| (name.clone(), k.clone())))
                .filter(|one| !done.contains(one))
                .collect();
            if seen.is_empty() {
                break;
            }
            for (name, kind) in seen {
                for sample in self.samples(&name, &BTreeSet::from([kind.clone()])) {
                    let mut given = found.base.clone();
                    let sample = if kind == Declaration::Object { json!({ PROBE: "1" }) } else { sample };
                    set(&mut given, &name, sample);
                    self.settle(route, given, &mut found);
                }
                done.insert((name, kind));
            }
        }
        // What is demanded may have something that stands for it.
        for name in found.demanded.clone() {
            let others: Vec<_> = found.endpoint.parameters.iter().map(|(n, p)| (n.clone(), p.kinds.clone())).collect();
            for (other, kinds) in others.iter().filter(|(n, _)| *n != name && !n.contains('[')) {
                for sample in self.samples(other, kinds) {
                    let mut given = found.base.clone();
                    remove(&mut given, &name);
                    set(&mut given, other, sample);
                    self.settle(route, given, &mut found);
                }
            }
        }
        let whole = &found.whole;
        for name in &found.demanded {
            let Some(parameter) = found.endpoint.parameters.get_mut(name) else { continue };
            let within = name.rsplit_once('[').map(|(outer, _)| outer.to_owned());
            let applies = |given: &&Given| within.as_ref().is_none_or(|outer| get(given, outer).is_some());
            parameter.required = whole.iter().filter(applies).all(|given| get(given, name).is_some());
        }
        found
    }
}

fn answer(body: &Value) -> String {
    let name = |v: &Value| v["object"].as_str().unwrap_or_default().to_owned();
    match (body["object"].as_str(), body.pointer("/data/0")) {
        (Some(list @ ("list" | "search_result")), Some(first)) => format!("{list} {}", name(first)),
        _ => name(body),
    }
}

impl<'a> Explorer<'a> {
    /// Learns what makes each thing.
    pub fn new(shop: &'a Shop, key: &'a str) -> Explorer<'a> {
        let mut explorer = Explorer { shop, key, makers: BTreeMap::new() };
        // Twice, for those that want things of another collection.
        for _ in 0..2 {
            for (_, path, _) in routes().filter(|(m, path, _)| *m == "POST" && path.matches('/').count() == 2) {
                let found = explorer.explore("POST", path);
                explorer.makers.insert(path.trim_start_matches("/v1/").to_owned(), found.base);
            }
        }
        explorer
    }
}

/// Things that cannot be made alone.
pub fn furnish(shop: &Shop, key: &str) {
    let post = |path: &str, body: &str| shop.send(Request::new("POST", path, body).key(key));
    let pay = "amount=1000&currency=eur&payment_method=pm_card_visa&confirm=true";
    let paid = post("/v1/payment_intents", pay).text("/id");
    post("/v1/refunds", &format!("payment_intent={paid}&amount=10"));
    shop.number();
}

fn found() -> Table {
    let shop = Shop::open();
    furnish(&shop, &shop.secret);
    let explorer = Explorer::new(&shop, &shop.secret);
    let mut table = Table::new();
    let mut unread = vec![];
    for (method, path, _) in routes() {
        let found = explorer.explore(method, path);
        if found.whole.is_empty() {
            unread.push(format!("{method} {path}"));
        }
        table.insert(format!("{method} {path}"), found.endpoint);
    }
    assert!(unread.is_empty(), "nothing made these endpoints read all their parameters: {unread:#?}");
    // Where no call came to its end, or no list held anything, the thing is what its own page shows.
    let shown: BTreeMap<String, String> = table.iter().map(|(name, e)| (name.clone(), e.answer.clone())).collect();
    for (name, endpoint) in &mut table {
        let page = |part: &&str| {
            // Cards in the shape of their time are made of other things.
            if *part == "sources" {
                return Some("card".to_owned());
            }
            let own = |level: &str| shown.get(&format!("GET /v1{level}/{part}/{{}}"));
            own("").or_else(|| own("/florin")).cloned().filter(|a| !a.is_empty())
        };
        let thing = name.split('/').rev().find_map(|part| page(&part)).unwrap_or_default();
        match endpoint.answer.as_str() {
            "" => endpoint.answer = thing,
            list @ ("list" | "search_result") if !thing.is_empty() => endpoint.answer = format!("{list} {thing}"),
            _ => {}
        }
    }
    table
}

/// `FLORIN_WRITE=1` writes the file anew.
#[test]
fn what_endpoints_ask_for_is_written_down() {
    let text = write(&found());
    if std::env::var_os("FLORIN_WRITE").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/parameters.txt"), &text).unwrap();
        return;
    }
    let differs: Vec<_> = text.lines().zip(PARAMETERS.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(
        text == PARAMETERS,
        "parameters.txt is not what the endpoints ask for: {differs:#?}\nWrite it anew: FLORIN_WRITE=1 cargo test --release -p florin-api described, then look at what changed."
    );
}

#[test]
fn the_description_holds_every_route_and_parameter() {
    let document = openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let table = read(PARAMETERS);
    let mut ids = BTreeSet::new();
    for (method, path, publishable) in routes() {
        let told = format!("{method} {path}");
        let shape: Vec<&str> = path.split('/').collect();
        let fits = |p: &&String| {
            let theirs: Vec<&str> = p.split('/').collect();
            theirs.len() == shape.len()
                && theirs.iter().zip(&shape).all(|(a, b)| a == b || (a.starts_with('{') && *b == "{}"))
        };
        let named =
            document["paths"].as_object().unwrap().keys().find(fits).unwrap_or_else(|| panic!("{told} is absent"));
        let operation = &document["paths"][named][method.to_ascii_lowercase()];
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{told}: its id is another's too");
        assert_eq!(operation["x-florin-publishable-key"], publishable, "{told}");
        let endpoint = table.get(&told).unwrap_or_else(|| panic!("{told} is not in parameters.txt"));
        for (name, Parameter { required, .. }) in endpoint.parameters.iter().filter(|(n, _)| !n.contains("florin_")) {
            check(operation, method, name, *required, &told);
        }
        for id in named.split('/').filter_map(|p| p.strip_prefix('{')) {
            let id = id.trim_end_matches('}');
            let there =
                operation["parameters"].as_array().unwrap().iter().any(|p| p["in"] == "path" && p["name"] == id);
            assert!(there, "{told}: {id}");
        }
    }
    references(&document, &document);
}

/// A parameter stands where a client looks for it: at the top, or within its object.
fn check(operation: &Value, method: &str, name: &str, required: bool, told: &str) {
    let parts = parts(name);
    let (first, rest) = parts.split_first().unwrap();
    let (mut schema, mut is_required) = if method == "POST" {
        let body = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
        let demanded = body["required"].as_array().is_some_and(|r| r.iter().any(|n| n == first));
        (&body["properties"][first], demanded)
    } else {
        let found =
            operation["parameters"].as_array().unwrap().iter().find(|p| p["in"] == "query" && p["name"] == *first);
        let found = found.unwrap_or_else(|| panic!("{told}: {name} is absent"));
        (&found["schema"], found["required"] == true)
    };
    for part in rest {
        let object =
            schema["anyOf"].as_array().and_then(|l| l.iter().find(|s| s["properties"].is_object())).unwrap_or(schema);
        is_required = object["required"].as_array().is_some_and(|r| r.iter().any(|n| n == part));
        schema = &object["properties"][part];
    }
    assert!(schema.is_object(), "{told}: {name} is absent");
    assert_eq!(is_required, required, "{told}: {name}");
}

/// Every reference leads somewhere.
fn references(value: &Value, document: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(to) = map.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to} leads nowhere");
            }
            map.values().for_each(|v| references(v, document));
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, document)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
