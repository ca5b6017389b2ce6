//! Delete a customer: its cards are detached, and a job destroys the keys of everything personal. Rows, ledger and chain stay as they are.

use super::Customer;
use crate::audit::{Action, By};
use crate::commit::{Beside, Clock, Commit, EventKind, Job, JobKind, Row};
use crate::flow::{self, Done, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::method::{Hold, PaymentMethod, handed};
use crate::payment::Payment;
use crate::ports::Ports;
use crate::record::{self, Change};
use crate::refusal::Refusal;
use crate::setup::Setup;
use crate::store::{Query, StoreTrouble, Wait};
use crate::time::Time;

/// Cards that are detached in the commit that deletes; the job does the rest.
const AT_ONCE: u32 = 100;
/// What was under way when the customer was deleted has ended by then: the job looks once more.
const LOOK_AGAIN_MS: i64 = 60_000;
/// Subjects whose keys are destroyed at a time.
const SUBJECTS_AT_ONCE: usize = 1_000;

/// Destroys the keys under which personal bodies of these subjects lie, and leaves tombstones: what is put later for them is
/// dropped. May be repeated. Not one of the store's verbs, since no row changes.
pub trait Forget: Send + Sync {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>>;
}

/// `by` is whom the audit log is told of: nobody when a merchant's server deletes, which it may do thousands of times and events tell of.
pub async fn delete(
    by: Option<&By>,
    ports: &dyn Ports,
    account: Key,
    customer: Key,
) -> Result<View<Customer>, Failure> {
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
            let entry = |by: &By| by.did(Action::CustomerErase).account(account).subject(Kind::Customer, customer);
            Ok(change.audit(by.map(entry)))
        };
        match record::change(ports, account, customer, None, &decide, &|_| vec![]).await {
            Ok(Done::Fresh(view)) => {
                flow::nudge(ports);
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

/// Does a leased `Erase` job. It comes back until a minute has passed since the deletion, for what was under way then.
pub async fn forget(ports: &dyn Ports, keys: &dyn Forget, job: &Job) -> Result<(), Failure> {
    let customer: View<Customer> = flow::load(ports.store(), job.account, Kind::Customer, job.subject).await?;
    if customer.body.deleted.is_some() {
        detach_all(ports, job.subject).await?;
        let mut search = Search { ports, keys, customer: job.subject, found: vec![job.subject] };
        // What was written before it was the customer's lies under keys of its own.
        for kind in [Kind::Method, Kind::Payment, Kind::Setup] {
            search.under_customer(kind).await?;
        }
        search.forget().await?;
    }
    let (mut commit, now) = (Commit::default(), ports.now());
    match customer.body.deleted {
        Some(at) if now < at.plus_ms(LOOK_AGAIN_MS) => {
            commit.jobs.push(Job { due: now.plus_ms(LOOK_AGAIN_MS), ..*job });
        }
        Some(_) | None => commit.done.push(job.id),
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

/// Looks for everything that tells of a customer under a key of its own, and forgets it so many at a time.
struct Search<'a> {
    ports: &'a dyn Ports,
    keys: &'a dyn Forget,
    customer: Key,
    found: Vec<Key>,
}

impl Search<'_> {
    /// What the customer had of a kind.
    async fn under_customer(&mut self, kind: Kind) -> Result<(), Failure> {
        let mut before = None;
        loop {
            let query = Query::List { under: self.customer, kind, before, limit: AT_ONCE };
            let rows = self.ports.store().find(query).await?.rows();
            for row in &rows {
                self.found.push(row.key);
                for method in self.methods(row)? {
                    self.method(method, row.key).await?;
                }
            }
            if self.found.len() >= SUBJECTS_AT_ONCE {
                self.forget().await?;
            }
            match rows.last() {
                Some(last) if rows.len() >= AT_ONCE as usize => before = Some(last.key),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// The cards that a payment or setup of the customer was tried with; a method is one itself.
    fn methods(&self, row: &Row) -> Result<Vec<Key>, Failure> {
        if row.kind == Kind::Method {
            return Ok(vec![row.key]);
        }
        let (customer, methods) = if row.kind == Kind::Payment {
            let payment = flow::read::<Payment>(row)?.body;
            (payment.customer, payment.methods)
        } else if row.kind == Kind::Setup {
            let setup = flow::read::<Setup>(row)?.body;
            (setup.customer, setup.methods)
        } else {
            return Ok(vec![]);
        };
        // It may be another's by now.
        let ours = customer == Some(self.customer);
        Ok(methods.iter().filter(|_| ours).map(|m| m.key).collect())
    }

    /// A card that `by` was tried with, and the tokens that it came from, unless it is in the hands of somebody else.
    async fn method(&mut self, method: Key, by: Key) -> Result<(), Failure> {
        let Some(row) = self.ports.store().get(&[method]).await?.into_iter().next().flatten() else { return Ok(()) };
        let ours = match flow::read::<PaymentMethod>(&row)?.body.hold {
            Hold::Customer(of) => of == self.customer,
            Hold::UsedBy(user) => user == by,
            Hold::Free | Hold::Detached => true,
        };
        if !ours {
            return Ok(());
        }
        self.found.push(method);
        for kind in [Kind::CardToken, Kind::Confirmation] {
            let query = Query::List { under: method, kind, before: None, limit: AT_ONCE };
            self.found.extend(self.ports.store().find(query).await?.rows().iter().map(|row| row.key));
        }
        Ok(())
    }

    async fn forget(&mut self) -> Result<(), Failure> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable();
        found.dedup();
        Ok(self.keys.forget(&found).await?)
    }
}
