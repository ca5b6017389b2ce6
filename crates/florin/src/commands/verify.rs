//! `florin ledger verify`: sums and chains of the data folder, added up anew. The first row that is not as it was committed is named.

use super::system::{home_of, try_lock};
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::home::read_key;
use crate::named::Named;
use crate::out::out;
use crate::process::block_on;
use florin_core::bodies;
use florin_core::commit::SHARDS;
use florin_core::seal::Secret;
use florin_core::sequencer;
use florin_core::store::{Report, Store, Sum};
use florin_store::{Bad, Options, SqliteStore};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;

pub fn run(common: &Common) -> Outcome {
    let config = Config::load(common)?;
    let home = home_of(&config)?;
    if try_lock(&home.lock())?.is_none() {
        return Err(Fail::new("already_running", "a system runs on this data folder. Stop it first."));
    }
    if !home.database().exists() {
        return Err(Fail::new("no_data", "there is no database yet. Make a payment first: florin pay 19.99 eur"));
    }
    let root = Secret::new(read_key::<32>(&home.gateway_root())?);
    let Verified { problems, rows, links, ledger_links, wrong, first_bad } =
        database(&home.database(), root, common.json)?;
    if common.json {
        out!(
            "{}",
            json!({
                "ok": problems.is_empty(), "rows": rows, "links": links, "ledger_links": ledger_links,
                "wrong": wrong, "first_bad_row": first_bad, "problems": problems,
            })
        );
    } else if problems.is_empty() {
        out!(
            "The ledger balances, {rows} rows are as they were committed, {ledger_links} links of its chain hold, {links} events hang together.",
        );
    } else {
        problems.iter().for_each(|p| out!("{p}"));
    }
    Ok(u8::from(!problems.is_empty()))
}

/// What a database that nobody uses was found to be.
pub struct Verified {
    /// In words; none is good.
    pub problems: Vec<String>,
    pub rows: u64,
    /// Numbered events.
    pub links: u64,
    pub ledger_links: u64,
    /// Rows that are not as they were committed, and the number of the first.
    pub wrong: u64,
    pub first_bad: Option<i64>,
}

/// Sums, chains and every row of one file. Shows a bar to people.
pub fn database(path: &Path, root: Secret, as_json: bool) -> Result<Verified, Fail> {
    let store = SqliteStore::open(path, Options::default(), root).map_err(|e| e.fail())?;
    let (mut problems, links) = block_on(check(&store))?;
    let bar = (!as_json && std::io::stderr().is_terminal()).then(progress_bar);
    let audited = store.audit(&bodies::is_read, &|done, all| {
        if let Some(bar) = &bar {
            bar.set_length(all);
            bar.set_position(done);
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let audit = audited.map_err(|t| Fail::new("store_error", format!("the database cannot be read: {t:?}")))?;
    problems.extend(audit.named.iter().map(told));
    let first_bad = audit.named.first().map(|bad| bad.n);
    Ok(Verified { problems, rows: audit.rows, links, ledger_links: audit.links, wrong: audit.wrong, first_bad })
}

fn told(bad: &Bad) -> String {
    let step = bad.step.map_or_else(String::new, |(key, version)| format!(" (key {}, version {})", key.0, version.0));
    format!("row {} of the journal{step} {}", bad.n, bad.what.as_str())
}

fn progress_bar() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(0);
    if let Ok(style) = indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {per_sec}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

async fn check(store: &dyn Store) -> Result<(Vec<String>, u64), Fail> {
    let trouble = |t| Fail::new("store_error", format!("the database cannot be read: {t:?}"));
    let mut problems = Vec::new();
    let balances = store.sums(Report::Balances).await.map_err(trouble)?;
    let transfers = store.sums(Report::Transfers).await.map_err(trouble)?;
    if balances != transfers {
        problems.push("balances are not the sums of their transfers".to_owned());
    }
    problems.extend(unbalanced(&balances));
    match super::settled::problems(store, &balances).await {
        Ok(found) => problems.extend(found),
        Err(failure) => problems.push(crate::gateway::ops::plain(&failure)),
    }
    let mut links = 0;
    for shard in 0..SHARDS {
        match sequencer::verify(store, shard).await {
            Ok(Ok(n)) => links += n,
            Ok(Err(broken)) => {
                problems.push(format!("the event chain of shard {shard} does not hold at number {}", broken.sequence));
            }
            Err(failure) => problems.push(format!("shard {shard}: {}", crate::gateway::ops::plain(&failure))),
        }
    }
    Ok((problems, links))
}

/// Debits must equal credits in every currency.
fn unbalanced(sums: &[Sum]) -> Vec<String> {
    let mut by_currency: BTreeMap<&'static str, (i128, i128)> = BTreeMap::new();
    for sum in sums {
        let entry = by_currency.entry(sum.currency.code()).or_default();
        entry.0 += sum.debits;
        entry.1 += sum.credits;
    }
    let wrong = by_currency.into_iter().filter(|(_, (debits, credits))| debits != credits);
    wrong.map(|(code, (debits, credits))| format!("{code}: debits {debits}, credits {credits}")).collect()
}
