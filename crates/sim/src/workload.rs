//! What merchants do: create, confirm, capture, cancel, refund, read and list, with retries, duplicates and races.
//! Knows gateways only as clients do.

use crate::audit::Heard;
use crate::client::{LONGEST_PAUSE_MS, Merchant, client};
use crate::exec::{Cell, Sim};
use crate::opening::ACCOUNTS;
use crate::request::{Reply, Request};
use crate::world::{LONGEST_STORM_MS, World};
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, Money};
use florin_core::threeds::{Eci, Settled, TransId, TransStatus};

/// Amounts that ask the sandbox for a behaviour (its dialect file lists them), in minor units of EUR and USD.
const TELLING_AMOUNTS: [i64; 26] = [
    1065, 1065, 1000, 1005, 1014, 1041, 1043, 1051, 1054, 1057, 1061, 1091, 1096, 1096, 1010, 9001, 9002, 9003, 9005,
    9006, 9007, 9009, 9012, 9013, 9014, 9015,
];
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
        let merchant = Merchant { sim: sim.clone(), account, look: world.look.clone() };
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

/// A payment on its way through the merchant's hands.
struct Sale {
    payment: Key,
    /// `/v1/payment_intents/pi_…`
    path: String,
    /// The smallest step of its amounts.
    unit: i64,
    amount: i64,
    /// The customer agreed that the card is kept.
    keeps: bool,
    /// A card was given when it was made, and nobody has used it yet.
    has_card: bool,
    currency: Currency,
    /// The customer that the merchant signed it for; none when it is not signed.
    signed_for: Option<String>,
}

impl Merchant {
    async fn sell(&self) {
        if self.chance(120) {
            return crate::on_file::set_up(self).await;
        }
        let Some(mut sale) = self.create().await else { return };
        if self.chance(200) {
            self.walk_list().await;
        }
        if self.chance(40) {
            self.cancel(&sale).await;
            return;
        }
        if self.chance(100) {
            self.update(&mut sale).await;
        }
        for _ in 0..CONFIRMS_LIMIT {
            self.confirm(&mut sale).await;
            let mut now = self.settled(&sale).await;
            if now.status == "requires_action" {
                if !self.authenticate(Kind::Payment, sale.payment).await && self.chance(300) {
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
        let mut text = format!("amount={}&currency={}", money.minor, money.currency.code());
        let mut add = |more: &str| text.push_str(more);
        if self.chance(500) {
            add("&capture_method=manual");
        }
        if self.chance(200) {
            add("&description=a+book");
        }
        let keeps = self.chance(200);
        let customer = if keeps { self.customer() } else { String::new() };
        if keeps {
            add(&format!("&setup_future_usage=off_session&customer={customer}"));
        }
        let signed = if self.chance(250) { self.sign(money, &customer) } else { None };
        if let Some(order) = &signed {
            add(order);
        }
        add("&payment_method_options[card][request_incremental_authorization]=if_available");
        let (has_card, card) = (self.chance(500), self.card());
        let request = self.post("/v1/payment_intents".into(), text);
        let request = if has_card { request.with_card(card) } else { request };
        if signed.is_some() && self.chance(200) {
            // The same code under another key: one of the two is refused.
            let again = self.post("/v1/payment_intents".into(), format!("{}&metadata[again]=1", request.text));
            self.ask_beside(Request { card: request.card, ..again });
        }
        let payment = self.ask(request).await?.key;
        let path = format!("/v1/payment_intents/{}", self.id(Kind::Payment, payment));
        let signed_for = signed.map(|_| customer);
        let (amount, currency) = (money.minor, money.currency);
        Some(Sale { payment, path, unit, amount, keeps, has_card, currency, signed_for })
    }

    fn price(&self) -> (Money, i64) {
        let world = &mut *self.sim.lock();
        let (code, unit) = world.rng.pick(&[("eur", 1), ("eur", 1), ("usd", 1), ("jpy", 1), ("kwd", 10), ("isk", 100)]);
        let currency = Currency::parse(code).unwrap_or(Currency::EUR);
        let telling = matches!(code, "eur" | "usd") && world.rng.chance(350);
        let minor = if telling { world.rng.pick(&TELLING_AMOUNTS) } else { world.rng.between(2_000, 8_000) * unit };
        (Money::new(minor, currency), unit)
    }

    /// Another price, before anybody pays it.
    async fn update(&self, sale: &mut Sale) {
        let amount = sale.amount + self.between(1, 500) * sale.unit;
        let mut text = format!("amount={amount}&metadata[order]={amount}");
        let mut fits = true;
        if let Some(customer) = &sale.signed_for {
            let order = self.sign(Money::new(amount, sale.currency), customer);
            fits = self.chance(600);
            text.push_str(order.as_deref().filter(|_| fits).unwrap_or(""));
        }
        let request = self.post(sale.path.clone(), text);
        if self.ask(request).await.is_some() {
            sale.amount = amount;
            if !fits {
                let promise = "another price needs another order code";
                self.sim.lock().audit.broken(promise, Some(sale.payment), || format!("{amount} was taken"));
            }
        }
    }

    async fn confirm(&self, sale: &mut Sale) {
        let has_card = std::mem::take(&mut sale.has_card);
        let confirm = |merchant: &Merchant| {
            let request = merchant.post(format!("{}/confirm", sale.path), merchant.step_up().into());
            if has_card && merchant.chance(300) { request } else { request.with_card(merchant.card()) }
        };
        if self.chance(60) {
            // Somebody pressed twice, in two windows.
            let request = confirm(self);
            self.ask_beside(request);
        }
        let request = confirm(self);
        self.ask(request).await;
    }

    /// What the merchant wishes of 3-D Secure.
    pub fn step_up(&self) -> &'static str {
        match self.between(0, 9) {
            0..=3 => "error_on_requires_action=true",
            4..=7 => "",
            8 => "payment_method_options[card][request_three_d_secure]=any",
            _ => "payment_method_options[card][request_three_d_secure]=challenge",
        }
    }

    /// The cardholder goes to the issuer and comes back, now and then by two windows, or not at all. False when they were lost on the
    /// way, whatever the issuer knows.
    pub async fn authenticate(&self, kind: Kind, owner: Key) -> bool {
        self.sim.sleep(self.between(0, 20_000)).await;
        let Some(authentication) = self.sim.lock().authentication_of(owner) else { return true };
        let page = |step| {
            let url = self.look.threeds_url(step, (kind, owner), authentication);
            Request::page(self.account, url.trim_start_matches(crate::calm::CARD_ORIGIN).to_owned())
        };
        let there = self.send(&page("authenticate")).await;
        if self.chance(150) {
            // They close the window.
            return false;
        }
        if !matches!(there, Reply::Answer { status: 303, .. }) && self.chance(500) {
            // The page did not load, and they do not load it again.
            return false;
        }
        {
            let world = &mut *self.sim.lock();
            let settled = cardholder(world);
            world.cardholder_answers(authentication, settled);
        }
        let windows = self.between(0, 3);
        for _ in 0..windows {
            self.send(&page("return")).await;
        }
        windows > 0
    }

    /// Holds more, while the hold stands.
    async fn increment(&self, sale: &Sale) {
        let amount = sale.amount + self.between(1, 500) * sale.unit;
        let path = format!("{}/increment_authorization", sale.path);
        self.ask(self.post(path, format!("amount={amount}"))).await;
    }

    /// Reads until nothing is under way.
    async fn settled(&self, sale: &Sale) -> Heard {
        let mut pause = 500;
        loop {
            if let Some(heard) = self.read(sale.path.clone()).await
                && heard.status != "processing"
            {
                return heard;
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
                    self.ask_beside(self.cancel_request(sale));
                    self.capture(sale, None).await;
                }
                18 => {
                    self.ask_beside(self.capture_request(sale, Some(self.part(sale, sale.amount))));
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

    fn capture_request(&self, sale: &Sale, amount: Option<i64>) -> Request {
        let text = amount.map_or_else(String::new, |amount| format!("amount_to_capture={amount}"));
        self.post(format!("{}/capture", sale.path), text)
    }

    async fn capture(&self, sale: &Sale, amount: Option<i64>) {
        self.ask(self.capture_request(sale, amount)).await;
    }

    fn cancel_request(&self, sale: &Sale) -> Request {
        self.post(format!("{}/cancel", sale.path), "cancellation_reason=requested_by_customer".into())
    }

    async fn cancel(&self, sale: &Sale) {
        self.ask(self.cancel_request(sale)).await;
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
                let racers: Vec<Cell<Option<Heard>>> =
                    (0..3).map(|_| self.ask_beside(self.refund_request(sale, Some(amount)))).collect();
                for racer in &racers {
                    let _: Option<Option<Heard>> = self.sim.wait(racer, None).await;
                }
            }
        }
    }

    fn refund_request(&self, sale: &Sale, amount: Option<i64>) -> Request {
        let of = format!("payment_intent={}&reason=requested_by_customer", self.id(Kind::Payment, sale.payment));
        let part = amount.map_or_else(String::new, |amount| format!("&amount={amount}"));
        self.post("/v1/refunds".into(), of + &part)
    }

    async fn refund(&self, sale: &Sale, amount: Option<i64>) {
        self.ask(self.refund_request(sale, amount)).await;
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
