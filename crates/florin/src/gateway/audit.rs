//! The audit log of this installation: its checkpoints, signed and kept elsewhere, and what people ask of it, through the door of a
//! running gateway or over a folder on which nothing runs.

use super::ops::Desk;
use super::ports::{Real, now};
use crate::fail::{Fail, io};
use crate::log::{Words, log};
use florin_core::audit::note::{BadNote, Checkpoint, Signer, notes};
use florin_core::audit::{
    self, Action, Actor, By, Outcome, Recorded, SeenPersonal, Tree, Verified, proof, read_entry, verify,
};
use florin_core::codec::Body;
use florin_core::flow::{Failure, View};
use florin_core::id::{IdCodec, Key, Kind};
use florin_core::notice::{self, Channel, Language, Message};
use florin_core::ports::Ports;
use florin_core::refusal::Refusal;
use florin_core::seal::Secret;
use florin_core::store::{Query, Store};
use florin_core::terminal::HOUSE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// How often the log's end is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Entries read at a time.
const ROWS_AT_ONCE: u32 = 500;
/// Of a file of checkpoints: some hundred thousand of them.
const LONGEST_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Entries that are looked through for those that fit a filter.
const MOST_LOOKED_AT: usize = 100_000;
/// The number of users among the kinds of keys.
const USER: u8 = 51;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditSettings {
    /// The log's name in checkpoints; without one it is made from its key.
    pub origin: Option<String>,
    pub every_minutes: u32,
    /// Entries after which a checkpoint does not wait for its time.
    pub entries: u32,
    pub file: PathBuf,
    /// Who gets them by mail.
    pub mail: Option<String>,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "audit", rename_all = "snake_case")]
pub enum AuditAsk {
    List {
        before: Option<u64>,
        limit: u32,
        action: Option<String>,
        actor: Option<String>,
    },
    Show {
        number: u64,
    },
    /// The whole log against itself, and against the checkpoints of these files besides its own.
    Verify {
        files: Vec<PathBuf>,
    },
    Prove {
        number: u64,
    },
    /// Sign what there is now.
    Checkpoint,
    Key,
    /// Something that a command does without the gateway.
    Tell {
        action: String,
        outcome: Outcome,
    },
}

/// What commands may tell of.
const TOLD: [Action; 2] = [Action::VaultKekRotate, Action::VaultDataKeyRotate];

/// Through the door of a running gateway, which writes as well.
pub async fn answer(desk: &Desk, asked: AuditAsk) -> Result<Value, Fail> {
    let AuditAsk::Tell { action, outcome } = asked else {
        return desk.book.answer(desk.ports.store(), asked).await;
    };
    let unknown = || Fail::new("bad_question", "the gateway is told of nothing like that");
    let action = Action::parse(&action).filter(|action| TOLD.contains(action)).ok_or_else(unknown)?;
    let number = audit::log(&*desk.ports, By::LOCAL.did(action).outcome(outcome)).await.map_err(|f| trouble(&f))?;
    Ok(json!({ "number": number }))
}

/// What a monitoring system is told.
#[derive(Default)]
pub struct Watched {
    pub size: AtomicI64,
    /// When the last checkpoint was kept, or the first entry after none.
    pub since: AtomicI64,
    pub failed: AtomicBool,
    /// The log is not what was signed.
    pub wrong: AtomicBool,
}

/// Whoever has this can sign and read.
pub struct Book {
    signer: Arc<Signer>,
    ids: IdCodec,
    settings: AuditSettings,
}

impl Book {
    /// `seed` is what stays when the root is replaced.
    pub fn open(seed: &Secret, ids: IdCodec, settings: AuditSettings) -> Result<Book, Fail> {
        let key = seed.derive(b"audit checkpoints");
        let name = settings.origin.clone().unwrap_or_else(|| {
            let short: String = key.mac(&[b"name"]).iter().take(4).map(|b| format!("{b:02x}")).collect();
            format!("florin/audit/{short}")
        });
        let bad = || Fail::usage("invalid_setting", "audit.origin", "a name without spaces and plus.".to_owned());
        Ok(Book { signer: Arc::new(Signer::new(&name, key.expose()).ok_or_else(bad)?), ids, settings })
    }

    /// What signs checkpoints, for the proofs that the dashboard hands out.
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    pub async fn answer(&self, store: &dyn Store, asked: AuditAsk) -> Result<Value, Fail> {
        match asked {
            AuditAsk::List { before, limit, action, actor } => self.list(store, (before, limit), action, actor).await,
            AuditAsk::Show { number } => {
                let (view, seen) = read_entry(store, number).await.map_err(|failure| match failure {
                    Failure::Refused(Refusal::NoSuch(_)) => no_such(number),
                    Failure::Refused(_) | Failure::Trouble(_) => trouble(&failure),
                })?;
                Ok(self.shape(&view, Some(&seen)))
            }
            AuditAsk::Verify { files } => self.verify(store, &files).await,
            AuditAsk::Prove { number } => {
                let tree = self.sound(store).await?;
                let (body, hashes) = tree.prove(number).ok_or_else(|| no_such(number))?;
                let note = self.signer.sign(tree.size(), tree.root());
                Ok(json!({ "number": number, "proof": proof::write(number, body, &hashes, &note) }))
            }
            AuditAsk::Checkpoint => {
                let tree = self.sound(store).await?;
                let note = self.signer.sign(tree.size(), tree.root());
                self.keep(&note).map_err(|e| io("write the checkpoint", &self.settings.file, &e))?;
                Ok(json!({ "size": tree.size(), "checkpoint": note, "file": self.settings.file }))
            }
            AuditAsk::Tell { .. } => Err(Fail::new("not_running", "nothing runs that could write it down")),
            AuditAsk::Key => Ok(json!({ "key": self.signer.verifier().text(), "file": self.settings.file })),
        }
    }

    /// All entries, if they are what was last signed: else nothing is signed.
    async fn sound(&self, store: &dyn Store) -> Result<Tree, Fail> {
        let last: Vec<Checkpoint> = self.last().into_iter().collect();
        let Verified { tree, wrong, .. } = verify(store, &last).await.map_err(|f| trouble(&f))?;
        match wrong.first() {
            Some((at, what)) => Err(Fail::new("audit_broken", format!("nothing is signed: {}.", what.told(*at)))),
            None => Ok(tree),
        }
    }

    async fn list(
        &self,
        store: &dyn Store,
        (before, limit): (Option<u64>, u32),
        action: Option<String>,
        actor: Option<String>,
    ) -> Result<Value, Fail> {
        let unknown = |name: &str| Fail::usage("invalid_action", "--action", format!("there is no action {name}."));
        let action = action.map(|name| Action::parse(&name).ok_or_else(|| unknown(&name))).transpose()?;
        let fits = |entry: &Recorded| {
            action.is_none_or(|a| a == entry.action) && actor.as_ref().is_none_or(|a| a == entry.actor.as_str())
        };
        let (mut before, mut data, mut looked_at) = (before, vec![], 0);
        while data.len() < limit as usize && looked_at < MOST_LOOKED_AT {
            let page = audit::list(store, before, ROWS_AT_ONCE).await.map_err(|f| trouble(&f))?;
            looked_at += page.len();
            before = page.last().map(|view| view.body.number);
            data.extend(page.iter().filter(|view| fits(&view.body)).map(|view| self.shape(view, None)));
            if page.len() < ROWS_AT_ONCE as usize {
                break;
            }
        }
        data.truncate(limit as usize);
        Ok(json!({ "object": "list", "data": data }))
    }

    fn shape(&self, view: &View<Recorded>, seen: Option<&SeenPersonal>) -> Value {
        let entry = &view.body;
        let named = |kind: Kind, key: Key| self.ids.encode(kind, key);
        let by = match entry.actor {
            Actor::User(key) => Kind::from_u8(USER).map(|kind| named(kind, key)),
            Actor::ApiKey(key) => Some(named(Kind::ApiKey, key)),
            Actor::Local | Actor::System | Actor::Nobody => None,
        };
        let hash: String = entry.hash().iter().map(|b| format!("{b:02x}")).collect();
        let mut shown = json!({
            "object": "florin.audit_entry",
            "number": entry.number,
            "created": entry.at.seconds(),
            "action": entry.action.as_str(),
            "actor": entry.actor.as_str(),
            "actor_id": by,
            "outcome": entry.outcome.as_str(),
            "account": entry.account.map(|key| named(Kind::Account, key)),
            "subject": entry.about().map(|(kind, key)| named(kind, key)),
            "detail": entry.detail.as_ref().map(|word| word.as_str()),
            "hash": hash,
        });
        if let Some(seen) = seen {
            shown["address"] = json!(seen.address);
            shown["device"] = json!(seen.device);
        }
        shown
    }

    async fn verify(&self, store: &dyn Store, files: &[PathBuf]) -> Result<Value, Fail> {
        let mut problems = vec![];
        let (mut signed, mut unread) = (vec![], 0);
        let own = self.settings.file.exists().then(|| self.settings.file.clone());
        for file in own.iter().chain(files) {
            let text = read(file)?;
            let before = signed.len();
            for (n, note) in (1..).zip(notes(&self.signer.verifier().name, &text)) {
                match self.signer.verifier().open(&note) {
                    Ok(checkpoint) => signed.push(checkpoint),
                    // Of a key before, or cut off by a crash.
                    Err(BadNote::Malformed | BadNote::NotSigned | BadNote::AnotherLog) => unread += 1,
                    Err(bad @ BadNote::BadSignature) => {
                        problems.push(format!("checkpoint {n} of {} {}", file.display(), bad.as_str()));
                    }
                }
            }
            // What was named as evidence has to be some.
            if signed.len() == before && files.contains(file) && problems.is_empty() {
                problems.push(format!(
                    "{} has no checkpoint of this log that can be read. Of a mail, save its text as it is shown",
                    file.display()
                ));
            }
        }
        let found = verify(store, &signed).await.map_err(|f| trouble(&f))?;
        problems.extend(found.wrong.iter().map(|(number, what)| what.told(*number)));
        let first = found.wrong.iter().map(|(number, _)| *number).min();
        Ok(json!({
            "ok": problems.is_empty(), "entries": found.size, "checkpoints": found.checkpoints,
            "checkpoints_unread": unread, "wrong": found.count, "first_bad_entry": first, "problems": problems,
        }))
    }

    /// Appends a note, durably. Nothing is ever rewritten there.
    fn keep(&self, note: &str) -> std::io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.settings.file)?;
        file.write_all(format!("\n{note}").as_bytes())?;
        file.sync_all()?;
        match self.settings.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            Some(_) | None => Ok(()),
        }
    }

    /// The last checkpoint that was kept.
    fn last(&self) -> Option<Checkpoint> {
        let text = read(&self.settings.file).ok()?;
        let key = self.signer.verifier();
        notes(&key.name, &text).iter().rev().find_map(|note| key.open(note).ok())
    }
}

fn no_such(number: u64) -> Fail {
    Fail::new("no_such_entry", format!("the audit log has no entry {number}. `florin audit list` shows them."))
}

fn trouble(failure: &Failure) -> Fail {
    Fail::new("store_error", super::ops::plain(failure))
}

/// A file of checkpoints.
fn read(path: &Path) -> Result<String, Fail> {
    let failed = |e: std::io::Error| io("read the checkpoints", path, &e);
    let mut text = String::new();
    File::open(path).and_then(|f| f.take(LONGEST_FILE_BYTES).read_to_string(&mut text)).map_err(failed)?;
    Ok(text)
}

/// Takes up what came since.
async fn grow(store: &dyn Store, tree: &mut Tree) -> Result<(), Failure> {
    loop {
        let after = audit::key_of(tree.size());
        let query = Query::Newer { under: HOUSE, kind: Kind::AuditEntry, after, limit: ROWS_AT_ONCE };
        let rows = store.find(query).await?.rows();
        for row in &rows {
            tree.push(row.body.clone());
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            return Ok(());
        }
    }
}

/// Signs what is new, every few minutes or as soon as there is much of it. A log that is not what was signed is not signed again.
pub async fn checkpoints(ports: Arc<Real>, book: Arc<Book>) {
    let watched = &ports.audit;
    let mut tree = Tree::default();
    let last = book.last();
    let (mut signed, mut checked) = (last.as_ref().map_or(0, |c| c.size), last.is_none());
    watched.since.store(now().0, Ordering::Relaxed);
    loop {
        if let Err(failure) = grow(ports.store(), &mut tree).await {
            log!("florin gateway", "the audit log cannot be read: {}", failure);
        }
        watched.size.store(i64::try_from(tree.size()).unwrap_or(i64::MAX), Ordering::Relaxed);
        if let Some(last) = last.as_ref().filter(|_| !checked) {
            checked = true;
            if !holds(ports.store(), last).await {
                log!("florin gateway", "ALERT: the audit log is not what was signed: florin audit verify says where");
                watched.wrong.store(true, Ordering::Relaxed);
            }
        }
        let (since, at) = (watched.since.load(Ordering::Relaxed), now().0);
        let fresh = tree.size().saturating_sub(signed);
        let waited = at.saturating_sub(since) >= i64::from(book.settings.every_minutes) * 60_000;
        let due = fresh >= u64::from(book.settings.entries) || (fresh > 0 && waited);
        if fresh == 0 {
            watched.since.store(at, Ordering::Relaxed);
        }
        if due && !watched.wrong.load(Ordering::Relaxed) {
            let note = book.signer.sign(tree.size(), tree.root());
            match book.keep(&note) {
                Ok(()) => {
                    signed = tree.size();
                    watched.since.store(at, Ordering::Relaxed);
                    watched.failed.store(false, Ordering::Relaxed);
                    send(&ports, &book, note).await;
                }
                Err(e) => {
                    if !watched.failed.swap(true, Ordering::Relaxed) {
                        log!(
                            "florin gateway",
                            "ALERT: no checkpoint of the audit log can be kept: {}",
                            Words(&e.to_string())
                        );
                    }
                }
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the log is still the one that was signed.
async fn holds(store: &dyn Store, signed: &Checkpoint) -> bool {
    match verify(store, std::slice::from_ref(signed)).await {
        Ok(found) => found.wrong.is_empty(),
        // It cannot be read now: that says nothing about it.
        Err(_) => true,
    }
}

async fn send(ports: &Real, book: &Book, note: String) {
    let Some(to) = book.settings.mail.clone() else { return };
    let (words, language) = (notice::Words::Checkpoint { note }, Language::English);
    let message = Message { channel: Channel::Mail, user: None, to, language, words, lives_ms: notice::MAIL_ENDS_MS };
    if let Err(failure) = notice::queue(ports, message).await {
        log!("florin gateway", "a checkpoint is not mailed: {}", failure);
    }
}

/// What a proof says, for somebody without the log.
pub fn checked(recorded: &Recorded, checkpoint: &Checkpoint) -> Value {
    json!({
        "ok": true, "number": recorded.number, "created": recorded.at.seconds(), "action": recorded.action.as_str(),
        "actor": recorded.actor.as_str(), "outcome": recorded.outcome.as_str(),
        "detail": recorded.detail.as_ref().map(|word| word.as_str()),
        "log": checkpoint.origin, "log_size": checkpoint.size, "entry_bytes": recorded.encode().len(),
    })
}
