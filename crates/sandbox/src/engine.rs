//! The host as a running thing: a lock round the model, a thread that writes the books before answers leave, one for the journal.
//! Knows no sockets.

use crate::acquirer::Host;
use crate::deliver::Reply;
use crate::disk::books::BooksFile;
use crate::disk::journal::JournalFile;
use crate::settings::Record;
use florin_connect::Wiped;
use florin_connect::core::time::Time;
use florin_connect::journey::Hop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{oneshot, watch};

/// At most so many groups are written in one transaction.
const GROUP_LIMIT: usize = 512;
/// While more hops than this wait to be written, no further ones are collected.
const HOPS_WAITING_LIMIT: usize = 20_000;

/// Resolves when the records are on disk; an error means that they never will be, and that nothing may be answered.
pub(crate) type Written = oneshot::Receiver<()>;

struct Group {
    records: Vec<Record>,
    done: oneshot::Sender<()>,
}

enum ToBooks {
    Append(Group),
    /// Close the file.
    End(oneshot::Sender<()>),
}

enum ToJournal {
    Hops(Vec<Hop>),
    Read {
        rrn: String,
        answer: oneshot::Sender<Vec<Hop>>,
    },
    /// Close the file.
    End(oneshot::Sender<()>),
}

pub(crate) struct Engine {
    host: Mutex<Host>,
    books: mpsc::Sender<ToBooks>,
    journal: mpsc::Sender<ToJournal>,
    hops_waiting: Arc<AtomicUsize>,
    collect_hops: bool,
    /// Counts up when every connection is to be closed.
    pub hang_up: watch::Sender<u64>,
    /// Why the books cannot be written any more.
    pub failed: watch::Sender<Option<String>>,
}

impl Engine {
    pub fn start(host: Host, books: BooksFile, journal: JournalFile, collect_hops: bool) -> Arc<Engine> {
        let (books_in, groups) = mpsc::channel();
        let (journal_in, hops) = mpsc::channel();
        let hops_waiting = Arc::new(AtomicUsize::new(0));
        let engine = Arc::new(Engine {
            host: Mutex::new(host),
            books: books_in,
            journal: journal_in,
            hops_waiting: hops_waiting.clone(),
            collect_hops,
            hang_up: watch::Sender::new(0),
            failed: watch::Sender::new(None),
        });
        let failed = engine.failed.clone();
        std::thread::spawn(move || write_books(books, &groups, &failed));
        std::thread::spawn(move || write_journal(journal, &hops, &hops_waiting));
        engine
    }

    /// Works on the bodies of one read, in order.
    pub fn receive(&self, bodies: &[Wiped]) -> (Vec<Reply>, Option<Written>) {
        let mut replies = Vec::new();
        let mut host = self.host();
        host.collect_hops(self.collect_hops && self.hops_waiting.load(Ordering::Relaxed) < HOPS_WAITING_LIMIT);
        for body in bodies {
            replies.append(&mut host.receive_timed(now(), body, &mut now_us));
        }
        let written = self.hand_over(&mut host);
        (replies, written)
    }

    /// Runs `act` on the host, and gives what must be on disk before its outcome is told.
    pub fn with<T>(&self, act: impl FnOnce(&mut Host, Time) -> T) -> (T, Option<Written>) {
        let mut host = self.host();
        let outcome = act(&mut host, now());
        let written = self.hand_over(&mut host);
        (outcome, written)
    }

    /// Called under the host's lock, so that groups are written in the order in which they were decided.
    fn hand_over(&self, host: &mut Host) -> Option<Written> {
        let hops = host.take_hops();
        if !hops.is_empty() {
            self.hops_waiting.fetch_add(hops.len(), Ordering::Relaxed);
            // A journal that ended takes nothing more; messages go on.
            drop(self.journal.send(ToJournal::Hops(hops)));
        }
        let records = host.take_records();
        if records.is_empty() {
            return None;
        }
        let (done, written) = oneshot::channel();
        // If the writer ended, `done` is dropped and `written` gives its error.
        drop(self.books.send(ToBooks::Append(Group { records, done })));
        Some(written)
    }

    pub async fn journal(&self, rrn: String) -> Vec<Hop> {
        let (answer, hops) = oneshot::channel();
        drop(self.journal.send(ToJournal::Read { rrn, answer }));
        hops.await.unwrap_or_default()
    }

    /// Writes what is waiting and closes the files. Nothing is answered after this.
    pub async fn close(&self) {
        let (books_done, books_closed) = oneshot::channel();
        let (journal_done, journal_closed) = oneshot::channel();
        drop(self.books.send(ToBooks::End(books_done)));
        drop(self.journal.send(ToJournal::End(journal_done)));
        // A writer that ended before has closed its file too.
        drop(books_closed.await);
        drop(journal_closed.await);
    }

    fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(|poisoned| {
            // A bug stopped the model half-way: its books may not be gone on with.
            self.failed.send_replace(Some("the model stopped on a bug".to_owned()));
            PoisonError::into_inner(poisoned)
        })
    }
}

pub(crate) fn now() -> Time {
    Time(now_us() / 1000)
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn write_books(mut file: BooksFile, orders: &mpsc::Receiver<ToBooks>, failed: &watch::Sender<Option<String>>) {
    let mut end = None;
    while end.is_none()
        && let Ok(first) = orders.recv()
    {
        let mut groups = Vec::new();
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                ToBooks::Append(group) => groups.push(group),
                ToBooks::End(closed) => {
                    end = Some(closed);
                    break;
                }
            }
            next = if groups.len() < GROUP_LIMIT { orders.try_recv().ok() } else { None };
        }
        let (records, waiting): (Vec<Vec<Record>>, Vec<oneshot::Sender<()>>) =
            groups.into_iter().map(|group| (group.records, group.done)).unzip();
        match file.append(&records.concat()) {
            Ok(()) => waiting.into_iter().for_each(told),
            Err(why) => {
                // The model is ahead of the disk now: nothing more may be answered from it.
                failed.send_replace(Some(why.to_string()));
                return;
            }
        }
    }
    drop(file);
    end.into_iter().for_each(told);
}

fn write_journal(mut file: JournalFile, orders: &mpsc::Receiver<ToJournal>, waiting: &AtomicUsize) {
    let mut end = None;
    while end.is_none()
        && let Ok(first) = orders.recv()
    {
        let mut hops = Vec::new();
        let mut read = None;
        let mut next = Some(first);
        while let Some(order) = next.take() {
            match order {
                ToJournal::Hops(mut more) => {
                    hops.append(&mut more);
                    next = if hops.len() < HOPS_WAITING_LIMIT { orders.try_recv().ok() } else { None };
                }
                ToJournal::Read { rrn, answer } => read = Some((rrn, answer)),
                ToJournal::End(closed) => end = Some(closed),
            }
        }
        // A journal that cannot be written loses hops and stops nothing.
        drop(file.append(&hops));
        waiting.fetch_sub(hops.len(), Ordering::Relaxed);
        if let Some((rrn, answer)) = read {
            drop(answer.send(file.read(&rrn).unwrap_or_default()));
        }
    }
    drop(file);
    end.into_iter().for_each(told);
}

fn told(done: oneshot::Sender<()>) {
    // Who is gone waits no more.
    let _gone = done.send(());
}
