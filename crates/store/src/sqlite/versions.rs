//! Current versions that the writer remembers, so that most checks need no lookup. Knows no rows.

use super::error::Fault;
use super::statements::Statements;
use florin_core::commit::Version;
use florin_core::id::Key;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Keys remembered. One writer alone changes versions, so what it remembers is true.
const KEPT_VERSIONS: usize = 20_000;

pub struct Versions {
    recent: BTreeMap<Key, Version>,
    /// No row has a key above this one: most new keys are above it.
    highest: Key,
}

impl Versions {
    pub fn load(connection: &Connection) -> Result<Versions, Fault> {
        let highest: Option<i64> = connection.query_row("SELECT max(key) FROM step", [], |row| row.get(0))?;
        Ok(Versions { recent: BTreeMap::new(), highest: Key(highest.unwrap_or(i64::MIN)) })
    }

    pub fn now(&self, s: &mut Statements<'_>, key: Key) -> Result<Version, Fault> {
        if key > self.highest {
            return Ok(Version::NONE);
        }
        if let Some(version) = self.recent.get(&key) {
            return Ok(*version);
        }
        let found = s.version.query_row([key.0], |row| row.get(0)).optional()?;
        Ok(found.map_or(Version::NONE, Version))
    }

    pub fn put(&mut self, key: Key, version: Version) {
        if self.recent.len() >= KEPT_VERSIONS {
            self.recent.clear();
        }
        self.recent.insert(key, version);
        self.highest = self.highest.max(key);
    }
}
