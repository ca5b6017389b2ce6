//! `florin prove crash`: load over TLS on a demo whose processes are killed with -9 at random moments; then what was acknowledged, the
//! API, the ledger, the webhooks and the issuers' books must tell the same.

mod client;
mod demo;
mod journal;
mod killer;
mod load;
mod races;
mod reconcile;
mod report;
mod sink;

use crate::cli::Crash;
use crate::fail::{Fail, Outcome, io};
use crate::out::out;
use crate::process::block_on;
use client::Client;
use demo::Demo;
use florin_sim::Rng;
use journal::Journal;
use load::Stories;
use reconcile::Found;
use report::Report;
use serde_json::Value;
use sink::Sink;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// No outcome is unknown for longer, once the processes are back.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// After that long nobody asks any more: what has no answer then is a finding.
const ANSWERED_WITHIN: Duration = Duration::from_secs(150);
/// Stories that are not told to their end at a time.
const MOST_STORIES: usize = 2_000;
/// Answers that are asked for once more at the end.
const MOST_REPLAYED: usize = 2_000;
const NAMED: usize = 20;

pub fn run(args: &Crash, json: bool) -> Outcome {
    let folder = std::env::temp_dir().join(format!("florin-crash-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| io("make", &folder, &e))?;
    let proved = block_on(async {
        if let Some(races) = args.races {
            return races::run(&folder, args, races, json).await;
        }
        let report = crash(&folder, args, json).await?;
        if json {
            out!("{}", report.json());
        } else {
            report.print();
        }
        Ok(report.proved())
    });
    if matches!(proved, Ok(true)) && !args.keep {
        let _ = std::fs::remove_dir_all(&folder);
    } else {
        eprintln!("florin: data and logs are kept in {}", folder.display());
    }
    Ok(u8::from(!proved?))
}

async fn crash(folder: &Path, args: &Crash, json: bool) -> Result<Report, Fail> {
    let began = Instant::now();
    let seed = args.seed.unwrap_or_else(|| now_ms() % 1_000_000);
    let mut demo = Demo::start(folder, 1)?;
    let client = Client::new(demo.place()?, usize::from(args.connections));
    let sink = Sink::listen().await.map_err(|e| Fail::new("no_port", e.to_string()))?;
    listen(&client, &sink).await?;
    let journal = Journal::create(&folder.join("acknowledged.jsonl"))?;
    let stories = Arc::new(Stories { client, journal, seed });
    let bar = (!json && std::io::stderr().is_terminal()).then(|| progress_bar(u64::from(args.kills), "kills"));
    let say = |n: Option<u32>, what: String| {
        if let Some(bar) = &bar {
            bar.set_position(n.map_or(bar.position(), u64::from));
            bar.set_message(what);
        }
    };
    let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let loading = tokio::spawn(load(Arc::clone(&stories), args.rate, Arc::clone(&told), Arc::clone(&stop)));
    let plan = (args.kills, Duration::from_secs(args.seconds));
    let tell = |n| say(Some(n), format!("{} stories", told.load(Ordering::Relaxed)));
    let killed = killer::kill(&mut demo, &stories.client, plan, &mut Rng::new(seed), &tell).await?;
    stop.store(true, Ordering::Relaxed);
    say(None, "waiting for what is not known yet".to_owned());
    let back = Instant::now();
    let mut trouble = ended(loading, &stories.client).await?;
    let settled_ms = u64::try_from(back.elapsed().as_millis()).unwrap_or(u64::MAX);
    say(None, "comparing".to_owned());
    let told_lines = stories.journal.read()?;
    let mut found = reconcile::reconcile(&stories.client, &demo, &sink, &told_lines).await?;
    reconcile::replayed(&stories.client, &told_lines, MOST_REPLAYED, &mut found).await?;
    demo.stop()?;
    verified(folder, &mut found)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    trouble.truncate(NAMED);
    let counts = &stories.client.counts;
    let asked = [&counts.requests, &counts.answered, &counts.cut, &counts.again].map(|n| n.load(Ordering::Relaxed));
    Ok(Report {
        seed,
        seconds: began.elapsed().as_secs_f64(),
        stories: told.load(Ordering::Relaxed),
        killed,
        asked,
        settled_ms,
        settled_limit_ms: u64::try_from(SETTLED_WITHIN.as_millis()).unwrap_or(u64::MAX),
        found,
        trouble,
    })
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// Every event goes to the sink.
async fn listen(client: &Client, sink: &Sink) -> Result<(), Fail> {
    let form = format!("url=http://127.0.0.1:{}/hook&enabled_events[]=*", sink.port);
    let made = client.ask("POST", "/v1/webhook_endpoints", &form, "").await;
    let made = made.map_err(|e| Fail::new("no_endpoint", e.to_string()))?;
    match made.status {
        200 => Ok(()),
        status => Err(Fail::new("no_endpoint", format!("{status}: {}", made.body))),
    }
}

type Told = JoinSet<Result<(), Fail>>;

/// So many stories a second, until told to stop; gives those that are not at their end, and what went wrong with others.
async fn load(stories: Arc<Stories>, rate: u16, told: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> (Told, Vec<String>) {
    let (mut set, mut trouble) = (JoinSet::new(), Vec::new());
    let mut clock = tokio::time::interval(Duration::from_micros(1_000_000 / u64::from(rate.max(1))));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.load(Ordering::Relaxed) {
        clock.tick().await;
        while let Some(ended) = set.try_join_next() {
            trouble.extend(wrong(ended));
        }
        if set.len() >= MOST_STORIES {
            continue;
        }
        let turn = stories.client.turn().await;
        let (of, number) = (Arc::clone(&stories), told.fetch_add(1, Ordering::Relaxed));
        set.spawn(async move { of.tell(number, turn).await });
    }
    (set, trouble)
}

fn wrong(ended: Result<Result<(), Fail>, tokio::task::JoinError>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(fail)) => Some(format!("{}: {}", fail.code, fail.message)),
        Err(e) => Some(e.to_string()),
    }
}

/// Waits until every story is at its end; those that never get there end as trouble.
async fn ended(loading: tokio::task::JoinHandle<(Told, Vec<String>)>, client: &Client) -> Result<Vec<String>, Fail> {
    let (mut set, mut trouble) = loading.await.map_err(|e| Fail::new("load_died", e.to_string()))?;
    let over = tokio::time::sleep(ANSWERED_WITHIN);
    tokio::pin!(over);
    loop {
        tokio::select! {
            ended = set.join_next() => match ended {
                Some(ended) => trouble.extend(wrong(ended)),
                None => return Ok(trouble),
            },
            () = &mut over, if !client.over.load(Ordering::Relaxed) => client.over.store(true, Ordering::Relaxed),
        }
    }
}

/// Sums, chains and rows of the stopped system, by the command that users have for it.
fn verified(folder: &Path, found: &mut Found) -> Result<(), Fail> {
    let own = std::env::current_exe().map_err(|e| Fail::new("no_binary", format!("cannot find myself: {e}")))?;
    let ran =
        Command::new(&own).args(["--json", "--data"]).arg(folder.join("data")).args(["ledger", "verify"]).output();
    let ran = ran.map_err(|e| io("start", &own, &e))?;
    let told: Value = serde_json::from_slice(&ran.stdout).unwrap_or_default();
    found.count("rows of the ledger verified", told["rows"].as_u64().unwrap_or(0));
    if told["ok"] != true {
        found.differs(format!("verify: {told} {}", String::from_utf8_lossy(&ran.stderr)));
    }
    Ok(())
}

fn progress_bar(length: u64, of: &str) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(length);
    let shown = format!("{{bar:30}} {{pos}}/{{len}} {of}, {{elapsed}}, {{msg}}");
    if let Ok(style) = indicatif::ProgressStyle::with_template(&shown) {
        bar.set_style(style);
    }
    bar
}
