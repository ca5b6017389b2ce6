//! Plain things: what is made and changed in one commit, without a message to anybody. One flow for all of them.
//! Knows no money.

use crate::audit::{self, Entry};
use crate::codec::Body;
use crate::commit::{Beside, Claim, Commit, Event, EventKind, IndexEntry, Job, Personal, Row, Version};
use crate::flow::{self, Claiming, Done, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::refusal::Refusal;

/// A body that is the row of a plain thing.
pub trait Record: Body + Clone + Send + Sync {
    const KIND: Kind;
}

/// What a thing is after a change, and what goes with it.
#[derive(Clone, Debug)]
pub struct Change<T> {
    pub body: T,
    /// All of its personal data from now on.
    pub personal: Option<Personal>,
    pub index: Vec<IndexEntry>,
    pub events: Vec<EventKind>,
    /// Rows that change with it.
    pub beside: Vec<Beside>,
    pub jobs: Vec<Job>,
    /// What the audit log is told of it, in the same commit.
    pub audit: Vec<Entry>,
}

impl<T> Change<T> {
    pub fn to(body: T, event: EventKind) -> Change<T> {
        Change { body, personal: None, index: vec![], events: vec![event], beside: vec![], jobs: vec![], audit: vec![] }
    }
    pub fn personal(self, subject: Key, body: &impl Body) -> Change<T> {
        Change { personal: Some(Personal { subject, body: body.encode() }), ..self }
    }
    pub fn audit(mut self, entry: impl Into<Option<Entry>>) -> Change<T> {
        self.audit.extend(entry.into());
        self
    }
    pub fn index(mut self, under: Key, kind: Kind, key: Key) -> Change<T> {
        self.index.push(IndexEntry { under, kind, key });
        self
    }
}

/// How the answer under an idempotency key is written.
pub type Render<'a, T> = &'a (dyn Fn(&View<T>) -> Vec<u8> + Sync);

/// Decides on what is there now.
pub type Decide<'a, T> = &'a (dyn Fn(&View<T>) -> Result<Change<T>, Refusal> + Sync);

/// Makes a thing under `key`, a fresh one.
pub async fn make<T: Record>(
    ports: &dyn Ports,
    account: Key,
    key: Key,
    change: Change<T>,
    claiming: Option<&Claiming>,
    render: Render<'_, T>,
) -> Result<Done<View<T>>, Failure> {
    // A fresh key conflicts with nothing but an entry of the audit log that was put meanwhile.
    let tries = if change.audit.is_empty() { 1 } else { flow::TRIES };
    for _ in 0..tries {
        let (mut commit, view) = draft(ports, account, key, Version::NONE, change.clone(), claiming, render);
        tell(ports, &mut commit, &change.audit).await?;
        match flow::commit(ports.store(), commit, claiming).await? {
            Met::Applied => return Ok(Done::Fresh(view)),
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
            Met::Conflict | Met::Guard => {}
        }
    }
    flow::refuse(ports.store(), claiming, Refusal::Contended).await
}

/// Puts entries of the audit log into the commit of what they tell of.
async fn tell(ports: &dyn Ports, commit: &mut Commit, entries: &[Entry]) -> Result<(), Failure> {
    if !entries.is_empty() {
        let mut head = audit::head(ports.store()).await?;
        audit::add(commit, &mut head, ports, entries.iter().cloned());
    }
    Ok(())
}

/// Changes a thing; decides anew when somebody else was faster.
pub async fn change<T: Record>(
    ports: &dyn Ports,
    account: Key,
    key: Key,
    claiming: Option<&Claiming>,
    decide: Decide<'_, T>,
    render: Render<'_, T>,
) -> Result<Done<View<T>>, Failure> {
    if let Some(answer) = flow::replay_at_first(ports.store(), claiming).await? {
        return Ok(Done::Replayed(answer));
    }
    for _ in 0..flow::TRIES {
        let from: View<T> = flow::load(ports.store(), account, T::KIND, key).await?;
        let change = match decide(&from) {
            Ok(change) => change,
            Err(refusal) => return flow::refuse(ports.store(), claiming, refusal).await,
        };
        let entries = change.audit.clone();
        let (mut commit, view) = draft(ports, account, key, from.version, change, claiming, render);
        tell(ports, &mut commit, &entries).await?;
        match flow::commit(ports.store(), commit, claiming).await? {
            Met::Applied => return Ok(Done::Fresh(view)),
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
            Met::Conflict | Met::Guard => {}
        }
    }
    flow::refuse(ports.store(), claiming, Refusal::Contended).await
}

/// Keeps an answer under the idempotency key of a request that came to nothing, so that a retry hears the same.
/// `Refused` when another request was answered under it meanwhile.
pub async fn answered(
    ports: &dyn Ports,
    subject: Key,
    claiming: Option<&Claiming>,
    answer: Vec<u8>,
) -> Result<(), Failure> {
    let Some(claiming) = claiming else { return Ok(()) };
    let (id, request, at) = (claiming.id.clone(), claiming.request, ports.now());
    let claim = Some(Claim::Answer { id, request, subject, at, answer });
    match flow::commit(ports.store(), Commit { claim, ..Commit::default() }, Some(claiming)).await? {
        Met::Applied => Ok(()),
        Met::Replay(_) | Met::Conflict | Met::Guard => Err(Refusal::Contended.into()),
    }
}

/// The row of a plain thing that changes beside something else.
pub fn row<T: Record>(view: &View<T>, index: Vec<IndexEntry>) -> Row {
    Row {
        key: view.key,
        version: view.version,
        kind: T::KIND,
        account: view.account,
        at: view.at,
        body: view.body.encode(),
        personal: view.personal.clone(),
        index,
    }
}

fn draft<T: Record>(
    ports: &dyn Ports,
    account: Key,
    key: Key,
    from: Version,
    change: Change<T>,
    claiming: Option<&Claiming>,
    render: Render<'_, T>,
) -> (Commit, View<T>) {
    let (now, version) = (ports.now(), from.next());
    let view = View { key, account, version, at: now, body: change.body, personal: change.personal };
    let event = |kind: &EventKind| Event { id: ports.fresh_key(), kind: *kind, account, cause: key, version };
    let mut commit = Commit {
        expect: vec![(key, from)],
        put: vec![row(&view, change.index)],
        events: change.events.iter().map(event).collect(),
        jobs: change.jobs,
        ..Commit::default()
    };
    commit.with(change.beside, &|| ports.fresh_key());
    commit.claim = claiming.map(|c| Claim::Answer {
        id: c.id.clone(),
        request: c.request,
        subject: key,
        at: now,
        answer: render(&view),
    });
    (commit, view)
}
