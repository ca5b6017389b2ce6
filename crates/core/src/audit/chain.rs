//! The end of the log, and how an entry is put behind it: both in the commit of what the entry tells of.

use super::entry::{Entry, Recorded, SeenPersonal};
use crate::codec::Body;
use crate::commit::{Beside, Commit, EventKind, Personal, Row, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ports::Ports;
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::store::{Query, Store};
use crate::terminal::HOUSE;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The number of the first entry.
pub const FIRST: u64 = 1;
/// The head's own key. Entries follow it. Above every key that is a hash (`id::place`) and below every key that a clock made.
const HEAD: Key = Key(1 << 59);
/// Entries that have keys.
const MOST: u64 = 1 << 40;

/// Where the log ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many entries there are: the number of the newest.
    pub size: u64,
    /// The newest entry's hash; zeros while there is none.
    pub last: [u8; 32],
}

impl Body for Head {
    const FORMAT: u8 = 1;
}

impl Record for Head {
    const KIND: Kind = Kind::AuditHead;
}

pub type HeadView = View<Head>;

/// The key of an entry's row.
pub fn key_of(number: u64) -> Key {
    Key(HEAD.0.saturating_add_unsigned(number.min(MOST)))
}

/// The log's end now. Load it before deciding; a commit that carries an entry conflicts when somebody else was faster.
pub async fn head(store: &dyn Store) -> Result<HeadView, Failure> {
    match flow::load(store, HOUSE, Kind::AuditHead, HEAD).await {
        Ok(head) => Ok(head),
        Err(Failure::Refused(Refusal::NoSuch(_))) => {
            let (version, body) = (Version::NONE, Head::default());
            Ok(View { key: HEAD, account: HOUSE, version, at: Time(0), body, personal: None })
        }
        Err(failure) => Err(failure),
    }
}

/// Puts entries behind the log's end, in this commit. `head` stands at the end afterwards. Call it once a commit, with all of them.
pub fn add(commit: &mut Commit, head: &mut HeadView, ports: &dyn Ports, entries: impl IntoIterator<Item = Entry>) {
    let rows = beside(head, ports.now(), entries);
    commit.with(rows, &|| ports.fresh_key());
}

/// The rows of entries and of the log's new end, for those who build their commit otherwise.
pub fn beside(head: &mut HeadView, now: Time, entries: impl IntoIterator<Item = Entry>) -> Vec<Beside> {
    let from = head.version;
    let mut rows: Vec<Beside> = entries.into_iter().map(|entry| append(&mut head.body, now, entry)).collect();
    if !rows.is_empty() {
        (head.version, head.at) = (from.next(), now);
        rows.push(Beside { from, row: record::row(head, vec![]), event: EventKind::AuditAdvanced });
    }
    rows
}

fn append(head: &mut Head, now: Time, entry: Entry) -> Beside {
    let number = head.size + 1;
    let key = key_of(number);
    let personal = entry.seen.as_ref().map(|seen| {
        let body = SeenPersonal::of(seen).encode();
        Personal { subject: seen.of.unwrap_or(key), body }
    });
    let recorded = Recorded {
        number,
        before: head.last,
        at: now,
        action: entry.action,
        actor: entry.actor,
        outcome: entry.outcome,
        account: entry.account,
        subject: entry.subject.map(|(kind, key)| (kind as u8, key)),
        detail: entry.detail,
        seen: personal.as_ref().map(|p| SeenPersonal::commitment(&p.body)),
    };
    *head = Head { size: number, last: recorded.hash() };
    let version = Version::NONE.next();
    let row = Row {
        key,
        version,
        kind: Kind::AuditEntry,
        account: HOUSE,
        at: now,
        body: recorded.encode(),
        personal,
        index: vec![],
    };
    Beside { from: Version::NONE, row, event: EventKind::AuditRecorded }
}

/// Writes an entry down by itself: of what changes nothing here, as a refused sign-in or a command that works on files.
pub async fn log(ports: &dyn Ports, entry: Entry) -> Result<u64, Failure> {
    for _ in 0..flow::TRIES {
        let mut head = head(ports.store()).await?;
        let mut commit = Commit::default();
        add(&mut commit, &mut head, ports, [entry.clone()]);
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => return Ok(head.body.size),
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
    }
    Err(Refusal::Contended.into())
}

/// Writes a sensitive read down before it is answered. Whoever gets an error here must not answer.
pub async fn before_read(ports: &dyn Ports, entry: Entry) -> Result<(), Failure> {
    log(ports, entry).await.map(|_| ())
}

/// Entries below the number `before` (all when none), newest first, at most `limit` (1 to 1,000).
pub async fn list(store: &dyn Store, before: Option<u64>, limit: u32) -> Result<Vec<View<Recorded>>, Failure> {
    let before = before.map(key_of);
    let query = Query::List { under: HOUSE, kind: Kind::AuditEntry, before, limit };
    store.find(query).await?.rows().iter().map(flow::read).collect()
}
