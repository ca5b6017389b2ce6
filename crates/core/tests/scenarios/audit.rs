//! The audit log: an entry is in the commit of what it tells of, numbers have no gaps whoever is faster, and whatever was changed is
//! found and named.

use crate::gate::{Call, Gate, Point, run};
use crate::world::{ACCOUNT, Process, World};
use florin_core::account::Account;
use florin_core::audit::note::{Checkpoint, Signer};
use florin_core::audit::proof::{self, BadProof};
use florin_core::audit::{self, Action, Actor, Entry, Outcome, Seen, SeenPersonal, Wrong, read_entry, verify};
use florin_core::codec::Body;
use florin_core::commit::{Commit, EventKind, Job, JobKind, Row};
use florin_core::flow::{Done, Failure, Trouble};
use florin_core::id::{Key, Kind};
use florin_core::money::Currency;
use florin_core::ports::Ports;
use florin_core::record::{self, Change};
use florin_core::refusal::Refusal;
use florin_core::store::{CommitError, Found, Query, Report, Store, StoreTrouble, Sum, Wait};
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use florin_store::{MemoryStore, block_on};
use std::sync::Arc;

fn process(world: &Arc<World>, gate: Arc<Gate>) -> Process {
    Process::new(world, gate, &[])
}

fn entry(action: Action) -> Entry {
    let seen = Seen { of: Some(Key(5)), salt: [7; 32], address: Some("203.0.113.9".into()), device: None };
    Entry::new(action, Actor::User(Key(5))).account(ACCOUNT).subject(Kind::ApiKey, Key(9)).seen(Some(seen))
}

fn log(world: &Arc<World>, action: Action) -> u64 {
    block_on(audit::log(&process(world, Gate::open()), entry(action))).unwrap()
}

/// A log of so many entries.
fn logged(entries: u64) -> Arc<World> {
    let world = World::new();
    for n in 1..=entries {
        assert_eq!(log(&world, Action::SignIn), n);
    }
    world
}

fn account(name: &str) -> Account {
    let (country, currency) = (*b"NL", Currency::EUR);
    Account { name: name.into(), live: false, country, currency, require_order_code: false }
}

fn actions(world: &Arc<World>) -> Vec<(u64, Action)> {
    let listed = block_on(audit::list(&world.store, None, 100)).unwrap();
    listed.iter().rev().map(|view| (view.body.number, view.body.action)).collect()
}

#[test]
fn an_entry_says_what_was_told() {
    let world = logged(1);
    let number = log(&world, Action::ApiKeyMake);
    let (view, seen) = block_on(read_entry(&world.store, number)).unwrap();
    let told = (view.body.actor, view.body.outcome, view.body.account, view.body.about());
    assert_eq!(told, (Actor::User(Key(5)), Outcome::Done, Some(ACCOUNT), Some((Kind::ApiKey, Key(9)))));
    assert_eq!(seen, SeenPersonal { salt: [7; 32], address: Some("203.0.113.9".into()), device: None });
    let first = block_on(read_entry(&world.store, 1)).unwrap().0;
    assert_eq!((first.body.before, view.body.before), ([0; 32], first.body.hash()));
    let missing = block_on(read_entry(&world.store, 3)).map(|_| ());
    assert_eq!(missing, Err(Failure::Refused(Refusal::NoSuch(Kind::AuditEntry))));
    assert_eq!(block_on(audit::list(&world.store, Some(2), 10)).unwrap().len(), 1);
}

/// A change and its entry are there together or not at all, wherever the process dies and whatever overtakes it.
#[test]
fn an_entry_is_part_of_its_change() {
    let make = |ports: &Process| {
        let change = Change::to(account("a"), EventKind::AccountCreated).audit(entry(Action::AccountMake));
        (change, ports.fresh_key())
    };
    for point in [Point::Before(Call::Get, 1), Point::Before(Call::Commit, 1), Point::After(Call::Commit, 1)] {
        // Dies there.
        let world = logged(2);
        let ports = process(&world, Gate::stopping(&[point]));
        let (change, key) = make(&ports);
        let died = run(record::make(&ports, HOUSE, key, change, None, &|_| vec![]), || false);
        let there = (world.row(key).is_some(), actions(&world).contains(&(3, Action::AccountMake)));
        let expected = point == Point::After(Call::Commit, 1);
        assert_eq!((died.is_none(), there), (true, (expected, expected)), "{point:?}");
        // Is overtaken there.
        let world = logged(2);
        let ports = process(&world, Gate::stopping(&[point]));
        let (change, key) = make(&ports);
        let made = run(record::make(&ports, HOUSE, key, change, None, &|_| vec![]), || {
            log(&world, Action::StepUp);
            true
        });
        assert!(matches!(made, Some(Ok(Done::Fresh(_)))), "{point:?}: {made:?}");
        let mut told: Vec<Action> = actions(&world).into_iter().map(|(_, action)| action).collect();
        told.sort_unstable();
        assert_eq!(told, [Action::SignIn, Action::SignIn, Action::StepUp, Action::AccountMake], "{point:?}");
        let checked = block_on(verify(&world.store, &[])).unwrap();
        assert_eq!((checked.size, checked.wrong), (4, vec![]), "{point:?}");
    }
}

/// Somebody does something while the log is looked through.
#[test]
fn what_is_written_during_a_check_is_no_fault() {
    for point in [Point::Before(Call::Find, 1), Point::After(Call::Find, 1), Point::Before(Call::Find, 2)] {
        let world = logged(2);
        let ports = process(&world, Gate::stopping(&[point]));
        let mut written = false;
        // It waits there, and after each page lets others go on.
        let checked = run(verify(ports.store(), &[]), || {
            if !std::mem::replace(&mut written, true) {
                log(&world, Action::StepUp);
            }
            true
        });
        let checked = checked.unwrap().unwrap();
        assert_eq!((checked.size >= 2, checked.wrong), (true, vec![]), "{point:?}");
    }
}

/// The key of a person whose part does not open is told in place of the entry's: it is no number to count to.
#[test]
fn an_entry_whose_person_cannot_be_read_is_one_entry() {
    let world = logged(3);
    let change = |rows: &mut Vec<Row>| {
        let second = rows.iter_mut().filter(|row| row.kind == Kind::AuditEntry).nth(1);
        second.into_iter().for_each(|row| row.body = b"person".to_vec());
    };
    let checked = block_on(verify(&Tampered { inner: world.store.clone(), change }, &[])).unwrap();
    assert_eq!((checked.size, checked.count, checked.wrong), (3, 1, vec![(2, Wrong::Unreadable)]));
}

#[test]
fn a_changed_thing_that_was_overtaken_is_decided_anew() {
    let world = World::new();
    let ports = process(&world, Gate::open());
    let change = Change::to(account("a"), EventKind::AccountCreated);
    let key = ports.fresh_key();
    block_on(record::make(&ports, HOUSE, key, change, None, &|_| vec![])).unwrap();
    let ports = process(&world, Gate::stopping(&[Point::Before(Call::Commit, 1)]));
    let rename = |_: &florin_core::account::AccountView| {
        Ok(Change::to(account("b"), EventKind::AccountChanged).audit(entry(Action::AccountRulesChange)))
    };
    let changed = run(record::change(&ports, HOUSE, key, None, &rename, &|_| vec![]), || {
        log(&world, Action::SignIn);
        true
    });
    assert!(matches!(changed, Some(Ok(Done::Fresh(_)))), "{changed:?}");
    assert_eq!(actions(&world), [(1, Action::SignIn), (2, Action::AccountRulesChange)]);
}

/// Who cannot write a read down must not answer it.
#[test]
fn a_sensitive_read_is_refused_when_it_cannot_be_written_down() {
    let world = logged(1);
    for call in [Call::Get, Call::Commit] {
        let ports = process(&world, Gate::troubled(Point::Before(call, 1)));
        let read = block_on(audit::before_read(&ports, entry(Action::SensitiveRead)));
        assert!(matches!(read, Err(Failure::Trouble(Trouble::Store(_)))), "{read:?}");
    }
    assert_eq!(actions(&world).len(), 1);
    block_on(audit::before_read(&process(&world, Gate::open()), entry(Action::SensitiveRead))).unwrap();
    assert_eq!(actions(&world)[1], (2, Action::SensitiveRead));
}

/// A store whose rows of the log were changed behind its back.
struct Tampered<F> {
    inner: MemoryStore,
    change: F,
}

impl<F: Fn(&mut Vec<Row>) + Send + Sync> Store for Tampered<F> {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Wait<'a, Result<Vec<Option<Row>>, StoreTrouble>> {
        Box::pin(async move {
            let mut rows: Vec<Row> = self.inner.get(keys).await?.into_iter().flatten().collect();
            (self.change)(&mut rows);
            Ok(keys.iter().map(|key| rows.iter().find(|row| row.key == *key).cloned()).collect())
        })
    }
    fn find<'a>(&'a self, query: Query) -> Wait<'a, Result<Found, StoreTrouble>> {
        Box::pin(async move {
            let Query::Newer { under, kind, after, limit } = query else { return self.inner.find(query).await };
            let all = Query::Newer { under, kind, after: Key(0), limit: 1_000 };
            let mut rows = self.inner.find(all).await?.rows();
            (self.change)(&mut rows);
            rows.retain(|row| row.key > after);
            rows.truncate(limit as usize);
            match rows.iter().find(|row| row.body == b"sealed" || row.body == b"person") {
                Some(row) if row.body == b"person" => Err(StoreTrouble::Sealed(Key(1_900_000_000_000_000_000))),
                Some(row) => Err(StoreTrouble::Sealed(row.key)),
                None => Ok(Found::Rows(rows)),
            }
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

/// Checkpoints over the first entries of an honest log.
fn checkpoints(world: &Arc<World>, sizes: &[u64]) -> Vec<Checkpoint> {
    let listed = block_on(audit::list(&world.store, None, 100)).unwrap();
    let mut tree = audit::Tree::default();
    let mut signed = vec![];
    for view in listed.iter().rev() {
        tree.push(view.body.encode());
        if sizes.contains(&tree.size()) {
            signed.push(Checkpoint { origin: "log".into(), size: tree.size(), root: tree.root() });
        }
    }
    signed
}

/// Writes the log anew from an entry on, so that its own chain holds again, head and all.
fn forged(rows: &mut [Row], from: u64, change: impl Fn(&mut audit::Recorded)) {
    let mut last = None;
    for row in rows.iter_mut().filter(|row| row.kind == Kind::AuditEntry) {
        let mut recorded = audit::Recorded::decode(&row.body).unwrap();
        if recorded.number == from {
            change(&mut recorded);
        }
        recorded.before = last.unwrap_or(recorded.before);
        if recorded.number >= from {
            last = Some(recorded.hash());
        }
        row.body = recorded.encode();
    }
}

#[test]
fn tampering_is_found_and_named() {
    #[track_caller]
    fn check(signed: &[u64], change: impl Fn(&mut Vec<Row>) + Send + Sync, expected: &[(u64, Wrong)]) {
        let world = logged(9);
        let signed = checkpoints(&world, signed);
        let tampered = Tampered { inner: world.store.clone(), change };
        let found = block_on(verify(&tampered, &signed)).unwrap();
        assert_eq!(found.wrong, expected);
        assert_eq!(found.count, expected.len() as u64);
    }
    fn of(rows: &mut [Row], number: u64) -> Option<&mut Row> {
        rows.iter_mut().find(|row| row.key == audit::key_of(number))
    }
    let gone = |rows: &mut Vec<Row>, number: u64| rows.retain(|row| row.key != audit::key_of(number));
    let head = |rows: &mut Vec<Row>, size, last| {
        if let Some(row) = rows.iter_mut().find(|row| row.kind == Kind::AuditHead) {
            row.body = audit::Head { size, last }.encode();
        }
    };
    let last_of = |number: u64| {
        let world = logged(number);
        block_on(audit::head(&world.store)).unwrap().body.last
    };
    check(&[], |_| {}, &[]);
    check(&[3, 6, 9], |_| {}, &[]);
    // Flipped.
    let flip = |rows: &mut Vec<Row>| {
        if let Some(row) = of(rows, 4) {
            let recorded = audit::Recorded::decode(&row.body).unwrap();
            row.body = audit::Recorded { actor: Actor::User(Key(6)), ..recorded }.encode();
        }
    };
    check(&[], flip, &[(4, Wrong::Altered)]);
    check(
        &[3, 6, 9],
        flip,
        &[(4, Wrong::Altered), (6, Wrong::Rewritten { since: 3 }), (9, Wrong::Rewritten { since: 3 })],
    );
    // One that is damaged, or under no key.
    let damage = |body: &'static [u8]| {
        move |rows: &mut Vec<Row>| {
            if let Some(row) = of(rows, 4) {
                row.body = body.to_vec();
            }
        }
    };
    check(&[], damage(b"sealed"), &[(4, Wrong::Unreadable)]);
    check(&[], damage(b""), &[(4, Wrong::Unreadable), (4, Wrong::Altered)]);
    // Where it came from.
    let moved = |rows: &mut Vec<Row>| {
        if let Some(personal) = of(rows, 4).and_then(|row| row.personal.as_mut()) {
            personal.body = SeenPersonal { address: Some("198.51.100.1".into()), ..SeenPersonal::default() }.encode();
        }
    };
    check(&[9], moved, &[(4, Wrong::SeenAltered)]);
    // Erased: that leaves nothing to be compared, and is no tampering.
    let erased = |rows: &mut Vec<Row>| rows.iter_mut().for_each(|row| row.personal = None);
    check(&[3, 9], erased, &[]);
    // Deleted.
    check(&[], |rows| gone(rows, 4), &[(4, Wrong::Missing)]);
    check(&[], |rows| gone(rows, 1), &[(1, Wrong::Missing)]);
    // Changed places.
    let swap = |rows: &mut Vec<Row>| {
        if let (Some(a), Some(b)) = (of(rows, 4).map(|r| r.body.clone()), of(rows, 6).map(|r| r.body.clone())) {
            of(rows, 4).unwrap().body = b;
            of(rows, 6).unwrap().body = a;
        }
    };
    check(
        &[],
        swap,
        &[(4, Wrong::Moved { stands: 6 }), (4, Wrong::Altered), (6, Wrong::Moved { stands: 4 }), (6, Wrong::Altered)],
    );
    // Cut off, and the end with it: only what was signed knows.
    let cut = |rows: &mut Vec<Row>| rows.retain(|row| row.key < audit::key_of(8));
    check(&[], cut, &[(8, Wrong::Missing), (9, Wrong::Missing)]);
    let cut_clean = move |rows: &mut Vec<Row>| {
        cut(rows);
        head(rows, 7, last_of(7));
    };
    check(&[], cut_clean, &[]);
    check(&[3, 9], cut_clean, &[(9, Wrong::CutOff { checkpoint: 9 })]);
    // The end alone.
    check(
        &[],
        move |rows| head(rows, 7, [1; 32]),
        &[(8, Wrong::BeyondHead), (9, Wrong::BeyondHead), (9, Wrong::HeadDiffers { says: 7 })],
    );
    check(&[], move |rows| head(rows, 9, [1; 32]), &[(9, Wrong::HeadDiffers { says: 9 })]);
    // Written anew from an entry on, with a chain that holds: what was signed before it holds, what was signed after does not.
    let anew = |rows: &mut Vec<Row>| forged(rows, 5, |recorded| recorded.outcome = Outcome::Refused);
    check(
        &[3, 6, 9],
        anew,
        &[(6, Wrong::Rewritten { since: 3 }), (9, Wrong::Rewritten { since: 3 }), (9, Wrong::HeadDiffers { says: 9 })],
    );
}

#[test]
fn a_proof_holds_for_its_entry_alone() {
    let world = logged(5);
    let signer = Signer::new("pay.example/audit", &[3; 32]).unwrap();
    let checked = block_on(verify(&world.store, &[])).unwrap();
    let note = signer.sign(checked.tree.size(), checked.tree.root());
    let write = |number: u64| {
        let (body, hashes) = checked.tree.prove(number).unwrap();
        proof::write(number, body, &hashes, &note)
    };
    let key = signer.verifier();
    for number in 1..=5 {
        let (recorded, checkpoint) = proof::check(&write(number), &key).unwrap();
        assert_eq!((recorded.number, checkpoint.size), (number, 5));
    }
    let text = write(2);
    let line = |name: &str| text.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    let other = write(3).lines().find(|l| l.starts_with("extra")).unwrap().to_owned();
    let not_included = [text.replace(&line("extra"), &other), text.replace("index 1", "index 2")];
    for bad in not_included {
        assert_eq!(proof::check(&bad, &key), Err(BadProof::NotIncluded));
    }
    let larger = text.replace("\n5\n", "\n6\n");
    assert!(matches!(proof::check(&larger, &key), Err(BadProof::Checkpoint(_))));
    let stranger = Signer::new("pay.example/audit", &[4; 32]).unwrap().verifier();
    assert!(matches!(proof::check(&text, &stranger), Err(BadProof::Checkpoint(_))));
    for cut in 0..text.len() {
        if let Some(short) = text.get(..cut) {
            assert!(proof::check(short, &key).is_err(), "cut at {cut}");
        }
    }
}
