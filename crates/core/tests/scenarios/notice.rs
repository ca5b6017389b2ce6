//! Messages to people: durable before the first byte, at most once when nobody knows, and unreadable when they have ended.

use crate::gate::{Call, Gate, Point, run};
use crate::world::{Process, World};
use florin_core::commit::{Job, JobKind};
use florin_core::customer::Forget;
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::notice::{self, Channel, Courier, Language, Letter, Message, NotSent, Posted, Stage, Words};
use florin_core::store::{Store, StoreTrouble, Wait};
use florin_store::block_on;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A server with a script, which notes what it got, and whether that was durable before.
struct Server {
    world: Arc<World>,
    script: Mutex<VecDeque<Posted>>,
    got: Mutex<Vec<Letter>>,
}

impl Courier for Server {
    fn post<'a>(&'a self, letter: Letter) -> Wait<'a, Posted> {
        let stage = block_on(notice::stage(&self.world.store, letter.key)).unwrap();
        assert!(matches!(stage, Stage::Sending { .. }), "durable before the first byte: {stage:?}");
        self.got.lock().unwrap().push(letter);
        let posted = self.script.lock().unwrap().pop_front().unwrap();
        Box::pin(std::future::ready(posted))
    }
}

#[derive(Default)]
struct Keys(Mutex<Vec<Key>>);

impl Forget for Keys {
    fn forget<'a>(&'a self, subjects: &'a [Key]) -> Wait<'a, Result<(), StoreTrouble>> {
        self.0.lock().unwrap().extend(subjects);
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Scene {
    world: Arc<World>,
    server: Server,
    keys: Keys,
    key: Key,
}

impl Scene {
    /// A code that lives five minutes.
    fn new(script: &[Posted]) -> Scene {
        let world = World::new();
        let message = Message {
            channel: Channel::Sms,
            user: Some(Key(5)),
            to: "+31612345678".into(),
            language: Language::English,
            words: Words::Code { code: "123456".into(), minutes: 5 },
            lives_ms: 300_000,
        };
        let key = block_on(notice::queue(&Process::new(&world, Gate::open(), &[]), message)).unwrap();
        let script = Mutex::new(script.iter().copied().collect());
        let server = Server { world: world.clone(), script, got: Mutex::default() };
        Scene { world, server, keys: Keys::default(), key }
    }
    fn job(&self) -> Option<Job> {
        let now = self.world.now();
        let leased = self.world.store.lease(JobKind::Notify, now, 10, now.plus_ms(180_000));
        block_on(leased).unwrap().pop()
    }
    /// Does the job that is due; None where there is none or where it dies.
    fn work(&self, gate: Arc<Gate>) -> Option<Result<(), Failure>> {
        let job = self.job()?;
        let ports = Process::new(&self.world, gate, &[]);
        run(notice::send(&ports, &self.server, &self.keys, &job), || false)
    }
    fn later(&self, ms: i64) {
        let mut moving = self.world.lock();
        moving.now = moving.now.plus_ms(ms);
    }
    fn stage(&self) -> Stage {
        block_on(notice::stage(&self.world.store, self.key)).unwrap()
    }
    fn sent(&self) -> usize {
        self.server.got.lock().unwrap().len()
    }
    fn forgotten(&self) -> bool {
        self.keys.0.lock().unwrap().contains(&self.key)
    }
}

#[test]
fn what_a_server_says_is_the_end_of_it() {
    #[track_caller]
    fn check(posted: Posted, expected: &str) {
        let scene = Scene::new(&[posted]);
        assert_eq!(scene.work(Gate::open()), Some(Ok(())));
        assert_eq!((scene.stage().as_str(), scene.sent(), scene.forgotten()), (expected, 1, true));
        // There is no job any more, now and ever.
        scene.later(3_600_000);
        assert_eq!(scene.work(Gate::open()), None);
    }
    check(Posted::Accepted, "sent");
    check(Posted::Unknown, "unknown");
    check(Posted::Never(NotSent::BadAddress), "failed");
}

#[test]
fn what_surely_did_not_go_is_tried_until_its_time_is_over() {
    let scene = Scene::new(&[Posted::NotYet(NotSent::NoConnection), Posted::NotYet(NotSent::Later), Posted::Accepted]);
    assert_eq!(scene.work(Gate::open()), Some(Ok(())));
    assert_eq!((scene.stage(), scene.forgotten()), (Stage::Waiting, false));
    assert_eq!(scene.work(Gate::open()), None);
    scene.later(2_000);
    assert_eq!(scene.work(Gate::open()), Some(Ok(())));
    scene.later(4_000);
    assert_eq!(scene.work(Gate::open()), Some(Ok(())));
    assert_eq!((scene.stage().as_str(), scene.sent(), scene.forgotten()), ("sent", 3, true));
    let letters = scene.server.got.lock().unwrap();
    assert!(letters.iter().all(|letter| *letter == letters[0]), "each try is the same message");
    // Five minutes later nothing is sent at all.
    let scene = Scene::new(&[]);
    scene.later(300_000);
    assert_eq!(scene.work(Gate::open()), Some(Ok(())));
    let too_late = Stage::Failed { at: scene.world.now(), why: NotSent::TooLate };
    assert_eq!((scene.stage(), scene.sent(), scene.forgotten()), (too_late, 0, true));
}

/// Wherever the process dies: never a second message, and its end is told.
#[test]
fn a_crash_sends_nothing_twice() {
    #[track_caller]
    fn check(point: Point, sent: usize, expected: &str) {
        let scene = Scene::new(&[Posted::Accepted, Posted::Accepted]);
        assert_eq!(scene.work(Gate::stopping(&[point])), None, "{point:?}");
        scene.later(180_000);
        assert_eq!(scene.work(Gate::open()), Some(Ok(())), "{point:?}");
        let seen = (scene.sent(), scene.stage().as_str(), scene.forgotten());
        assert_eq!(seen, (sent, expected, true), "{point:?}");
        scene.later(3_600_000);
        assert_eq!(scene.job(), None, "{point:?}");
    }
    check(Point::Before(Call::Get, 1), 1, "sent");
    check(Point::Before(Call::Commit, 1), 1, "sent");
    // It is being sent, for all that anybody knows.
    check(Point::After(Call::Commit, 1), 0, "unknown");
    check(Point::Before(Call::Commit, 2), 1, "unknown");
    check(Point::After(Call::Commit, 2), 1, "sent");
    check(Point::Before(Call::Commit, 3), 1, "sent");
}
