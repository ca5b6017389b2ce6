//! The client's own list of what it was told: one line of JSON an answer, on disk before the client goes on. Knows no gateway: what
//! stands here was acknowledged, whatever happened to those who said it.

use crate::fail::{Fail, io};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

/// One answer, or what was seen of a payment later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// Number of the story that it belongs to.
    pub story: u64,
    pub path: String,
    pub form: String,
    /// Idempotency key; empty for what was only looked at.
    pub key: String,
    pub status: u16,
    /// Of the payment, or of the refund if there is one.
    pub state: String,
    pub payment: String,
    pub refund: Option<String>,
    /// What was captured, or given back; minor units.
    pub amount: i64,
    /// SHA-256 of the body, as hex.
    pub digest: String,
}

type Line = (String, oneshot::Sender<()>);

pub struct Journal {
    lines: Sender<Line>,
    path: PathBuf,
}

impl Journal {
    pub fn create(path: &Path) -> Result<Journal, Fail> {
        let file = File::create(path).map_err(|e| io("make", path, &e))?;
        let (lines, taken) = channel();
        std::thread::spawn(move || write(file, &taken));
        Ok(Journal { lines, path: path.to_owned() })
    }

    /// Done when it is on disk.
    pub async fn note(&self, told: &Told) -> Result<(), Fail> {
        let lost = || Fail::new("journal_lost", format!("{} cannot be written", self.path.display()));
        let (done, wait) = oneshot::channel();
        let text = serde_json::to_string(told).map_err(|_| lost())?;
        self.lines.send((text, done)).map_err(|_| lost())?;
        wait.await.map_err(|_| lost())
    }

    /// All of it, read back from the disk.
    pub fn read(&self) -> Result<Vec<Told>, Fail> {
        let text = std::fs::read_to_string(&self.path).map_err(|e| io("read", &self.path, &e))?;
        let bad = |e: serde_json::Error| Fail::new("journal_lost", format!("{}: {e}", self.path.display()));
        text.lines().map(|line| serde_json::from_str(line).map_err(bad)).collect()
    }
}

/// Whatever waits is written and synced at once. Ends, and with it everybody's wait, when the disk fails.
fn write(mut file: File, lines: &Receiver<Line>) {
    while let Ok(first) = lines.recv() {
        let group: Vec<Line> = std::iter::once(first).chain(lines.try_iter()).collect();
        let text: String = group.iter().flat_map(|(text, _)| [text.as_str(), "\n"]).collect();
        if file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for (_, done) in group {
            // A waiter that went away needs no answer.
            let _ = done.send(());
        }
    }
}
