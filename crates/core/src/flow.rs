//! What every flow needs: loading rows, committing, and telling refusal, trouble and conflict apart.

use crate::codec::{BadBody, Body};
use crate::commit::{Claim, ClaimId, Claimed, Commit, Personal, Refused, Row, Version};
use crate::id::{Key, Kind};
use crate::mutants::{Mutant, planted};
use crate::ports::Ports;
use crate::rare::{Site, rare};
use crate::refusal::Refusal;
use crate::store::{CommitError, Query, Store, StoreTrouble};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// How often a flow loads and decides anew when somebody else was faster.
pub const TRIES: u32 = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Refused(Refusal),
    Trouble(Trouble),
}

/// The world's affair. What was committed before stays; what was not is not known to have happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    Store(StoreTrouble),
    /// A stored body cannot be read.
    Body(Key, BadBody),
    /// No trace number could be leased.
    NoSlot,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refused(refusal)
    }
}

impl From<StoreTrouble> for Failure {
    fn from(trouble: StoreTrouble) -> Failure {
        Failure::Trouble(Trouble::Store(trouble))
    }
}

/// An idempotency key and the digest of the request that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claiming {
    pub id: ClaimId,
    pub request: [u8; 32],
}

/// A claim that an attempt carries until its answer is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenClaim {
    pub slot: i64,
    pub digest: [u8; 32],
}

impl OpenClaim {
    pub fn finish(&self, answer: Vec<u8>) -> Claim {
        Claim::Finish { id: ClaimId { slot: self.slot, digest: self.digest }, answer }
    }
}

impl Claiming {
    pub fn open(&self) -> OpenClaim {
        OpenClaim { slot: self.id.slot, digest: self.id.digest }
    }
    /// What the caller gets when the key is taken.
    pub fn judge(&self, found: Claimed) -> Result<Vec<u8>, Refusal> {
        if found.digest != self.id.digest || found.request != self.request {
            return Err(Refusal::IdempotencyMismatch);
        }
        found.answer.ok_or(Refusal::IdempotencyInUse)
    }
}

/// What came of a command: done now, or the stored answer of the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done<T> {
    Fresh(T),
    Replayed(Vec<u8>),
}

/// What a commit met.
pub(crate) enum Met {
    Applied,
    /// Somebody else was faster: load and decide again.
    Conflict,
    Replay(Vec<u8>),
    Guard,
}

/// Commits and sorts what came of it. `claiming` is the key that the commit takes, if it takes one.
pub(crate) async fn commit(store: &dyn Store, commit: Commit, claiming: Option<&Claiming>) -> Result<Met, Failure> {
    if (!commit.expect.is_empty() || commit.links.is_some()) && rare(Site::CommitContended) {
        return Ok(Met::Conflict);
    }
    match store.commit(commit).await {
        Ok(()) => Ok(Met::Applied),
        Err(CommitError::Trouble(trouble)) => Err(trouble.into()),
        Err(CommitError::Refused(refused)) => match refused {
            Refused::Conflict { .. } | Refused::ChainMoved { .. } => Ok(Met::Conflict),
            Refused::Guard(_) => Ok(Met::Guard),
            Refused::Claimed(found) => match claiming {
                Some(claiming) => Ok(Met::Replay(claiming.judge(*found)?)),
                None => Ok(Met::Conflict),
            },
        },
    }
}

/// One version of a thing, with its body read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<T> {
    pub key: Key,
    pub account: Key,
    pub version: Version,
    /// When this version was decided.
    pub at: Time,
    pub body: T,
    /// Personal data of this version, as it is stored; each version carries all of it.
    pub personal: Option<Personal>,
}

impl<T> View<T> {
    /// Personal data read as `P`; its default when there is none, or when it was erased.
    pub fn personal<P: Body + Default>(&self) -> Result<P, Failure> {
        match &self.personal {
            None => Ok(P::default()),
            Some(personal) => P::decode(&personal.body).map_err(|bad| Failure::Trouble(Trouble::Body(self.key, bad))),
        }
    }
}

/// The current version of a key, if it is of this kind and of this account. Other accounts' things do not exist.
pub async fn load<T: Body>(store: &dyn Store, account: Key, kind: Kind, key: Key) -> Result<View<T>, Failure> {
    match store.get(&[key]).await?.into_iter().next().flatten() {
        Some(row) if row.kind == kind && row.account == account => read(&row),
        _ => Err(Refusal::NoSuch(kind).into()),
    }
}

/// Reads a row's body.
pub fn read<T: Body>(row: &Row) -> Result<View<T>, Failure> {
    let body = T::decode(&row.body).map_err(|bad| Failure::Trouble(Trouble::Body(row.key, bad)))?;
    Ok(View {
        key: row.key,
        account: row.account,
        version: row.version,
        at: row.at,
        body,
        personal: row.personal.clone(),
    })
}

/// A refusal, unless the same request was done meanwhile under its idempotency key: then its answer is this one's too.
pub(crate) async fn refuse<T>(
    store: &dyn Store,
    claiming: Option<&Claiming>,
    refusal: Refusal,
) -> Result<Done<T>, Failure> {
    match replay(store, claiming).await? {
        Some(answer) => Ok(Done::Replayed(answer)),
        None => Err(refusal.into()),
    }
}

/// The same before anything is loaded. Whoever takes the key just after this look is met by the commit.
pub(crate) async fn replay_at_first(
    store: &dyn Store,
    claiming: Option<&Claiming>,
) -> Result<Option<Vec<u8>>, Failure> {
    if rare(Site::ClaimUnseen) { Ok(None) } else { replay(store, claiming).await }
}

/// Wakes the worker of due jobs. A nudge may be lost: workers look by themselves, too.
pub(crate) fn nudge(ports: &dyn Ports) {
    if !rare(Site::NudgeLost) {
        ports.nudge();
    }
}

/// The stored answer of an idempotency key, if the key was used before.
pub(crate) async fn replay(store: &dyn Store, claiming: Option<&Claiming>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(claiming) = claiming.filter(|_| !planted(Mutant::NoClaim)) else { return Ok(None) };
    match store.find(Query::Claim { slot: claiming.id.slot }).await?.claim() {
        Some(found) => Ok(Some(claiming.judge(found)?)),
        None => Ok(None),
    }
}

/// Puts what was really sent in the place of the stored answer: what it told of beyond the thing itself stays as it was told.
pub async fn amend(store: &dyn Store, id: &ClaimId, answer: Vec<u8>) -> Result<(), Failure> {
    let amended = Commit { claim: Some(Claim::Amend { id: id.clone(), answer }), ..Commit::default() };
    commit(store, amended, None).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_taken_key_says() {
        #[track_caller]
        fn check(digest: u8, request: u8, answer: Option<&[u8]>, expected: Result<&[u8], Refusal>) {
            let asked = Claiming { id: ClaimId { slot: 7, digest: [1; 32] }, request: [2; 32] };
            let answer = answer.map(<[u8]>::to_vec);
            let found = Claimed { digest: [digest; 32], request: [request; 32], subject: Key(5), at: Time(0), answer };
            assert_eq!(asked.judge(found), expected.map(<[u8]>::to_vec));
        }
        check(1, 2, Some(b"the answer"), Ok(b"the answer"));
        check(1, 2, Some(b""), Ok(b""));
        check(1, 2, None, Err(Refusal::IdempotencyInUse));
        // Another request, answered or under way.
        check(1, 3, Some(b"the answer"), Err(Refusal::IdempotencyMismatch));
        check(1, 3, None, Err(Refusal::IdempotencyMismatch));
        // Another key in the same slot.
        check(9, 2, Some(b"the answer"), Err(Refusal::IdempotencyMismatch));
        check(9, 2, None, Err(Refusal::IdempotencyMismatch));
    }
}
