//! The books on disk: a row an entry, appended in groups by one thread, before the answers of that group leave.

use super::private_file;
use crate::entry::{CardHash, Class, Entry, Kind, Trace};
use crate::error::StartError;
use crate::settings::Record;
use crate::text::Text;
use florin_connect::core::time::Time;
use florin_connect::core::wire::Network;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use std::path::Path;

/// "FLSB" in ASCII.
const APPLICATION_ID: i64 = 0x464c_5342;
const FORMAT: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind INTEGER NOT NULL,
  class INTEGER NOT NULL, stan INTEGER NOT NULL, de7 INTEGER NOT NULL, acquirer INTEGER NOT NULL, terminal TEXT NOT NULL,
  rrn TEXT NOT NULL, processing INTEGER NOT NULL, card BLOB NOT NULL, network INTEGER NOT NULL,
  asked INTEGER NOT NULL, amount INTEGER NOT NULL, currency INTEGER NOT NULL,
  response TEXT NOT NULL, approval TEXT, network_id INTEGER NOT NULL, original INTEGER,
  target_class INTEGER, target_stan INTEGER, target_de7 INTEGER, target_acquirer INTEGER,
  stand_in INTEGER NOT NULL, avs INTEGER NOT NULL, cvc INTEGER NOT NULL, advice TEXT
) STRICT;
CREATE TABLE day (after INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
";

const INSERT: &str = "INSERT INTO entry VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,\
                      ?24,?25,?26,?27)";

pub(crate) struct BooksFile {
    connection: Connection,
}

impl BooksFile {
    /// Opens or makes the books. `hash_key` must be the one under which they were begun.
    pub fn open(path: &Path, key_path: &Path, hash_key: &[u8; 32]) -> Result<BooksFile, StartError> {
        drop(private_file(path).map_err(|why| StartError::Folder { path: path.to_owned(), why })?);
        let damaged = |why: rusqlite::Error| StartError::Damaged { path: path.to_owned(), why: why.to_string() };
        let connection = Connection::open(path).map_err(damaged)?;
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(damaged)?;
        let (application, format) =
            (number("application_id").map_err(damaged)?, number("user_version").map_err(damaged)?);
        if tables > 0 && application != APPLICATION_ID {
            return Err(StartError::NotOurs { path: path.to_owned() });
        }
        if format > FORMAT {
            return Err(StartError::Newer { path: path.to_owned(), found: format });
        }
        // NORMAL: an answered message survives a killed process; after a power cut the newest may be missing.
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;")
            .map_err(damaged)?;
        if tables > 0 && format < 2 {
            // Days had no time before.
            let changed = format!(
                "BEGIN; ALTER TABLE day ADD COLUMN at INTEGER NOT NULL DEFAULT 0; PRAGMA user_version={FORMAT}; COMMIT;"
            );
            connection.execute_batch(&changed).map_err(damaged)?;
        }
        if tables == 0 {
            let made = format!(
                "BEGIN; {SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT}; COMMIT;"
            );
            connection.execute_batch(&made).map_err(damaged)?;
        }
        let file = BooksFile { connection };
        file.check_key(hash_key)
            .map_err(damaged)?
            .then_some(file)
            .ok_or(StartError::WrongKey { path: key_path.to_owned() })
    }

    /// A hash of the key stands in the books, so that another key is noticed.
    fn check_key(&self, hash_key: &[u8; 32]) -> rusqlite::Result<bool> {
        let check = crate::entry::HashKey::new(hash_key).card("key check").0;
        let insert = "INSERT INTO meta VALUES ('key check', ?1) ON CONFLICT DO NOTHING";
        self.connection.execute(insert, params![check])?;
        let stored = "SELECT value FROM meta WHERE name = 'key check'";
        self.connection.query_row(stored, [], |row| Ok(row.get_ref(0)? == ValueRef::Blob(&check)))
    }

    /// All records, oldest first.
    pub fn read(&self, path: &Path) -> Result<Vec<Record>, StartError> {
        let damaged = |why: String| StartError::Damaged { path: path.to_owned(), why };
        self.read_all()
            .map_err(|why| damaged(why.to_string()))?
            .ok_or_else(|| damaged("an entry does not read".to_owned()))
    }

    fn read_all(&self) -> rusqlite::Result<Option<Vec<Record>>> {
        let mut days = self.connection.prepare("SELECT after, at FROM day ORDER BY after")?;
        let read = |row: &Row<'_>| Ok((unsigned(row, 0)?, Time(row.get(1)?)));
        let days: Vec<(u64, Time)> = days.query_map([], read)?.collect::<Result<_, _>>()?;
        let mut days = days.into_iter().peekable();
        let mut records = Vec::new();
        let mut entries = self.connection.prepare("SELECT * FROM entry ORDER BY id")?;
        let mut rows = entries.query([])?;
        while let Some((after, at)) = days.next_if(|(after, _)| *after == 0) {
            records.push(Record::DayClosed { after, at });
        }
        while let Some(row) = rows.next()? {
            let Some(entry) = entry(row)? else { return Ok(None) };
            records.push(Record::Entry(entry));
            while let Some((after, at)) = days.next_if(|(after, _)| *after == entry.id) {
                records.push(Record::DayClosed { after, at });
            }
        }
        Ok(days.peek().is_none().then_some(records))
    }

    /// Appends in one transaction.
    pub fn append(&mut self, records: &[Record]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for record in records {
            match record {
                Record::Entry(entry) => insert(&transaction, entry)?,
                Record::DayClosed { after, at } => {
                    // A day without an entry since the last one ends again.
                    let sql = "INSERT INTO day VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                    transaction.prepare_cached(sql)?.execute([int(*after), at.0])?;
                }
            }
        }
        transaction.commit()
    }
}

fn insert(connection: &Connection, e: &Entry) -> rusqlite::Result<()> {
    let target = e.target.as_ref();
    connection.prepare_cached(INSERT)?.execute(params![
        int(e.id),
        e.at.0,
        e.kind as u8,
        e.trace.class.digit(),
        e.trace.stan,
        int(e.trace.de7),
        int(e.trace.acquirer),
        e.trace.terminal.as_str(),
        e.rrn.as_str(),
        e.processing,
        e.card.0,
        e.network.map_or(0, |n| n as u8),
        e.asked,
        e.amount,
        e.currency,
        e.response.as_str(),
        e.approval.as_ref().map(Text::as_str),
        int(e.network_id),
        e.original.map(int),
        target.map(|t| t.class.digit()),
        target.map(|t| t.stan),
        target.map(|t| int(t.de7)),
        target.map(|t| int(t.acquirer)),
        e.stand_in,
        e.avs,
        e.cvc,
        e.advice.as_ref().map(Text::as_str),
    ])?;
    Ok(())
}

/// `None` when a column holds what no entry has.
fn entry(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let terminal = text::<8>(row, 7)?;
    let class = |column: usize| row.get::<_, Option<u8>>(column).map(|digit| digit.and_then(Class::from_digit));
    let target = match class(19)? {
        Some(class) => terminal.map(|terminal| (class, terminal)),
        None => None,
    };
    let target = match target {
        Some((class, terminal)) => {
            Some(Trace { class, stan: row.get(20)?, de7: unsigned(row, 21)?, acquirer: unsigned(row, 22)?, terminal })
        }
        None => None,
    };
    let network: u8 = row.get(11)?;
    let (Some(kind), Some(class), Some(terminal), Some(rrn), Some(response)) =
        (Kind::from_number(row.get(2)?), class(3)?, terminal, text::<12>(row, 8)?, text::<2>(row, 15)?)
    else {
        return Ok(None);
    };
    Ok(Some(Entry {
        id: unsigned(row, 0)?,
        at: Time(row.get(1)?),
        kind,
        trace: Trace { class, stan: row.get(4)?, de7: unsigned(row, 5)?, acquirer: unsigned(row, 6)?, terminal },
        rrn,
        processing: row.get(9)?,
        card: CardHash(row.get(10)?),
        network: Network::ALL.into_iter().find(|n| *n as u8 == network),
        asked: row.get(12)?,
        amount: row.get(13)?,
        currency: row.get(14)?,
        response,
        approval: text(row, 16)?,
        network_id: unsigned(row, 17)?,
        original: row.get::<_, Option<i64>>(18)?.and_then(|id| u64::try_from(id).ok()),
        target,
        stand_in: row.get(23)?,
        avs: row.get(24)?,
        cvc: row.get(25)?,
        advice: text(row, 26)?,
    }))
}

fn text<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Text<N>>> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) => Ok(std::str::from_utf8(bytes).ok().and_then(Text::parse)),
        _ => Ok(None),
    }
}

/// SQLite's integers have a sign; none of ours comes near 2^63.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, n))
}
