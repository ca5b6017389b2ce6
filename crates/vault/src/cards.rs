//! Cards to tokens and back: checks, sealing under data keys, keyed hashes. The one place where a card number is read from disk.
//! Knows no socket and no message.

use crate::cells::Cells;
use crate::core::id::{Key, KeyGen};
use crate::core::seal::{Algorithm, SealKey, Secret};
use crate::core::threeds::TransId;
use crate::core::time::Time;
use crate::core::wire::{CardToken, Network};
use crate::db::{CardRow, Db, DbError, DbTrouble, Write};
use crate::keys::{KekProvider, NoChance, fresh_secret, random};
use crate::refusal::CardRefusal;
use florin_connect::card::{BadCard, Card, Cvc, Expiry, First6, Last4, Pan};
use florin_connect::testcards;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

pub mod rotation;
#[cfg(test)]
mod tests;

/// Cards sealed under one data key before the next is made.
pub const CARDS_PER_DEK: u64 = 1 << 20;
/// Cards looked at in one query of an audit.
const CARDS_PER_PAGE: u32 = 1_000;
/// A card's last use is written down once a day.
const USED_EVERY_MS: i64 = 86_400_000;
/// Format of the sealed part: format 1 byte, year 2 bytes, month 1 byte, then the digits.
const CARD_FORMAT: u8 = 1;
/// Named values of the database: which KEK wraps, since when (milliseconds since 1970), and the keys that are no data keys.
const CHECK: &str = "kek check";
const SINCE: &str = "kek since";
const SECRETS: [&str; 2] = ["fingerprints", "digests"];

/// A card as a person or program gave it. Wiped when dropped; has no text form.
pub struct NewCard {
    pub account: Key,
    pub live: bool,
    /// Digits with spaces or dashes, or in test mode the name of a test card.
    pub number: Zeroizing<String>,
    /// 1 to 12. With a name month and year may both be 0, for the test card's own.
    pub exp_month: u8,
    /// Four digits, or two for this century.
    pub exp_year: u16,
    /// With a name and None, the test card's own.
    pub cvc: Option<Zeroizing<String>>,
}

/// What the rest of Florin may know of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenised {
    pub token: CardToken,
    pub network: Network,
    pub last4: Last4,
    pub first6: First6,
    pub exp_month: u8,
    pub exp_year: u16,
    /// 16 base-62 characters, equal for equal numbers within an account.
    pub fingerprint: String,
    /// Keyed hash of account, number and expiry, without the security code: stands for the card in idempotency fingerprints.
    pub card_digest: [u8; 32],
    /// A security code was given and is held for the first payment.
    pub cvc_given: bool,
    /// `credit`, `debit` or `prepaid`, where known.
    pub funding: Option<String>,
    /// ISO 3166 alpha-2 of the issuer, where known.
    pub country: Option<String>,
}

struct Dek {
    version: u16,
    algorithm: Algorithm,
    key: SealKey,
}

impl Dek {
    fn new(version: u16, algorithm: Algorithm, secret: &Secret) -> Dek {
        Dek { version, algorithm, key: SealKey::of(algorithm, secret, version) }
    }
}

/// The data keys that were unwrapped, newest last.
struct Ring {
    kek: Box<dyn KekProvider>,
    deks: BTreeMap<u16, Dek>,
    /// Cards under the newest.
    cards: u64,
    /// What new cards are sealed with: a newest key of another kind is followed by one of this.
    algorithm: Algorithm,
}

pub struct Cards {
    db: Db,
    ring: Mutex<Ring>,
    fingerprints: Secret,
    digests: Secret,
    keys: Mutex<KeyGen>,
    live: bool,
    /// One start of one vault: a token that names it may have its security code here.
    pub instance: u32,
    cells: Arc<Mutex<Cells>>,
}

impl Ring {
    /// Makes the next data key, which is written before anything that it seals.
    fn next_dek(&mut self, db: &Db, now: Time) -> Result<u16, NoChance> {
        let version =
            self.deks.last_key_value().map_or(Some(1), |(newest, _)| newest.checked_add(1)).ok_or(NoChance)?;
        let secret = fresh_secret()?;
        let algorithm = self.algorithm;
        let wrapped = self.kek.wrap(&dek_name(version, algorithm), &secret)?;
        // First in the same queue as its cards: a failure there stops the writer, so no card is kept without its key.
        db.queue_dek(version, wrapped, (now, algorithm)).map_err(|_| NoChance)?;
        self.deks.insert(version, Dek::new(version, algorithm, &secret));
        self.cards = 0;
        Ok(version)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a wrapped data key is bound to.
fn dek_name(version: u16, algorithm: Algorithm) -> String {
    match algorithm {
        Algorithm::Aes256Gcm => format!("dek {version}"),
        Algorithm::ChaCha20Poly1305 => format!("dek {version} {}", algorithm.name()),
    }
}

impl Cards {
    /// Opens the cards in this folder with their key, or starts a new collection.
    pub fn open(folder: &Path, kek: Box<dyn KekProvider>, live: bool) -> Result<Cards, DbError> {
        let db = Db::open(folder, || {
            Ok(vec![
                (CHECK, kek.check_value().to_vec()),
                ("mode", vec![u8::from(live)]),
                ("fingerprints", kek.wrap("fingerprints", &fresh_secret()?)?),
                ("digests", kek.wrap("digests", &fresh_secret()?)?),
            ])
        })?;
        let path = db.path().to_owned();
        let io = |_: DbTrouble| DbError::Io { path: path.clone(), detail: "a row cannot be read".into() };
        if db.meta(CHECK).map_err(io)?.as_deref() != Some(&kek.check_value()) {
            return Err(DbError::WrongKek(path));
        }
        if db.meta("mode").map_err(io)?.as_deref() != Some(&[u8::from(live)]) {
            return Err(DbError::OtherMode { path, live });
        }
        let damaged = |name: &str| DbError::KeyDamaged { path: path.clone(), name: name.to_owned() };
        let secret = |name: &'static str| {
            let wrapped = db.meta(name).map_err(io)?.ok_or_else(|| damaged(name))?;
            kek.unwrap(name, &wrapped).map_err(|_| damaged(name))
        };
        let (fingerprints, digests) = (secret("fingerprints")?, secret("digests")?);
        let mut deks = BTreeMap::new();
        for row in db.deks().map_err(io)? {
            let Some(algorithm) = Algorithm::from_u8(row.algorithm) else {
                return Err(damaged(&format!("dek {}", row.version)));
            };
            let name = dek_name(row.version, algorithm);
            let secret = kek.unwrap(&name, &row.wrapped).map_err(|_| damaged(&name))?;
            deks.insert(row.version, Dek::new(row.version, algorithm, &secret));
        }
        let cards = match deks.last_key_value() {
            Some((newest, _)) => db.cards_under(*newest).map_err(io)?,
            None => 0,
        };
        let keys = Mutex::new(KeyGen::new(0, db.newest_card().map_err(io)?));
        let algorithm = deks.last_key_value().map_or_else(Algorithm::default, |(_, newest)| newest.algorithm);
        let ring = Mutex::new(Ring { kek, deks, cards, algorithm });
        let instance = u32::from_be_bytes(random()?);
        let cells = Arc::new(Mutex::new(Cells::new()?));
        Ok(Cards { db, ring, fingerprints, digests, keys, live, instance, cells })
    }

    /// Seals new cards with this from now on.
    pub fn seal_with(&self, algorithm: Algorithm) {
        locked(&self.ring).algorithm = algorithm;
    }

    pub fn db(&self) -> &Db {
        &self.db
    }

    pub fn live(&self) -> bool {
        self.live
    }

    /// Checks a card, seals it and gives it a token. `done` is called once the card is durable; until then nobody has its token.
    /// `steady` is for the security code's deadline, `now` for the expiry.
    pub fn tokenise(
        &self,
        steady: Time,
        now: Time,
        new: NewCard,
        done: impl FnOnce(Result<Tokenised, CardRefusal>) + Send + 'static,
    ) {
        let (card, row, tokenised) = match self.check_and_seal(now, new) {
            Ok(ready) => ready,
            Err(refusal) => return done(Err(refusal)),
        };
        if let Some(cvc) = &card.cvc
            && locked(&self.cells).put(steady, row.key, cvc).is_err()
        {
            return done(Err(CardRefusal::Trouble));
        }
        let (key, cells) = (row.key, Arc::clone(&self.cells));
        let written = move |written: Result<(), DbTrouble>| match written {
            Ok(()) => done(Ok(tokenised)),
            Err(DbTrouble::Busy | DbTrouble::Stopped | DbTrouble::Unreadable) => {
                locked(&cells).forget(key);
                done(Err(CardRefusal::Trouble));
            }
        };
        self.db.write(Write::Card(row), Box::new(written));
    }

    fn check_and_seal(&self, now: Time, new: NewCard) -> Result<(Card, CardRow, Tokenised), CardRefusal> {
        let (account, live) = (new.account, new.live);
        let card = checked(now, self.live, new)?;
        let network = card.pan.network().ok_or(CardRefusal::Bad(BadCard::UnsupportedBrand))?;
        let key = locked(&self.keys).next(now);
        let (dek, sealed) = self.seal(now, &aad(account, key, live), &card).map_err(|_| CardRefusal::Trouble)?;
        let pan = card.pan.reveal().as_bytes();
        let account_bytes = account.0.to_be_bytes();
        let hash = self.fingerprints.mac(&[&account_bytes, pan]);
        let mut fingerprint = [0u8; 16];
        fingerprint.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        let Expiry { year, month } = card.expiry;
        let about = testcards::find(card.pan.reveal());
        let tokenised = Tokenised {
            token: CardToken { key, vault: self.instance },
            network,
            last4: card.pan.last4(),
            first6: card.pan.first6(),
            exp_month: month,
            exp_year: year,
            fingerprint: base62(fingerprint),
            card_digest: self.digests.mac(&[&account_bytes, pan, card.expiry.yymm().as_bytes()]),
            cvc_given: card.cvc.is_some(),
            funding: about.map(|test| test.funding.as_str().to_owned()),
            country: about.map(|test| test.country.clone()),
        };
        let row = CardRow { key, account, dek, sealed, fingerprint, created: now, last_used: now };
        Ok((card, row, tokenised))
    }

    /// Seals under the newest data key; makes the next one when that has sealed enough. A new one is written before its first card.
    fn seal(&self, now: Time, aad: &[u8], card: &Card) -> Result<(u16, Vec<u8>), NoChance> {
        let mut plain = Zeroizing::new(Vec::with_capacity(32));
        plain.push(CARD_FORMAT);
        plain.extend_from_slice(&card.expiry.year.to_be_bytes());
        plain.push(card.expiry.month);
        plain.extend_from_slice(card.pan.reveal().as_bytes());
        let nonce = random()?;
        let mut ring = locked(&self.ring);
        let other = ring.deks.last_key_value().is_none_or(|(_, newest)| newest.algorithm != ring.algorithm);
        if other || ring.cards >= CARDS_PER_DEK {
            ring.next_dek(&self.db, now)?;
        }
        ring.cards += 1;
        let newest = ring.deks.last_key_value().ok_or(NoChance)?.1;
        Ok((newest.version, newest.key.seal(nonce, aad, &plain)))
    }

    /// The card behind a token, without its security code. Nothing if it is not this account's, or of the other mode.
    pub fn find(&self, now: Time, account: Key, live: bool, token: CardToken) -> Result<Option<Card>, DbTrouble> {
        let Some(row) = self.db.card(token.key)? else { return Ok(None) };
        if row.account != account || live != self.live {
            return Ok(None);
        }
        let card = self.unseal(&row).ok_or(DbTrouble::Unreadable)?;
        if now.since(row.last_used) > USED_EVERY_MS {
            self.db.write(Write::Used { key: row.key, at: now }, Box::new(|_| {}));
        }
        Ok(Some(card))
    }

    /// Opens every card there is: how many, and how many of them do not open. No number leaves.
    pub fn audit(&self) -> Result<(u64, u64), DbTrouble> {
        let (mut all, mut wrong, mut after) = (0, 0, Key(i64::MIN));
        loop {
            let page = self.db.cards_behind(after, CARDS_PER_PAGE)?;
            let Some(last) = page.last() else { return Ok((all, wrong)) };
            after = *last;
            for key in page {
                all += 1;
                let opens = self.db.card(key)?.is_some_and(|row| self.unseal(&row).is_some());
                wrong += u64::from(!opens);
            }
        }
    }

    fn unseal(&self, row: &CardRow) -> Option<Card> {
        let ring = locked(&self.ring);
        let dek = ring.deks.get(&row.dek)?;
        let plain = Zeroizing::new(dek.key.open(&aad(row.account, row.key, self.live), &row.sealed).ok()?);
        let [CARD_FORMAT, y1, y2, month, digits @ ..] = plain.as_slice() else { return None };
        let expiry = Expiry::new(u16::from_be_bytes([*y1, *y2]), *month).ok()?;
        let pan = Pan::parse(std::str::from_utf8(digits).ok()?).ok()?;
        Some(Card { pan, expiry, cvc: None, cavv: None })
    }

    /// The 3DS Server's transaction id of an authentication: the same whenever it is asked for, and nobody else's to guess.
    pub fn transaction(&self, account: Key, authentication: Key) -> TransId {
        let parts = [account.0.to_be_bytes(), authentication.0.to_be_bytes()];
        let mac = self.digests.mac(&[b"3ds", &parts[0], &parts[1]]);
        let mut id = [0u8; 16];
        id.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        // RFC 9562 §5.8: version 8, the variant of that document.
        id[6] = (id[6] & 0x0f) | 0x80;
        id[8] = (id[8] & 0x3f) | 0x80;
        TransId(id)
    }

    /// The security code that came with the card, once, if this start of the vault took it.
    pub fn take_cvc(&self, steady: Time, token: CardToken) -> Option<Cvc> {
        if token.vault != self.instance {
            return None;
        }
        locked(&self.cells).take(steady, token.key)
    }

    /// Keeps a security code that came without a card, for the payment that names it. `now` is for its name alone.
    pub fn keep_code(&self, steady: Time, now: Time, live: bool, code: &str) -> Result<CardToken, CardRefusal> {
        if live != self.live {
            return Err(CardRefusal::OtherMode);
        }
        let cvc = Cvc::parse(code, None).map_err(CardRefusal::Bad)?;
        let key = locked(&self.keys).next(now);
        locked(&self.cells).put(steady, key, &cvc).map_err(|_| CardRefusal::Trouble)?;
        Ok(CardToken { key, vault: self.instance })
    }

    /// Forgets security codes whose time is over.
    pub fn expire_cells(&self, steady: Time) {
        locked(&self.cells).expire(steady);
    }

    /// Security codes held now.
    pub fn cells(&self) -> usize {
        locked(&self.cells).len()
    }
}

/// Binds a sealed card to its place.
fn aad(account: Key, token: Key, live: bool) -> [u8; 18] {
    let mut out = [0u8; 18];
    let parts = account.0.to_be_bytes().into_iter().chain(token.0.to_be_bytes()).chain([u8::from(live), CARD_FORMAT]);
    out.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    out
}

/// The card, if it is good and belongs to this mode.
fn checked(now: Time, vault_live: bool, new: NewCard) -> Result<Card, CardRefusal> {
    if new.live != vault_live {
        return Err(CardRefusal::OtherMode);
    }
    let is_name = new.number.bytes().any(|b| b.is_ascii_alphabetic());
    let named = if is_name {
        let found = if new.live { None } else { testcards::by_name(&new.number) };
        Some(found.ok_or(CardRefusal::NoSuchName)?)
    } else {
        None
    };
    let pan = match named {
        Some(test) => Pan::parse(test.number()),
        None => Pan::parse(&new.number),
    }
    .map_err(CardRefusal::Bad)?;
    let network = pan.network().ok_or(CardRefusal::Bad(BadCard::UnsupportedBrand))?;
    let expiry = match named {
        Some(_) if (new.exp_year, new.exp_month) == (0, 0) => testcards::EXPIRY,
        _ => Expiry::new(new.exp_year, new.exp_month).map_err(CardRefusal::Bad)?,
    };
    let cvc = match (&new.cvc, named) {
        (Some(text), _) => Some(text.as_str()),
        (None, Some(test)) => Some(test.security_code()),
        (None, None) => None,
    };
    let cvc = cvc.map(|text| Cvc::parse(text, Some(network))).transpose().map_err(CardRefusal::Bad)?;
    if expiry.is_past(now) {
        return Err(CardRefusal::Bad(BadCard::Expired));
    }
    match (new.live, testcards::find(pan.reveal()).is_some()) {
        (false, false) => Err(CardRefusal::TestModeLiveCard),
        (true, true) => Err(CardRefusal::LiveModeTestCard),
        (false, true) | (true, false) => Ok(Card { pan, expiry, cvc, cavv: None }),
    }
}

/// 16 characters; 62^16 is a little less than 2^96.
fn base62(hash: [u8; 16]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut n = u128::from_be_bytes(hash);
    let mut out = String::with_capacity(16);
    for _ in 0..16 {
        let digit = usize::try_from(n % 62).unwrap_or(0);
        out.push(DIGITS.get(digit).map_or('0', |b| char::from(*b)));
        n /= 62;
    }
    out
}
