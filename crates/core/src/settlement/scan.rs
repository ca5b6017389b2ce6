//! Movements that no report named in time: each is looked at once, when enough days were closed after it.

use super::breaks::break_key;
use super::plan::{match_held, missing};
use super::pull::Pulled;
use super::report::{RrnText, report_key};
use crate::codec::Body;
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::movement::{Movement, MovementView};
use crate::ports::Ports;
use crate::record::{self, Record};
use crate::store::{Query, Store};
use crate::terminal::HOUSE;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// Movements read at a time.
const ROWS_AT_ONCE: u32 = 200;
/// Movements read in one pull; the next one goes on.
const ROWS_PER_PULL: usize = 20_000;
/// Closed days whose times are kept.
const MARKS: usize = 40;

/// How far the acquirer's reports were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Every report up to this one was applied whole.
    pub through: u64,
    /// When, by our clock, the newest of those were: (report, time), oldest first.
    pub marks: Vec<(u64, Time)>,
    /// Movements placed before this were looked at.
    pub checked: Key,
    /// Where looking goes on: up to the first of these, and next below the second.
    pub looking: Option<(Key, Key)>,
}

impl Body for Cursor {
    const FORMAT: u8 = 1;
}

impl Record for Cursor {
    const KIND: Kind = Kind::Cursor;
}

impl Cursor {
    const START: Cursor = Cursor { through: 0, marks: vec![], checked: Key(0), looking: None };

    pub fn mark(&mut self, report: u64, at: Time) {
        self.through = report;
        self.marks.push((report, at));
        if self.marks.len() > MARKS {
            self.marks.remove(0);
        }
    }

    /// Movements placed before this had `days` closed days to be named in.
    pub fn due_before(&self, days: u32) -> Option<Key> {
        let last = self.through.checked_sub(u64::from(days))?;
        let mark = self.marks.iter().rev().find(|(report, _)| *report <= last)?;
        Some(Key(mark.1.0.checked_shl(20)?))
    }
}

/// The cursor, as it is or as it begins.
pub(super) async fn cursor(store: &dyn Store) -> Result<View<Cursor>, Failure> {
    let key = report_key(0);
    match store.get(&[key]).await?.into_iter().next().flatten() {
        Some(row) => flow::read(&row),
        None => {
            let version = crate::commit::Version::NONE;
            Ok(View { key, account: HOUSE, version, at: Time(0), body: Cursor::START, personal: None })
        }
    }
}

/// Stores a cursor that follows `from`. False when another process was faster.
pub(super) async fn store(ports: &dyn Ports, from: &View<Cursor>, body: Cursor) -> Result<bool, Failure> {
    if body == from.body {
        return Ok(true);
    }
    let next = View { version: from.version.next(), at: ports.now(), body, ..from.clone() };
    let commit = crate::commit::Commit {
        expect: vec![(from.key, from.version)],
        put: vec![record::row(&next, vec![])],
        ..crate::commit::Commit::default()
    };
    Ok(matches!(flow::commit(ports.store(), commit, None).await?, Met::Applied))
}

/// Looks at movements that are due, newest first, and says how far it came.
pub(super) async fn look(
    ports: &dyn Ports,
    mut cursor: Cursor,
    days: u32,
    pulled: &mut Pulled,
) -> Result<Cursor, Failure> {
    if cursor.looking.is_none() {
        let due = cursor.due_before(days).filter(|due| *due > cursor.checked);
        cursor.looking = due.map(|due| (due, due));
    }
    let mut read = 0;
    while let Some((top, next)) = cursor.looking {
        let query = Query::List { under: HOUSE, kind: Kind::Movement, before: Some(next), limit: ROWS_AT_ONCE };
        let rows = ports.store().find(query).await?.rows();
        let mut over = rows.len() < ROWS_AT_ONCE as usize;
        let mut next = next;
        for row in &rows {
            let view: MovementView = flow::read(row)?;
            if view.body.place < cursor.checked {
                over = true;
                break;
            }
            next = view.body.place;
            if view.body.is_pending() {
                unnamed(ports, view, pulled).await?;
            }
        }
        read += rows.len();
        cursor.looking = Some((top, next));
        if over {
            (cursor.checked, cursor.looking) = (top, None);
        }
        if read >= ROWS_PER_PULL {
            break;
        }
    }
    Ok(cursor)
}

/// A movement that is still pending: a held line may be its own, or it is missing.
async fn unnamed(ports: &dyn Ports, mut view: MovementView, pulled: &mut Pulled) -> Result<(), Failure> {
    let text = view.body.wire.rrn.text();
    let Some(rrn) = text.as_bytes().first_chunk().copied().map(RrnText) else { return Ok(()) };
    let key = break_key(rrn, Some(view.body.wire.rrn));
    for _ in 0..flow::TRIES {
        let row = ports.store().get(&[key]).await?.into_iter().next().flatten();
        let known: Option<View<super::Break>> = row.as_ref().map(flow::read).transpose()?;
        let (now, fresh) = (ports.now(), || ports.fresh_key());
        let matched = known.as_ref().and_then(|known| match_held(&view, known, now, &fresh));
        let was_matched = matched.is_some();
        let commit = matched.or_else(|| missing(&view, known.as_ref(), (rrn, key), now, &fresh));
        let Some(commit) = commit else { return Ok(()) };
        match flow::commit(ports.store(), commit, None).await? {
            Met::Applied => {
                pulled.settled += u64::from(was_matched);
                pulled.breaks += 1;
                return Ok(());
            }
            Met::Conflict | Met::Guard | Met::Replay(_) => {}
        }
        view = flow::load(ports.store(), view.account, Movement::KIND, view.key).await?;
        if !view.body.is_pending() {
            return Ok(());
        }
    }
    Ok(())
}
