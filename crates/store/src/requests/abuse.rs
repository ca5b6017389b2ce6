//! The log of the defence against card testing, in the file of the log of requests. Seldom written, so at once. Knows no request.

use super::table::{DAY_MS, REMOVED_AT_ONCE};
use super::{SqliteRequestLog, lock, trouble};
use florin_core::abuse_log::{AbuseLog, Entry, Measure, Reason};
use florin_core::id::Key;
use florin_core::store::{StoreTrouble, Wait};
use florin_core::time::Time;
use rusqlite::{Connection, Row, params};

/// Decisions that are kept at most, of all accounts.
const MOST_DECISIONS: i64 = 200_000;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS abuse (
    place INTEGER PRIMARY KEY, account INTEGER NOT NULL, at INTEGER NOT NULL, live INTEGER NOT NULL, measure INTEGER NOT NULL,
    reason INTEGER NOT NULL, request TEXT NOT NULL, intent INTEGER, setup INTEGER NOT NULL, address BLOB, card BLOB, of_address INTEGER NOT NULL,
    of_card INTEGER NOT NULL, of_intent INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS abuse_account ON abuse (account, place);
";

fn write(connection: &mut Connection, e: &Entry, days: u32) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction
        .prepare_cached(
            "INSERT INTO abuse (account, at, live, measure, reason, request, intent, setup, address, card, of_address, of_card, of_intent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            e.account.0,
            e.at.0,
            e.live,
            e.measure as u8,
            e.reason as u8,
            e.request,
            e.intent.map(|key| key.0),
            e.setup,
            e.address,
            e.card,
            e.declines[0],
            e.declines[1],
            e.declines[2]
        ])?;
    let (newest, oldest) = (transaction.last_insert_rowid(), e.at.0 - i64::from(days) * DAY_MS);
    transaction
        .prepare_cached(
            "DELETE FROM abuse WHERE place IN (SELECT place FROM abuse ORDER BY place LIMIT ?3) AND (place <= ?1 OR at < ?2)",
        )?
        .execute(params![newest - MOST_DECISIONS, oldest, REMOVED_AT_ONCE / 1_000])?;
    transaction.commit()
}

/// None for a measure or reason that this version does not know.
fn read(row: &Row<'_>) -> rusqlite::Result<Option<(i64, Entry)>> {
    let (Some(measure), Some(reason)) = (Measure::from_u8(row.get(4)?), Reason::from_u8(row.get(5)?)) else {
        return Ok(None);
    };
    let entry = Entry {
        at: Time(row.get(2)?),
        account: Key(row.get(1)?),
        live: row.get(3)?,
        measure,
        reason,
        request: row.get(6)?,
        intent: row.get::<_, Option<i64>>(7)?.map(Key),
        setup: row.get(8)?,
        address: row.get(9)?,
        card: row.get(10)?,
        declines: [row.get(11)?, row.get(12)?, row.get(13)?],
    };
    Ok(Some((row.get(0)?, entry)))
}

fn find(connection: &Connection, account: Key, before: i64, limit: u32) -> rusqlite::Result<Vec<(i64, Entry)>> {
    let sql = "SELECT * FROM abuse WHERE account = ?1 AND place < ?2 ORDER BY place DESC LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![account.0, before, limit], read)?;
    rows.filter_map(Result::transpose).collect()
}

impl AbuseLog for SqliteRequestLog {
    fn note(&self, entry: Entry) {
        // What cannot be written is lost: the defence goes on.
        let _ = write(&mut lock(&self.shared.connection), &entry, self.shared.retention.days);
    }

    fn find<'a>(
        &'a self,
        account: Key,
        before: Option<i64>,
        limit: u32,
    ) -> Wait<'a, Result<Vec<(i64, Entry)>, StoreTrouble>> {
        Box::pin(async move {
            let connection = lock(&self.shared.connection);
            find(&connection, account, before.unwrap_or(i64::MAX), limit).map_err(|e| trouble(&e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on;
    use crate::requests::Retention;

    #[test]
    fn what_was_decided_comes_back_newest_first_and_is_forgotten() {
        let log = SqliteRequestLog::in_memory(Retention { days: 1, entries: 10 }).unwrap();
        let entry = |n: i64| Entry {
            at: Time(n * 3_600_000),
            account: Key(7 + n % 2),
            live: true,
            measure: Measure::ALL[n as usize % 4],
            reason: Reason::ALL[n as usize % 6],
            request: format!("req_{n}"),
            intent: (n % 3 == 0).then_some(Key(n)),
            setup: n % 2 == 0,
            address: (n % 3 == 1).then_some([1; 8]),
            card: Some([2; 8]),
            declines: [1, 2, 3],
        };
        (1..=30).for_each(|n| AbuseLog::note(&log, entry(n)));
        let check = |account: i64, before: Option<i64>, limit: u32, expected: &[i64]| {
            let found = block_on(AbuseLog::find(&log, Key(account), before, limit)).unwrap();
            let expected: Vec<(i64, Entry)> = expected.iter().map(|n| (*n, entry(*n))).collect();
            assert_eq!(found, expected);
        };
        check(7, None, 3, &[30, 28, 26]);
        check(7, Some(28), 2, &[26, 24]);
        check(9, None, 3, &[]);
        // A day is kept: hours 6 to 30.
        check(8, Some(10), 9, &[9, 7]);
    }
}
