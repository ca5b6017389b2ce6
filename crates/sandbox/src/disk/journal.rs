//! The journal on disk: the newest hops, masked as they came, found by RRN. What is lost in a crash is lost: it is no record of money.

use super::private_file;
use crate::error::StartError;
use florin_connect::journey::Hop;
use rusqlite::{Connection, params};
use std::path::Path;

/// At most so many hops are kept.
pub(crate) const HOPS_KEPT: i64 = 200_000;
/// At most so many are given for one RRN.
const ANSWER_LIMIT: i64 = 1_000;
/// Older hops are deleted after each so many written.
const TRIM_EVERY: i64 = 5_000;

pub(crate) struct JournalFile {
    connection: Connection,
    since_trim: i64,
}

impl JournalFile {
    /// Opens the journal. One that cannot be read is begun anew: it may be thrown away.
    pub fn open(path: &Path) -> Result<JournalFile, StartError> {
        match JournalFile::try_open(path) {
            Ok(file) => Ok(file),
            Err(_) => {
                std::fs::remove_file(path).map_err(|why| StartError::Folder { path: path.to_owned(), why })?;
                let damaged =
                    |why: rusqlite::Error| StartError::Damaged { path: path.to_owned(), why: why.to_string() };
                JournalFile::try_open(path).map_err(damaged)
            }
        }
    }

    fn try_open(path: &Path) -> rusqlite::Result<JournalFile> {
        // If the file cannot be made, opening it says so.
        drop(private_file(path));
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;
             CREATE TABLE IF NOT EXISTS hop (id INTEGER PRIMARY KEY, rrn TEXT NOT NULL, body TEXT NOT NULL) STRICT;
             CREATE INDEX IF NOT EXISTS hop_rrn ON hop (rrn);",
        )?;
        Ok(JournalFile { connection, since_trim: TRIM_EVERY })
    }

    pub fn append(&mut self, hops: &[Hop]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for hop in hops {
            if let Ok(body) = serde_json::to_string(hop) {
                let sql = "INSERT INTO hop (rrn, body) VALUES (?1, ?2)";
                transaction.prepare_cached(sql)?.execute(params![hop.rrn, body])?;
                self.since_trim += 1;
            }
        }
        if self.since_trim >= TRIM_EVERY {
            let sql = "DELETE FROM hop WHERE id <= (SELECT max(id) FROM hop) - ?1";
            transaction.prepare_cached(sql)?.execute([HOPS_KEPT])?;
            self.since_trim = 0;
        }
        transaction.commit()
    }

    /// The hops of one RRN in the order in which they happened.
    pub fn read(&self, rrn: &str) -> rusqlite::Result<Vec<Hop>> {
        let sql = "SELECT body FROM hop WHERE rrn = ?1 ORDER BY id LIMIT ?2";
        let mut found = self.connection.prepare_cached(sql)?;
        let bodies = found.query_map(params![rrn, ANSWER_LIMIT], |row| row.get::<_, String>(0))?;
        let mut hops = Vec::new();
        for body in bodies {
            hops.extend(serde_json::from_str::<Hop>(&body?));
        }
        Ok(hops)
    }
}
