//! What merchants do, as stories: paid at once or in two steps, held and captured, given up, refunded, declined, listed. Each answer is
//! noted on disk before the story goes on. Knows no process.

use super::client::{Answer, Client, Turn};
use super::journal::{Journal, Told};
use crate::fail::Fail;
use florin_sim::Rng;
use serde_json::Value;
use std::time::Duration;

/// Between two looks at a payment whose outcome is not known yet.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A customer whose payment was taken back pays again so often.
const CONFIRMS: u32 = 3;
const CARDS: [&str; 4] = ["pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_visa_debit"];
const DECLINED: &str = "pm_card_chargeDeclined";
const RETURN: &str = "return_url=https://shop.example/back";
const LISTS: [&str; 5] =
    ["/v1/payment_intents", "/v1/charges", "/v1/refunds", "/v1/events", "/v1/balance_transactions"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plot {
    Sale,
    TwoSteps,
    Capture,
    CapturePart,
    Cancel,
    Refund,
    Declined,
    List,
}

/// How likely each is, in hundredths.
const PLOTS: [(u64, Plot); 8] = [
    (25, Plot::Sale),
    (15, Plot::TwoSteps),
    (12, Plot::Capture),
    (8, Plot::CapturePart),
    (10, Plot::Cancel),
    (18, Plot::Refund),
    (6, Plot::Declined),
    (6, Plot::List),
];

pub struct Stories {
    pub client: Client,
    pub journal: Journal,
    pub seed: u64,
}

struct Story<'s> {
    all: &'s Stories,
    number: u64,
    turn: Turn,
    payment: String,
    amount: i64,
    keys: u32,
}

impl Stories {
    /// Tells one story to its end. Errors: a request that was never answered, or an answer that must not be.
    pub async fn tell(&self, number: u64, turn: Turn) -> Result<(), Fail> {
        let mut rng = Rng::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut at = rng.below(100);
        let plot = PLOTS.iter().find(|(weight, _)| match at.checked_sub(*weight) {
            Some(left) => {
                at = left;
                false
            }
            None => true,
        });
        let plot = plot.map_or(Plot::Sale, |(_, plot)| *plot);
        let amount = rng.between(100, 50_000);
        let pick = rng.below(CARDS.len() as u64) as usize;
        let card = CARDS.get(pick).copied().unwrap_or("pm_card_visa");
        let mut story = Story { all: self, number, turn, payment: String::new(), amount, keys: 0 };
        match plot {
            Plot::Sale => story.pay("automatic", card, false).await.map(drop),
            Plot::TwoSteps => story.pay("automatic", card, true).await.map(drop),
            Plot::Declined => story.pay("automatic", DECLINED, true).await.map(drop),
            Plot::Capture => story.capture(card, amount).await,
            Plot::CapturePart => story.capture(card, rng.between(1, amount)).await,
            Plot::Cancel => story.cancel(card).await,
            Plot::Refund => story.refund(card, rng.between(1, amount)).await,
            Plot::List => story.list(LISTS.get(rng.below(5) as usize).copied().unwrap_or("/v1/events")).await,
        }
    }
}

impl Story<'_> {
    /// The status in which the payment ends.
    async fn pay(&mut self, capture: &str, card: &str, two_steps: bool) -> Result<String, Fail> {
        let (amount, number) = (self.amount, self.number);
        let create = format!("amount={amount}&currency=eur&capture_method={capture}&metadata[story]={number}");
        let mut state = match two_steps {
            true => self.post("/v1/payment_intents", &create).await?,
            false => {
                let form = format!("{create}&confirm=true&payment_method={card}&{RETURN}");
                self.post("/v1/payment_intents", &form).await?
            }
        };
        for _ in 0..CONFIRMS {
            let refused = card == DECLINED && !two_steps;
            if !matches!(state.as_str(), "requires_payment_method" | "requires_confirmation") || refused {
                break;
            }
            let path = format!("/v1/payment_intents/{}/confirm", self.payment);
            state = self.post(&path, &format!("payment_method={card}&{RETURN}")).await?;
            if card == DECLINED {
                break;
            }
        }
        Ok(state)
    }

    async fn capture(&mut self, card: &str, amount: i64) -> Result<(), Fail> {
        if self.pay("manual", card, false).await? != "requires_capture" {
            return Ok(());
        }
        let path = format!("/v1/payment_intents/{}/capture", self.payment);
        self.post(&path, &format!("amount_to_capture={amount}")).await.map(drop)
    }

    async fn cancel(&mut self, card: &str) -> Result<(), Fail> {
        if self.pay("manual", card, false).await? != "requires_capture" {
            return Ok(());
        }
        let path = format!("/v1/payment_intents/{}/cancel", self.payment);
        self.post(&path, "").await.map(drop)
    }

    /// A part, and then the rest.
    async fn refund(&mut self, card: &str, part: i64) -> Result<(), Fail> {
        if self.pay("automatic", card, false).await? != "succeeded" {
            return Ok(());
        }
        let (payment, number) = (self.payment.clone(), self.number);
        let form = format!("payment_intent={payment}&amount={part}&metadata[story]={number}");
        self.post("/v1/refunds", &form).await?;
        if part < self.amount {
            self.post("/v1/refunds", &format!("payment_intent={payment}&metadata[story]={number}")).await?;
        }
        Ok(())
    }

    async fn list(&mut self, path: &str) -> Result<(), Fail> {
        let path = format!("{path}?limit=20");
        let answer = self.all.client.insist(&mut self.turn, "GET", &path, "", "").await?;
        match answer.status {
            200 => Ok(()),
            status => Err(Fail::new("unexpected", format!("GET {path}: {status} {}", answer.body))),
        }
    }

    /// Asks, notes the answer, and waits until its outcome is known; the state then.
    async fn post(&mut self, path: &str, form: &str) -> Result<String, Fail> {
        self.keys += 1;
        let key = format!("crash-{}-{}-{}", self.all.seed, self.number, self.keys);
        let answer = self.all.client.insist(&mut self.turn, "POST", path, form, &key).await?;
        let mut told = self.told(path, &answer)?;
        (told.form, told.key) = (form.to_owned(), key);
        if self.payment.is_empty() {
            self.payment.clone_from(&told.payment);
        }
        self.all.journal.note(&told).await?;
        while matches!(told.state.as_str(), "processing" | "pending") {
            self.all.client.pause(&mut self.turn, LOOK_EVERY).await;
            let path = match &told.refund {
                Some(id) => format!("/v1/refunds/{id}"),
                None => format!("/v1/payment_intents/{}", told.payment),
            };
            let answer = self.all.client.insist(&mut self.turn, "GET", &path, "", "").await?;
            told = self.told(&path, &answer)?;
            if !matches!(told.state.as_str(), "processing" | "pending") {
                self.all.journal.note(&told).await?;
            } else if self.all.client.over.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(Fail::new("unanswered", format!("{path} is still {}", told.state)));
            }
        }
        Ok(told.state)
    }

    /// What an answer says. A declined payment is one; any other refusal must not come.
    fn told(&self, path: &str, answer: &Answer) -> Result<Told, Fail> {
        let thing = match answer.status {
            200 => &answer.body,
            402 => &answer.body["error"]["payment_intent"],
            _ => &Value::Null,
        };
        let text = |name: &str| thing[name].as_str().map(str::to_owned);
        let refund = (thing["object"] == "refund").then(|| text("id")).flatten();
        let payment = if refund.is_some() { text("payment_intent") } else { text("id") };
        let (Some(payment), Some(state)) = (payment, text("status")) else {
            let (status, body, story) = (answer.status, &answer.body, self.number);
            return Err(Fail::new("unexpected", format!("story {story}: {path}: {status} {body}")));
        };
        let amount = thing[if refund.is_some() { "amount" } else { "amount_received" }].as_i64().unwrap_or(0);
        let (path, form, key, digest) = (path.to_owned(), String::new(), String::new(), answer.digest.clone());
        Ok(Told { story: self.number, path, form, key, status: answer.status, state, payment, refund, amount, digest })
    }
}
