//! One gateway over the SQLite store, as its racers see it: the API in this process, an acquirer beside it. Nothing is simulated but the
//! acquirer and the clock.

use super::NoRace;
use super::acquirer::{Acquirer, Book};
use super::table::{AMOUNT, Stands};
use crate::calm;
use crate::cards;
use crate::gateway::FEES;
use florin_api::keys::manage::{NewKey, issue};
use florin_api::{Api, KeyClass, Look};
use florin_core::account::Account;
use florin_core::audit::By;
use florin_core::commit::EventKind;
use florin_core::edge::{CARD_FIELD, EdgeRequest, Site, SwappedCard};
use florin_core::fees::Fees;
use florin_core::id::{Key, KeyGen, Kind};
use florin_core::money::Currency;
use florin_core::payment::CardFacts;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::record::{self, Change};
use florin_core::seal::Secret;
use florin_core::store::{Report, Store, Wait};
use florin_core::terminal::HOUSE;
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{CardToken, Order, Terminal, Verdict};
use florin_store::{Options, SqliteStore, block_on};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub const CARD: &str = "payment_method_data[type]=card&payment_method_data[card][florin_card]=0";
const ACCOUNT: Key = Key(77 << 20);
/// The clock goes a millisecond for each look at it, from here: keys must rise, nothing else rests on it.
const START_MS: i64 = 1_795_299_300_000;
/// Trace numbers of one terminal.
const STANS: u32 = 999_999;
/// Tries of one request: everybody who loses a race may be told to ask again.
const TRIES_LIMIT: u64 = 10_000;

struct Till {
    store: SqliteStore,
    look: Arc<Look>,
    keys: Mutex<KeyGen>,
    now: AtomicI64,
    slots: AtomicU32,
    acquirer: Acquirer,
}

impl Ports for Till {
    fn now(&self) -> Time {
        Time(self.now.fetch_add(1, Ordering::Relaxed))
    }
    fn fresh_key(&self) -> Key {
        let now = self.now();
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }
    fn store(&self) -> &dyn Store {
        &self.store
    }
    fn fees(&self) -> Fees {
        FEES
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        let n = self.slots.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Slot { terminal: Terminal(n / STANS), stan: 1 + n % STANS })))
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        Box::pin(async move { self.acquirer.answer(&order) })
    }
    fn authenticate<'a>(&'a self, _: threeds::Ask) -> Wait<'a, threeds::Answer> {
        Box::pin(std::future::ready(threeds::Answer::Trouble))
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        self.look.answer(told)
    }
    fn nudge(&self) {}
}

/// An answer as a racer hears it.
#[derive(Clone, Debug, Default)]
pub struct Got {
    pub status: u16,
    pub bytes: Vec<u8>,
    pub body: Value,
}

pub struct Payment {
    pub id: String,
    key: Key,
}

pub struct Shop {
    till: Arc<Till>,
    api: Api,
    secret: String,
    card: CardFacts,
    tokens: AtomicI64,
}

impl Shop {
    pub fn open(path: &Path) -> Result<Shop, NoRace> {
        let store = SqliteStore::open(path, Options::default(), Secret::new([5; 32]));
        let store = store.map_err(|e| NoRace(format!("the store does not open: {e:?}")))?;
        let look = Arc::new(calm::look());
        let card = cards::all().into_iter().next().ok_or_else(|| NoRace("there is no card".into()))?.facts;
        let till = Arc::new(Till {
            store,
            look: look.clone(),
            keys: Mutex::new(KeyGen::new(1, None)),
            now: AtomicI64::new(START_MS),
            slots: AtomicU32::new(0),
            acquirer: Acquirer::default(),
        });
        let api = calm::api(till.clone(), &look, 1);
        let body = Account::plain("Races".into(), false, *b"NL", Currency::EUR);
        let change = Change::to(body, EventKind::AccountCreated);
        block_on(record::make(&*till, HOUSE, ACCOUNT, change, None, &|_| vec![]))
            .map_err(|e| NoRace(format!("no account: {e:?}")))?;
        let key = block_on(issue(&By::SYSTEM, &api, ACCOUNT, NewKey::plain(KeyClass::Secret, false)));
        let secret = key.map_err(|e| NoRace(format!("no key: {}", e.message)))?.text;
        Ok(Shop { till, api, secret, card, tokens: AtomicI64::new(100) })
    }

    pub fn acquirer(&self) -> &Acquirer {
        &self.till.acquirer
    }

    fn send(&self, method: &str, path: &str, text: &str, key: Option<&str>) -> Got {
        let n = self.tokens.fetch_add(1, Ordering::Relaxed);
        let facts = CardFacts { token: CardToken { key: Key(n), vault: 1 }, ..self.card.clone() };
        let mut headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("authorization".to_owned(), format!("Bearer {}", self.secret)),
        ];
        headers.extend(key.map(|key| ("idempotency-key".to_owned(), key.to_owned())));
        let (query, body) = if method == "GET" { (text, "") } else { ("", text) };
        let swapped = SwappedCard { param: CARD_FIELD.into(), facts, digest: [1; 32], cvc_given: true };
        let request = EdgeRequest {
            id: format!("req_{n:022}"),
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers,
            body: body.as_bytes().to_vec(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            site: Site::Api,
            tls: true,
            cards: vec![swapped],
            codes: vec![],
        };
        let answer = block_on(self.api.handle(request));
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Got { status: answer.status, bytes: answer.body, body }
    }

    /// Asks until there is an answer for good; with how many tries that took.
    pub fn insist(&self, path: &str, body: &str, key: Option<&str>) -> (Got, u64) {
        let mut tries = 1;
        loop {
            let got = self.send("POST", path, body, key);
            if !matches!(got.status, 409 | 429) || tries >= TRIES_LIMIT {
                return (got, tries);
            }
            tries += 1;
            std::thread::yield_now();
        }
    }

    /// A payment to race over: held, or captured at once.
    pub fn pay(&self, held: bool) -> Result<Payment, String> {
        let capture = if held { "manual" } else { "automatic" };
        let body = format!("amount={AMOUNT}&currency=eur&confirm=true&capture_method={capture}&{CARD}");
        let got = self.send("POST", "/v1/payment_intents", &body, None);
        let id = got.body["id"].as_str().unwrap_or_default().to_owned();
        let key = self.till.look.key(Kind::Payment, &id).filter(|_| got.status == 200);
        key.map(|key| Payment { id, key }).ok_or_else(|| got.body.to_string())
    }

    /// The payment in the acquirer's book, and as it stands with us.
    pub fn compare(&self, payment: &Payment) -> Result<(Book, Stands), String> {
        let one = self.send("GET", &format!("/v1/payment_intents/{}", payment.id), "", None);
        let list = self.send("GET", "/v1/refunds", &format!("payment_intent={}&limit=100", payment.id), None);
        if (one.status, list.status) != (200, 200) {
            return Err(format!("it cannot be read: {} {}", one.body, list.body));
        }
        let mut book = self.till.acquirer.book(payment.key);
        let mut stands = Stands {
            status: one.body["status"].as_str().unwrap_or_default().to_owned(),
            received: one.body["amount_received"].as_i64().unwrap_or_default(),
            refunds: 0,
            refunded: 0,
        };
        for refund in list.body["data"].as_array().into_iter().flatten() {
            let key = refund["id"].as_str().and_then(|id| self.till.look.key(Kind::Refund, id));
            let of = key.map(|key| self.till.acquirer.book(key)).unwrap_or_default();
            (book.refunds, book.refunded) = (book.refunds + of.refunds, book.refunded + of.refunded);
            if refund["status"] == "succeeded" {
                stands.refunds += 1;
                stands.refunded += refund["amount"].as_i64().unwrap_or_default();
            }
        }
        Ok((book, stands))
    }

    /// After everything: balances are the sums of their transfers, and debits equal credits.
    pub fn ledger_agrees(&self, differences: &mut Vec<String>) {
        let sums = |report| block_on(self.till.store.sums(report));
        match (sums(Report::Balances), sums(Report::Transfers)) {
            (Ok(balances), Ok(transfers)) => {
                let off: i128 = balances.iter().map(|sum| sum.debits - sum.credits).sum();
                if balances != transfers || off != 0 {
                    differences.push(format!("the ledger is off by {off}: {balances:?}, {transfers:?}"));
                }
            }
            trouble => differences.push(format!("the ledger cannot be read: {trouble:?}")),
        }
    }
}
