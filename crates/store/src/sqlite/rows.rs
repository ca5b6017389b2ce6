//! Rows as they are stored, read and opened. Knows no queries but those by key.

use super::error::Fault;
use super::keys::Keys;
use super::seal::{self, Place, Wrap};
use super::statements;
use florin_core::commit::{Row, Version};
use florin_core::id::{Key, Kind};
use florin_core::store::{Step, StoreTrouble};
use florin_core::time::Time;
use rusqlite::{Connection, OptionalExtension};

/// A row whose bodies are still sealed.
pub struct SealedStep {
    pub place: Place,
    at: Time,
    pub sealed: Vec<u8>,
    pub personal: Option<SealedPersonal>,
}

pub struct SealedPersonal {
    pub subject: Key,
    pub sealed: Vec<u8>,
    /// None once the person was erased.
    pub wrapped: Option<Vec<u8>>,
}

const CURRENT: &str = "
    SELECT r.key, r.version, r.account, r.kind, r.at, r.sealed, r.subject, r.personal, c.wrapped
    FROM step s CROSS JOIN row r ON r.n = s.n
    LEFT JOIN customer_key c ON c.subject = r.subject AND c.account = r.account
    WHERE s.key = ?1 ORDER BY s.version DESC LIMIT 1";

const STEP: &str = "
    SELECT r.key, r.version, r.account, r.kind, r.at, r.sealed, r.subject, r.personal, c.wrapped
    FROM step s CROSS JOIN row r ON r.n = s.n
    LEFT JOIN customer_key c ON c.subject = r.subject AND c.account = r.account
    WHERE s.key = ?1 AND s.version = ?2";

const HISTORY: &str = "
    SELECT r.key, r.version, r.account, r.kind, r.at, r.sealed, r.subject, r.personal, c.wrapped
    FROM step s CROSS JOIN row r ON r.n = s.n
    LEFT JOIN customer_key c ON c.subject = r.subject AND c.account = r.account
    WHERE s.key = ?1 ORDER BY s.version DESC LIMIT ?2";

pub fn current(connection: &Connection, key: Key) -> Result<Option<SealedStep>, Fault> {
    connection.prepare_cached(CURRENT)?.query_row([key.0], |row| Ok(read(row))).optional()?.transpose()
}

pub fn step(connection: &Connection, key: Key, version: Version) -> Result<Option<SealedStep>, Fault> {
    let found = connection.prepare_cached(STEP)?.query_row((key.0, version.0), |row| Ok(read(row))).optional()?;
    found.transpose()
}

/// The newest, oldest first.
pub fn history(connection: &Connection, key: Key, limit: u32) -> Result<Vec<SealedStep>, Fault> {
    let mut statement = connection.prepare_cached(HISTORY)?;
    let newest = statement.query_map((key.0, limit), |row| Ok(read(row)))?;
    let mut found: Vec<SealedStep> = newest.map(|row| row?).collect::<Result<_, Fault>>()?;
    found.reverse();
    Ok(found)
}

const AFTER: &str = "
    SELECT r.key, r.version, r.account, r.kind, r.at, r.sealed, r.subject, r.personal, c.wrapped, r.n
    FROM row r LEFT JOIN customer_key c ON c.subject = r.subject AND c.account = r.account
    WHERE r.n > ?1 ORDER BY r.n LIMIT ?2";

/// The journal after `n`, sealed as it is.
pub fn sealed_after(connection: &Connection, n: i64, limit: u32) -> Result<Vec<(i64, SealedStep)>, Fault> {
    let mut statement = connection.prepare_cached(AFTER)?;
    let found = statement.query_map((n, limit), |row| Ok((row.get::<_, i64>(9)?, read(row))))?;
    found.map(|row| row.map_err(Fault::from).and_then(|(n, step)| Ok((n, step?)))).collect()
}

/// A row of the journal with its commitment, for audits.
pub struct JournalEntry {
    pub n: i64,
    pub place: Place,
    pub sealed: Vec<u8>,
    pub commitment: Vec<u8>,
}

/// The journal after `n`, in order of commit.
pub fn journal(connection: &Connection, n: i64, limit: u32) -> Result<Vec<JournalEntry>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT key, version, account, kind, n, sealed, commitment FROM row WHERE n > ?1 ORDER BY n LIMIT ?2",
    )?;
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(JournalEntry { place: place(row)?, n: row.get(4)?, sealed: row.get(5)?, commitment: row.get(6)? })
    };
    statement.query_map((n, limit), |row| Ok(entry(row)))?.map(|row| row?).collect()
}

fn place(row: &rusqlite::Row<'_>) -> Result<Place, Fault> {
    Ok(Place {
        key: Key(row.get(0)?),
        version: Version(row.get(1)?),
        account: Key(row.get(2)?),
        kind: Kind::from_u8(row.get(3)?).ok_or(Fault::Damaged("kind of row"))?,
    })
}

fn read(row: &rusqlite::Row<'_>) -> Result<SealedStep, Fault> {
    let place = place(row)?;
    let personal = match (row.get::<_, Option<i64>>(6)?, row.get(7)?) {
        (Some(subject), Some(sealed)) => Some(SealedPersonal { subject: Key(subject), sealed, wrapped: row.get(8)? }),
        _ => None,
    };
    Ok(SealedStep { place, at: Time(row.get(4)?), sealed: row.get(5)?, personal })
}

impl SealedStep {
    pub fn kind(&self) -> Kind {
        self.place.kind
    }

    pub fn open(self, keys: &Keys) -> Result<Row, StoreTrouble> {
        self.open_step(keys).map(|step| step.row)
    }

    pub fn open_step(self, keys: &Keys) -> Result<Step, StoreTrouble> {
        let Place { account, kind, key, version } = self.place;
        let seal::Opened { index, body, origin, .. } = seal::open_body(keys, &self.place, &self.sealed)?;
        let personal = match &self.personal {
            Some(SealedPersonal { subject, sealed, wrapped: Some(wrapped) }) => {
                Some(seal::open_personal(keys, &self.place, *subject, wrapped, sealed)?)
            }
            Some(SealedPersonal { wrapped: None, .. }) | None => None,
        };
        Ok(Step { row: Row { key, version, kind, account, at: self.at, body, personal, index }, origin })
    }
}

/// The keys of the persons of `rows`, as they are now; one for each row.
pub fn wraps(connection: &Connection, rows: &[Row]) -> Result<Vec<Wrap>, Fault> {
    let mut statement = connection.prepare_cached(statements::WRAPS)?;
    let mut wrap = |row: &Row| {
        let Some(personal) = &row.personal else { return Ok(Wrap::None) };
        Ok(match statements::wrap(&mut statement, personal.subject.0, row.account.0)? {
            None => Wrap::None,
            Some(None) => Wrap::Erased,
            Some(Some(wrapped)) => Wrap::Held(wrapped),
        })
    };
    rows.iter().map(&mut wrap).collect()
}
