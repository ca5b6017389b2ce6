//! Runs a scenario and compares everything that can be seen afterwards with what was expected, as text.
//! Knows no single scenario.

use crate::gate::{Gate, Point, run};
use crate::report;
use crate::script::{Does, Fate, What, YES, recover};
use crate::world::{ACCOUNT, Process, World};
use florin_core::attempt::{self, LEASE_MS};
use florin_core::chase::chase;
use florin_core::commit::{Beside, ClaimId, EventKind, Job, JobKind, Version};
use florin_core::fees::Fees;
use florin_core::flow::{self, Claiming, Done, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::method::{Hold, PaymentMethod};
use florin_core::money::{Currency, Money};
use florin_core::order::{Buyer, SignedOrder};
use florin_core::payment::{self, CancelReason, CardFacts, Contact, Funding, FutureUse, Method, Terms};
use florin_core::ports::{Ports, Told};
use florin_core::record;
use florin_core::refund::{self, RefundPersonal, RefundReason};
use florin_core::setup::{self, ConfirmSetup, CreateSetup, Purpose, Setup, SetupPersonal, Verify};
use florin_core::store::{Query, Store};
use florin_core::threeds::{Answer, Eci, Settled, StepUp, TransId, TransStatus};
use florin_core::time::Time;
use florin_core::wire::{CardToken, Credential, Initiator, Late, Network};
use florin_store::block_on;
use std::sync::Arc;

/// One scenario. `expected` is what `report` says of the world afterwards, without regard to indentation.
#[track_caller]
pub fn check(name: &str, does: &[Does], expected: &str) {
    compare(name, expected, &play(does).report());
}

#[track_caller]
pub fn compare(name: &str, expected: &str, actual: &str) {
    let lines = |text: &str| text.trim().lines().map(|l| l.trim().to_owned()).collect::<Vec<_>>().join("\n");
    assert!(lines(expected) == lines(actual), "{name}:\n{actual}\n--- expected:\n{}\n", lines(expected));
}

/// The same as one line, broken where one likes: what the last caller was told, payment, attempts, refunds, orders.
#[track_caller]
pub fn check_brief(does: &[Does], expected: &str) {
    let scene = play(does);
    let told = scene.told.last().cloned().into_iter();
    let actual = told.chain(report::brief(&scene.world)).collect::<Vec<_>>().join(" | ");
    assert_eq!(actual, expected.split_whitespace().collect::<Vec<_>>().join(" "));
}

/// Kills the process before and after each of its port calls; then others recover, and the acquirer says yes to
/// everything. `expected` says from which death to which the same is left after recovery, and what: the parts of
/// `check_brief`, a line each.
#[track_caller]
pub fn check_deaths(before: &[Does], fatal: &Does, expected: &str) {
    let mut scene = play(before);
    let gate = Gate::open();
    let world = scene.world.clone();
    let process = Process::new(&world, gate.clone(), &fatal.script);
    run(perform(&world, &process, fatal), || false).expect("nothing stops it");
    let calls = gate.passed();
    let mut ends: Vec<(Point, Point, String)> = vec![];
    for (at, call) in calls.iter().enumerate() {
        let n = calls[..=at].iter().filter(|c| *c == call).count();
        for point in [Point::Before(*call, n), Point::After(*call, n)] {
            scene = play(before);
            scene.act(&fatal.clone().crash(point));
            report::assert_sound(&scene.world);
            scene.act(&recover(YES));
            report::assert_sound(&scene.world);
            let end = report::brief(&scene.world).join("\n");
            match ends.last_mut() {
                Some((_, last, same)) if *same == end => *last = point,
                _ => ends.push((point, point, end)),
            }
        }
    }
    let line = |(first, last, end): &(Point, Point, String)| format!("{first:?} to {last:?}:\n{end}");
    compare("deaths", expected, &ends.iter().map(line).collect::<Vec<_>>().join("\n"));
}

/// Does all of it in a new world and checks what must hold after everything.
pub fn play(does: &[Does]) -> Scene {
    play_under(Fees::NONE, does)
}

/// The same under these fees.
pub fn play_under(fees: Fees, does: &[Does]) -> Scene {
    let mut scene = Scene { world: World::new(), told: vec![] };
    scene.world.lock().fees = fees;
    for one in does {
        scene.act(one);
    }
    report::assert_sound(&scene.world);
    scene
}

pub struct Scene {
    pub world: Arc<World>,
    /// What each caller was told, and the keys that were used.
    pub told: Vec<String>,
}

impl Scene {
    pub fn report(&self) -> String {
        let mut lines = report::wrapped("told", &self.told);
        lines.extend(report::lines(&self.world));
        lines.join("\n")
    }

    pub fn act(&mut self, does: &Does) {
        let label = label(&does.what);
        let others: Vec<Does> = match &does.fate {
            Fate::Overtaken(others) => others.iter().map(|(_, other)| other.clone()).collect(),
            Fate::Through | Fate::Crash(_) | Fate::Trouble(_) => vec![],
        };
        let process = Process::new(&self.world, gate(&does.fate), &does.script).otherwise(does.otherwise);
        let world = self.world.clone();
        let mut others = others.iter();
        let told = run(perform(&world, &process, does), || match others.next() {
            Some(other) => {
                self.act(other);
                true
            }
            None => false,
        });
        assert_eq!(others.count(), 0, "{label}: a point was not reached");
        match (&does.fate, &told) {
            (Fate::Crash(at), Some(_)) => panic!("{label}: did not come to {at:?}"),
            (_, None) => self.told.push(format!("{label} died")),
            (_, Some(told)) => {
                assert_eq!(process.unused(), 0, "{label}: more was scripted than was sent");
                self.told.push(format!("{label} {told}"));
            }
        }
    }
}

fn gate(fate: &Fate) -> Arc<Gate> {
    match fate {
        Fate::Through => Gate::open(),
        Fate::Crash(at) => Gate::stopping(&[*at]),
        Fate::Overtaken(others) => Gate::stopping(&others.iter().map(|(at, _)| *at).collect::<Vec<_>>()),
        Fate::Trouble(at) => Gate::troubled(*at),
    }
}

fn label(what: &What) -> &'static str {
    match what {
        What::Create { .. } => "create",
        What::CreateConfirmed { .. } => "create and confirm",
        What::Keep { .. } => "keep",
        What::Signed { .. } => "signed",
        What::ConfirmSigned => "confirm",
        What::SetUp { .. } => "set up",
        What::ConfirmSetup => "confirm setup",
        What::Verify => "verify",
        What::Confirm { .. } => "confirm",
        What::Authenticated { .. } => "authenticated",
        What::AuthenticatedSetup { .. } => "authenticated",
        What::Expire => "expire",
        What::Chase { .. } => "chase",
        What::Capture { .. } => "capture",
        What::Cancel => "cancel",
        What::Increment { .. } => "increment",
        What::Refund { .. } => "refund",
        What::Resolve => "resolve",
        What::Recover => "recover",
        What::Late { .. } => "late",
    }
}

pub fn claiming(key: Option<(&'static str, u8)>) -> Option<Claiming> {
    let (name, request) = key?;
    let digest: [u8; 32] = std::array::from_fn(|i| name.bytes().cycle().nth(i).unwrap_or(0));
    Some(Claiming { id: ClaimId { slot: slot_of(name), digest }, request: [request; 32] })
}

pub fn slot_of(name: &str) -> i64 {
    name.bytes().fold(1, |n, b| n * 256 + i64::from(b))
}

fn card() -> CardFacts {
    CardFacts {
        token: CardToken { key: Key(500), vault: 3 },
        network: Network::Visa,
        first6: *b"424242",
        last4: *b"4242",
        exp_year: 2030,
        exp_month: 12,
        fingerprint: [9; 16],
        funding: Funding::Credit,
        country: Some(*b"NL"),
    }
}

const CUSTOMER: Key = Key(700);

/// A card that is made a method in the commit of its use.
fn a_method(ports: &Process, by: Key) -> (Method, Vec<Beside>) {
    let (key, body) =
        (ports.fresh_key(), PaymentMethod { hold: Hold::UsedBy(by), ..PaymentMethod::free(false, card()) });
    let view = View { key, account: ACCOUNT, version: Version(1), at: ports.now(), body, personal: None };
    let beside = Beside { from: Version::NONE, row: record::row(&view, vec![]), event: EventKind::MethodCreated };
    (Method { key, card: card() }, vec![beside])
}

/// Does it, and says what the caller is told: the answer's text, a replay in quotes, or the refusal.
async fn perform(world: &World, ports: &Process, does: &Does) -> String {
    let claim = claiming(does.key);
    let account = ACCOUNT;
    let payment = world.rows(Kind::Payment).first().map_or(Key(404), |row| row.key);
    match &does.what {
        What::Create { capture, card: with_card, minor, currency } => {
            let money = Money::new(*minor, *currency);
            let plain = payment::Create::plain(account, false, money, *capture);
            let terms = payment::Terms {
                card: payment::CardOptions { incremental: Some(true), ..payment::CardOptions::default() },
                ..payment::Terms::default()
            };
            let command = payment::Create { card: with_card.then(card), terms, claim, ..plain };
            tell_payment(ports, payment::create(ports, &command).await)
        }
        What::CreateConfirmed { capture } => {
            let plain = payment::Create::plain(account, false, Money::new(1000, Currency::EUR), *capture);
            let confirm = Some(Initiator::Customer);
            let command = payment::Create { card: Some(card()), confirm, claim, ..plain };
            tell_payment(ports, payment::create(ports, &command).await)
        }
        What::Keep { capture } => {
            let plain = payment::Create::plain(account, false, Money::new(1000, Currency::EUR), *capture);
            let (key, confirm) = (ports.fresh_key(), Some(Initiator::CustomerStoring));
            let (method, beside) = a_method(ports, key);
            let terms = Terms { future_use: Some(FutureUse::OffSession), ..Terms::default() };
            let (key, customer, method) = (Some(key), Some(CUSTOMER), Some(method.key));
            let command =
                payment::Create { key, customer, card: Some(card()), method, confirm, terms, beside, claim, ..plain };
            tell_payment(ports, payment::create(ports, &command).await)
        }
        What::Signed { capture, minor, code } => {
            let key = ports.fresh_key();
            let order = signed_order(*code, ports.now());
            let place = match order.take(ports, account, key).await {
                Ok(place) => place,
                Err(failure) => return tell_payment(ports, Err(failure)),
            };
            let money = Money::new(*minor, Currency::EUR);
            let terms = Terms {
                card: payment::CardOptions { incremental: Some(true), ..Default::default() },
                ..Terms::default()
            };
            let command = payment::Create {
                key: Some(key),
                card: Some(card()),
                confirm: Some(Initiator::Customer),
                beside: place.into_iter().collect(),
                order: Some(order),
                order_required: true,
                terms,
                claim,
                ..payment::Create::plain(account, false, money, *capture)
            };
            tell_payment(ports, payment::create(ports, &command).await)
        }
        What::ConfirmSigned => {
            let plain = payment::Confirm::plain(account, payment);
            let command = payment::Confirm { card: Some(card()), order_required: true, claim, ..plain };
            tell_payment(ports, payment::confirm(ports, &command).await)
        }
        What::SetUp { step_up } => {
            let (key, credential) = (ports.fresh_key(), Credential::default());
            let (method, beside) = a_method(ports, key);
            let setup = Setup { customer: Some(CUSTOMER), ..Setup::plain(false, Purpose::Intent) };
            let personal = SetupPersonal::default();
            let command =
                CreateSetup { account, key, setup, method, credential, step_up: *step_up, personal, beside, claim };
            tell(setup::create(ports, &command).await, |view| ports.render(Told::Setup(view)))
        }
        What::ConfirmSetup => {
            let of = world.rows(Kind::Setup).first().map_or(Key(404), |row| row.key);
            let method = world.rows(Kind::Method).first().map(|row| Method { key: row.key, card: card() });
            let (credential, personal, beside) = (Credential::default(), None, vec![]);
            let (step_up, asking, from) = (StepUp::Never, None, None);
            let command =
                ConfirmSetup { account, setup: of, from, method, credential, step_up, asking, personal, beside, claim };
            tell(setup::confirm(ports, &command).await, |view| ports.render(Told::Setup(view)))
        }
        What::Verify => {
            let method = Method { key: Key(600), card: card() };
            let command = Verify { account, live: false, customer: CUSTOMER, method, billing: Contact::default() };
            let done = setup::verify(ports, &command).await.map(Done::Fresh);
            tell(done, |view| ports.render(Told::Setup(view)))
        }
        What::Confirm { card: with_card, step_up } => {
            let plain = payment::Confirm::plain(account, payment);
            let command = payment::Confirm { card: with_card.then(card), step_up: *step_up, claim, ..plain };
            tell_payment(ports, payment::confirm(ports, &command).await)
        }
        What::Authenticated { status } => {
            let row = world.row(payment).unwrap();
            let found = flow::read::<payment::Payment>(&row).unwrap().body.authentications;
            let authentication = found.last().map_or(Key(404), |a| a.key);
            let settled = said(*status);
            let command = payment::Authenticated { account, payment, authentication, settled };
            tell_payment(ports, payment::authenticated(ports, &command).await)
        }
        What::AuthenticatedSetup { status } => {
            let row = world.rows(Kind::Setup).remove(0);
            let found = flow::read::<Setup>(&row).unwrap().body.authentications;
            let authentication = found.last().map_or(Key(404), |a| a.key);
            let command = setup::AuthenticatedSetup { account, setup: row.key, authentication, settled: said(*status) };
            tell(setup::authenticated(ports, &command).await, |view| ports.render(Told::Setup(view)))
        }
        What::Expire => work(world, JobKind::Expire, async |job| payment::expire(ports, job).await).await,
        What::Chase { status } => {
            world.lock().issuer_says = status.map_or(Answer::Waiting, |status| Answer::Settled(said(status)));
            work(world, JobKind::Chase, async |job| chase(ports, job).await).await
        }
        What::Capture { amount, currency } => {
            let command = payment::Capture {
                account,
                payment,
                from: None,
                amount: *amount,
                currency: *currency,
                personal: None,
                claim,
            };
            tell_payment(ports, payment::capture(ports, &command).await)
        }
        What::Increment { amount } => {
            let command = payment::Increment { account, payment, from: None, amount: *amount, personal: None, claim };
            tell_payment(ports, payment::increment(ports, &command).await)
        }
        What::Cancel => {
            let command = payment::Cancel { account, payment, reason: CancelReason::Abandoned, claim };
            tell_payment(ports, payment::cancel(ports, &command).await)
        }
        What::Refund { amount, currency } => {
            let reason = RefundReason::RequestedByCustomer;
            let (amount, currency, personal) = (*amount, *currency, RefundPersonal::default());
            let command = refund::CreateRefund { account, payment, amount, currency, reason, personal, claim };
            tell(refund::create(ports, &command).await, |view| ports.render(Told::Refund(view)))
        }
        What::Resolve => resolve(world, ports).await,
        What::Recover => {
            for _ in 0..50 {
                if resolve(world, ports).await == IDLE {
                    return "ok".into();
                }
            }
            panic!("there is no end to it");
        }
        What::Late { order, verdict } => {
            let order = world.lock().orders[order - 1];
            let late =
                Late { account, owner: order.owner, attempt: order.attempt, wire: order.wire, verdict: *verdict };
            settled(attempt::late(ports, &late).await)
        }
    }
}

const IDLE: &str = "nothing to do";

/// What an issuer says of its cardholder.
fn said(status: TransStatus) -> Settled {
    let eci = status.is_proven().then_some(Eci(*b"05"));
    Settled { status, eci, directory: TransId([7; 16]), challenged: true }
}

async fn resolve(world: &World, ports: &Process) -> String {
    work(world, JobKind::Resolve, async |job| attempt::resolve(ports, job).await).await
}

/// The clock goes on to the earliest job of this kind, and what is due is done.
async fn work(world: &World, kind: JobKind, does: impl AsyncFn(&Job) -> Result<(), Failure>) -> String {
    let jobs = block_on(world.store.find(Query::Jobs { kind: None, limit: 100 })).unwrap().jobs();
    let Some(first) = jobs.into_iter().filter(|job| job.kind == kind).min_by_key(|job| job.due) else {
        return IDLE.into();
    };
    let (waited, now) = {
        let mut moving = world.lock();
        let waited = first.due.since(moving.now).max(0);
        moving.now = moving.now.plus_ms(waited);
        (waited, moving.now)
    };
    let jobs = block_on(world.store.lease(kind, now, 10, now.plus_ms(LEASE_MS))).unwrap();
    let mut told = vec![];
    for job in &jobs {
        told.push(settled(does(job).await));
    }
    format!("{} after {} s", told.join(", "), waited / 1000)
}

fn tell_payment(ports: &Process, done: Result<Done<payment::PaymentView>, Failure>) -> String {
    tell(done, |view| ports.render(Told::Payment(view)))
}

fn tell<T>(done: Result<Done<T>, Failure>, render: impl Fn(&T) -> Vec<u8>) -> String {
    match done {
        Ok(Done::Fresh(view)) => String::from_utf8(render(&view)).unwrap(),
        Ok(Done::Replayed(answer)) => format!("replay of '{}'", String::from_utf8(answer).unwrap()),
        Err(failure) => failed(&failure),
    }
}

fn settled(done: Result<(), Failure>) -> String {
    done.map_or_else(|failure| failed(&failure), |()| "ok".into())
}

fn failed(failure: &Failure) -> String {
    let said = match failure {
        Failure::Refused(refusal) => format!("refused {refusal:?}"),
        Failure::Trouble(trouble) => format!("trouble {trouble:?}"),
    };
    said.replace('"', "")
}

/// An order over 1000, by the n-th code.
fn signed_order(code: u8, now: Time) -> SignedOrder {
    SignedOrder {
        id: "1001".into(),
        items: [3; 32],
        money: Money::new(1000, Currency::EUR),
        buyer: Buyer::Nobody,
        key: Key(700),
        expires: now.plus_ms(86_400_000),
        nonce: format!("nonce-{code:08}"),
        mac: [4; 32],
    }
}
