//! What is there before anything happens: merchants with a key and customers. Made through the API, as anybody makes them.

use crate::calm::{Calm, api};
use crate::exec::Sim;
use crate::request::Request;
use florin_api::KeyClass;
use florin_api::keys::manage::{NewKey, issue};
use florin_api::order_keys;
use florin_core::account::Account;
use florin_core::audit::By;
use florin_core::commit::EventKind;
use florin_core::id::{Key, Kind};
use florin_core::money::Currency;
use florin_core::record::{self, Change};
use florin_core::terminal::HOUSE;
use florin_merchant::OrderKey;
use florin_store::block_on;
use std::sync::Arc;

/// Merchant accounts, on shards of their own.
pub const ACCOUNTS: [Key; 2] = [Key(77 << 20), Key(78 << 20)];
const CUSTOMERS: usize = 4;

/// Makes accounts, keys and customers. The world is not locked.
pub fn open(sim: &Sim) {
    let (store, now, look, seed) = {
        let world = sim.lock();
        (world.store.clone(), world.wall(), world.look.clone(), world.seed)
    };
    let calm = Arc::new(Calm::new(store, now, look.clone(), Some(sim.clone())));
    let api = api(calm.clone(), &look, seed);
    for account in ACCOUNTS {
        let body = Account::plain("Shop".into(), false, *b"NL", Currency::EUR);
        let change = Change::to(body, EventKind::AccountCreated);
        let made = block_on(record::make(&*calm, HOUSE, account, change, None, &|_| vec![]));
        let key = block_on(issue(&By::SYSTEM, &api, account, NewKey::plain(KeyClass::Secret, false)));
        let (Ok(_), Ok(key)) = (made, key) else {
            return sim.lock().audit.broken("an empty store takes accounts", None, || "it does not".into());
        };
        sim.lock().secrets.insert(account, key.text);
        let issued = block_on(order_keys::issue(&By::SYSTEM, &api, account, false, None)).ok();
        let signs = issued.and_then(|k| OrderKey::new(k.shown["id"].as_str()?, &k.text).ok());
        match signs {
            Some(key) => drop(sim.lock().order_keys.insert(account, key)),
            None => return sim.lock().audit.broken("an empty store takes order keys", None, || "it does not".into()),
        }
        for n in 0..CUSTOMERS {
            let request = Request::post(account, "/v1/customers".into(), format!("name=Customer+{n}"));
            let edge = sim.lock().edge(0, &request);
            let made = block_on(api.handle(edge));
            let body: serde_json::Value = serde_json::from_slice(&made.body).unwrap_or_default();
            let customer = body["id"].as_str().and_then(|id| look.key(Kind::Customer, id));
            let world = &mut *sim.lock();
            match customer {
                Some(customer) => world.customers.entry(account).or_default().push(customer),
                None => world.audit.broken("an empty store takes customers", None, || made.status.to_string()),
            }
        }
    }
}
