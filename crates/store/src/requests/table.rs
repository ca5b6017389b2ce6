//! The SQL of the log of requests. Knows no thread.

use super::Retention;
use florin_core::id::Key;
use florin_core::request_log::{Entry, Find, Placed};
use florin_core::time::Time;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;

pub const DAY_MS: i64 = 86_400_000;
/// Old entries that one write removes at most, so that none takes long.
pub const REMOVED_AT_ONCE: i64 = 20_000;
/// Rows that one question looks at: filters that fit little end here.
const MOST_ROWS_READ: i64 = 200_000;
/// Last use is kept to the minute.
const USED_EVERY_MS: i64 = 60_000;
/// `PRAGMA user_version`.
const VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS request (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL, account INTEGER NOT NULL, live INTEGER NOT NULL, at INTEGER NOT NULL,
    took INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL, type TEXT, code TEXT, param TEXT,
    key INTEGER, tail TEXT NOT NULL, idempotency BLOB, replayed INTEGER NOT NULL, version TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS request_id ON request (id);
CREATE TABLE IF NOT EXISTS used (key INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
";

/// For its owner alone; a file of another version is begun anew, because nothing but this log is in it.
pub fn open(path: &Path) -> rusqlite::Result<Connection> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    made.map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let connection = Connection::open(path)?;
    prepare(&connection)?;
    Ok(connection)
}

pub fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "cache_size", -2_048)?;
    connection.pragma_update(None, "journal_size_limit", 8 * 1024 * 1024)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        connection.execute_batch("DROP TABLE IF EXISTS request; DROP TABLE IF EXISTS used;")?;
    }
    connection.execute_batch(SCHEMA)?;
    connection.execute_batch(super::abuse::SCHEMA)?;
    connection.pragma_update(None, "user_version", VERSION)
}

pub fn write(connection: &mut Connection, entries: &[Entry], retention: Retention) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO request (id, account, live, at, took, method, path, status, type, code, param, key, tail, idempotency, replayed, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?;
        let mut touch = transaction.prepare_cached(
            "INSERT INTO used (key, at) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET at = ?2 WHERE at + ?3 <= ?2",
        )?;
        let (mut last, mut newest) = (None, 0);
        for e in entries {
            insert.execute(params![
                e.id,
                e.account.0,
                e.live,
                e.at.0,
                e.took_ms,
                e.method,
                e.path,
                e.status,
                e.error_type,
                e.error_code,
                e.error_param,
                e.key.map(|k| k.0),
                e.key_tail,
                e.idempotency,
                e.replayed,
                e.version
            ])?;
            // Before the next statement: it tells of the row that was inserted last, in whatever table.
            newest = transaction.last_insert_rowid();
            if let Some(key) = e.key
                && last != Some(key)
            {
                touch.execute(params![key.0, e.at.0, USED_EVERY_MS])?;
                last = Some(key);
            }
        }
        let oldest = entries.iter().map(|e| e.at.0).max().unwrap_or(0) - i64::from(retention.days) * DAY_MS;
        transaction.prepare_cached(
            "DELETE FROM request WHERE place IN (SELECT place FROM request ORDER BY place LIMIT ?3) AND (place <= ?1 OR at < ?2)",
        )?
        .execute(params![newest - i64::from(retention.entries), oldest, REMOVED_AT_ONCE])?;
    }
    transaction.commit()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let entry = Entry {
        id: row.get(1)?,
        account: Key(row.get(2)?),
        live: row.get(3)?,
        at: Time(row.get(4)?),
        took_ms: row.get(5)?,
        method: row.get(6)?,
        path: row.get(7)?,
        status: row.get(8)?,
        error_type: row.get(9)?,
        error_code: row.get(10)?,
        error_param: row.get(11)?,
        key: row.get::<_, Option<i64>>(12)?.map(Key),
        key_tail: row.get(13)?,
        idempotency: row.get(14)?,
        replayed: row.get(15)?,
        version: row.get(16)?,
    };
    Ok((row.get(0)?, entry))
}

/// Newest first; the nearest to `before` when that is given.
pub fn find(connection: &Connection, find: &Find) -> rusqlite::Result<Vec<Placed>> {
    let mut found = vec![];
    if let Some(id) = &find.id {
        let mut statement =
            connection.prepare_cached("SELECT * FROM request WHERE id = ?1 ORDER BY place DESC LIMIT 100")?;
        let mut rows = statement.query(params![id])?;
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        found.retain(|(place, entry)| {
            find.wants(entry) && find.after.is_none_or(|a| *place < a) && find.before.is_none_or(|b| *place > b)
        });
        found.truncate(find.limit as usize);
        return Ok(found);
    }
    let ahead = find.before.is_some() && find.after.is_none();
    let order = if ahead { "ASC" } else { "DESC" };
    let sql = format!("SELECT * FROM request WHERE place < ?1 AND place > ?2 ORDER BY place {order} LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let bounds = params![find.after.unwrap_or(i64::MAX), find.before.unwrap_or(i64::MIN), MOST_ROWS_READ];
    let mut rows = statement.query(bounds)?;
    while found.len() < find.limit as usize
        && let Some(row) = rows.next()?
    {
        // Only what is of this account is read further.
        if row.get::<_, i64>(2)? != find.account.0 {
            continue;
        }
        let placed = read(row)?;
        if !ahead && placed.1.at < find.from.plus_ms(-DAY_MS) {
            break;
        }
        if find.wants(&placed.1) {
            found.push(placed);
        }
    }
    if ahead {
        found.reverse();
    }
    Ok(found)
}

pub fn used(connection: &Connection, keys: &[Key]) -> rusqlite::Result<Vec<Option<Time>>> {
    let mut statement = connection.prepare_cached("SELECT at FROM used WHERE key = ?1")?;
    keys.iter()
        .map(|key| statement.query_row(params![key.0], |row| row.get(0)).optional().map(|at| at.map(Time)))
        .collect()
}
