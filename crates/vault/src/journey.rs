//! The journal of what went over the wire: masked hops in a file of their own, written in groups, bounded by age and number.
//! Losing its last moments loses no money, so it never waits for the disk. Knows no card and no verdict.

use crate::db::{DbError, private_file};
use florin_connect::journey::Hop;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

const QUEUE_LIMIT: usize = 4_096;
const GROUP_LIMIT: usize = 1_024;
/// Hops given for one question.
pub const ANSWER_LIMIT_HOPS: usize = 1_000;
/// Old hops are looked for once in so many new ones.
const TIDY_EVERY_HOPS: u64 = 4_096;
/// "FLJO".
const APPLICATION_ID: i64 = 0x464C_4A4F;
const SCHEMA: i64 = 1;

#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub hops: u64,
    pub age_ms: i64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention { hops: 1_000_000, age_ms: 7 * 86_400_000 }
    }
}

type Answer = Box<dyn FnOnce(Vec<Hop>) + Send>;

enum Ask {
    Put(Vec<Hop>),
    Find { rrns: Vec<String>, answer: Answer },
}

pub struct Journey {
    queue: Option<SyncSender<Ask>>,
    writer: Option<JoinHandle<()>>,
}

impl Journey {
    /// Opens `journey.db` in the folder. A damaged one is put aside: it holds nothing that is needed.
    pub fn open(folder: &Path, retention: Retention) -> Result<Journey, DbError> {
        let path = folder.join("journey.db");
        let io = |detail: String| DbError::Io { path: path.clone(), detail };
        let connection = match open_file(&path) {
            Ok(connection) => connection,
            Err(_) => {
                put_aside(folder).map_err(|e| io(e.to_string()))?;
                open_file(&path)?
            }
        };
        let (queue, incoming) = sync_channel(QUEUE_LIMIT);
        let work = move || write_groups(&connection, &incoming, retention);
        let spawned = std::thread::Builder::new().name("vault-journey".into()).spawn(work);
        Ok(Journey { queue: Some(queue), writer: Some(spawned.map_err(|e| io(e.to_string()))?) })
    }

    /// When the journal cannot keep up, hops are dropped.
    pub fn put(&self, hops: Vec<Hop>) {
        if let Some(queue) = &self.queue
            && !hops.is_empty()
        {
            let _ = queue.try_send(Ask::Put(hops));
        }
    }

    /// Hops by retrieval reference number, oldest first. `answer` is called on another thread.
    pub fn find(&self, rrns: Vec<String>, answer: impl FnOnce(Vec<Hop>) + Send + 'static) {
        let ask = Ask::Find { rrns, answer: Box::new(answer) };
        let refused = match &self.queue {
            Some(queue) => queue.try_send(ask).err().map(|e| match e {
                std::sync::mpsc::TrySendError::Full(ask) | std::sync::mpsc::TrySendError::Disconnected(ask) => ask,
            }),
            None => Some(ask),
        };
        if let Some(Ask::Find { answer, .. }) = refused {
            answer(Vec::new());
        }
    }
}

/// Writes what is queued, then ends the thread.
impl Drop for Journey {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn open_file(path: &Path) -> Result<Connection, DbError> {
    let io = |e: rusqlite::Error| DbError::Io { path: path.to_owned(), detail: e.to_string() };
    private_file(path)?;
    let c = Connection::open(path).map_err(io)?;
    c.pragma_update(None, "journal_mode", "WAL").map_err(io)?;
    c.pragma_update(None, "synchronous", "OFF").map_err(io)?;
    c.pragma_update(None, "temp_store", "MEMORY").map_err(io)?;
    let number = |pragma: &str| c.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).map_err(io);
    match (number("application_id")?, number("user_version")?) {
        (APPLICATION_ID, SCHEMA) => {}
        (0, 0) => {
            let tables = "BEGIN;
                CREATE TABLE hop(id INTEGER PRIMARY KEY, rrn TEXT NOT NULL, at_us INTEGER NOT NULL, hop BLOB NOT NULL) STRICT;
                CREATE INDEX hop_by_rrn ON hop(rrn);";
            c.execute_batch(tables).map_err(io)?;
            c.pragma_update(None, "application_id", APPLICATION_ID).map_err(io)?;
            c.pragma_update(None, "user_version", SCHEMA).map_err(io)?;
            c.execute_batch("COMMIT").map_err(io)?;
        }
        _ => return Err(DbError::NotOurs(path.to_owned())),
    }
    Ok(c)
}

fn put_aside(folder: &Path) -> std::io::Result<()> {
    for side in ["journey.db", "journey.db-wal", "journey.db-shm"] {
        match std::fs::rename(folder.join(side), folder.join(format!("{side}.damaged"))) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn write_groups(c: &Connection, incoming: &Receiver<Ask>, retention: Retention) {
    let mut since_tidy = TIDY_EVERY_HOPS;
    while let Ok(first) = incoming.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_LIMIT
            && let Ok(next) = incoming.try_recv()
        {
            group.push(next);
        }
        let mut questions = Vec::new();
        // A journal that cannot be written is no reason to stop paying.
        let _ = c.execute_batch("BEGIN");
        for ask in group {
            match ask {
                Ask::Put(hops) => {
                    since_tidy += u64::try_from(hops.len()).unwrap_or(0);
                    for hop in &hops {
                        let _ = put(c, hop);
                    }
                }
                Ask::Find { rrns, answer } => questions.push((rrns, answer)),
            }
        }
        if since_tidy >= TIDY_EVERY_HOPS {
            since_tidy = 0;
            let _ = tidy(c, retention);
        }
        let _ = c.execute_batch("COMMIT");
        for (rrns, answer) in questions {
            answer(find(c, &rrns).unwrap_or_default());
        }
    }
}

fn put(c: &Connection, hop: &Hop) -> rusqlite::Result<usize> {
    let body = postcard::to_allocvec(hop).unwrap_or_default();
    c.prepare_cached("INSERT INTO hop(rrn, at_us, hop) VALUES(?1, ?2, ?3)")?.execute(params![hop.rrn, hop.at_us, body])
}

/// Forgets what is too old or too much. Ids rise with time, so only the front of the table is looked at.
fn tidy(c: &Connection, retention: Retention) -> rusqlite::Result<()> {
    let hops = i64::try_from(retention.hops).unwrap_or(i64::MAX);
    c.execute("DELETE FROM hop WHERE id <= (SELECT max(id) FROM hop) - ?1", [hops])?;
    let oldest_us = crate::clock::unix_us().saturating_sub(retention.age_ms.saturating_mul(1000));
    let sql = "DELETE FROM hop WHERE id IN (SELECT id FROM hop ORDER BY id LIMIT 100000) AND at_us < ?1";
    c.execute(sql, [oldest_us]).map(|_| ())
}

fn find(c: &Connection, rrns: &[String]) -> rusqlite::Result<Vec<Hop>> {
    let mut statement = c.prepare_cached("SELECT hop FROM hop WHERE rrn = ?1 ORDER BY id LIMIT ?2")?;
    let mut hops = Vec::new();
    for rrn in rrns {
        let left = i64::try_from(ANSWER_LIMIT_HOPS.saturating_sub(hops.len())).unwrap_or(0);
        let rows = statement.query_map(params![rrn, left], |row| row.get::<_, Vec<u8>>(0))?;
        for row in rows {
            hops.extend(postcard::from_bytes::<Hop>(&row?).ok());
        }
    }
    hops.sort_by_key(|hop| hop.at_us);
    Ok(hops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;
    use std::sync::mpsc::channel;

    fn hop(rrn: &str, at_us: i64) -> Hop {
        let text = |s: &str| s.to_string();
        let (from, to, title) = (text("vault"), text("acquirer"), text("0200"));
        Hop { at_us, by: from.clone(), from, to, title, rrn: text(rrn), fields: Vec::new(), note: String::new() }
    }

    fn times(journey: &Journey, rrns: &[&str]) -> Vec<i64> {
        let (tell, told) = channel();
        journey.find(rrns.iter().map(|r| (*r).to_string()).collect(), move |hops| tell.send(hops).unwrap());
        told.recv().unwrap().iter().map(|h| h.at_us).collect()
    }

    #[test]
    fn hops_are_found_by_number_and_outlive_the_process() {
        let folder = Folder::new();
        let now = crate::clock::unix_us();
        let journey = Journey::open(folder.root(), Retention::default()).unwrap();
        journey.put(vec![hop("632500000001", now + 2), hop("632500000002", now + 1), hop("632500000001", now)]);
        assert_eq!(times(&journey, &["632500000001"]), [now, now + 2]);
        drop(journey);
        let journey = Journey::open(folder.root(), Retention::default()).unwrap();
        assert_eq!(times(&journey, &["632500000002", "632500000001", "none"]), [now, now + 1, now + 2]);
    }

    #[test]
    fn the_journal_is_bounded_and_a_damaged_one_is_put_aside() {
        let folder = Folder::new();
        let now = crate::clock::unix_us();
        let open = |hops| Journey::open(folder.root(), Retention { hops, age_ms: 1_000 }).unwrap();
        let journey = open(3);
        journey.put((0..5).map(|n| hop("r", now + n)).collect());
        assert_eq!(times(&journey, &["r"]), [now + 2, now + 3, now + 4], "by number");
        drop(journey);
        let journey = open(100);
        journey.put(vec![hop("old", now - 2_000_000), hop("new", now)]);
        drop(journey);
        let journey = open(100);
        journey.put(Vec::new());
        assert_eq!(times(&journey, &["new"]), [now]);
        drop(journey);
        for side in ["journey.db-wal", "journey.db-shm"] {
            let _ = std::fs::remove_file(folder.path(side));
        }
        std::fs::write(folder.path("journey.db"), b"this is no database at all, whatever its name says").unwrap();
        let journey = open(100);
        assert_eq!(times(&journey, &["r"]), [] as [i64; 0]);
        assert!(folder.path("journey.db.damaged").exists());
    }
}
