//! The writer thread: whatever waits is one group, one transaction and one fsync. After any failure it ends for good.
//! Knows no keys.

use super::apply::Applier;
use super::error::Fault;
use super::queue::{GROUP_LIMIT, Outcome, Queue, Request};
use super::readers::BUSY_LIMIT;
use super::reply::Reply;
use florin_core::commit::Job;
use florin_core::store::StoreTrouble;
use rusqlite::Connection;
use std::time::Duration;

/// How long the writer waits for readers before it gives up emptying the log.
const EMPTY_LIMIT: Duration = Duration::from_millis(250);

type Waiter<T> = Reply<Result<T, StoreTrouble>>;

/// An answer that is true once the group is durable.
enum Answer {
    Commit(Waiter<Outcome>, Outcome),
    Lease(Waiter<Vec<Job>>, Vec<Job>),
    Erase(Waiter<()>),
}

/// Runs until the queue is closed and empty, or until the first failure.
pub fn run(connection: &Connection, queue: &Queue) {
    // Whatever ends this thread, a panic too: nobody is left waiting.
    let _guard = StopOnExit(queue);
    let mut group = Vec::with_capacity(GROUP_LIMIT);
    let mut answers = Vec::with_capacity(GROUP_LIMIT);
    let mut applier = match Applier::load(connection) {
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
            }
        }
        if !erased.is_empty() {
            let emptied = empty_log(connection);
            erased.into_iter().for_each(|reply| reply.send(emptied.clone()));
        }
    }
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
        });
    }
    applier.finish_group()?;
    applier.statements.commit.execute(())?;
    Ok(())
}

/// An erased key must not outlive its erasure in the log: the one case in which the log is truncated. Payments wait meanwhile, so
/// readers are not waited for long.
fn empty_log(connection: &Connection) -> Result<(), StoreTrouble> {
    let emptied = connection
        .busy_timeout(EMPTY_LIMIT)
        .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)));
    match connection.busy_timeout(BUSY_LIMIT).and(emptied) {
        Ok(0) => Ok(()),
        Ok(_) => Err(StoreTrouble::Io("erased, but readers kept the log in use: erase again to empty it".to_owned())),
        Err(error) => Err(StoreTrouble::Io(format!("erased, but the log was not emptied: {error}"))),
    }
}

struct StopOnExit<'q>(&'q Queue);

impl Drop for StopOnExit<'_> {
    fn drop(&mut self) {
        self.0.stop("the writer has ended");
    }
}
