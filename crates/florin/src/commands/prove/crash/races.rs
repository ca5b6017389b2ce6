//! `florin prove crash --races`: many requests about one payment at the same moment. None may capture, give back or release too much.

use super::client::Client;
use super::demo::Demo;
use super::reconcile::{self, Found};
use crate::cli::Crash;
use crate::fail::Fail;
use crate::out::out;
use florin_sim::Rng;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const RACERS: usize = 8;
/// Races at a time.
const AT_ONCE: usize = 4;
const AMOUNT: i64 = 5_000;
const PAY: &str =
    "amount=5000&currency=eur&confirm=true&payment_method=pm_card_visa&return_url=https://shop.example/back";
/// What a loser may hear.
const LOST: [u16; 4] = [400, 402, 409, 429];

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Refunds of parts, together more than was captured.
    Parts,
    /// The whole given back by each.
    Whole,
    Captures,
    CaptureOrCancel,
}

const KINDS: [Kind; 4] = [Kind::Parts, Kind::Whole, Kind::Captures, Kind::CaptureOrCancel];

pub async fn run(folder: &Path, args: &Crash, races: u32, json: bool) -> Result<bool, Fail> {
    let began = Instant::now();
    let seed = args.seed.unwrap_or_else(super::now_ms);
    let demo = Demo::start(folder, 1)?;
    let client = Arc::new(Client::new(demo.place()?, usize::from(args.connections)));
    let bar = (!json && std::io::stderr().is_terminal()).then(|| super::progress_bar(u64::from(races), "races"));
    let (mut found, mut won, mut set, mut next) = (Found::default(), 0, JoinSet::new(), 0..races);
    loop {
        while set.len() < AT_ONCE
            && let Some(n) = next.next()
        {
            let (client, rng) = (Arc::clone(&client), Rng::new(seed ^ u64::from(n) << 20));
            set.spawn(async move { race(&client, n, rng).await });
        }
        let Some(ended) = set.join_next().await else { break };
        match ended.map_err(|e| Fail::new("race_died", e.to_string()))? {
            Ok(n) => won += n,
            Err(fail) => found.differs(fail.message),
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
    }
    reconcile::agree(&client, &demo, &mut found).await?;
    demo.stop()?;
    super::verified(folder, &mut found)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let wrong = found.lost + found.double + found.differ;
    let (requests, seconds) = (u64::from(races) * RACERS as u64, began.elapsed().as_secs_f64());
    if json {
        out!(
            "{}",
            json!({
                "proved": wrong == 0, "seed": seed, "seconds": seconds, "races": races, "requests": requests, "won": won,
                "compared": found.compared, "double": found.double, "differing": found.differ, "differences": found.named,
            })
        );
    } else {
        out!(
            "{races} races of {RACERS} requests each in {seconds:.0} s: {won} of {requests} won, {wrong} went too far."
        );
        found.compared.iter().for_each(|(name, n)| out!("  {name:<32} {n:>9}"));
        found.named.iter().for_each(|line| out!("  - {line}"));
    }
    Ok(wrong == 0)
}

/// One race; how many won. Errors: more was moved than may be.
async fn race(client: &Arc<Client>, n: u32, mut rng: Rng) -> Result<u64, Fail> {
    let bad = |what: String| Fail::new("race", format!("race {n}: {what}"));
    let kind = KINDS.get(n as usize % KINDS.len()).copied().unwrap_or(Kind::Parts);
    let manual = matches!(kind, Kind::Captures | Kind::CaptureOrCancel);
    let pay = if manual { format!("{PAY}&capture_method=manual") } else { PAY.to_owned() };
    let paid = client.insist(&mut client.turn().await, "POST", "/v1/payment_intents", &pay, "").await?.body;
    let id = paid["id"].as_str().ok_or_else(|| bad(paid.to_string()))?.to_owned();
    let (start, mut set) = (Arc::new(Barrier::new(RACERS)), JoinSet::new());
    for racer in 0..RACERS {
        let (client, start) = (Arc::clone(client), Arc::clone(&start));
        let (path, form) = asked(kind, &id, racer, &mut rng);
        set.spawn(async move {
            // A connection of its own, open before the start.
            let open = client.ask("GET", "/v1/balance", "", "").await;
            start.wait().await;
            open?;
            client.ask("POST", &path, &form, "").await
        });
    }
    let (mut won, mut moved) = (0, 0);
    while let Some(ended) = set.join_next().await {
        let answer = ended.map_err(|e| bad(e.to_string()))?.map_err(|e| bad(e.to_string()))?;
        match answer.status {
            200 => {
                won += 1;
                let amount = if manual { &answer.body["amount_received"] } else { &answer.body["amount"] };
                moved += amount.as_i64().unwrap_or(0);
            }
            status if LOST.contains(&status) => {}
            status => return Err(bad(format!("{status} {}", answer.body))),
        }
    }
    if moved > AMOUNT || won == 0 || (won > 1 && !matches!(kind, Kind::Parts)) {
        return Err(bad(format!("{kind:?} of {id}: {won} won and moved {moved} of {AMOUNT}")));
    }
    stands(client, kind, &id, moved).await.map_err(|fail| bad(fail.message))?;
    Ok(won)
}

/// What one racer asks for.
fn asked(kind: Kind, id: &str, racer: usize, rng: &mut Rng) -> (String, String) {
    let part = rng.between(800, 3_000);
    let of = |what: &str| format!("/v1/payment_intents/{id}/{what}");
    match kind {
        Kind::Parts => ("/v1/refunds".to_owned(), format!("payment_intent={id}&amount={part}")),
        Kind::Whole => ("/v1/refunds".to_owned(), format!("payment_intent={id}")),
        Kind::Captures => (of("capture"), format!("amount_to_capture={part}")),
        Kind::CaptureOrCancel if racer.is_multiple_of(2) => (of("capture"), String::new()),
        Kind::CaptureOrCancel => (of("cancel"), String::new()),
    }
}

/// The payment shows what the winners were told.
async fn stands(client: &Client, kind: Kind, id: &str, moved: i64) -> Result<(), Fail> {
    let payment: Value = client.get(&format!("/v1/payment_intents/{id}?expand[]=latest_charge")).await?;
    let shown = match kind {
        Kind::Parts | Kind::Whole => payment["latest_charge"]["amount_refunded"].as_i64(),
        Kind::Captures | Kind::CaptureOrCancel => payment["amount_received"].as_i64(),
    };
    match shown == Some(moved) {
        true => Ok(()),
        false => Err(Fail::new("race", format!("{id}: {moved} was told, {shown:?} stands"))),
    }
}
