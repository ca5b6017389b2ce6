//! What merchants do: create, confirm, capture, cancel, refund, read and list, with retries, duplicates and races.
//! Knows gateways only as clients do.

use crate::audit::Heard;
use crate::exec::{Cell, Group, Sim};
use crate::gateway::{Command, Reply, call};
use crate::words;
use crate::world::{LONGEST_STORM_MS, World};
use florin_core::commit::ClaimId;
use florin_core::flow::Claiming;
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, Money};
use florin_core::payment::{
    Authenticated, Cancel, CancelReason, Capture, CaptureMethod, CardFacts, CardOptions, Confirm, Create, FutureUse,
    Increment, PaymentPersonal, Terms,
};
use florin_core::refund::{CreateRefund, RefundPersonal, RefundReason};
use florin_core::refusal::Refusal;
use florin_core::threeds::{Eci, Settled, StepUp, TransId, TransStatus};
use std::future::Future;

/// Merchant accounts, on shards of their own.
const ACCOUNTS: [Key; 2] = [Key(77 << 20), Key(78 << 20)];
/// Amounts that ask the sandbox for a behaviour (its dialect file lists them), in minor units of EUR and USD.
const TELLING_AMOUNTS: [i64; 26] = [
    1065, 1065, 1000, 1005, 1014, 1041, 1043, 1051, 1054, 1057, 1061, 1091, 1096, 1096, 1010, 9001, 9002, 9003, 9005,
    9006, 9007, 9009, 9012, 9013, 9014, 9015,
];
/// A client waits no longer than this between two tries.
const LONGEST_PAUSE_MS: i64 = 15_000;
/// A declined payment is tried again so often at most.
const CONFIRMS_LIMIT: u32 = 3;

/// Lets the merchants loose; returns how long the storm lasts.
pub fn begin(world: &mut World, sim: &Sim) -> i64 {
    world.open_endpoints(&ACCOUNTS);
    let storm_ms = world.rng.spread(30_000, LONGEST_STORM_MS);
    let payments = world.rng.between(10, 20);
    for _ in 0..payments {
        let starts_in = world.rng.between(0, storm_ms);
        let account = world.rng.pick(&ACCOUNTS);
        let merchant = Merchant { sim: sim.clone(), account };
        client(
            world,
            async move {
                merchant.sim.sleep(starts_in).await;
                merchant.sell().await;
            },
            sim,
        );
    }
    storm_ms
}

/// Runs a client to its end; the world does not end before.
fn client(world: &mut World, work: impl Future<Output = ()> + Send + 'static, sim: &Sim) {
    world.busy_clients += 1;
    let sim = sim.clone();
    let task = async move {
        work.await;
        sim.lock().busy_clients -= 1;
    };
    world.spawn(Group::Client, Box::pin(task));
}

#[derive(Clone)]
pub(crate) struct Merchant {
    pub sim: Sim,
    pub account: Key,
}

/// A payment on its way through the merchant's hands.
struct Sale {
    payment: Key,
    /// The smallest step of its amounts.
    unit: i64,
    amount: i64,
    /// The customer agreed that the card is kept.
    keeps: bool,
}

impl Merchant {
    pub fn chance(&self, per_mille: u32) -> bool {
        self.sim.lock().rng.chance(per_mille)
    }

    pub fn between(&self, low: i64, high: i64) -> i64 {
        self.sim.lock().rng.between(low, high)
    }

    /// A customer of this merchant.
    pub fn customer(&self) -> Key {
        Key(self.account.0 + 32 * self.between(1, 4))
    }

    pub fn card(&self) -> CardFacts {
        let world = &mut *self.sim.lock();
        let place = world.rng.below(world.cards.len() as u64) as usize;
        world.cards[place].facts.clone()
    }

    pub fn claim(&self) -> Claiming {
        let world = &mut *self.sim.lock();
        world.next_claim += 1;
        let slot = world.next_claim;
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&slot.to_be_bytes());
        let wall = world.wall();
        world.audit.key_used(slot, wall);
        Claiming { id: ClaimId { slot, digest }, request: digest }
    }

    /// Asks until there is an answer or a refusal for good.
    async fn insist(&self, claim: &Claiming, command: Command) -> Option<Heard> {
        let mut pause = 200;
        loop {
            let number = {
                let world = &mut *self.sim.lock();
                world.next_request += 1;
                world.next_request
            };
            let reply = call(&self.sim, number, command.clone()).await;
            match reply {
                Reply::Ok(answer) => {
                    let world = &mut *self.sim.lock();
                    let wall = world.wall();
                    world.trace.mix_bytes(&answer);
                    world.audit.answered(Some(claim.id.slot), wall, &answer);
                    let heard = Heard::read(&answer)?;
                    let currency = world.audit.currency(heard.key);
                    world.tell(Some(heard.key), || {
                        format!("a client hears {} ({})", heard.status, words::answered(heard.amount, currency))
                    });
                    return Some(heard);
                }
                Reply::Refused(Refusal::IdempotencyInUse | Refusal::Contended) | Reply::Trouble | Reply::Reset => {}
                Reply::Refused(why) => {
                    let world = &mut *self.sim.lock();
                    let wall = world.wall();
                    world.audit.refused(claim.id.slot, wall, &format!("{why:?}"));
                    return None;
                }
            }
            self.sim.sleep(self.between(pause / 2, pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
        }
    }

    /// Asks in a task of its own; the cell gets what was heard.
    pub fn ask_beside(&self, claim: Claiming, command: Command) -> Cell<Option<Heard>> {
        let (answer, merchant) = (Cell::new(), self.clone());
        let put = answer.clone();
        let work = async move {
            let heard = merchant.insist(&claim, command).await;
            put.put(&mut merchant.sim.lock(), heard);
        };
        client(&mut self.sim.lock(), work, &self.sim);
        answer
    }

    /// Asks, now and then more than once under the same key: at the same time, and again when the answer is there.
    pub async fn ask(&self, claim: Claiming, command: Command) -> Option<Heard> {
        if self.chance(150) {
            self.ask_beside(claim.clone(), command.clone());
        }
        let heard = self.insist(&claim, command.clone()).await;
        if heard.is_some() && self.chance(150) {
            self.ask_beside(claim, command);
        }
        heard
    }

    async fn sell(&self) {
        if self.chance(120) {
            return crate::on_file::set_up(self).await;
        }
        let Some(sale) = self.create().await else { return };
        if self.chance(100) {
            self.list().await;
        }
        if self.chance(40) {
            self.cancel(&sale).await;
            return;
        }
        for _ in 0..CONFIRMS_LIMIT {
            self.confirm(&sale).await;
            let mut now = self.settled(&sale).await;
            if now.status == "requires_action" {
                let (account, payment) = (self.account, sale.payment);
                let back = |authentication, settled| {
                    Command::Authenticated(Authenticated { account, payment, authentication, settled })
                };
                if !self.authenticate(payment, back).await && self.chance(300) {
                    // The merchant looks again when a worker has asked the issuer.
                    self.sim.sleep(self.between(60_000, 400_000)).await;
                }
                now = self.settled(&sale).await;
            }
            match now.status.as_str() {
                "requires_capture" => self.claim_hold(&sale).await,
                "succeeded" => {
                    if sale.keeps {
                        crate::on_file::charge_again(self, sale.payment).await;
                    }
                    self.refunds(&sale, now.amount).await;
                }
                "requires_action" if self.chance(300) => self.cancel(&sale).await,
                "requires_payment_method" if self.chance(600) => continue,
                _ => {}
            }
            return;
        }
    }

    async fn create(&self) -> Option<Sale> {
        let (money, unit) = self.price();
        let capture = if self.chance(500) { CaptureMethod::Manual } else { CaptureMethod::Automatic };
        let claim = self.claim();
        let card = if self.chance(500) { Some(self.card()) } else { None };
        let description = self.chance(200).then(|| "a book".to_owned());
        let keeps = self.chance(200);
        let terms = Terms {
            future_use: keeps.then_some(FutureUse::OffSession),
            card: CardOptions { incremental: Some(true), ..CardOptions::default() },
            ..Terms::default()
        };
        let command = Command::Create(Create {
            card,
            customer: keeps.then(|| self.customer()),
            terms,
            personal: PaymentPersonal { description, ..PaymentPersonal::default() },
            claim: Some(claim.clone()),
            ..Create::plain(self.account, false, money, capture)
        });
        let payment = self.ask(claim, command).await?.key;
        self.sim.lock().known.entry(self.account).or_default().push(payment);
        Some(Sale { payment, unit, amount: money.minor, keeps })
    }

    fn price(&self) -> (Money, i64) {
        let world = &mut *self.sim.lock();
        let (code, unit) = world.rng.pick(&[("eur", 1), ("eur", 1), ("usd", 1), ("jpy", 1), ("kwd", 10), ("isk", 100)]);
        let currency = Currency::parse(code).unwrap_or(Currency::EUR);
        let telling = matches!(code, "eur" | "usd") && world.rng.chance(350);
        let minor = if telling { world.rng.pick(&TELLING_AMOUNTS) } else { world.rng.between(2_000, 8_000) * unit };
        (Money::new(minor, currency), unit)
    }

    async fn confirm(&self, sale: &Sale) {
        let confirm = |merchant: &Merchant| {
            let claim = merchant.claim();
            let mut command = Confirm {
                card: Some(merchant.card()),
                step_up: merchant.step_up(),
                claim: Some(claim.clone()),
                ..Confirm::plain(merchant.account, sale.payment)
            };
            if sale.keeps {
                crate::on_file::with_method(merchant, &mut command);
            }
            let command = Command::Confirm(command);
            (claim, command)
        };
        if self.chance(60) {
            // Somebody pressed twice, in two windows.
            let (claim, command) = confirm(self);
            self.ask_beside(claim, command);
        }
        let (claim, command) = confirm(self);
        self.ask(claim, command).await;
    }

    pub fn step_up(&self) -> StepUp {
        match self.between(0, 9) {
            0..=3 => StepUp::Never,
            4..=7 => StepUp::IfAsked,
            8 => StepUp::First { mandated: false },
            _ => StepUp::First { mandated: true },
        }
    }

    /// The cardholder goes to the issuer and comes back, now and then by two windows, or not at all. False when they were lost on the
    /// way, whatever the issuer knows.
    pub async fn authenticate(&self, owner: Key, back: impl Fn(Key, Settled) -> Command) -> bool {
        self.sim.sleep(self.between(0, 20_000)).await;
        if self.chance(150) {
            // They close the window.
            return false;
        }
        let said = {
            let world = &mut *self.sim.lock();
            let settled = cardholder(world);
            world.cardholder_answers(owner, settled)
        };
        let Some((authentication, settled)) = said else { return true };
        let windows = self.between(0, 3);
        for _ in 0..windows {
            let number = {
                let world = &mut *self.sim.lock();
                world.next_request += 1;
                world.next_request
            };
            if let Reply::Ok(answer) = call(&self.sim, number, back(authentication, settled)).await {
                let world = &mut *self.sim.lock();
                let wall = world.wall();
                world.audit.answered(None, wall, &answer);
            }
        }
        windows > 0
    }

    /// Holds more, while the hold stands.
    async fn increment(&self, sale: &Sale) {
        let claim = self.claim();
        let amount = sale.amount + self.between(1, 500) * sale.unit;
        let (account, payment) = (self.account, sale.payment);
        let command = Increment { account, payment, from: None, amount, personal: None, claim: Some(claim.clone()) };
        self.ask(claim, Command::Increment(command)).await;
    }

    /// Reads until nothing is under way.
    async fn settled(&self, sale: &Sale) -> Heard {
        let mut pause = 500;
        loop {
            let number = {
                let world = &mut *self.sim.lock();
                world.next_request += 1;
                world.next_request
            };
            let read = Command::Read { account: self.account, payment: sale.payment };
            if let Reply::Ok(answer) = call(&self.sim, number, read).await
                && let Some(heard) = Heard::read(&answer)
            {
                let world = &mut *self.sim.lock();
                let wall = world.wall();
                world.audit.answered(None, wall, &answer);
                if heard.status != "processing" {
                    return heard;
                }
            }
            self.sim.sleep(self.between(pause / 2, pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE_MS);
        }
    }

    async fn claim_hold(&self, sale: &Sale) {
        self.sim.sleep(self.between(0, 20_000)).await;
        if self.chance(400) {
            self.increment(sale).await;
            self.settled(sale).await;
        }
        for _ in 0..2 {
            match self.between(0, 19) {
                0..=6 => self.capture(sale, None).await,
                7..=12 => self.capture(sale, Some(self.part(sale, sale.amount))).await,
                13..=15 => self.cancel(sale).await,
                16 | 17 => {
                    let (claim, command) = self.cancel_command(sale);
                    self.ask_beside(claim, command);
                    self.capture(sale, None).await;
                }
                18 => {
                    let (claim, command) = self.capture_command(sale, Some(self.part(sale, sale.amount)));
                    self.ask_beside(claim, command);
                    self.capture(sale, None).await;
                }
                _ => return,
            }
            let now = self.settled(sale).await;
            match now.status.as_str() {
                "succeeded" => return self.refunds(sale, now.amount).await,
                "requires_capture" => {}
                _ => return,
            }
        }
    }

    fn capture_command(&self, sale: &Sale, amount: Option<i64>) -> (Claiming, Command) {
        let claim = self.claim();
        let (account, payment) = (self.account, sale.payment);
        let capture = Capture {
            account,
            payment,
            from: None,
            amount,
            currency: None,
            personal: None,
            claim: Some(claim.clone()),
        };
        (claim, Command::Capture(capture))
    }

    async fn capture(&self, sale: &Sale, amount: Option<i64>) {
        let (claim, command) = self.capture_command(sale, amount);
        self.ask(claim, command).await;
    }

    fn cancel_command(&self, sale: &Sale) -> (Claiming, Command) {
        let claim = self.claim();
        let (account, payment, reason) = (self.account, sale.payment, CancelReason::RequestedByCustomer);
        (claim.clone(), Command::Cancel(Cancel { account, payment, reason, claim: Some(claim) }))
    }

    async fn cancel(&self, sale: &Sale) {
        let (claim, command) = self.cancel_command(sale);
        self.ask(claim, command).await;
    }

    /// A part of an amount, in whole units.
    fn part(&self, sale: &Sale, of: i64) -> i64 {
        let units = of / sale.unit;
        self.between(1, units.max(1)) * sale.unit
    }

    async fn refunds(&self, sale: &Sale, captured: i64) {
        let kind = self.between(0, 9);
        self.sim.sleep(self.between(0, 20_000)).await;
        match kind {
            0..=2 => {}
            3 | 4 => self.refund(sale, None).await,
            5..=7 => {
                for _ in 0..self.between(1, 4) {
                    self.refund(sale, Some(self.part(sale, captured / 2))).await;
                }
            }
            _ => {
                // Racers that together want more than there is.
                let amount = (captured * 6 / 10 / sale.unit).max(1) * sale.unit;
                let racers: Vec<Cell<Option<Heard>>> = (0..3)
                    .map(|_| {
                        let (claim, command) = self.refund_command(sale, Some(amount));
                        self.ask_beside(claim, command)
                    })
                    .collect();
                for racer in &racers {
                    let _: Option<Option<Heard>> = self.sim.wait(racer, None).await;
                }
            }
        }
    }

    fn refund_command(&self, sale: &Sale, amount: Option<i64>) -> (Claiming, Command) {
        let claim = self.claim();
        let refund = CreateRefund {
            account: self.account,
            payment: sale.payment,
            amount,
            currency: None,
            reason: RefundReason::RequestedByCustomer,
            personal: RefundPersonal::default(),
            claim: Some(claim.clone()),
        };
        (claim, Command::Refund(refund))
    }

    async fn refund(&self, sale: &Sale, amount: Option<i64>) {
        let (claim, command) = self.refund_command(sale, amount);
        self.ask(claim, command).await;
    }

    async fn list(&self) {
        let (number, known) = {
            let world = &mut *self.sim.lock();
            world.next_request += 1;
            (world.next_request, world.known.get(&self.account).cloned().unwrap_or_default())
        };
        let list = Command::List { account: self.account, kind: Kind::Payment };
        if let Reply::Ok(answer) = call(&self.sim, number, list).await {
            self.sim.lock().audit.listed(&answer, &known);
        }
    }
}

/// What an issuer's page comes to.
fn cardholder(world: &mut World) -> Settled {
    world.next_request += 1;
    let yes = (TransStatus::Authenticated, Some(Eci(*b"05")));
    let words = [
        yes,
        yes,
        yes,
        yes,
        (TransStatus::Attempted, Some(Eci(*b"06"))),
        (TransStatus::Failed, None),
        (TransStatus::Unavailable, None),
    ];
    let (status, eci) = world.rng.pick(&words);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&world.next_request.to_be_bytes());
    Settled { status, eci, directory: TransId(id), challenged: true }
}
