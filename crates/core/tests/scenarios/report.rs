//! A world as text: payment, attempts, orders, ledger, events, jobs, keys; and what must hold in every world.
//! Decides nothing about a single scenario.

use crate::world::{START, World};
use florin_core::attempt::{Attempt, Because, Move, State};
use florin_core::commit::{EventKind, JobKind, SHARDS};
use florin_core::flow;
use florin_core::id::Kind;
use florin_core::method::{Hold, PaymentMethod};
use florin_core::payment::{Payment, Stage};
use florin_core::refund::{Refund, RefundStage};
use florin_core::restore::Orphan;
use florin_core::setup::{Setup, SetupStage};
use florin_core::store::{Query, Report, Store, StoredEvent};
use florin_core::wire::{Act, Order};
use florin_store::block_on;

/// The keys that scenarios may use.
const KEYS: [&str; 3] = ["a", "b", "c"];

/// Lists longer than this go on in another line with the same label.
const LINE_CHARS: usize = 100;

/// Everything that is there, as lines of `label: a, b, c`.
pub fn lines(world: &World) -> Vec<String> {
    let mut lines = vec![];
    for (label, said) in facts(world) {
        lines.extend(wrapped(label, &said));
    }
    let events = events(world);
    lines.extend(wrapped("ledger", &ledger(world)));
    lines.extend(wrapped("events", &events));
    lines.extend(wrapped("jobs", &jobs(world)));
    lines.extend(KEYS.iter().filter_map(|key| claim(world, key)));
    lines
}

pub fn wrapped(label: &str, said: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for one in said {
        match lines.last_mut() {
            Some(line) if line.len() + one.len() + 2 <= LINE_CHARS => *line += &format!(", {one}"),
            _ => lines.push(format!("{label}: {one}")),
        }
    }
    lines
}

/// Payment, attempts, refunds and orders.
fn facts(world: &World) -> Vec<(&'static str, Vec<String>)> {
    let mut facts = vec![];
    for row in world.rows(Kind::Payment) {
        let payment = flow::read::<Payment>(&row).unwrap().body;
        facts.push(("payment", vec![stage(&payment.stage)]));
        facts.push(("attempts", payment.attempts.iter().map(attempt).collect()));
    }
    for row in world.rows(Kind::Refund) {
        let refund = flow::read::<Refund>(&row).unwrap().body;
        facts.push(("refund", vec![refund_stage(&refund.stage), attempt(&refund.attempt)]));
    }
    for row in world.rows(Kind::Setup) {
        let setup = flow::read::<Setup>(&row).unwrap().body;
        facts.push(("setup", vec![setup_stage(&setup.stage)]));
        facts.push(("attempts", setup.attempts.iter().map(attempt).collect()));
    }
    for row in world.rows(Kind::Method) {
        let method = flow::read::<PaymentMethod>(&row).unwrap().body;
        facts.push(("method", vec![held_by(&method)]));
    }
    for row in world.rows(Kind::Orphan) {
        let orphan = flow::read::<Orphan>(&row).unwrap().body;
        facts.push(("orphan", vec![format!("orphan, {} taken", orphan.taken.minor), attempt(&orphan.attempt)]));
    }
    facts.push(("orders", world.lock().orders.iter().map(order).collect()));
    facts
}

/// The payment, its attempts, refunds and the orders, for short tables.
pub fn brief(world: &World) -> Vec<String> {
    facts(world).into_iter().flat_map(|(_, said)| said).collect()
}

fn stage(stage: &Stage) -> String {
    let status = stage.status();
    match stage {
        Stage::RequiresPaymentMethod { last_error: None } | Stage::RequiresConfirmation => status.into(),
        Stage::RequiresPaymentMethod { last_error: Some(error) } => format!("{status} {}", short(error)),
        Stage::Processing { doing, .. } => format!("{status} {doing:?}"),
        Stage::RequiresCapture { .. } | Stage::RequiresAction { .. } => status.into(),
        Stage::Succeeded { captured, .. } => format!("{status} {captured}"),
        Stage::Canceled { reason, .. } => format!("{status} {reason:?}"),
    }
}

fn setup_stage(stage: &SetupStage) -> String {
    let status = stage.status();
    match stage {
        SetupStage::RequiresPaymentMethod { last_error: Some(error) } => format!("{status} {}", short(error)),
        SetupStage::RequiresPaymentMethod { last_error: None }
        | SetupStage::RequiresConfirmation
        | SetupStage::Processing { .. }
        | SetupStage::RequiresAction { .. }
        | SetupStage::Succeeded { .. }
        | SetupStage::Canceled { .. } => status.into(),
    }
}

/// In whose hands a method is, and whether the network's id of its first use is known.
fn held_by(method: &PaymentMethod) -> String {
    let hold = match method.hold {
        Hold::Free => "free",
        Hold::UsedBy(_) => "used",
        Hold::Customer(_) => "kept",
        Hold::Detached => "detached",
    };
    let id = method.network_id.map_or("no id".to_owned(), |id| format!("id {}", id.0));
    format!("{hold}, {id}")
}

fn refund_stage(stage: &RefundStage) -> String {
    match stage {
        RefundStage::Pending | RefundStage::Succeeded { .. } => stage.status().into(),
        RefundStage::Failed { error, .. } => format!("{} {}", stage.status(), short(error)),
    }
}

fn short(error: &florin_core::payment::PaymentError) -> String {
    use florin_core::payment::PaymentError;
    match error {
        PaymentError::Declined(decline) => format!("Declined({})", decline.code.as_str()),
        PaymentError::NotSent(_)
        | PaymentError::Reversed
        | PaymentError::Partial
        | PaymentError::Unanswered
        | PaymentError::NotAuthenticated => {
            format!("{error:?}")
        }
    }
}

fn because(because: &Because) -> String {
    match because {
        Because::Malfunction(decline) => format!("Malfunction {}", decline.response.text()),
        Because::Unsure(unsure) => format!("{unsure:?}"),
        Because::Recovered | Because::LateApproval => format!("{because:?}"),
    }
}

fn attempt(a: &Attempt) -> String {
    let what = match a.what {
        Move::Sale(_) => "sale",
        Move::Authorization(_) => "hold",
        Move::Increment(_) => "increment",
        Move::Completion(_) => "capture",
        Move::Void(_) => "void",
        Move::Refund(_) => "refund",
        Move::Verification(_) => "verification",
    };
    let state = match &a.state {
        State::Sent => "sent".into(),
        State::Approved { .. } => "approved".into(),
        State::Declined { decline, .. } => format!("declined {}", decline.response.text()),
        State::NotSent { why, .. } => format!("not sent, {why:?}"),
        State::Reversing { wire, because: b, .. } => format!("reversing by #{}, {}", wire.stan, because(b)),
        State::Reversed { found: true, because: b, .. } => format!("reversed, {}", because(b)),
        State::Reversed { found: false, because: b, .. } => format!("reversed unfound, {}", because(b)),
        State::Repeating { .. } => "repeating".into(),
        State::Unanswered { .. } => "unanswered".into(),
    };
    format!("{what} {} #{} {state}", a.money.minor, a.wire.stan)
}

fn order(o: &Order) -> String {
    let (minor, stan) = (o.money.minor, o.wire.stan);
    match o.act {
        Act::Sale { .. } => format!("0200 sale {minor} #{stan}{}", proof(o)),
        Act::Authorization { .. } => format!("0100 hold {minor} #{stan}{}", proof(o)),
        Act::Increment { original } => format!("0100 increment {minor} #{stan} of #{}", original.wire.stan),
        Act::Verification { .. } => format!("0100 verify #{stan}"),
        Act::Refund { original } => format!("0200 refund {minor} #{stan} of #{}", original.wire.stan),
        Act::Completion { original } => {
            format!("022{} capture {minor} #{stan} of #{}", u8::from(o.repeat), original.wire.stan)
        }
        Act::Reversal { original, reason } => {
            format!("040{} reverse {minor} #{stan} of #{} {reason:?}", u8::from(o.repeat), original.wire.stan)
        }
    }
}

/// What it carries of an authentication.
fn proof(o: &Order) -> String {
    o.proof.map(|p| format!(" ECI {}", p.eci.text())).unwrap_or_default()
}

/// Book by book: debits/credits.
pub fn ledger(world: &World) -> Vec<String> {
    let sums = block_on(world.store.sums(Report::Balances)).unwrap();
    sums.iter().map(|s| format!("{} {}/{}", s.book.as_str(), s.debits, s.credits)).collect()
}

/// Step by step, the events of one step joined by plus signs.
fn events(world: &World) -> Vec<String> {
    let mut stored: Vec<StoredEvent> = vec![];
    for shard in 0..SHARDS {
        stored.extend(block_on(world.store.find(Query::Unsequenced { shard, limit: 1000 })).unwrap().events());
    }
    stored.sort_by_key(|s| s.position);
    let steps = stored.chunk_by(|a, b| (a.event.cause, a.event.version) == (b.event.cause, b.event.version));
    let step = |step: &[StoredEvent]| {
        // `charge.updated` follows every sale that succeeded: the table of approvals says so once.
        let told = step.iter().filter(|s| s.event.kind != EventKind::ChargeUpdated);
        let names: Vec<&str> = told.map(|s| s.event.kind.as_str()).collect();
        names.iter().map(|n| n.trim_start_matches("payment_intent.")).collect::<Vec<_>>().join(" + ")
    };
    steps.map(step).collect()
}

fn jobs(world: &World) -> Vec<String> {
    let jobs = block_on(world.store.find(Query::Jobs { kind: None, limit: 100 })).unwrap().jobs();
    let line = |job: &florin_core::commit::Job| {
        let attempts = world.attempts(job.subject);
        let stan = attempts.iter().find(|a| a.key == job.attempt).map_or(0, |a| a.wire.stan);
        let what = match job.kind {
            JobKind::Expire => "expire ",
            JobKind::Chase => "chase ",
            JobKind::Resolve | JobKind::Deliver | JobKind::Erase | JobKind::Notify => "",
        };
        format!("{what}#{stan} at {} s, tries {}", job.due.since(START) / 1000, job.tries)
    };
    jobs.iter().map(line).collect()
}

fn claim(world: &World, name: &str) -> Option<String> {
    let slot = crate::check::slot_of(name);
    let claimed = block_on(world.store.find(Query::Claim { slot })).unwrap().claim()?;
    let answer = claimed.answer.map_or("in use".into(), |answer| String::from_utf8(answer).unwrap());
    Some(format!("key {name}: {answer}"))
}

/// What must hold after every scenario: ledgers balance and add up anew, and an attempt is open exactly as long as a
/// job watches it.
pub fn assert_sound(world: &World) {
    let balances = block_on(world.store.sums(Report::Balances)).unwrap();
    assert_eq!(balances, block_on(world.store.sums(Report::Transfers)).unwrap(), "balances are the sum of transfers");
    let (debits, credits) = balances.iter().fold((0, 0), |(d, c), s| (d + s.debits, c + s.credits));
    assert_eq!(debits, credits, "debits are credits");
    let jobs = block_on(world.store.find(Query::Jobs { kind: None, limit: 100 })).unwrap().jobs();
    for row in [Kind::Payment, Kind::Refund, Kind::Setup].into_iter().flat_map(|kind| world.rows(kind)) {
        for a in world.attempts(row.key) {
            let watched = jobs.iter().any(|j| j.attempt == a.key && j.id == a.job);
            assert_eq!(a.is_open(), watched, "an attempt is watched while it is open: {a:?}");
            assert!(a.is_open() || a.claim.is_none(), "an attempt that ended has answered: {a:?}");
        }
    }
}
