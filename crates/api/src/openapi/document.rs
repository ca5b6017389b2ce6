//! OpenAPI 3.1.0 out of routes and parameters. Decides nothing about either.

use super::table::{Endpoint, Parameter, Table};
use crate::declare::Kind;
use crate::params::{LONGEST_EMAIL, LONGEST_METADATA_NAME, LONGEST_METADATA_VALUE, MOST_METADATA};
use crate::permission;
use crate::router::{Permit, Route};
use crate::version::PRESENT;
use florin_core::edge::{CARD_FIELD, CODE_FIELD};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub fn of(routes: &[Route], table: &Table) -> Value {
    let nothing = Endpoint::default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut answers = BTreeSet::new();
    for route in routes {
        let endpoint = table.get(&format!("{} {}", route.method, route.path)).unwrap_or(&nothing);
        answers.extend(endpoint.answer.split(' ').next_back().filter(|a| !a.is_empty()));
        let (path, ids) = named(route.path);
        paths.entry(path).or_default().insert(route.method.to_ascii_lowercase(), operation(route, endpoint, &ids));
    }
    let mut schemas: Map<String, Value> = answers.into_iter().map(|name| (name.to_owned(), object(name))).collect();
    schemas.insert("error".to_owned(), error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Florin",
            "version": PRESENT,
            "description": "A payment gateway that speaks Stripe's API. Bodies are forms with brackets or JSON. \
                Every answer has a Request-Id; give an Idempotency-Key with each POST and repeat it without fear.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "An API key: sk_…, rk_… or pk_…" },
                "basic": { "type": "http", "scheme": "basic", "description": "The API key as user name, no password" },
            },
            "schemas": schemas,
            "responses": { "error": {
                "description": "What is wrong, and with which parameter",
                "headers": { "Request-Id": { "schema": { "type": "string" } } },
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/error" } } },
            } },
            "parameters": {
                "idempotency": {
                    "name": "Idempotency-Key", "in": "header", "required": false,
                    "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
                    "description": "The same key with the same request gives the same answer, for at least 24 hours.",
                },
                "expand": {
                    "name": "expand", "in": "query", "required": false, "style": "deepObject", "explode": true,
                    "schema": expand(),
                },
            },
        },
    })
}

/// The path with its ids named, and their names: `{}` behind `customers` is `{customer}`.
fn named(path: &str) -> (String, Vec<String>) {
    let (mut out, mut ids, mut before) = (vec![], vec![], "");
    for part in path.split('/') {
        if part == "{}" {
            let id = permission::singular(before);
            out.push(format!("{{{id}}}"));
            ids.push(id);
        } else {
            out.push(part.to_owned());
        }
        before = part;
    }
    (out.join("/"), ids)
}

fn operation(route: &Route, endpoint: &Endpoint, ids: &[String]) -> Value {
    let id = |name: &String| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "maxLength": 255 } });
    let mut parameters: Vec<Value> = ids.iter().map(id).collect();
    let tree = Tree::of(endpoint);
    let in_query = route.method != "POST";
    if in_query {
        parameters.extend(tree.inner.iter().map(|(name, node)| {
            let mut one = json!({ "name": name, "in": "query", "required": node.required, "schema": node.schema() });
            if (node.is_nested() || node.holds(&Kind::Texts))
                && let Some(map) = one.as_object_mut()
            {
                map.insert("style".into(), json!("deepObject"));
                map.insert("explode".into(), json!(true));
            }
            one
        }));
        parameters.push(json!({ "$ref": "#/components/parameters/expand" }));
    } else {
        parameters.push(json!({ "$ref": "#/components/parameters/idempotency" }));
    }
    let permission = permission::of(route);
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [permission.resource],
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done", "content": { "application/json": { "schema": answer(&endpoint.answer) } } },
            "default": { "$ref": "#/components/responses/error" },
        },
        "x-florin-permission": permission.name(),
        "x-florin-publishable-key": route.permit == Permit::Any,
    });
    if let (false, Some(map)) = (in_query, operation.as_object_mut()) {
        map.insert("requestBody".into(), body(&tree));
    }
    operation
}

/// `post_v1_customers_customer`.
fn operation_id(route: &Route) -> String {
    let path = named(route.path).0.replace(['{', '}'], "").replace('/', "_");
    format!("{}{path}", route.method.to_ascii_lowercase())
}

fn body(tree: &Tree) -> Value {
    let mut schema = tree.schema();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("expand".into(), expand());
    }
    let nested =
        tree.inner.iter().filter(|(_, n)| n.is_nested() || n.holds(&Kind::Texts)).map(|(name, _)| name.as_str());
    let style = |name: &str| (name.to_owned(), json!({ "style": "deepObject", "explode": true }));
    let encoding: Map<String, Value> = nested.chain(["expand"]).map(style).collect();
    json!({
        "required": tree.inner.values().any(|n| n.required),
        "content": {
            "application/x-www-form-urlencoded": { "schema": schema, "encoding": encoding },
            "application/json": { "schema": schema },
        },
    })
}

fn expand() -> Value {
    json!({
        "type": "array", "items": { "type": "string" }, "maxItems": crate::expand::MOST_PATHS,
        "description": "Ids to replace by the things themselves, for example customer",
    })
}

fn answer(answer: &str) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    match answer.split_once(' ') {
        None if answer.is_empty() => json!({ "type": "object" }),
        None => reference(answer),
        Some((list, of)) => json!({
            "type": "object",
            "required": ["object", "data", "has_more", "url"],
            "properties": {
                "object": { "const": list },
                "data": { "type": "array", "items": reference(of) },
                "has_more": { "type": "boolean" },
                "url": { "type": "string" },
                "next_page": { "type": ["string", "null"] },
            },
        }),
    }
}

fn object(name: &str) -> Value {
    json!({
        "type": "object",
        "required": ["object"],
        "properties": { "id": { "type": "string" }, "object": { "const": name } },
        "externalDocs": { "url": format!("https://docs.stripe.com/api?q={name}") },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": { "enum": ["api_error", "card_error", "idempotency_error", "invalid_request_error"] },
                "message": { "type": "string" },
                "code": { "type": "string" },
                "param": { "type": "string", "description": "The parameter at fault, with its brackets" },
                "decline_code": { "type": "string" },
                "charge": { "type": "string" },
            },
        } },
    })
}

/// Parameters as a tree: `card[token]` within `card`.
#[derive(Default)]
struct Tree {
    required: bool,
    kinds: BTreeSet<Kind>,
    inner: BTreeMap<String, Tree>,
}

impl Tree {
    fn of(endpoint: &Endpoint) -> Tree {
        let mut root = Tree::default();
        for (name, parameter) in &endpoint.parameters {
            let parts: Vec<&str> = name.split(['[', ']']).filter(|p| !p.is_empty()).collect();
            root.put(&parts, parameter);
        }
        root
    }

    fn put(&mut self, parts: &[&str], parameter: &Parameter) {
        match parts.split_first() {
            None => {
                self.required |= parameter.required;
                self.kinds.extend(parameter.kinds.iter().cloned());
            }
            // What the edge puts in place of a card: clients write the card.
            Some((&CARD_FIELD, _)) => self.card(),
            Some((&CODE_FIELD, _)) => {
                self.kinds.insert(Kind::Text(4));
            }
            Some((first, rest)) => self.inner.entry((*first).to_owned()).or_default().put(rest, parameter),
        }
    }

    fn card(&mut self) {
        let fields = [
            ("number", Kind::Text(30)),
            ("exp_month", Kind::Integer(1, 12)),
            ("exp_year", Kind::Integer(0, 2_100)),
            ("cvc", Kind::Text(4)),
        ];
        for (name, kind) in fields {
            self.inner.entry(name.to_owned()).or_default().kinds.insert(kind);
        }
    }

    fn holds(&self, kind: &Kind) -> bool {
        self.kinds.contains(kind)
    }
    fn is_nested(&self) -> bool {
        !self.inner.is_empty() || self.holds(&Kind::Object) || self.holds(&Kind::Metadata)
    }

    fn schema(&self) -> Value {
        let mut of: Vec<Value> = self.kinds.iter().filter_map(schema).collect();
        if !self.inner.is_empty() || self.kinds.is_empty() {
            let required: Vec<&String> = self.inner.iter().filter(|(_, n)| n.required).map(|(name, _)| name).collect();
            let properties: Map<String, Value> =
                self.inner.iter().map(|(name, node)| (name.clone(), node.schema())).collect();
            let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
            if let (false, Some(map)) = (required.is_empty(), object.as_object_mut()) {
                map.insert("required".into(), json!(required));
            }
            of.retain(|s| s.get("additionalProperties").is_none() || s.get("properties").is_some());
            of.push(object);
        } else if self.holds(&Kind::Object) {
            of.push(json!({ "type": "object" }));
        }
        match of.len() {
            0 => json!({ "description": "Understood, without effect." }),
            1 => of.swap_remove(0),
            _ => json!({ "anyOf": of }),
        }
    }
}

/// None for what says nothing of the value, or is said by what stands within.
fn schema(kind: &Kind) -> Option<Value> {
    Some(match kind {
        Kind::Text(longest) => json!({ "type": "string", "minLength": 1, "maxLength": longest }),
        Kind::TextOrUnset(longest) => {
            json!({ "type": "string", "maxLength": longest, "description": "The empty text unsets." })
        }
        Kind::Email => json!({ "type": "string", "maxLength": LONGEST_EMAIL, "format": "email" }),
        Kind::Integer(i64::MIN, i64::MAX) => json!({ "type": "integer", "format": "int64" }),
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Currency => json!({ "type": "string", "minLength": 3, "maxLength": 3, "examples": ["eur"] }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Objects => json!({ "type": "array", "items": { "type": "object" } }),
        Kind::Decimal => json!({ "type": "string", "pattern": "^[0-9]{1,15}([.][0-9]{1,12})?$" }),
        Kind::Metadata => json!({
            "type": "object", "maxProperties": MOST_METADATA,
            "propertyNames": { "maxLength": LONGEST_METADATA_NAME },
            "additionalProperties": { "type": "string", "maxLength": LONGEST_METADATA_VALUE },
        }),
        Kind::Unset => json!({ "const": "" }),
        Kind::Object | Kind::NoEffect => return None,
    })
}
