//! Bodies to sealed bytes and back, on the caller's thread. Binds each record to its place. Knows no SQL.

use super::keys::{Keys, Use, random};
use super::person::Person;
use crate::commitment::{self, Also, Digest};
use florin_core::commit::{
    Claim, ClaimId, Claimed, Commit, Event, IndexEntry, Job, JobId, Links, Origin, Personal, Row, Version,
};
use florin_core::id::{Key, Kind};
use florin_core::ledger::Transfer;
use florin_core::seal::{SealKey, Secret, key_version};
use florin_core::store::StoreTrouble;
use florin_core::time::Time;
use zeroize::Zeroizing;

/// First byte of what is sealed of a row.
const ROW_FORMAT: u8 = 2;
const NONCE_LEN: usize = 12;
const RANDOM_LEN: usize = 32;

/// Where a row's bodies belong.
#[derive(Clone, Copy)]
pub struct Place {
    pub account: Key,
    pub kind: Kind,
    pub key: Key,
    pub version: Version,
}

/// The key of a person as the database has it.
pub enum Wrap {
    /// Wrapped under the account's key.
    Held(Vec<u8>),
    /// Erased: nothing personal is kept any more.
    Erased,
    /// Nobody has put anything for this person yet.
    None,
}

pub struct SealedRow {
    pub place: Place,
    pub at: Time,
    pub sealed: Vec<u8>,
    pub commitment: Digest,
    pub personal: Option<SealedPersonal>,
    pub index: Vec<IndexEntry>,
}

pub struct SealedPersonal {
    pub subject: Key,
    pub sealed: Vec<u8>,
    /// The key it is sealed under, wrapped: the writer makes sure that it is the database's.
    pub wrapped: Vec<u8>,
}

pub enum SealedClaim {
    Take { id: ClaimId, at: Time, begun: Vec<u8>, answer: Option<Vec<u8>> },
    Finish { id: ClaimId, answer: Vec<u8> },
    Amend { id: ClaimId, answer: Vec<u8> },
}

/// A claim as it is stored.
pub struct SealedClaimed {
    pub id: ClaimId,
    pub at: Time,
    pub begun: Vec<u8>,
    pub answer: Option<Vec<u8>>,
}

/// A commit whose bodies are sealed: all that the writer sees.
pub struct SealedCommit {
    pub expect: Vec<(Key, Version)>,
    pub rows: Vec<SealedRow>,
    pub transfers: Vec<Transfer>,
    /// Of the transfers, if there are any.
    pub moved: Option<Digest>,
    pub events: Vec<Event>,
    pub jobs: Vec<Job>,
    pub done: Vec<JobId>,
    pub claim: Option<SealedClaim>,
    pub links: Option<Links>,
}

/// The keys, and the version of those that seal now.
#[derive(Clone, Copy)]
pub struct Sealer<'k> {
    pub keys: &'k Keys,
    pub version: u16,
}

/// Seals a commit. `wraps` are the persons' keys, one for each row, or none at all without persons.
pub fn commit(sealer: Sealer<'_>, commit: Commit, wraps: Vec<Wrap>) -> Result<SealedCommit, StoreTrouble> {
    let mut rows: Vec<SealedRow> = Vec::with_capacity(commit.put.len());
    let mut wraps = wraps.into_iter();
    let (cause, moved) = (commit.cause(), commitment::moved(&commit.transfers));
    for row in commit.put {
        let mut wrap = wraps.next().unwrap_or(Wrap::None);
        if let (Wrap::None, Some(personal)) = (&wrap, &row.personal) {
            // Two rows of one new person share the key that the first of them makes.
            let same = |made: &SealedRow| made.place.account == row.account && made.subject() == Some(personal.subject);
            let made = rows.iter().find(|made| same(made)).and_then(|made| made.personal.as_ref());
            wrap = made.map_or(Wrap::None, |made| Wrap::Held(made.wrapped.clone()));
        }
        let told_first = cause == Some((row.key, row.version));
        rows.push(seal_row(sealer, row, commit.origin.as_ref(), &wrap, moved.as_ref().filter(|_| told_first))?);
    }
    Ok(SealedCommit {
        expect: commit.expect,
        rows,
        transfers: commit.transfers,
        moved,
        events: commit.events,
        jobs: commit.jobs,
        done: commit.done,
        claim: commit.claim.map(|claim| seal_claim(sealer, claim)).transpose()?,
        links: commit.links,
    })
}

impl SealedRow {
    fn subject(&self) -> Option<Key> {
        self.personal.as_ref().map(|personal| personal.subject)
    }
}

impl Place {
    fn bytes(&self, record: u8) -> [u8; 22] {
        let mut out = [0; 22];
        out[0] = record;
        out[1] = self.kind as u8;
        out[2..10].copy_from_slice(&self.account.0.to_be_bytes());
        out[10..18].copy_from_slice(&self.key.0.to_be_bytes());
        out[18..].copy_from_slice(&self.version.0.to_be_bytes());
        out
    }
    pub fn aad(&self) -> [u8; 22] {
        self.bytes(b'r')
    }
    pub fn personal_aad(&self, subject: Key) -> Vec<u8> {
        [self.bytes(b'p').as_slice(), &subject.0.to_be_bytes()].concat()
    }
}

fn seal_row(
    sealer: Sealer<'_>,
    row: Row,
    origin: Option<&Origin>,
    wrap: &Wrap,
    moved: Option<&Digest>,
) -> Result<SealedRow, StoreTrouble> {
    let place = Place { account: row.account, kind: row.kind, key: row.key, version: row.version };
    let chance: Zeroizing<[u8; RANDOM_LEN + NONCE_LEN]> = Zeroizing::new(random()?);
    let (salt, nonce) = chance.split_first_chunk::<RANDOM_LEN>().ok_or_else(bug)?;
    let nonce = *nonce.first_chunk::<NONCE_LEN>().ok_or_else(bug)?;
    let (personal, digest) = match &row.personal {
        None => (None, None),
        Some(personal) => {
            let (sealed, digest) = seal_personal(sealer, &place, personal, wrap)?;
            (sealed, Some(digest))
        }
    };
    let commitment = commitment::of_row(salt, &row.body, Also { personal: digest.as_ref(), moved });
    let plain = Zeroizing::new(pack(salt, digest.as_ref(), &row, origin)?);
    let key = sealer.keys.of(sealer.version, row.account, row.key, Use::Rows)?;
    let sealed = key.seal(nonce, &place.aad(), &plain);
    Ok(SealedRow { place, at: row.at, sealed, commitment, personal, index: row.index })
}

/// format | salt | has a personal digest | the digest | count of index entries | the entries | request | idempotency key | body
fn pack(salt: &Digest, digest: Option<&Digest>, row: &Row, origin: Option<&Origin>) -> Result<Vec<u8>, StoreTrouble> {
    let (index, body) = (&row.index, &row.body);
    let mut plain = Vec::with_capacity(2 * RANDOM_LEN + 103 + index.len() * 17 + body.len());
    plain.push(ROW_FORMAT);
    plain.extend_from_slice(salt);
    plain.push(u8::from(digest.is_some()));
    plain.extend_from_slice(digest.map_or(&[][..], |digest| digest));
    plain.push(u8::try_from(index.len()).map_err(|_| bug())?);
    for entry in index {
        plain.extend_from_slice(&entry.under.0.to_be_bytes());
        plain.push(entry.kind as u8);
        plain.extend_from_slice(&entry.key.0.to_be_bytes());
    }
    put_text(&mut plain, origin.map(|o| o.request.as_str()))?;
    put_text(&mut plain, origin.and_then(|o| o.idempotency_key.as_deref()))?;
    plain.extend_from_slice(body);
    Ok(plain)
}

/// Length in two bytes, one more than the text's; 0 stands for none.
fn put_text(plain: &mut Vec<u8>, text: Option<&str>) -> Result<(), StoreTrouble> {
    let length = text.map_or(0, |t| t.len().saturating_add(1));
    plain.extend_from_slice(&u16::try_from(length).map_err(|_| bug())?.to_be_bytes());
    plain.extend_from_slice(text.unwrap_or_default().as_bytes());
    Ok(())
}

/// The text at the front, if there is one, and what follows; None when it is damaged.
fn take_text(rest: &[u8]) -> Option<(Option<String>, &[u8])> {
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let Some(length) = usize::from(u16::from_be_bytes(*length)).checked_sub(1) else { return Some((None, rest)) };
    let (text, rest) = rest.split_at_checked(length)?;
    Some((Some(std::str::from_utf8(text).ok()?.to_owned()), rest))
}

/// A row's body as it was sealed, with what its commitment is made of.
pub struct Opened {
    pub salt: Digest,
    pub personal: Option<Digest>,
    pub index: Vec<IndexEntry>,
    pub origin: Option<Origin>,
    pub body: Vec<u8>,
}

fn unpack(plain: &[u8]) -> Option<Opened> {
    let ([ROW_FORMAT], rest) = plain.split_first_chunk::<1>()? else { return None };
    let (salt, rest) = rest.split_first_chunk::<RANDOM_LEN>()?;
    let (personal, rest) = match rest.split_first()? {
        (0, rest) => (None, rest),
        (1, rest) => rest.split_first_chunk::<RANDOM_LEN>().map(|(digest, rest)| (Some(*digest), rest))?,
        _ => return None,
    };
    let (count, mut rest) = rest.split_first()?;
    let mut index = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (under, after) = rest.split_first_chunk::<8>()?;
        let (kind, after) = after.split_first()?;
        let (key, after) = after.split_first_chunk::<8>()?;
        let (under, key) = (Key(i64::from_be_bytes(*under)), Key(i64::from_be_bytes(*key)));
        index.push(IndexEntry { under, kind: Kind::from_u8(*kind)?, key });
        rest = after;
    }
    let (request, rest) = take_text(rest)?;
    let (idempotency_key, rest) = take_text(rest)?;
    let origin = request.map(|request| Origin { request, idempotency_key });
    Some(Opened { salt: *salt, personal, index, origin, body: rest.to_vec() })
}

/// None in the first place if the person was erased: the digest alone is kept, and means nothing without its salt.
fn seal_personal(
    sealer: Sealer<'_>,
    place: &Place,
    personal: &Personal,
    wrap: &Wrap,
) -> Result<(Option<SealedPersonal>, Digest), StoreTrouble> {
    let salt: Zeroizing<[u8; RANDOM_LEN]> = Zeroizing::new(random()?);
    let digest = commitment::of_personal(&salt, &personal.body);
    let (person, wrapped) = match wrap {
        Wrap::Erased => return Ok((None, digest)),
        Wrap::Held(wrapped) => {
            (Person::unwrap(sealer.keys, place.account, personal.subject, wrapped)?, wrapped.clone())
        }
        Wrap::None => {
            let person = Person { version: sealer.version, secret: Secret::new(random()?), before: None };
            let wrapped = person.wrap(sealer.keys, place.account, personal.subject)?;
            (person, wrapped)
        }
    };
    let plain = Zeroizing::new([salt.as_slice(), personal.body.as_slice()].concat());
    let key = sealer.keys.of_person(person.version, personal.subject, &person.secret)?;
    let sealed = key.seal(random()?, &place.personal_aad(personal.subject), &plain);
    Ok((Some(SealedPersonal { subject: personal.subject, sealed, wrapped }), digest))
}

/// Opens a row's body: its index entries and what the flow put.
pub fn open_body(keys: &Keys, place: &Place, sealed: &[u8]) -> Result<Opened, StoreTrouble> {
    let key = keys.that_sealed(sealed, place.account, place.key, Use::Rows)?;
    let plain = key.open(&place.aad(), sealed).map(Zeroizing::new).ok();
    plain.and_then(|plain| unpack(&plain)).ok_or(StoreTrouble::Sealed(place.key))
}

pub fn open_personal(
    keys: &Keys,
    place: &Place,
    subject: Key,
    wrapped: &[u8],
    sealed: &[u8],
) -> Result<Personal, StoreTrouble> {
    let key = Person::unwrap(keys, place.account, subject, wrapped)?.that_sealed(keys, subject, sealed)?;
    let plain = key.open(&place.personal_aad(subject), sealed).map(Zeroizing::new);
    let plain = plain.map_err(|_| StoreTrouble::Sealed(place.key))?;
    let body = plain.get(RANDOM_LEN..).ok_or(StoreTrouble::Sealed(place.key))?;
    Ok(Personal { subject, body: body.to_vec() })
}

pub fn claim_aad(record: u8, id: &ClaimId) -> Vec<u8> {
    [&[record], id.slot.to_be_bytes().as_slice(), &id.digest].concat()
}

fn seal_claim(sealer: Sealer<'_>, claim: Claim) -> Result<SealedClaim, StoreTrouble> {
    let key = sealer.keys.of_claim(sealer.version, claim.id())?;
    Ok(match claim {
        Claim::Begin { id, request, subject, at } => {
            SealedClaim::Take { at, begun: seal_begun(&key, &id, &request, subject)?, answer: None, id }
        }
        Claim::Answer { id, request, subject, at, answer } => {
            let answer = seal_answer(&key, &id, &answer)?;
            SealedClaim::Take { at, begun: seal_begun(&key, &id, &request, subject)?, answer: Some(answer), id }
        }
        Claim::Finish { id, answer } => SealedClaim::Finish { answer: seal_answer(&key, &id, &answer)?, id },
        Claim::Amend { id, answer } => SealedClaim::Amend { answer: seal_answer(&key, &id, &answer)?, id },
    })
}

fn seal_begun(key: &SealKey, id: &ClaimId, request: &[u8; 32], subject: Key) -> Result<Vec<u8>, StoreTrouble> {
    let plain = [request.as_slice(), &subject.0.to_be_bytes()].concat();
    Ok(key.seal(random()?, &claim_aad(b'c', id), &plain))
}

fn seal_answer(key: &SealKey, id: &ClaimId, answer: &[u8]) -> Result<Vec<u8>, StoreTrouble> {
    Ok(key.seal(random()?, &claim_aad(b'a', id), answer))
}

pub fn open_claim(keys: &Keys, claimed: &SealedClaimed) -> Result<Claimed, StoreTrouble> {
    let id = &claimed.id;
    let sealed = || StoreTrouble::Sealed(Key(id.slot));
    // Begun under one key, and answered perhaps under another.
    let open = |record: u8, bytes: &Vec<u8>| {
        let key = keys.of_claim(key_version(bytes).ok_or_else(sealed)?, id)?;
        key.open(&claim_aad(record, id), bytes).map_err(|_| sealed())
    };
    let begun = open(b'c', &claimed.begun)?;
    let (request, subject) = begun.split_first_chunk::<32>().ok_or_else(sealed)?;
    let subject = subject.first_chunk::<8>().ok_or_else(sealed)?;
    Ok(Claimed {
        digest: id.digest,
        request: *request,
        subject: Key(i64::from_be_bytes(*subject)),
        at: claimed.at,
        answer: claimed.answer.as_ref().map(|answer| open(b'a', answer)).transpose()?,
    })
}

/// What cannot be: said as trouble rather than by a panic in the middle of a payment.
fn bug() -> StoreTrouble {
    StoreTrouble::Io("a record could not be built; nothing was applied".to_owned())
}
