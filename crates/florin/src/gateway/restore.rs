//! Opens a restored installation: compares it with the acquirer's journal, settles what is open, erases again what was erased, lifts
//! the fence. Decides nothing about money.

use super::erased;
use super::fence::{Fence, clock_went_back};
use super::ops::{Answer, Desk};
use super::ports::Real;
use super::settlement::{NotPulled, words};
use crate::fail::Fail;
use florin_api::shape_of_orphan;
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::ports::Ports;
use florin_core::restore::{
    Compared, Done, Finding, NotCompared, compare, finish, orphans as found, release as opens_at_once, unsettled,
};
use florin_core::terminal::HOUSE;
use florin_vault::link::LinkState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the host may take to answer what was open.
const SETTLE_WITHIN: Duration = Duration::from_secs(75);
/// How long the link to the acquirer may take to come up.
const LINK_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Reconcile {
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Opens although differences remain: a person has seen them.
    pub accept: bool,
    pub margin_seconds: u32,
}

pub async fn answer(desk: &Desk, asked: Reconcile) -> Answer {
    told(reconcile(desk, asked).await)
}

fn told(result: Result<Value, Fail>) -> Answer {
    match result {
        Ok(value) => Answer::Ok(value),
        Err(Fail { code, message, param, .. }) => Answer::Error { code, message, param, status: 503 },
    }
}

/// How far the comparison has come.
pub fn progress(fence: &Fence) -> Value {
    let (done, of) = &fence.progress;
    json!({ "done": done.load(Ordering::Relaxed), "of": of.load(Ordering::Relaxed) })
}

/// Opens without a comparison: for an acquirer that gives no journal.
pub async fn release(desk: &Desk) -> Answer {
    let Ok(_one) = desk.fence.one.try_lock() else {
        return told(Err(Fail::new("reconcile_running", "a comparison is under way: wait for its end.")));
    };
    let Some(restored) = desk.fence.restored.as_ref().filter(|_| desk.fence.is_closed()) else {
        return Answer::Ok(json!({ "object": "florin.restore", "status": "not_fenced" }));
    };
    let done = async {
        // Before it opens: a process that died in between would open it at its next start.
        let erased = erased::again(&desk.ports).await?;
        opens_at_once(&*desk.ports, restored.asked(0, false)).await.map_err(|f| failed(&f))?;
        desk.fence.lift()?;
        Ok(json!({ "object": "florin.restore", "status": "open", "compared": false, "erased": erased }))
    };
    told(done.await)
}

async fn reconcile(desk: &Desk, asked: Reconcile) -> Result<Value, Fail> {
    let fence = &desk.fence;
    let Ok(_one) = fence.one.try_lock() else {
        return Err(Fail::new("reconcile_running", "a comparison is under way already: wait for its end."));
    };
    let Some(restored) = fence.restored.as_ref().filter(|_| fence.is_closed()) else {
        return Ok(json!({ "object": "florin.restore", "status": "not_fenced" }));
    };
    let journal =
        desk.settler.service().ok_or_else(|| Fail::new("setting_missing", words(&NotPulled::NotConfigured)))?;
    if !asked.dry_run {
        link_is_up(desk).await?;
    }
    let asks = restored.asked(i64::from(asked.margin_seconds) * 1_000, asked.dry_run);
    let ports = &*desk.ports;
    let compared = compare(ports, journal, asks, &|done, of| fence.note(done, of)).await.map_err(not_compared)?;
    let (mut compared, mut unsettled) = (compared, 0);
    if !asked.dry_run {
        unsettled = settled(desk).await?;
        if compared.breaks() > 0 {
            // What was open stood in the way of what came after it: settled now, it does no more.
            let again = compare(ports, journal, asks, &|done, of| fence.note(done, of)).await.map_err(not_compared)?;
            compared = joined(compared, again);
            unsettled = settled(desk).await?;
        }
    }
    let mut answer = shown(&compared);
    answer["backup"] = json!(restored.backup);
    answer["made_at"] = json!(restored.made_at);
    answer["restored_at"] = json!(restored.restored_at);
    if asked.dry_run {
        answer["status"] = json!("dry_run");
        return Ok(answer);
    }
    let erased = erased::again(&desk.ports).await?;
    answer["unsettled"] = json!(unsettled);
    answer["erased"] = json!(erased);
    if (compared.breaks() > 0 || unsettled > 0) && !asked.accept {
        answer["status"] = json!("fenced");
        return Ok(answer);
    }
    finish(ports, asks, compared.opens(ports.now())).await.map_err(|f| failed(&f))?;
    fence.lift()?;
    answer["status"] = json!("open");
    Ok(answer)
}

/// What two comparisons found, one after the other: what was done by either, and the breaks of the second.
fn joined(first: Compared, again: Compared) -> Compared {
    let plain = |done: &Done| matches!(done, Done::Known | Done::NothingStands);
    let mut joined = first;
    joined.counts.retain(|done, _| !done.is_break());
    joined.findings.retain(|f| !f.done.is_break());
    for (done, n) in again.counts.iter().filter(|(done, _)| !plain(done)) {
        *joined.counts.entry(*done).or_default() += n;
    }
    joined.findings.extend(again.findings);
    joined
}

/// The workers settle what is open; what is not answered is asked again and again. Gives back what still is after a while.
async fn settled(desk: &Desk) -> Result<u64, Fail> {
    let until = Instant::now() + SETTLE_WITHIN;
    desk.fence.settle();
    loop {
        let open = unsettled(&*desk.ports).await.map_err(|f| failed(&f))?;
        if open == 0 || Instant::now() >= until {
            return Ok(open);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn link_is_up(desk: &Desk) -> Result<(), Fail> {
    let until = Instant::now() + LINK_WITHIN;
    loop {
        if desk.ports.vault.health().await.is_ok_and(|health| health.link.state == LinkState::Up) {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(Fail::new(
                "link_down",
                "the acquirer cannot be reached: what has to be reversed could not be. Try again when `florin doctor` says that the link is up.",
            ));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn failed(failure: &Failure) -> Fail {
    Fail::new("store_error", super::ops::plain(failure))
}

fn not_compared(not: NotCompared) -> Fail {
    match not {
        NotCompared::Unavailable(why) => {
            Fail::new("journal_unavailable", format!("{why}. Nothing was opened; try again."))
        }
        NotCompared::ClockBehind(latest) => clock_went_back(latest),
        NotCompared::TooLong => Fail::new(
            "journal_too_long",
            "the acquirer's journal has more than a million messages since the backup. Restore a newer one, or give a smaller --margin.",
        ),
        NotCompared::Failed(failure) => failed(&failure),
    }
}

fn shown(compared: &Compared) -> Value {
    let counts: serde_json::Map<String, Value> =
        compared.counts.iter().map(|(done, n)| (done.as_str().to_owned(), json!(n))).collect();
    json!({
        "object": "florin.restore", "since": compared.since.seconds(), "messages": compared.entries,
        "strangers": compared.strangers, "counts": counts, "breaks": compared.breaks(),
        "findings": compared.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn finding(f: &Finding) -> Value {
    json!({
        "rrn": f.rrn.text(), "stan": format!("{:06}", f.stan), "what": f.what.as_str(), "amount": f.money.minor,
        "currency": f.money.currency.code(), "at": f.at.seconds(), "done": f.done.as_str(), "break": f.done.is_break(),
    })
}

/// Payments that a restore found at the acquirer and nowhere here, newest first.
pub async fn orphans(ports: &Real, account: Key, limit: u32) -> Result<Value, Failure> {
    let mut data = vec![];
    for owner in [account, HOUSE] {
        for view in found(ports, owner, limit).await? {
            data.push(shape_of_orphan(&ports.look, &view));
        }
    }
    Ok(json!({ "object": "list", "data": data }))
}
