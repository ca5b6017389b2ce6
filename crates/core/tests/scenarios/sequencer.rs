//! The sequencer and its chain: numbers without gaps, whoever is faster, and whatever was changed is found.

use crate::check::play;
use crate::gate::{Call, Gate, GatedStore, Point, run};
use crate::script::*;
use crate::world::ACCOUNT;
use florin_core::commit::{Commit, Event, EventKind, Job, JobKind, Row, SHARDS, Version, shard};
use florin_core::id::Key;
use florin_core::sequencer::{Broken, sequence, verify};
use florin_core::store::{CommitError, Found, Query, Report, SequencedEvent, Store, StoreTrouble, Sum, Wait};
use florin_core::time::Time;
use florin_store::{MemoryStore, block_on};

/// A store with the six events of a payment that was declined and then made, none of them numbered.
fn busy() -> MemoryStore {
    play(&[create(), confirm(&[FUNDS]), confirm(&[YES])]).world.store.clone()
}

fn numbered(store: &MemoryStore) -> Vec<(u64, EventKind)> {
    let query = Query::Sequenced { shard: shard(ACCOUNT), after: 0, limit: 100 };
    let events = block_on(store.find(query)).unwrap().sequenced();
    events.iter().map(|e| (e.link.sequence, e.stored.event.kind)).collect()
}

#[test]
fn numbers_have_no_gaps_and_follow_the_commits() {
    let store = busy();
    assert_eq!(block_on(sequence(&store, shard(ACCOUNT))), Ok(8));
    assert_eq!(block_on(sequence(&store, shard(ACCOUNT))), Ok(0));
    let expected = [
        (1, EventKind::PaymentCreated),
        (2, EventKind::PaymentProcessing),
        (3, EventKind::ChargeFailed),
        (4, EventKind::PaymentFailed),
        (5, EventKind::PaymentProcessing),
        (6, EventKind::ChargeSucceeded),
        (7, EventKind::PaymentSucceeded),
        (8, EventKind::ChargeUpdated),
    ];
    assert_eq!(numbered(&store), expected);
    for other in 0..SHARDS {
        let links = if other == shard(ACCOUNT) { 8 } else { 0 };
        assert_eq!(block_on(verify(&store, other)), Ok(Ok(links)));
    }
}

#[test]
fn a_later_batch_goes_on_from_the_newest_link() {
    let mut scene = play(&[create(), confirm(&[SILENCE])]);
    assert_eq!(block_on(sequence(&scene.world.store, shard(ACCOUNT))), Ok(3));
    scene.act(&resolve(&[YES]));
    assert_eq!(block_on(sequence(&scene.world.store, shard(ACCOUNT))), Ok(3));
    let numbers: Vec<u64> = numbered(&scene.world.store).iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    assert_eq!(block_on(verify(&scene.world.store, shard(ACCOUNT))), Ok(Ok(6)));
}

#[test]
fn of_two_sequencers_one_is_faster_and_no_number_is_given_twice() {
    for point in [Point::Before(Call::Find, 2), Point::Before(Call::Commit, 1)] {
        let store = busy();
        let gated = GatedStore { inner: store.clone(), gate: Gate::stopping(&[point]) };
        let slower = run(sequence(&gated, shard(ACCOUNT)), || {
            assert_eq!(block_on(sequence(&store, shard(ACCOUNT))), Ok(8));
            true
        });
        assert_eq!(slower, Some(Ok(0)));
        assert_eq!(block_on(verify(&store, shard(ACCOUNT))), Ok(Ok(8)));
    }
    // What came after the faster one's look is the slower one's to number.
    let store = busy();
    let gated = GatedStore { inner: store.clone(), gate: Gate::stopping(&[Point::Before(Call::Commit, 1)]) };
    let slower = run(sequence(&gated, shard(ACCOUNT)), || {
        assert_eq!(block_on(sequence(&store, shard(ACCOUNT))), Ok(8));
        let newest = Query::Sequenced { shard: shard(ACCOUNT), after: 7, limit: 1 };
        let event = block_on(store.find(newest)).unwrap().sequenced().remove(0).stored.event;
        let row = block_on(store.get(&[event.cause])).unwrap().remove(0).unwrap();
        let (expect, version) = (vec![(row.key, row.version)], row.version.next());
        let event = Event { id: Key(1 << 60), version, ..event };
        let put = vec![Row { version, ..row }];
        block_on(store.commit(Commit { expect, put, events: vec![event], ..Commit::default() })).unwrap();
        true
    });
    assert_eq!((slower, numbered(&store).len()), (Some(Ok(1)), 9));
    let store = busy();
    let gate = Gate::stopping(&[Point::After(Call::Commit, 1)]);
    let died = run(sequence(&GatedStore { inner: store.clone(), gate }, shard(ACCOUNT)), || false);
    assert_eq!((died, block_on(sequence(&store, shard(ACCOUNT)))), (None, Ok(0)));
}

/// A store whose numbered events were changed behind its back.
struct Tampered<F> {
    inner: MemoryStore,
    change: F,
}

impl<F: Fn(&mut Vec<SequencedEvent>) + Send + Sync> Store for Tampered<F> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        self.inner.get(keys)
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move {
            let Query::Sequenced { shard, after, .. } = query else { return self.inner.find(query).await };
            let all = Query::Sequenced { shard, after: 0, limit: 100 };
            let mut events = self.inner.find(all).await?.sequenced();
            (self.change)(&mut events);
            events.retain(|e| e.link.sequence > after);
            Ok(Found::Sequenced(events))
        })
    }
    fn commit<'a>(&'a self, commit: Commit) -> Wait<'a, Result<(), CommitError>> {
        self.inner.commit(commit)
    }
    fn lease<'a>(&'a self, kind: JobKind, now: Time, n: u32, until: Time) -> Wait<'a, Result<Vec<Job>, StoreTrouble>> {
        self.inner.lease(kind, now, n, until)
    }
    fn sums<'a>(&'a self, report: Report) -> Wait<'a, Result<Vec<Sum>, StoreTrouble>> {
        self.inner.sums(report)
    }
}

#[test]
fn tampering_is_found() {
    #[track_caller]
    fn check(change: impl Fn(&mut Vec<SequencedEvent>) + Send + Sync, expected: Result<u64, u64>) {
        let inner = busy();
        block_on(sequence(&inner, shard(ACCOUNT))).unwrap();
        let found = block_on(verify(&Tampered { inner, change }, shard(ACCOUNT))).unwrap();
        assert_eq!(found, expected.map_err(|sequence| Broken { shard: shard(ACCOUNT), sequence }));
    }
    check(|_| {}, Ok(8));
    check(|e| e[2].stored.event.kind = EventKind::ChargeSucceeded, Err(3));
    check(|e| e[0].stored.event.id = Key(1), Err(1));
    check(|e| e[0].stored.event.account = Key(1), Err(1));
    check(|e| e[3].stored.event.cause = Key(1), Err(4));
    check(|e| e[3].stored.event.version = Version(9), Err(4));
    check(|e| e[4].stored.commitment[31] ^= 1, Err(5));
    check(|e| e[6].link.hash[0] ^= 1, Err(7));
    check(|e| e[1].link.hash = e[0].link.hash, Err(2));
    // Taken out, put in twice, changed places: with their own numbers, or with numbers that fit again.
    check(|e| e.retain(|e| e.link.sequence != 3), Err(3));
    check(|e| e.retain(|e| e.link.sequence != 1), Err(1));
    check(
        |e| {
            e.remove(2);
            (1..).zip(e).for_each(|(n, event)| event.link.sequence = n);
        },
        Err(3),
    );
    check(
        |e| {
            let stored = e[5].stored.clone();
            e[5].stored = std::mem::replace(&mut e[6].stored, stored);
        },
        Err(6),
    );
    // Nothing inside the store tells that the newest links were cut off: signed checkpoints outside it do.
    check(|e| e.truncate(5), Ok(5));
}
