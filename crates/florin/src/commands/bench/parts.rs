//! `florin bench --parts`: the store, the way from an order to the issuer and back, and payments through the terminal's door.

use crate::cli::Common;
use crate::commands::pay;
use crate::commands::system::System;
use crate::config::Config;
use crate::fail::Fail;
use crate::gateway::client::Gateway;
use crate::gateway::ops::Ask;
use crate::process::block_on;
use crate::process::supervise::Log;
use florin_core::id::{Key, KeyGen};
use florin_core::money::{Currency, Money};
use florin_core::time::Time;
use florin_core::wire::{Act, CardToken, Initiator, Order, Rrn, Terminal, Verdict, WireId};
use florin_store::bench::{Measured, Plan, bench};
use florin_vault::cards::{NewCard, Tokenised};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Terminals of the bench, far from those that the gateway leases.
const BENCH_TERMINAL: u32 = 900_000;
const STANS: u32 = 999_999;
/// Trace numbers of one run never come twice.
static NEXT_STAN: AtomicU32 = AtomicU32::new(0);

pub fn measure(folder: &Path, quick: bool, say: &dyn Fn(String)) -> Result<Value, Fail> {
    say("Store (two durable commits a payment):".to_owned());
    let store = bench(&folder.join("bench.db"), &plans(quick)).map_err(|e| Fail::new("bench_error", e.to_string()))?;
    store.iter().for_each(|m| say(line(m)));
    let data = folder.join("data");
    let common = Common { data: Some(data.clone()), config: None, json: true };
    let config = Config::load(&common)?;
    let orders = if quick { 2_000 } else { 20_000 };
    let mut paths = Vec::new();
    block_on(async {
        let system = System::demo(&config, Log::File).await?;
        for (at_once, n) in [(1, orders / 10), (64, orders), (256, orders)] {
            let measured = orders_through(&system, at_once, n).await;
            say(format!("Order to issuer and back, {at_once:>3} at a time: {measured}"));
            paths.push(json!({ "path": "order", "at_once": at_once, "measured": measured.json() }));
        }
        for (at_once, n) in [(1, orders / 10), (64, orders)] {
            let measured = payments_through(&system, at_once, n / 2).await;
            say(format!("Create and confirm,       {at_once:>3} at a time: {measured}"));
            paths.push(json!({ "path": "payment", "at_once": at_once, "measured": measured.json() }));
        }
        system.stop().await;
        Ok(())
    })?;
    let store: Vec<Value> = store.iter().map(store_json).collect();
    Ok(json!({ "store": store, "paths": paths }))
}

fn plans(quick: bool) -> Vec<Plan> {
    let (payments, million) = if quick { (5_000, 50_000) } else { (50_000, 1_000_000) };
    let plan = |stored, in_flight| Plan { stored, payments, in_flight };
    vec![plan(0, 64), plan(0, 256), plan(million, 64), plan(million, 256)]
}

fn line(m: &Measured) -> String {
    format!(
        "  {:>9} stored, {:>3} in flight: {:>6} payments/s, {:>3} µs CPU, {:>5} B kept, {:>6} B written; creates {:>6}/s; raw log {:>6}/s, ratio {}.{:02}",
        m.stored,
        m.in_flight,
        m.payments_per_second,
        m.cpu_us_per_payment,
        m.file_bytes_per_payment,
        m.written_bytes_per_payment,
        m.creates_per_second,
        m.raw_log_payments_per_second,
        hundredths(m) / 100,
        hundredths(m) % 100,
    )
}

/// Payments to raw log, in hundredths.
fn hundredths(m: &Measured) -> u64 {
    m.payments_per_second * 100 / m.raw_log_payments_per_second.max(1)
}

fn store_json(m: &Measured) -> Value {
    json!({
        "stored": m.stored, "in_flight": m.in_flight, "payments_per_second": m.payments_per_second,
        "creates_per_second": m.creates_per_second, "cpu_us_per_payment": m.cpu_us_per_payment,
        "file_bytes_per_payment": m.file_bytes_per_payment, "written_bytes_per_payment": m.written_bytes_per_payment,
        "raw_log_payments_per_second": m.raw_log_payments_per_second,
    })
}

/// Times of many calls.
struct Times {
    took: Duration,
    each: Vec<Duration>,
    failed: usize,
}

impl Times {
    fn at(&self, percent: usize) -> Duration {
        let last = self.each.len().saturating_sub(1);
        self.each.get(last * percent / 100).copied().unwrap_or_default()
    }
    fn per_second(&self) -> u128 {
        self.each.len() as u128 * 1_000_000 / self.took.as_micros().max(1)
    }
    fn json(&self) -> Value {
        json!({
            "per_second": self.per_second(), "p50_us": self.at(50).as_micros(), "p99_us": self.at(99).as_micros(),
            "failed": self.failed,
        })
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |d: Duration| format!("{}.{:02} ms", d.as_micros() / 1000, d.as_micros() % 1000 / 10);
        write!(f, "{:>6}/s, p50 {}, p99 {}", self.per_second(), ms(self.at(50)), ms(self.at(99)))?;
        if self.failed > 0 { write!(f, ", {} not approved", self.failed) } else { Ok(()) }
    }
}

/// Runs `n` calls, `at_once` at a time; each lane's `call` tells whether it went well.
async fn lanes<C, F>(at_once: u32, n: u32, make: impl Fn(u32) -> C) -> Times
where
    C: FnMut(u32) -> F + Send + 'static,
    F: Future<Output = bool> + Send,
{
    let start = Instant::now();
    let mut set = JoinSet::new();
    for lane in 0..at_once {
        let mut call = make(lane);
        set.spawn(async move {
            let mut each = Vec::new();
            let mut failed = 0;
            for number in (lane..n).step_by(at_once as usize) {
                let begun = Instant::now();
                failed += usize::from(!call(number).await);
                each.push(begun.elapsed());
            }
            (each, failed)
        });
    }
    let mut times = Times { took: Duration::ZERO, each: vec![], failed: 0 };
    while let Some(Ok((each, failed))) = set.join_next().await {
        times.each.extend(each);
        times.failed += failed;
    }
    times.took = start.elapsed();
    times.each.sort_unstable();
    times
}

/// An account and a test card of it.
async fn card(system: &System) -> Option<(Key, Tokenised)> {
    let account = system.gateway().await.ok()?.ask(&Ask::Health).await.ok()?["account_key"].as_i64()?;
    let entry = NewCard {
        account: Key(account),
        live: false,
        number: Zeroizing::new("visa".to_owned()),
        exp_month: 0,
        exp_year: 0,
        cvc: None,
    };
    Some((Key(account), system.vault().await.tokenise(entry).await.ok()?))
}

async fn orders_through(system: &System, at_once: u32, n: u32) -> Times {
    let vault = system.vault().await;
    let Some((account, card)) = card(system).await else {
        return Times { took: Duration::ZERO, each: vec![], failed: 1 };
    };
    let token = card.token;
    let keys = std::sync::Arc::new(std::sync::Mutex::new(KeyGen::new(31, None)));
    lanes(at_once, n, |_| {
        let (vault, keys) = (vault.clone(), std::sync::Arc::clone(&keys));
        move |_| {
            let now = crate::gateway::ports::now();
            let key = keys.lock().unwrap_or_else(|p| p.into_inner()).next(now);
            let order = sale(account, key, now, token);
            let vault = vault.clone();
            async move { matches!(vault.submit(&order).await, Verdict::Approved(_)) }
        }
    })
    .await
}

fn sale(account: Key, key: Key, now: Time, card: CardToken) -> Order {
    Order {
        account,
        owner: key,
        attempt: key,
        live: false,
        act: Act::Sale { initiator: Initiator::Customer, network_id: None },
        proof: None,
        money: Money::new(1000, Currency::USD),
        card,
        fingerprint: None,
        code: None,
        address: None,
        wire: WireId {
            terminal: Terminal(BENCH_TERMINAL),
            stan: NEXT_STAN.fetch_add(1, Ordering::Relaxed) % STANS + 1,
            at: now,
            rrn: Rrn(key),
        },
        send_by: now.plus_ms(5_000),
        repeat: false,
    }
}

async fn payments_through(system: &System, at_once: u32, n: u32) -> Times {
    let Some((_, card)) = card(system).await else { return Times { took: Duration::ZERO, each: vec![], failed: 1 } };
    let facts = pay::facts(&card);
    let door: PathBuf = system.door().to_owned();
    lanes(at_once, n, |_| {
        let (facts, door) = (facts.clone(), door.clone());
        let gateway = std::sync::Arc::new(tokio::sync::Mutex::new(None));
        move |_| {
            let (facts, door, gateway) = (facts.clone(), door.clone(), std::sync::Arc::clone(&gateway));
            async move {
                let mut open = gateway.lock().await;
                if open.is_none() {
                    *open = Gateway::connect(&door).await;
                }
                let Some(gateway) = open.as_mut() else { return false };
                let (amount, currency) = ("10.00".to_owned(), "usd".to_owned());
                let create = Ask::Create { amount, currency, manual: false, description: None, email: None, key: None };
                let Ok(created) = gateway.ask(&create).await else { return false };
                let id = created["id"].as_str().unwrap_or_default().to_owned();
                let confirm = Ask::Confirm { id, card: facts, card_digest: String::new(), key: None };
                gateway.ask(&confirm).await.is_ok_and(|p| p["status"] == "succeeded")
            }
        }
    })
    .await
}
