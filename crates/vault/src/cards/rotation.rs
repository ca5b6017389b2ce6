//! Other keys for the same cards, while the vault serves: a KEK that follows another, data keys that follow others.
//! A crash in between loses nothing: what wraps changes in one transaction, and what is sealed by two keys is readable by both.

use super::{CHECK, Cards, Ring, SECRETS, SINCE, aad, dek_name, locked};
use crate::core::id::Key;
use crate::core::seal::{Algorithm, Secret};
use crate::core::time::Time;
use crate::db::{CardRow, Db, DbTrouble, DekRow, Done, Write};
use crate::keys::{KekError, KekKind, NextKek, NoChance, random};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Cards sealed anew between two looks at other work.
pub const BATCH_CARDS: u32 = 256;
/// Too many writes wait: the cards go first.
const WHEN_BUSY: Duration = Duration::from_millis(50);
/// While it stands, cards are sealed anew under this data key: 2 bytes.
const RESEAL: &str = "reseal";

/// What `florin keys status` shows. No key and nothing that opens one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysStatus {
    pub kind: KekKind,
    /// Check value of the KEK, hexadecimal.
    pub kek: String,
    /// Since when it wraps, in milliseconds since 1970; None for vaults made before that was written down.
    pub kek_since: Option<i64>,
    pub data_keys: Vec<DataKey>,
    /// The data key that all cards are being sealed under, if they are.
    pub resealing: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataKey {
    pub version: u16,
    /// Milliseconds since 1970.
    pub created: i64,
    pub cards: u64,
    /// What it seals with: `aes-256-gcm` or `chacha20-poly1305`.
    pub algorithm: String,
}

/// Why keys stay as they were.
#[derive(Debug)]
pub enum RotateError {
    Kek(KekError),
    /// The KEK that is to follow is the one that wraps now.
    Same,
    NoChance,
    /// A wrapped key does not open: nothing was changed.
    KeyDamaged(String),
    Db(DbTrouble),
}

impl fmt::Display for RotateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RotateError::Kek(e) => e.fmt(f),
            RotateError::Same => f.write_str("this key wraps already; nothing was changed"),
            RotateError::NoChance => {
                f.write_str("there are no random bytes, or the hardware module does not answer; nothing was changed")
            }
            RotateError::KeyDamaged(name) => {
                write!(
                    f,
                    "the key `{name}` in the vault's database is damaged; restore the database from a backup. Nothing was changed"
                )
            }
            RotateError::Db(trouble) => write!(f, "the vault's database could not be written: {trouble:?}"),
        }
    }
}

impl RotateError {
    pub fn code(&self) -> &'static str {
        match self {
            RotateError::Kek(e) => e.code(),
            RotateError::Same => "same_key",
            RotateError::NoChance => "no_randomness",
            RotateError::KeyDamaged(_) => "key_damaged",
            RotateError::Db(_) => "database_error",
        }
    }
}

impl From<NoChance> for RotateError {
    fn from(_: NoChance) -> RotateError {
        RotateError::NoChance
    }
}
impl From<DbTrouble> for RotateError {
    fn from(trouble: DbTrouble) -> RotateError {
        RotateError::Db(trouble)
    }
}

impl Cards {
    /// Wraps every key under the KEK that follows, in one transaction. `done` is called once that is durable; until then a crash leaves
    /// the old one in place.
    pub fn rotate_kek(&self, now: Time, next: &NextKek, done: Done) -> Result<(), RotateError> {
        let mut ring = locked(&self.ring);
        let kek = ring.kek.next(next).map_err(RotateError::Kek)?;
        if kek.check_value() == ring.kek.check_value() {
            return Err(RotateError::Same);
        }
        let damaged = |name: &str| RotateError::KeyDamaged(name.to_owned());
        let rewrap = |name: &str, wrapped: &[u8]| -> Result<Vec<u8>, RotateError> {
            Ok(kek.wrap(name, &ring.kek.unwrap(name, wrapped).map_err(|_| damaged(name))?)?)
        };
        let mut meta = vec![(CHECK, kek.check_value().to_vec()), (SINCE, now.0.to_be_bytes().to_vec())];
        for name in SECRETS {
            let wrapped = self.db.meta(name)?.ok_or_else(|| damaged(name))?;
            meta.push((name, rewrap(name, &wrapped)?));
        }
        let mut deks = Vec::new();
        for row in self.db.deks()? {
            let name = name_of(&row).ok_or_else(|| damaged(&format!("dek {}", row.version)))?;
            deks.push((row.version, rewrap(&name, &row.wrapped)?));
        }
        // A data key that is queued and not written yet is not among those that were read.
        if deks.len() != ring.deks.len() {
            return Err(RotateError::Db(DbTrouble::Busy));
        }
        self.db.queue(Write::Rewrap { meta, deks }, done)?;
        // Keys that are made from now on stand behind that write in the queue: if it fails, so do they.
        ring.kek = kek;
        Ok(())
    }

    /// Makes a new data key, and begins to seal every card under it.
    pub fn rotate_dek(&self, now: Time, done: Done) -> Result<u16, RotateError> {
        let version = locked(&self.ring).next_dek(&self.db, now)?;
        let value = Some(version.to_be_bytes().to_vec());
        self.db.write(Write::Meta { name: RESEAL, value }, done);
        Ok(version)
    }

    /// Writes down since when the KEK wraps, for a vault that does not know it yet.
    pub fn note_kek(&self, now: Time) {
        if matches!(self.db.meta(SINCE), Ok(None)) {
            let value = Some(now.0.to_be_bytes().to_vec());
            self.db.write(Write::Meta { name: SINCE, value }, Box::new(|_| {}));
        }
    }

    /// The data key that cards are being sealed under, if a rotation is not finished.
    pub fn resealing(&self) -> Result<Option<u16>, DbTrouble> {
        let value = self.db.meta(RESEAL)?;
        Ok(value.and_then(|v| <[u8; 2]>::try_from(v).ok()).map(u16::from_be_bytes))
    }

    /// Seals the next cards after this one anew. Gives the last of them, or nothing when none is left. `done` is called once they are
    /// durable.
    pub fn reseal(&self, version: u16, after: Key, done: Done) -> Result<Option<Key>, RotateError> {
        let rows = self.db.cards_under_older(version, after, BATCH_CARDS)?;
        let Some(last) = rows.last().map(|row| row.key) else {
            done(Ok(()));
            return Ok(None);
        };
        let mut done = Some(done);
        for row in rows {
            let sealed = self.sealed_anew(version, &row)?;
            let then = if row.key == last { done.take() } else { None };
            let write = Write::Reseal { key: row.key, old: row.dek, dek: version, sealed };
            self.db.write(write, then.unwrap_or_else(|| Box::new(|_| {})));
        }
        Ok(Some(last))
    }

    fn sealed_anew(&self, version: u16, row: &CardRow) -> Result<Vec<u8>, RotateError> {
        crate::wipe::touched();
        let name = || RotateError::KeyDamaged(format!("dek {}", row.dek));
        let place = aad(row.account, row.key, self.live);
        let ring = locked(&self.ring);
        let (old, new) = ring.deks.get(&row.dek).zip(ring.deks.get(&version)).ok_or_else(name)?;
        let plain = Zeroizing::new(old.key.open(&place, &row.sealed).map_err(|_| name())?);
        Ok(new.key.seal(random()?, &place, &plain))
    }

    /// Every card is under this data key: older ones are forgotten. Backups that hold cards under them hold them too.
    pub fn resealed(&self, version: u16, done: Done) {
        let mut ring = locked(&self.ring);
        self.db.write(Write::DropDeks { below: version }, Box::new(|_| {}));
        self.db.write(Write::Meta { name: RESEAL, value: None }, done);
        ring.deks.retain(|held, _| *held >= version);
    }

    /// The state of the keys, with `resealing` from before `tally`, which is from `Db::tally`: a rotation that ends in between is told as
    /// going on with its counts, never as finished with keys that are gone.
    fn keys(&self, resealing: Option<u16>, tally: &[(u16, u64)]) -> Result<KeysStatus, DbTrouble> {
        let since = self.db.meta(SINCE)?.and_then(|v| <[u8; 8]>::try_from(v).ok()).map(i64::from_be_bytes);
        let cards = |version: u16| tally.iter().find(|(v, _)| *v == version).map_or(0, |(_, cards)| *cards);
        let deks = self.db.deks()?;
        let ring: &Ring = &locked(&self.ring);
        Ok(KeysStatus {
            kind: ring.kek.kind(),
            kek: ring.kek.check_value().iter().map(|b| format!("{b:02x}")).collect(),
            kek_since: since,
            data_keys: deks
                .iter()
                .map(|d| DataKey {
                    version: d.version,
                    created: d.created.0,
                    cards: cards(d.version),
                    algorithm: Algorithm::from_u8(d.algorithm).map_or("unknown", Algorithm::name).to_owned(),
                })
                .collect(),
            resealing,
        })
    }
}

/// When the KEK began to wrap and the newest data key to seal, read beside whoever serves: milliseconds since 1970, None where that is not
/// written down. None altogether without a vault in this folder.
pub fn ages(folder: &Path) -> Option<(Option<i64>, Option<i64>)> {
    Db::ages(folder)
}

fn name_of(row: &DekRow) -> Option<String> {
    Some(dek_name(row.version, Algorithm::from_u8(row.algorithm)?))
}

/// The check value of the KEK that the database in this folder wants; nothing for a new one.
pub fn wanted_kek(folder: &Path) -> Option<[u8; 8]> {
    Db::peek(folder, CHECK)?.try_into().ok()
}

/// What `florin keys` asks of a running vault.
#[derive(Serialize, Deserialize)]
pub enum KeysAsk {
    Status,
    /// Another KEK of the same kind: its bytes, or the label of a key of the same token.
    RotateKek(Next),
    /// A new data key, under which every card is sealed: with this algorithm, or with the one that seals now.
    RotateData {
        algorithm: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
pub enum Next {
    Secret { secret: [u8; 32], proof: [u8; 32] },
    Labelled(String),
}

/// What comes of it: the state afterwards, or why nothing was changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KeysAnswer {
    Status(KeysStatus),
    Refused { code: String, message: String },
}

impl From<RotateError> for KeysAnswer {
    fn from(e: RotateError) -> KeysAnswer {
        KeysAnswer::Refused { code: e.code().to_owned(), message: e.to_string() }
    }
}

/// For a write that is waited for.
fn awaited() -> (Done, oneshot::Receiver<Result<(), DbTrouble>>) {
    let (tell, told) = oneshot::channel();
    let done = Box::new(move |written| {
        let _ = tell.send(written);
    });
    (done, told)
}

/// Answers, once what was asked for is durable. Sealing every card anew goes on after that; `status` tells how far it is.
pub async fn answer(cards: Arc<Cards>, now: Time, ask: KeysAsk) -> KeysAnswer {
    let (done, told) = awaited();
    let asked = match ask {
        KeysAsk::Status => {
            done(Ok(()));
            Ok(())
        }
        KeysAsk::RotateKek(Next::Secret { secret, proof }) => {
            cards.rotate_kek(now, &NextKek::Secret { secret: Secret::new(secret), proof }, done)
        }
        KeysAsk::RotateKek(Next::Labelled(label)) => cards.rotate_kek(now, &NextKek::Labelled(label), done),
        KeysAsk::RotateData { algorithm } => {
            if let Some(algorithm) = algorithm.as_deref().and_then(Algorithm::parse) {
                cards.seal_with(algorithm);
            }
            cards.rotate_dek(now, done).map(|version| {
                tokio::spawn(reseal_all(Arc::clone(&cards), version));
            })
        }
    };
    if let Err(e) = asked {
        return e.into();
    }
    match told.await.unwrap_or(Err(DbTrouble::Stopped)) {
        Ok(()) => {}
        Err(trouble) => return RotateError::Db(trouble).into(),
    }
    let resealing = match cards.resealing() {
        Ok(resealing) => resealing,
        Err(trouble) => return RotateError::Db(trouble).into(),
    };
    let tally = tally(cards.db().path().to_owned()).await;
    cards.keys(resealing, &tally).map_or_else(|trouble| RotateError::Db(trouble).into(), KeysAnswer::Status)
}

/// Seals every card under this data key, a batch at a time, while the vault serves. Begun again after a restart.
pub async fn reseal_all(cards: Arc<Cards>, version: u16) {
    // What was queued under older keys is written before this is: no card can appear behind the passes.
    let (noted, told) = awaited();
    let value = Some(version.to_be_bytes().to_vec());
    cards.db.write(Write::Meta { name: RESEAL, value }, noted);
    if !matches!(told.await, Ok(Ok(()))) {
        return;
    }
    // The pass that finds nothing is the last.
    while pass(&cards, version).await.is_some_and(|moved| moved > 0) {}
    match cards.db.cards_under_older(version, Key(i64::MIN), 1) {
        Ok(left) if left.is_empty() => {
            let (done, told) = awaited();
            cards.resealed(version, done);
            let _ = told.await;
        }
        // Begun again at the next start, or by another rotation.
        Ok(_) | Err(_) => {}
    }
}

/// One way through the table. Gives the number of batches, or nothing when it cannot go on.
async fn pass(cards: &Cards, version: u16) -> Option<u64> {
    let (mut after, mut batches) = (Key(i64::MIN), 0);
    loop {
        let (done, told) = awaited();
        let Some(last) = cards.reseal(version, after, done).ok()? else { return Some(batches) };
        (after, batches) = (last, batches + 1);
        match told.await {
            Ok(Ok(())) => tokio::task::yield_now().await,
            Ok(Err(DbTrouble::Busy)) => tokio::time::sleep(WHEN_BUSY).await,
            Ok(Err(_)) | Err(_) => return None,
        }
    }
}

/// Reads how many cards each data key seals, away from the thread that serves.
pub async fn tally(path: PathBuf) -> Vec<(u16, u64)> {
    tokio::task::spawn_blocking(move || Db::tally(&path).unwrap_or_default()).await.unwrap_or_default()
}
