//! The writer thread: whatever waits is one group, one transaction and one fsync. After any failure it ends for good.
//! Then, when the log is long, it is folded into the database. Knows no keys.

use super::apply::Applier;
use super::chain::HeadKey;
use super::error::Fault;
use super::queue::{GROUP_LIMIT, Outcome, Queue, Request};
use super::readers::BUSY_LIMIT;
use super::reply::Reply;
use florin_core::commit::Job;
use florin_core::store::StoreTrouble;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// How long the writer waits for readers before it gives up emptying the log.
const EMPTY_LIMIT: Duration = Duration::from_millis(250);

type Waiter<T> = Reply<Result<T, StoreTrouble>>;

/// An answer that is true once the group is durable.
enum Answer {
    Commit(Waiter<Outcome>, Outcome),
    Lease(Waiter<Vec<Job>>, Vec<Job>),
    Erase(Waiter<()>),
    Keys(Waiter<()>),
}

/// The log, as the writer sees it.
pub struct Log {
    /// Pages in it after the last commit.
    pub pages: Arc<AtomicI32>,
    /// So many are folded into the database.
    pub checkpoint_pages: u32,
}

/// Runs until the queue is closed and empty, or until the first failure.
pub fn run(connection: &Connection, queue: &Queue, head_key: HeadKey, log: &Log) {
    // Whatever ends this thread, a panic too: nobody is left waiting.
    let _guard = StopOnExit(queue);
    let mut group = Vec::with_capacity(GROUP_LIMIT);
    let mut answers = Vec::with_capacity(GROUP_LIMIT);
    let mut applier = match Applier::load(connection, head_key) {
        Ok(applier) => applier,
        Err(fault) => return queue.stop(&fault.to_string()),
    };
    while queue.take(&mut group).is_some() {
        if let Err(fault) = commit_group(&mut applier, &mut group, &mut answers) {
            // Whether the group is durable is not known, and asking the disk again may lie: nothing is retried.
            return queue.stop(&format!("the disk failed: {fault}"));
        }
        let mut erased = Vec::new();
        for answer in answers.drain(..) {
            match answer {
                Answer::Commit(reply, outcome) => reply.send(Ok(outcome)),
                Answer::Lease(reply, jobs) => reply.send(Ok(jobs)),
                Answer::Erase(reply) => erased.push(reply),
                Answer::Keys(reply) => reply.send(Ok(())),
            }
        }
        let folded = match erased.is_empty() {
            true => fold(connection, log),
            false => empty_log(connection, erased),
        };
        if let Err(fault) = folded {
            // The answers are true: the log has them. But pages that failed on their way to the disk may be lost although a second
            // try says that they are there, so there is none, and the log stays for whoever opens the file next.
            return queue.stop(&format!("the disk failed while the log was folded in: {fault}"));
        }
    }
    // In order: closing may fold the rest of the log into the database and remove it.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
}

/// SQLite's own way of doing this, after a commit, forgets its errors.
fn fold(connection: &Connection, log: &Log) -> Result<(), Fault> {
    if log.pages.load(Ordering::Relaxed).unsigned_abs() < log.checkpoint_pages {
        return Ok(());
    }
    // Readers may hold it up: then the next commit tries again.
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))?;
    Ok(())
}

fn commit_group(applier: &mut Applier<'_>, group: &mut Vec<Request>, answers: &mut Vec<Answer>) -> Result<(), Fault> {
    applier.statements.begin.execute(())?;
    for request in group.drain(..) {
        answers.push(match request {
            Request::Commit { commit, reply } => Answer::Commit(reply, applier.commit(*commit)?),
            Request::Lease { kind, now, n, until, reply } => Answer::Lease(reply, applier.lease(kind, now, n, until)?),
            Request::Erase { subjects, reply } => {
                for subject in subjects {
                    applier.erase(subject)?;
                }
                Answer::Erase(reply)
            }
            Request::Keys { change, reply } => {
                let destroys = change.destroys();
                applier.change(*change)?;
                // A key that is to be gone must not stay in the log.
                if destroys { Answer::Erase(reply) } else { Answer::Keys(reply) }
            }
        });
    }
    applier.finish_group()?;
    applier.statements.commit.execute(())?;
    Ok(())
}

/// An erased key must not outlive its erasure in the log: the one case in which the log is truncated. Payments wait meanwhile, so
/// readers are not waited for long.
fn empty_log(connection: &Connection, erased: Vec<Waiter<()>>) -> Result<(), Fault> {
    let emptied = connection
        .busy_timeout(EMPTY_LIMIT)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    let busy = connection.busy_timeout(BUSY_LIMIT).and(emptied);
    let told = match &busy {
        Ok(0) => Ok(()),
        Ok(_) => Err(StoreTrouble::Io("erased, but readers kept the log in use: erase again to empty it".to_owned())),
        Err(error) => Err(StoreTrouble::Io(format!("erased, but the log was not emptied: {error}"))),
    };
    erased.into_iter().for_each(|reply| reply.send(told.clone()));
    match busy {
        Err(error) if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

struct StopOnExit<'q>(&'q Queue);

impl Drop for StopOnExit<'_> {
    fn drop(&mut self) {
        self.0.stop("the writer has ended");
    }
}
