//! Another account's things do not exist: every route is asked with another account's key, with the id of a thing that is there and with
//! one that never was, in the path and in every parameter that takes an id. The answers must not differ.

use crate::describe::{Explorer, Given, furnish, parts, set};
use crate::world::{Got, Shop};
use florin_api::{PARAMETERS, parameters, routes};
use florin_core::id::{Key, Kind};
use serde_json::{Value, json};

/// A kind of thing: where it is listed, and under which names of parameters it is asked for.
const THINGS: &[(&str, Kind, &[&str])] = &[
    ("customers", Kind::Customer, &["customer"]),
    ("payment_intents", Kind::Payment, &["payment_intent"]),
    ("charges", Kind::Charge, &["charge"]),
    ("refunds", Kind::Refund, &["refund"]),
    ("payment_methods", Kind::Method, &["payment_method", "default_payment_method"]),
    ("setup_intents", Kind::Setup, &["setup_intent"]),
    ("products", Kind::Product, &["product", "ids"]),
    ("prices", Kind::Price, &["price", "default_price"]),
    ("tokens", Kind::CardToken, &["token", "source"]),
    ("events", Kind::Event, &["event"]),
    ("balance_transactions", Kind::Movement, &["balance_transaction"]),
    ("webhook_endpoints", Kind::Endpoint, &["webhook_endpoint"]),
    ("payment_method_domains", Kind::Domain, &["payment_method_domain"]),
];

fn thing(collection: &str) -> Option<Kind> {
    THINGS.iter().find(|(name, _, _)| *name == collection).map(|(_, kind, _)| *kind)
}

/// (status, body) with the id taken out, and of what was made now, its own id and time.
fn without(got: &Got, id: &str) -> (u16, String) {
    let mut body = got.body.clone();
    if got.status == 200 {
        assert!(!body.to_string().contains(id), "{id} is shown: {body}");
        for name in ["id", "created", "client_secret", "invoice_prefix"] {
            body.as_object_mut().and_then(|map| map.remove(name));
        }
    }
    (got.status, body.to_string().replace(id, "ID"))
}

struct Walk<'a> {
    shop: &'a Shop,
    owner: Explorer<'a>,
    stranger: Explorer<'a>,
    compared: usize,
    faults: Vec<String>,
}

impl Walk<'_> {
    /// An id of the owner's, and one that nobody has.
    fn ids(&self, collection: &str, kind: Kind) -> Option<(String, String)> {
        let there = self.owner.id(collection)?;
        // A key of the same time, so that nothing but its absence tells it apart.
        let absent = self.shop.id(kind, Key(self.shop.world_key().0 | 31));
        Some((there, absent))
    }

    fn compare(&mut self, told: &str, there: &str, absent: &str, ask: impl Fn(&Self, &str) -> Got) {
        let (a, b) = (ask(self, there), ask(self, absent));
        self.compared += 1;
        if without(&a, there) != without(&b, absent) {
            self.faults.push(format!("{told}:\n  there  {} {}\n  absent {} {}", a.status, a.body, b.status, b.body));
        }
    }

    fn paths(&mut self, (method, template): (&str, &str), base: &Given) {
        let places: Vec<&str> = template.split('/').collect();
        for at in (0..places.len()).filter(|n| places[*n] == "{}") {
            let Some(kind) = thing(places[at - 1]) else { continue };
            let Some((there, absent)) = self.ids(places[at - 1], kind) else { continue };
            // Other ids of the path are the stranger's own.
            let own = self.stranger.path(template);
            let path = |id: &str| {
                let parts: Vec<&str> = own.split('/').enumerate().map(|(n, p)| if n == at { id } else { p }).collect();
                parts.join("/")
            };
            self.compare(&format!("{method} {template} [{at}]"), &there, &absent, |walk, id| {
                walk.stranger.send(method, &path(id), base).0
            });
        }
    }

    fn params(&mut self, (method, template): (&str, &str), base: &Given, names: &[String]) {
        for name in names {
            let last = parts(name).pop().unwrap_or_default();
            let known = THINGS.iter().find(|(_, _, names)| names.contains(&last.as_str()));
            let cursor = matches!(last.as_str(), "starting_after" | "ending_before" | "page");
            let listed = template.split('/').rev().find_map(|part| thing(part).map(|kind| (part, kind)));
            let about = if cursor { listed } else { known.map(|(collection, kind, _)| (*collection, *kind)) };
            let Some((collection, kind)) = about else { continue };
            let Some((there, absent)) = self.ids(collection, kind) else { continue };
            let path = self.stranger.path(template);
            self.compare(&format!("{method} {template} {name}"), &there, &absent, |walk, id| {
                let mut given = base.clone();
                set(&mut given, name, if last == "ids" { json!([id]) } else { json!(id) });
                if last == "payment_method" && method == "POST" {
                    given.remove("payment_method_data");
                }
                walk.stranger.send(method, &path, &given).0
            });
        }
    }
}

#[test]
fn nothing_tells_what_another_account_has() {
    let shop = Shop::open();
    furnish(&shop, &shop.secret);
    furnish(&shop, &shop.other);
    let (owner, stranger) = (Explorer::new(&shop, &shop.secret), Explorer::new(&shop, &shop.other));
    let mut walk = Walk { shop: &shop, owner, stranger, compared: 0, faults: vec![] };
    let table = parameters::read(PARAMETERS);
    let mut walked = 0;
    for (method, path, _) in routes() {
        let base = walk.stranger.explore(method, path).base;
        walk.paths((method, path), &base);
        if let Some(endpoint) = table.get(&format!("{method} {path}")) {
            walk.params((method, path), &base, &endpoint.parameters.keys().cloned().collect::<Vec<_>>());
        }
        walked += 1;
    }
    assert_eq!(walked, routes().count());
    assert!(walk.faults.is_empty(), "{} of {}:\n{}", walk.faults.len(), walk.compared, walk.faults.join("\n"));
    // Every route with an id of a thing that strangers may not see, and every such parameter.
    assert!(walk.compared >= 100, "only {} were compared", walk.compared);
}

/// Lists hold the caller's own things alone.
#[test]
fn lists_hold_nothing_of_others() {
    let shop = Shop::open();
    furnish(&shop, &shop.secret);
    let owner = Explorer::new(&shop, &shop.secret);
    let mut stranger = Explorer::new(&shop, &shop.secret);
    stranger.key = &shop.other;
    for (method, path, _) in routes().filter(|(m, path, _)| *m == "GET" && !path.contains("{}")) {
        let found = owner.explore(method, path);
        let got = stranger.send(method, path, &found.base).0;
        if path != "/v1/florin/request_logs" {
            assert!(got.body.get("data").is_none_or(|d| *d == Value::Array(vec![])), "{path}: {}", got.body);
        }
    }
}
