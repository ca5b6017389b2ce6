//! Delete a customer: its cards are detached, and a job destroys the keys of everything personal. Rows, ledger and chain stay as they are.

use super::Customer;
use crate::commit::{Beside, Clock, Commit, EventKind, Job, JobKind};
use crate::flow::{self, Done, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::method::{Hold, PaymentMethod, handed};
use crate::ports::Ports;
use crate::record::{self, Change};
use crate::refusal::Refusal;
use crate::store::{Query, StoreTrouble, Wait};
use crate::time::Time;

/// Cards that are detached in the commit that deletes; the job does the rest.
const AT_ONCE: u32 = 100;
/// What was under way when the customer was deleted has ended by then: the job looks once more.
const LOOK_AGAIN_MS: i64 = 60_000;

/// Destroys the keys under which personal bodies of these subjects lie, and leaves tombstones: what is put later for them is
/// dropped. May be repeated. Not one of the store's verbs, since no row changes.
pub trait Forget: Send + Sync {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>>;
}

pub async fn delete(ports: &dyn Ports, account: Key, customer: Key) -> Result<View<Customer>, Failure> {
    for _ in 0..flow::TRIES {
        let methods = attached(ports, customer).await?;
        let (now, id) = (ports.now(), ports.fresh_key());
        let decide = |from: &View<Customer>| {
            if from.body.deleted.is_some() {
                return Err(Refusal::NoSuch(Kind::Customer));
            }
            let body = Customer { deleted: Some(now), default_method: None, default_source: None, ..from.body.clone() };
            let mut change = Change::to(body, EventKind::CustomerDeleted);
            change.beside = methods.iter().map(|m| handed(m, Hold::Detached, now)).collect();
            change.jobs.push(erasure(id, account, customer, now));
            Ok(change)
        };
        match record::change(ports, account, customer, None, &decide, &|_| vec![]).await {
            Ok(Done::Fresh(view)) => {
                ports.nudge();
                return Ok(view);
            }
            // One of its cards changed meanwhile: look at them anew.
            Ok(Done::Replayed(_)) | Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Refusal::Contended.into())
}

const fn erasure(id: Key, account: Key, customer: Key, due: Time) -> Job {
    let (kind, clock) = (JobKind::Erase, Clock::Real);
    Job { id, kind, account, subject: customer, attempt: customer, due, clock, tries: 0 }
}

/// Does a leased `Erase` job. It comes back once, for what was under way when the customer was deleted.
pub async fn forget(ports: &dyn Ports, keys: &dyn Forget, job: &Job) -> Result<(), Failure> {
    let customer: View<Customer> = flow::load(ports.store(), job.account, Kind::Customer, job.subject).await?;
    if customer.body.deleted.is_some() {
        detach_all(ports, job.subject).await?;
        keys.forget(&[job.subject]).await?;
        // What was written before it was the customer's lies under keys of its own.
        for kind in [Kind::Method, Kind::Payment, Kind::Setup] {
            forget_kind(ports, keys, job.subject, kind).await?;
        }
    }
    let mut commit = Commit::default();
    if customer.body.deleted.is_some() && job.tries <= 1 {
        commit.jobs.push(Job { due: ports.now().plus_ms(LOOK_AGAIN_MS), ..*job });
    } else {
        commit.done.push(job.id);
    }
    match flow::commit(ports.store(), commit, None).await? {
        Met::Applied => Ok(()),
        Met::Conflict | Met::Replay(_) | Met::Guard => Err(Refusal::Contended.into()),
    }
}

/// Methods that the customer has now, newest first.
async fn attached(ports: &dyn Ports, customer: Key) -> Result<Vec<View<PaymentMethod>>, Failure> {
    let query = Query::List { under: customer, kind: Kind::Method, before: None, limit: AT_ONCE };
    let mut held = vec![];
    for row in ports.store().find(query).await?.rows() {
        let view: View<PaymentMethod> = flow::read(&row)?;
        if view.body.hold == Hold::Customer(customer) {
            held.push(view);
        }
    }
    Ok(held)
}

async fn detach_all(ports: &dyn Ports, customer: Key) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let query = Query::List { under: customer, kind: Kind::Method, before, limit: AT_ONCE };
        let rows = ports.store().find(query).await?.rows();
        for row in &rows {
            let view: View<PaymentMethod> = flow::read(row)?;
            if view.body.hold == Hold::Customer(customer) {
                let one: Beside = handed(&view, Hold::Detached, ports.now());
                let mut commit = Commit::default();
                commit.with([one], &|| ports.fresh_key());
                // Somebody else changed it: the second look finds it.
                flow::commit(ports.store(), commit, None).await?;
            }
        }
        match rows.last() {
            Some(last) if rows.len() >= AT_ONCE as usize => before = Some(last.key),
            Some(_) | None => return Ok(()),
        }
    }
}

async fn forget_kind(ports: &dyn Ports, keys: &dyn Forget, customer: Key, kind: Kind) -> Result<(), Failure> {
    let mut before = None;
    loop {
        let query = Query::List { under: customer, kind, before, limit: AT_ONCE };
        let found: Vec<Key> = ports.store().find(query).await?.rows().iter().map(|row| row.key).collect();
        if !found.is_empty() {
            keys.forget(&found).await?;
        }
        match found.last() {
            Some(last) if found.len() >= AT_ONCE as usize => before = Some(*last),
            Some(_) | None => return Ok(()),
        }
    }
}
