//! Lists: newest first, by cursors, with filters on the time of creation. Knows no kind of thing.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::params::Params;
use florin_core::commit::Row;
use florin_core::id::{Key, Kind};
use florin_core::mutants::{Mutant, planted};
use florin_core::rare::{Site, or_short};
use florin_core::store::Query;
use florin_core::time::Time;
use serde_json::{Value, json};
use std::future::poll_fn;
use std::task::Poll;

pub const DEFAULT_LIMIT: usize = 10;
pub const LARGEST_LIMIT: usize = 100;
/// Rows read for one page at most, and for how long: filters that match little end here.
pub const MOST_ROWS_READ: usize = 20_000;
const READ_FOR_MS: i64 = 1_000;
/// A page never ends empty before its list does, or a client would take the list for read: it is looked for in so many rows, and then
/// refused.
pub const MOST_ROWS_LOOKED_AT: usize = 1_000_000;
const ROWS_AT_ONCE: u32 = 200;

/// Which page is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    /// Older than this.
    pub after: Option<Key>,
    /// Newer than this, the nearest.
    pub before: Option<Key>,
    pub created: Created,
}

/// Bounds in seconds since the Unix epoch, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    pub from: i64,
    pub to: i64,
}

impl Created {
    pub const fn holds(self, seconds: i64) -> bool {
        self.from <= seconds && seconds <= self.to
    }
}

/// Reads `limit`, the cursors and `created`.
pub fn page(ask: &Ask<'_>, params: &Params, kind: Kind) -> Result<Page, ApiError> {
    let limit = params.integer_within("limit", 1, LARGEST_LIMIT as i64)?.unwrap_or(DEFAULT_LIMIT as i64);
    let cursor = |name| -> Result<Option<Key>, ApiError> {
        let Some(id) = params.text(name, 255)? else { return Ok(None) };
        let missing = || ApiError::missing_value(noun(kind), &id, name);
        ask.look().key(kind, &id).map(Some).ok_or_else(missing)
    };
    let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
    if after.is_some() && before.is_some() {
        return Err(
            ApiError::invalid("You cannot parameterize both starting_after and ending_before.").param("starting_after")
        );
    }
    Ok(Page { limit: usize::try_from(limit).unwrap_or(DEFAULT_LIMIT), after, before, created: created(params)? })
}

/// Bounds on the time of creation: one value, or `gt`, `gte`, `lt`, `lte`.
pub fn created(params: &Params) -> Result<Created, ApiError> {
    let mut bounds = Created { from: i64::MIN, to: i64::MAX };
    if !params.is_object("created") {
        if let Some(exact) = params.integer("created")? {
            bounds = Created { from: exact, to: exact };
        }
        return Ok(bounds);
    }
    let Some(inner) = params.object("created")? else { return Ok(bounds) };
    if let Some(n) = inner.integer("gt")? {
        bounds.from = bounds.from.max(n.saturating_add(1));
    }
    if let Some(n) = inner.integer("gte")? {
        bounds.from = bounds.from.max(n);
    }
    if let Some(n) = inner.integer("lt")? {
        bounds.to = bounds.to.min(n.saturating_sub(1));
    }
    if let Some(n) = inner.integer("lte")? {
        bounds.to = bounds.to.min(n);
    }
    inner.done()?;
    Ok(bounds)
}

/// Which way a page is read, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// From the newest down, those before this key.
    Older(Option<Key>),
    /// Up from the nearest, those after this key.
    Newer(Key),
}

impl Walk {
    pub const fn query(self, under: Key, kind: Kind, limit: u32) -> Query {
        match self {
            Walk::Older(before) => Query::List { under, kind, before, limit },
            Walk::Newer(after) => Query::Newer { under, kind, after, limit },
        }
    }
    /// The same from this key on.
    pub const fn on(self, from: Key) -> Walk {
        match self {
            Walk::Older(_) => Walk::Older(Some(from)),
            Walk::Newer(_) => Walk::Newer(from),
        }
    }
    /// Whether a key lies ahead.
    pub fn ahead(self, key: Key) -> bool {
        match self {
            Walk::Older(before) => before.is_none_or(|b| key < b),
            Walk::Newer(after) => key > after,
        }
    }
}

impl Page {
    /// The newest, as a list within something else begins.
    pub const fn first() -> Page {
        Page { limit: DEFAULT_LIMIT, after: None, before: None, created: Created { from: i64::MIN, to: i64::MAX } }
    }
    /// How to read it when keys tell the time: nothing is read that lies outside the bounds on the way to it.
    pub fn walk(&self) -> Walk {
        let first_at = |seconds: i64| Key::first_at(Time(seconds.saturating_mul(1_000)));
        match self.before {
            Some(before) => Walk::Newer(before.max(Key(first_at(self.created.from).0 - 1))),
            None => {
                let below = (self.created.to < i64::MAX).then(|| first_at(self.created.to.saturating_add(1)));
                Walk::Older([self.after, below].into_iter().flatten().min())
            }
        }
    }
}

/// Collects a page from things that come newest first, or in the order of its walk.
pub struct Collector<T> {
    page: Page,
    items: Vec<T>,
    more: bool,
    /// What comes first is the nearest to `ending_before`.
    upwards: bool,
}

impl<T> Collector<T> {
    pub fn new(page: Page) -> Collector<T> {
        Collector { page, items: vec![], more: false, upwards: false }
    }
    /// For things that come in the order of the page's walk.
    pub fn walking(page: Page) -> Collector<T> {
        let upwards = page.before.is_some();
        Collector { upwards, ..Collector::new(page) }
    }
    /// Reading ended before the list did: what is left may hold more.
    pub fn cut(&mut self) {
        self.more = true;
    }
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
    /// Where to start reading: things older than this.
    pub fn start(&self) -> Option<Key> {
        self.page.after
    }
    /// Whether a thing of this key belongs to the page, before it is read any further.
    pub fn wants(&self, key: Key) -> bool {
        self.page.created.holds(key.time().seconds())
    }
    /// Nothing from this key on belongs to the page.
    pub fn over(&self, key: Key) -> bool {
        let seconds = key.time().seconds();
        match self.upwards {
            true => seconds > self.page.created.to,
            false => self.past(key) || seconds < self.page.created.from,
        }
    }
    /// Nothing from this key on belongs to the page, of things whose keys tell no time.
    pub fn past(&self, key: Key) -> bool {
        self.page.before.is_some_and(|b| key <= b)
    }
    /// Whether a thing of this time, in seconds, belongs to the page.
    pub fn wants_at(&self, seconds: i64) -> bool {
        self.page.created.holds(seconds)
    }
    /// Takes the next. False when the page is full.
    pub fn push(&mut self, item: T) -> bool {
        if self.page.before.is_some() && !self.upwards {
            // The nearest to the cursor are wanted: what is newer makes room.
            self.items.push(item);
            if self.items.len() > self.page.limit {
                self.items.remove(0);
                self.more = true;
            }
            return true;
        }
        if self.items.len() == self.page.limit {
            self.more = true;
            if planted(Mutant::ListSkipsRow) {
                self.items.pop();
                self.items.push(item);
            }
            return false;
        }
        self.items.push(item);
        true
    }
    pub fn done(mut self) -> (Vec<T>, bool) {
        if self.upwards {
            self.items.reverse();
        }
        (self.items, self.more)
    }
}

/// What reading one page may still cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    rows: usize,
    until: Time,
}

impl Budget {
    pub const fn from(now: Time) -> Budget {
        Budget { rows: MOST_ROWS_READ, until: now.plus_ms(READ_FOR_MS) }
    }
    /// Takes what was read. False when it is used up.
    pub fn goes_on(&mut self, read: usize, now: Time) -> bool {
        self.rows = self.rows.saturating_sub(read);
        self.rows > 0 && now < self.until
    }
}

/// Lets other requests have their turn: reading rows itself never waits.
pub async fn breathe() {
    let mut waited = false;
    poll_fn(|context| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// What reading found.
pub struct Found<T> {
    pub items: Vec<T>,
    pub more: bool,
    /// Where reading ended before the list or the page did.
    pub cut_at: Option<Key>,
    /// Rows read until then.
    read: usize,
}

/// A page of rows by index entries of `kind` under `under`. `filter` reads a row, or leaves it out.
pub async fn rows<T>(
    ask: &Ask<'_>,
    page: Page,
    (under, kind): (Key, Kind),
    filter: &(dyn Fn(&Row) -> Result<Option<T>, ApiError> + Sync),
) -> Result<(Vec<T>, bool), ApiError>
where
    T: Send,
{
    known(ask, &page, (under, kind)).await?;
    let mut walk = page.walk();
    let mut looked_at = 0;
    loop {
        let found = looked_through(ask, page.clone(), walk, (under, kind), filter).await?;
        looked_at += found.read;
        match found.cut_at {
            Some(place) if found.items.is_empty() => walk = walk.on(place),
            Some(_) | None => return Ok((found.items, found.more)),
        }
        goes_on(looked_at)?;
    }
}

/// Whether a list that found nothing yet is read on.
pub fn goes_on(looked_at: usize) -> Result<(), ApiError> {
    if looked_at < MOST_ROWS_LOOKED_AT {
        return Ok(());
    }
    let says = format!(
        "None of {MOST_ROWS_LOOKED_AT} things fits. Ask for a time with fewer: give created[gte] and created[lt]."
    );
    Err(ApiError::invalid(says).param("created"))
}

/// The same, for whoever goes on where reading ended.
pub async fn looked_for<T>(
    ask: &Ask<'_>,
    page: Page,
    (under, kind): (Key, Kind),
    filter: &(dyn Fn(&Row) -> Result<Option<T>, ApiError> + Sync),
) -> Result<Found<T>, ApiError>
where
    T: Send,
{
    known(ask, &page, (under, kind)).await?;
    let walk = page.walk();
    looked_through(ask, page, walk, (under, kind), filter).await
}

async fn looked_through<T>(
    ask: &Ask<'_>,
    page: Page,
    mut walk: Walk,
    (under, kind): (Key, Kind),
    filter: &(dyn Fn(&Row) -> Result<Option<T>, ApiError> + Sync),
) -> Result<Found<T>, ApiError>
where
    T: Send,
{
    let mut read = 0;
    let mut collector = Collector::walking(page);
    let mut budget = Budget::from(ask.now());
    let whole = |(items, more)| Ok(Found { items, more, cut_at: None, read: 0 });
    loop {
        let at_once = or_short(Site::ShortPage, ROWS_AT_ONCE, 2);
        let found = ask.store().find(walk.query(under, kind, at_once)).await?.rows();
        let last = found.len() < at_once as usize;
        for row in &found {
            walk = walk.on(row.key);
            if collector.over(row.key) {
                return whole(collector.done());
            }
            if !collector.wants(row.key) || row.account != ask.account() {
                continue;
            }
            if let Some(item) = filter(row)?
                && !collector.push(item)
            {
                return whole(collector.done());
            }
        }
        if last {
            return whole(collector.done());
        }
        read += found.len();
        if !budget.goes_on(found.len(), ask.now()) {
            collector.cut();
            let (items, more) = collector.done();
            return Ok(Found { items, more, cut_at: found.last().map(|row| row.key), read });
        }
        breathe().await;
    }
}

/// A cursor names a thing of this list. Another account's does not exist.
pub async fn known(ask: &Ask<'_>, page: &Page, (under, kind): (Key, Kind)) -> Result<(), ApiError> {
    for (name, cursor) in [("starting_after", page.after), ("ending_before", page.before)] {
        let Some(key) = cursor else { continue };
        let holder = ask.store().find(Query::Holder { under, kind, key }).await?.rows();
        if !holder.iter().any(|row| row.account == ask.account()) {
            return Err(ApiError::missing_value(noun(kind), &ask.look().id(kind, key), name));
        }
    }
    Ok(())
}

pub fn body(url: &str, (data, has_more): (Vec<Value>, bool)) -> Value {
    json!({ "object": "list", "data": data, "has_more": has_more, "url": url })
}

pub fn answer(url: &str, found: (Vec<Value>, bool)) -> Answer {
    Answer::ok(body(url, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the reading of a page begins: at the cursor or at the bound, whichever is nearer.
    #[test]
    fn walks() {
        #[track_caller]
        fn check(after: Option<Key>, before: Option<Key>, (from, to): (i64, i64), expected: Walk) {
            let page = Page { limit: 2, after, before, created: Created { from, to } };
            assert_eq!(page.walk(), expected);
        }
        let at = |seconds: i64| Key::first_at(Time(seconds * 1_000));
        let all = (i64::MIN, i64::MAX);
        check(None, None, all, Walk::Older(None));
        check(Some(Key(9)), None, all, Walk::Older(Some(Key(9))));
        check(None, None, (i64::MIN, 7), Walk::Older(Some(at(8))));
        check(Some(at(3)), None, (i64::MIN, 7), Walk::Older(Some(at(3))));
        check(Some(at(9)), None, (5, 7), Walk::Older(Some(at(8))));
        check(None, Some(Key(9)), all, Walk::Newer(Key(9)));
        check(None, Some(at(3)), (5, i64::MAX), Walk::Newer(Key(at(5).0 - 1)));
        check(None, Some(at(6)), (5, 7), Walk::Newer(at(6)));
    }

    #[test]
    fn reading_has_an_end() {
        let mut many = Budget::from(Time(0));
        assert!(many.goes_on(MOST_ROWS_READ - 1, Time(READ_FOR_MS - 1)));
        assert!(!many.goes_on(1, Time(0)));
        let mut slow = Budget::from(Time(5));
        assert!(slow.goes_on(1, Time(5)));
        assert!(!slow.goes_on(1, Time(5 + READ_FOR_MS)));
    }

    #[test]
    fn pages_upwards() {
        #[track_caller]
        fn check(limit: usize, to: i64, expected: (&[i64], bool)) {
            let created = Created { from: i64::MIN, to };
            let mut c = Collector::walking(Page { limit, after: None, before: Some(Key(0)), created });
            for seconds in [1, 2, 3] {
                if c.over(Key::first_at(Time(seconds * 1_000))) || !c.push(seconds) {
                    break;
                }
            }
            assert_eq!(c.done(), (expected.0.to_vec(), expected.1));
        }
        check(2, i64::MAX, (&[2, 1], true));
        check(3, i64::MAX, (&[3, 2, 1], false));
        check(3, 2, (&[2, 1], false));
        check(2, 2, (&[2, 1], false));
    }

    #[test]
    fn pages() {
        #[track_caller]
        fn check(limit: usize, before: Option<i64>, expected: (&[i64], bool)) {
            let created = Created { from: i64::MIN, to: i64::MAX };
            let mut c = Collector::new(Page { limit, after: None, before: before.map(Key), created });
            for n in [5, 4, 3, 2, 1] {
                if c.over(Key(n)) || !c.push(n) {
                    break;
                }
            }
            assert_eq!(c.done(), (expected.0.to_vec(), expected.1));
        }
        check(2, None, (&[5, 4], true));
        check(5, None, (&[5, 4, 3, 2, 1], false));
        check(9, None, (&[5, 4, 3, 2, 1], false));
        check(2, Some(1), (&[3, 2], true));
        check(4, Some(1), (&[5, 4, 3, 2], false));
        check(2, Some(5), (&[], false));
    }
}
