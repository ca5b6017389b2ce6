//! What the writer does to keys, and to what is sealed anew under them. Knows no key: all of it comes wrapped or sealed.

use super::error::Fault;
use super::keyring;
use super::statements::{META_CHECK, META_ROOT_SINCE, META_ROTATION, META_SEED};
use rusqlite::Connection;

pub enum Change {
    /// Another data key, with which a rotation begins.
    DataKey { version: u16, algorithm: u8, wrapped: Vec<u8>, created: i64, progress: Vec<u8> },
    /// Records sealed anew, and how far the rotation has come with them.
    Batch { updates: Vec<Update>, progress: Vec<u8> },
    /// The rotation is through. Data keys below this version are destroyed, if there is one.
    End { below: Option<u16> },
    /// Everything that the root wraps, under another one.
    Root { check: Vec<u8>, seed: Vec<u8>, wrapped: Vec<(u16, Vec<u8>)>, since: i64 },
}

/// One record. It is changed only where it is still what it was when it was read.
pub enum Update {
    Row {
        n: i64,
        sealed: Vec<u8>,
    },
    /// None: its person was erased.
    Personal {
        n: i64,
        sealed: Option<Vec<u8>>,
    },
    Person {
        subject: i64,
        account: i64,
        old: Vec<u8>,
        new: Vec<u8>,
    },
    Claim {
        table: usize,
        n: i64,
        old: Vec<u8>,
        new: Vec<u8>,
    },
    Answer {
        table: usize,
        n: i64,
        old: Vec<u8>,
        new: Vec<u8>,
    },
}

impl Change {
    /// What was there before must not be found in the log either.
    pub fn destroys(&self) -> bool {
        match self {
            Change::End { .. } | Change::Root { .. } => true,
            Change::DataKey { .. } | Change::Batch { .. } => false,
        }
    }
}

const PUT_META: &str = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

pub fn apply(c: &Connection, change: Change) -> Result<(), Fault> {
    match change {
        Change::DataKey { version, algorithm, wrapped, created, progress } => {
            c.execute(keyring::PUT, (version, algorithm, wrapped, created))?;
            c.execute(PUT_META, (META_ROTATION, progress))?;
        }
        Change::Batch { updates, progress } => {
            for update in updates {
                put(c, update)?;
            }
            c.prepare_cached(PUT_META)?.execute((META_ROTATION, progress))?;
        }
        Change::End { below } => {
            if let Some(below) = below {
                c.execute("DELETE FROM data_key WHERE version < ?1", [below])?;
            }
            c.execute("DELETE FROM meta WHERE name = ?1", [META_ROTATION])?;
        }
        Change::Root { check, seed, wrapped, since } => {
            for (version, wrapped) in wrapped {
                c.execute("UPDATE data_key SET wrapped = ?2 WHERE version = ?1", (version, wrapped))?;
            }
            for (name, value) in [(META_CHECK, check), (META_SEED, seed)] {
                c.execute(PUT_META, (name, value))?;
            }
            c.execute(PUT_META, (META_ROOT_SINCE, since))?;
        }
    }
    Ok(())
}

const CLAIMS: [&str; 2] = [
    "UPDATE claim_0 SET sealed = ?3 WHERE n = ?1 AND sealed = ?2",
    "UPDATE claim_1 SET sealed = ?3 WHERE n = ?1 AND sealed = ?2",
];
const ANSWERS: [&str; 2] = [
    "UPDATE answer_0 SET sealed = ?3 WHERE n = ?1 AND sealed = ?2",
    "UPDATE answer_1 SET sealed = ?3 WHERE n = ?1 AND sealed = ?2",
];

fn put(c: &Connection, update: Update) -> Result<(), Fault> {
    match update {
        // A row's bytes are changed by a rotation alone, and there is one at a time.
        Update::Row { n, sealed } => c.prepare_cached("UPDATE row SET sealed = ?2 WHERE n = ?1")?.execute((n, sealed)),
        Update::Personal { n, sealed } => {
            c.prepare_cached("UPDATE row SET personal = ?2 WHERE n = ?1")?.execute((n, sealed))
        }
        Update::Person { subject, account, old, new } => {
            let sql = "UPDATE customer_key SET wrapped = ?4 WHERE subject = ?1 AND account = ?2 AND wrapped = ?3";
            c.prepare_cached(sql)?.execute((subject, account, old, new))
        }
        Update::Claim { table, n, old, new } => c.prepare_cached(CLAIMS[table & 1])?.execute((n, old, new)),
        Update::Answer { table, n, old, new } => c.prepare_cached(ANSWERS[table & 1])?.execute((n, old, new)),
    }?;
    Ok(())
}
