//! An orphan: a payment that the acquirer has and a restored database lost. It is born as an attempt that is being taken back, so that
//! the ordinary recovery reverses it, exactly once, whatever dies in between. Without its card: DE 90 and the RRN name it.

use super::journal::{Entry, What};
use crate::attempt::{Attempt, Because, Effects, Move, Owner, Place, State};
use crate::codec::Body;
use crate::commit::{Commit, Event, EventKind, Row, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ledger;
use crate::money::Money;
use crate::payment::PaymentError;
use crate::ports::{Ports, Slot, Told};
use crate::time::Time;
use crate::wire::{CardToken, Initiator, WireId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    pub live: bool,
    /// What the acquirer had taken for it when it was found: zero for a hold.
    pub taken: Money,
    pub found: Time,
    /// When it was taken back, if it was.
    pub undone: Option<Time>,
    pub attempt: Attempt,
}

impl Body for Orphan {
    const FORMAT: u8 = 1;
}

pub type OrphanView = View<Orphan>;

/// A bit that neither generated keys nor those of movements and breaks have.
const MARK: i64 = 1 << 17;

/// The key of the orphan over the attempt that this RRN names.
pub const fn orphan_key(attempt: Key) -> Key {
    Key(attempt.0 | MARK)
}

impl Owner for Orphan {
    const KIND: Kind = Kind::Orphan;

    fn attempts(&self) -> &[Attempt] {
        std::slice::from_ref(&self.attempt)
    }
    fn attempts_mut(&mut self) -> &mut [Attempt] {
        std::slice::from_mut(&mut self.attempt)
    }
    fn live(&self) -> bool {
        self.live
    }
    fn told(_: &View<Orphan>) -> Told<'_> {
        unreachable!("an orphan has no idempotency key: nobody waits for its answer")
    }
    /// It is taken back from the start; nothing makes a success of it.
    fn approved(&mut self, _: Place, _: &Attempt, _: Option<&Row>) -> Effects {
        Effects::default()
    }
    fn failed(&mut self, place: Place, _: &Attempt, _: PaymentError) -> Effects {
        if self.undone.is_some() {
            return Effects::default();
        }
        self.undone = Some(place.now);
        let back = ledger::undo_orphan(place.account, self.taken);
        Effects::of(&[EventKind::OrphanReversed], back.as_slice())
    }
}

/// What is to be known of the world for a new orphan.
pub(super) struct Found {
    pub account: Key,
    pub live: bool,
    pub slot: Slot,
    pub job: Key,
    pub now: Time,
}

fn draft(entry: &Entry, found: &Found, event: Key) -> Commit {
    let Found { account, live, slot, job, now } = *found;
    let what = match entry.what {
        What::Sale => Move::Sale(Initiator::Customer),
        What::Hold | What::Completion | What::Refund | What::Reversal | What::Verification => {
            Move::Authorization(Initiator::Customer)
        }
    };
    let begun = Attempt::begin(entry.wire.rrn.0, job, what, entry.money, CardToken::LOST, slot, now);
    let reversal = WireId { stan: slot.stan, at: now, ..entry.wire };
    let state = State::Reversing { wire: reversal, since: now, because: Because::Recovered };
    let attempt = Attempt { wire: entry.wire, state, ..begun };
    let taken = entry.money.with_minor(entry.standing.map_or(0, |s| s.taken()).max(0));
    let key = orphan_key(attempt.key);
    let watch = attempt.job_at(account, key, now);
    let version = Version::NONE.next();
    let body = Orphan { live, taken, found: now, undone: None, attempt };
    Commit {
        expect: vec![(key, Version::NONE)],
        put: vec![Row {
            key,
            version,
            kind: Kind::Orphan,
            account,
            at: now,
            body: body.encode(),
            personal: None,
            index: vec![],
        }],
        transfers: ledger::find_orphan(account, taken).into_iter().collect(),
        events: vec![Event { id: event, kind: EventKind::OrphanFound, account, cause: key, version }],
        jobs: vec![watch],
        ..Commit::default()
    }
}

/// Makes the orphan of an entry durable, with the job that takes it back. Twice is once.
pub(super) async fn found(ports: &dyn Ports, entry: &Entry, account: Key, live: bool) -> Result<(), Failure> {
    let key = orphan_key(entry.wire.rrn.0);
    if ports.store().get(&[key]).await?.into_iter().next().flatten().is_some() {
        return Ok(());
    }
    let slot = ports.slot().await.map_err(|_| Failure::Trouble(flow::Trouble::NoSlot))?;
    let found = Found { account, live, slot, job: ports.fresh_key(), now: ports.now() };
    match flow::commit(ports.store(), draft(entry, &found, ports.fresh_key()), None).await? {
        // Somebody else was faster: it is there.
        Met::Applied | Met::Conflict | Met::Replay(_) | Met::Guard => Ok(()),
    }
}
