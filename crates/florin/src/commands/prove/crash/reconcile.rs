//! What the client was told, against the API, the issuers' books and the webhooks. Reads alone, and names every difference.

use super::client::Client;
use super::demo::Demo;
use super::journal::Told;
use super::sink::{Sink, disordered};
use crate::commands::system::SandboxFacts;
use crate::fail::Fail;
use crate::gateway::client::Gateway;
use crate::gateway::ops::Ask;
use florin_sandbox::{BooksFilter, EntryView};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// A lane waits 60 s for an earlier event of a thing at most, and pauses between tries grow.
const TOLD_WITHIN: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Differences that are named; more are counted.
const NAMED: usize = 50;

/// Counts of what was compared, and what differs.
#[derive(Default)]
pub struct Found {
    pub compared: BTreeMap<&'static str, u64>,
    /// Acknowledged, and not there.
    pub lost: u64,
    /// Done twice.
    pub double: u64,
    /// Two books that tell different things.
    pub differ: u64,
    pub named: Vec<String>,
}

#[derive(Clone, Copy)]
enum What {
    Lost,
    Double,
    Differs,
}

impl Found {
    fn add(&mut self, what: What, text: String) {
        match what {
            What::Lost => self.lost += 1,
            What::Double => self.double += 1,
            What::Differs => self.differ += 1,
        }
        if self.named.len() < NAMED {
            self.named.push(text);
        }
    }
    pub fn differs(&mut self, text: String) {
        self.add(What::Differs, text);
    }
    pub fn count(&mut self, what: &'static str, n: u64) {
        *self.compared.entry(what).or_default() += n;
    }
}

/// Everything that the API shows, by id.
pub struct Api {
    payments: BTreeMap<String, Value>,
    charges: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
}

pub async fn reconcile(client: &Client, demo: &Demo, sink: &Sink, told: &[Told]) -> Result<Found, Fail> {
    let mut found = Found::default();
    let api = agree(client, demo, &mut found).await?;
    acknowledged(&api, told, &mut found);
    twice(&api, told, &mut found);
    webhooks(client, sink, &mut found).await?;
    Ok(found)
}

/// Payments, charges, refunds and the issuers' books among themselves.
pub async fn agree(client: &Client, demo: &Demo, found: &mut Found) -> Result<Api, Fail> {
    let api = Api {
        payments: by_id(client.list("/v1/payment_intents").await?),
        charges: by_id(client.list("/v1/charges").await?),
        refunds: by_id(client.list("/v1/refunds").await?),
    };
    found.count("payments", api.payments.len() as u64);
    found.count("charges", api.charges.len() as u64);
    found.count("refunds", api.refunds.len() as u64);
    sums(&api, found);
    books(&api, demo, found).await?;
    Ok(api)
}

fn by_id(list: Vec<Value>) -> BTreeMap<String, Value> {
    list.into_iter().map(|one| (one["id"].as_str().unwrap_or_default().to_owned(), one)).collect()
}

fn number(thing: &Value, name: &str) -> i64 {
    thing[name].as_i64().unwrap_or(0)
}

/// Every payment and refund stands as it was told last.
fn acknowledged(api: &Api, told: &[Told], found: &mut Found) {
    let mut last: BTreeMap<&str, &Told> = BTreeMap::new();
    for told in told {
        last.insert(told.refund.as_deref().unwrap_or(&told.payment), told);
    }
    found.count("acknowledged answers", told.len() as u64);
    for (id, told) in last {
        let (things, amount) = match told.refund {
            Some(_) => (&api.refunds, "amount"),
            None => (&api.payments, "amount_received"),
        };
        match things.get(id) {
            None => found.add(What::Lost, format!("{id} was acknowledged ({}) and is not there", told.state)),
            Some(now) if now["status"] != told.state.as_str() => {
                found.add(What::Lost, format!("{id} was told as {} and is {}", told.state, now["status"]));
            }
            Some(now) if number(now, amount) != told.amount => {
                found.differs(format!("{id}: {} was told, {} stands", told.amount, number(now, amount)));
            }
            Some(_) => {}
        }
    }
}

/// One payment for each story, and as many refunds as were asked for.
fn twice(api: &Api, told: &[Told], found: &mut Found) {
    let story = |thing: &Value| thing["metadata"]["story"].as_str().unwrap_or_default().to_owned();
    let mut payments: BTreeMap<String, usize> = BTreeMap::new();
    for payment in api.payments.values() {
        *payments.entry(story(payment)).or_default() += 1;
    }
    for (story, n) in payments.iter().filter(|(_, n)| **n > 1) {
        found.add(What::Double, format!("story {story} made {n} payments"));
    }
    let known: BTreeSet<String> = told.iter().map(|t| t.story.to_string()).collect();
    for story in payments.keys().filter(|story| !known.contains(*story)) {
        found.add(What::Double, format!("a payment of story {story}, which was never answered"));
    }
    let asked: BTreeSet<&str> = told.iter().filter_map(|t| t.refund.as_deref()).collect();
    for id in api.refunds.keys().filter(|id| !asked.contains(id.as_str())) {
        found.add(What::Double, format!("refund {id} was never answered"));
    }
}

/// What was given back, by payment or by charge.
fn given<'a>(api: &'a Api, of: &str) -> BTreeMap<&'a str, i64> {
    let mut given = BTreeMap::new();
    for refund in api.refunds.values().filter(|r| r["status"] == "succeeded") {
        *given.entry(refund[of].as_str().unwrap_or_default()).or_default() += number(refund, "amount");
    }
    given
}

/// Payments, charges and refunds tell the same.
fn sums(api: &Api, found: &mut Found) {
    let given = given(api, "charge");
    let mut paid: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for charge in api.charges.values().filter(|c| c["captured"] == true && c["paid"] == true) {
        paid.entry(charge["payment_intent"].as_str().unwrap_or_default()).or_default().push(charge);
    }
    for (id, payment) in &api.payments {
        let charges = paid.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let captured: i64 = charges.iter().map(|c| number(c, "amount_captured")).sum();
        if charges.len() > 1 {
            found.add(What::Double, format!("{id} was charged {} times", charges.len()));
        }
        if captured != number(payment, "amount_received") {
            found.differs(format!("{id}: received {}, captured {captured}", payment["amount_received"]));
        }
    }
    for (id, charge) in &api.charges {
        let (refunded, captured) = (given.get(id.as_str()).copied().unwrap_or(0), number(charge, "amount_captured"));
        // What was held and not captured counts as given back, once the hold is over.
        let over = charge["captured"] == true || charge["refunded"] == true;
        let released = if over { number(charge, "amount") - captured } else { 0 };
        if refunded + released != number(charge, "amount_refunded") || refunded > captured {
            let says = &charge["amount_refunded"];
            found.differs(format!("{id}: refunds of {refunded}, {released} released, the charge says {says}"));
        }
    }
}

/// What stands at the issuers, payment by payment; nothing may stand there that we do not know.
async fn books(api: &Api, demo: &Demo, found: &mut Found) -> Result<(), Fail> {
    let mut facts = demo.facts()?;
    let control = SandboxFacts(facts["sandbox"].take()).control()?;
    let mut by_rrn: BTreeMap<String, Vec<EntryView>> = BTreeMap::new();
    let mut after = None;
    loop {
        let filter = BooksFilter { after, ..BooksFilter::default() };
        let page = control.books(&filter).await.map_err(|e| Fail::new("sandbox_error", e.to_string()))?;
        found.count("entries of the issuers' books", page.entries.len() as u64);
        after = page.entries.last().map(|e| e.id);
        for entry in page.entries.into_iter().filter(|e| matches!(e.kind.as_str(), "hold" | "sale")) {
            by_rrn.entry(entry.rrn.clone()).or_default().push(entry);
        }
        if !page.more {
            break;
        }
    }
    let door = facts["gateway"].as_str().unwrap_or_default();
    let gone = || Fail::new("no_gateway", "the gateway's door is closed");
    let mut gateway = Gateway::connect(Path::new(door)).await.ok_or_else(gone)?;
    let refunded = given(api, "payment_intent");
    for (id, payment) in &api.payments {
        let shown = gateway.ask(&Ask::Show { id: id.clone() }).await?;
        let attempts = shown["attempts"].as_array().map_or(&[][..], Vec::as_slice);
        let rrns: BTreeSet<&str> = attempts.iter().filter_map(|a| a["rrn"].as_str()).collect();
        let entries: Vec<EntryView> = rrns.iter().flat_map(|rrn| by_rrn.remove(*rrn).unwrap_or_default()).collect();
        let live = entries.iter().filter(|e| e.standing.is_some_and(|s| s.held + s.captured > 0)).count();
        if live > 1 {
            found.add(What::Double, format!("{id} stands {live} times at its issuer"));
        }
        let back = refunded.get(id.as_str()).copied().unwrap_or(0);
        let ours = (number(payment, "amount_capturable"), number(payment, "amount_received"), back);
        if standing(&entries) != ours {
            let theirs = standing(&entries);
            found.differs(format!("{id}: (held, captured, refunded) {ours:?} here, {theirs:?} at the issuer"));
        }
    }
    for entry in by_rrn.values().flatten() {
        if entry.standing.is_some_and(|s| s.held + s.captured > 0) {
            found.add(What::Double, format!("RRN {} stands at the issuer and is no payment of ours", entry.rrn));
        }
    }
    Ok(())
}

/// (held, captured, refunded); a refund stands under its sale too.
fn standing(entries: &[EntryView]) -> (i64, i64, i64) {
    entries
        .iter()
        .filter_map(|e| e.standing)
        .fold((0, 0, 0), |(held, captured, refunded), s| (held + s.held, captured + s.captured, refunded + s.refunded))
}

/// Every event came, and those of one thing in order.
async fn webhooks(client: &Client, sink: &Sink, found: &mut Found) -> Result<(), Fail> {
    let events = client.list("/v1/events").await?;
    found.count("events", events.len() as u64);
    let until = Instant::now() + TOLD_WITHIN;
    while sink.missing(&events) > 0 && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let came = sink.came();
    found.count("webhook deliveries", came.deliveries as u64);
    for event in events.iter().filter(|e| e["id"].as_str().is_none_or(|id| !came.first.contains_key(id))) {
        found.add(What::Lost, format!("event {} ({}) was never delivered", event["id"], event["type"]));
    }
    for (thing, event) in disordered(&came, &events) {
        found.differs(format!("event {event} of {thing} came before an earlier one"));
    }
    if came.unreadable > 0 {
        found.differs(format!("{} deliveries do not read", came.unreadable));
    }
    Ok(())
}

/// The same keys once more: the stored answers, byte for byte.
pub async fn replayed(client: &Client, told: &[Told], most: usize, found: &mut Found) -> Result<(), Fail> {
    let asked: Vec<&Told> = told.iter().filter(|t| !t.key.is_empty()).collect();
    let step = asked.len().div_ceil(most.max(1)).max(1);
    for told in asked.into_iter().step_by(step) {
        let mut turn = client.turn().await;
        let answer = client.insist(&mut turn, "POST", &told.path, &told.form, &told.key).await?;
        found.count("replayed answers", 1);
        if (answer.status, &answer.digest) != (told.status, &told.digest) {
            found.differs(format!("{}: {} was answered, {} is replayed", told.key, told.status, answer.status));
        }
    }
    Ok(())
}
