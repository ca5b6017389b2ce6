//! Between an order and its payment: what is asked of the gateway, and how its answers get into the order. The order is written before
//! the gateway is asked, so that a shop that dies in between finds the payment again under the same idempotency key.

use crate::db::notices::By;
use crate::db::{Db, notices, orders};
use crate::facts::{Fact, of_intent};
use crate::fail::Fail;
use crate::florin::{Florin, Trouble};
use crate::order::{Change, Order, Stage};
use crate::settings::Log;
use crate::sign::{self, Told};
use florin_merchant::OrderKey;
use rusqlite::Transaction;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast};

/// Pages that wait for news at a time; who is behind misses some and looks anew.
const NEWS_LIMIT: usize = 256;

pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0))
}

pub struct Till {
    pub db: Db,
    pub florin: Arc<Florin>,
    /// Ids of orders that changed.
    pub news: broadcast::Sender<String>,
    /// The keeper has something to do before its next round.
    pub wake: Notify,
    /// What orders are signed with.
    orders: Option<OrderKey>,
    log: Log,
}

/// What a try to pay came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Tried {
    /// The order says how it stands.
    Settled,
    /// The customer has to do something: the payment's client secret.
    Act(String),
    /// The bank said no: why, as the API names it, and in the gateway's words for the customer.
    Declined { code: String, message: String },
    /// The gateway would not take it, in words for the customer.
    Refused(String),
    /// Nobody knows yet; it will be found out.
    Unknown,
}

impl Till {
    pub fn new(db: Db, florin: Arc<Florin>, orders: Option<OrderKey>, log: Log) -> Till {
        Till { db, florin, news: broadcast::channel(NEWS_LIMIT).0, wake: Notify::new(), orders, log }
    }

    /// Writes a failure down. Its text names no customer.
    pub fn note(&self, fail: &Fail) {
        (self.log)(fail.code, &fail.message);
    }

    pub fn tell(&self, changed: Option<String>) {
        if let Some(id) = changed {
            // Nobody may be listening.
            let _ = self.news.send(id);
        }
    }

    pub async fn order(&self, id: &str) -> Result<Option<Order>, Fail> {
        let id = id.to_owned();
        self.db.run(move |tx| orders::one(tx, &id)).await
    }

    async fn learn(&self, intent: &Value) -> Result<(), Fail> {
        match of_intent(intent) {
            Some(fact) => self.learn_fact(fact).await,
            None => Ok(()),
        }
    }

    async fn learn_fact(&self, fact: Fact) -> Result<(), Fail> {
        let changed = self.db.run(move |tx| notices::learn(tx, &fact, By::Answer, now())).await?;
        self.tell(changed);
        Ok(())
    }

    /// The order's payment at the gateway, made if there is none. Amount and currency are the order's own.
    async fn intent(&self, order: &Order) -> Result<Result<String, Trouble>, Fail> {
        if let Some(intent) = &order.intent {
            return Ok(Ok(intent.clone()));
        }
        let (amount, number) = (order.total.to_string(), order.number.to_string());
        let signed = match self.signed(order).await? {
            Ok(signed) => signed,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let mut fields = vec![
            ("amount", amount.as_str()),
            ("currency", order.currency.code()),
            ("automatic_payment_methods[enabled]", "true"),
            ("metadata[order]", order.id.as_str()),
            ("metadata[number]", number.as_str()),
        ];
        if let Some(told) = &signed {
            fields.push(("order_code", &told.code));
            fields.push(("order[id]", &order.id));
            fields.push(("order[items_digest]", &told.items_digest));
        }
        let key = format!("order-{}-pay-{}", order.id, order.attempt);
        let made = match self.florin.post("/v1/payment_intents", &fields, &key).await {
            Ok(made) => made,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let Some(id) = made["id"].as_str().map(str::to_owned) else { return Ok(Err(Trouble::Unknown)) };
        let (order, intent) = (order.id.clone(), id.clone());
        self.db
            .run(move |tx| {
                let Some(order) = orders::one(tx, &order)?.filter(|o| o.intent.is_none()) else { return Ok(()) };
                let change = Change { intent: Some(intent), ..Change::of(&order) };
                orders::apply(tx, &order, &change, By::Answer.name(), now())
            })
            .await?;
        Ok(Ok(id))
    }

    /// The order's code for its present try, written down before anybody is told. What comes of an order that went on meanwhile is not known
    /// here.
    async fn signed(&self, order: &Order) -> Result<Result<Option<Told>, Trouble>, Fail> {
        let Some(key) = &self.orders else { return Ok(Ok(None)) };
        let id = order.id.clone();
        let lines = self.db.run(move |tx| orders::lines(tx, &id)).await?;
        let cannot = || Fail::new("shop_order", "the order cannot be signed");
        let told = sign::sign(key, order, &lines).ok_or_else(cannot)?;
        let (order, code) = (order.clone(), told.code.clone());
        let noted = self.db.run(move |tx| orders::signed(tx, &order, &code)).await?;
        Ok(if noted { Ok(Some(told)) } else { Err(Trouble::Unknown) })
    }

    /// Pays an order with what the card form gave: a confirmation token. `back` is where a bank's page leads to.
    pub async fn pay(&self, order: &Order, token: &str, back: &str) -> Result<Tried, Fail> {
        if !order.stage.is_open() {
            return Ok(Tried::Settled);
        }
        // An earlier try is with the bank: nothing else is tried until that is known.
        if order.stage == Stage::Paying {
            self.refresh(order).await?;
            match self.order(&order.id).await? {
                Some(now) if now.stage.takes_card() => {}
                Some(now) if now.stage == Stage::Paying => return Ok(Tried::Unknown),
                Some(_) | None => return Ok(Tried::Settled),
            }
        }
        let intent = match self.intent(order).await? {
            Ok(intent) => intent,
            Err(trouble) => return Ok(tried(&trouble)),
        };
        if !self.begin(&order.id, &intent).await? {
            return Ok(Tried::Settled);
        }
        self.tell(Some(order.id.clone()));
        let path = format!("/v1/payment_intents/{intent}/confirm");
        let fields = [("confirmation_token", token), ("return_url", back), ("use_stripe_sdk", "true")];
        let key = format!("order-{}-confirm-{token}", order.id);
        match self.florin.post(&path, &fields, &key).await {
            Ok(intent) => {
                self.learn(&intent).await?;
                Ok(match (intent["status"].as_str(), intent["client_secret"].as_str()) {
                    (Some("requires_action"), Some(secret)) => Tried::Act(secret.to_owned()),
                    _ => Tried::Settled,
                })
            }
            Err(Trouble::Unknown) => Ok(Tried::Unknown),
            Err(trouble) => {
                // Declined, or it stood otherwise than this page knew, for example paid in another tab.
                let standing = match &trouble {
                    Trouble::Refused { error, .. } if error["payment_intent"].is_object() => {
                        self.learn(&error["payment_intent"]).await?;
                        true
                    }
                    Trouble::Refused { .. } | Trouble::Unknown => self.look(&intent).await?,
                };
                let after = self.order(&order.id).await?;
                let done = standing && after.is_some_and(|o| !o.stage.is_open());
                Ok(if done { Tried::Settled } else { tried(&trouble) })
            }
        }
    }

    /// From here on money may come. False when the order was given up or paid meanwhile, or has another payment.
    async fn begin(&self, id: &str, intent: &str) -> Result<bool, Fail> {
        let (id, intent) = (id.to_owned(), intent.to_owned());
        self.db
            .run(move |tx| {
                let ours = |o: &Order| o.stage.is_open() && o.intent.as_deref() == Some(intent.as_str());
                let Some(order) = orders::one(tx, &id)?.filter(ours) else { return Ok(false) };
                let change = Change { stage: Stage::Paying, ..Change::of(&order) };
                orders::apply(tx, &order, &change, "customer", now())?;
                Ok(true)
            })
            .await
    }

    /// Reads a payment at the gateway. False when it could not be read.
    async fn look(&self, intent: &str) -> Result<bool, Fail> {
        let Ok(read) = self.florin.get(&format!("/v1/payment_intents/{intent}?expand[0]=latest_charge")).await else {
            return Ok(false);
        };
        self.learn(&read).await?;
        if read["latest_charge"]["amount_refunded"].as_i64().is_some_and(|back| back > 0) {
            let intent = intent.to_owned();
            let stir = move |tx: &Transaction<'_>| match orders::of_intent(tx, &intent)? {
                Some(order) => orders::stir(tx, &order.id),
                None => Ok(()),
            };
            self.db.run(stir).await?;
            self.wake.notify_one();
        }
        Ok(true)
    }

    /// Finds out how an order's payment stands. Without one nothing was confirmed, so nothing can come.
    pub async fn refresh(&self, order: &Order) -> Result<(), Fail> {
        match &order.intent {
            Some(intent) => self.look(intent).await.map(drop),
            None => Ok(()),
        }
    }

    /// Gives an unpaid order up: first its payment, so that nothing can be paid for it any more. True when it is cancelled.
    pub async fn cancel(&self, order: &Order, by: &'static str) -> Result<bool, Fail> {
        if !order.stage.is_open() {
            return Ok(false);
        }
        let intent = order.intent.clone();
        if let Some(intent) = &intent {
            let path = format!("/v1/payment_intents/{intent}/cancel");
            let ended = self.florin.post(&path, &[], &format!("order-{}-cancel-{intent}", order.id)).await;
            if ended.is_err() {
                self.look(intent).await?;
                let now = self.florin.glance(&format!("/v1/payment_intents/{intent}")).await;
                if now.is_none_or(|now| now["status"] != "canceled") {
                    return Ok(false);
                }
            }
        }
        let (id, known) = (order.id.clone(), intent);
        let done = self
            .db
            .run(move |tx| {
                let Some(order) = orders::one(tx, &id)?.filter(|o| o.stage.is_open()) else { return Ok(false) };
                // A payment that was begun meanwhile is another one.
                if order.intent.is_some() && order.intent != known {
                    return Ok(false);
                }
                let change = Change { stage: Stage::Cancelled, ..Change::of(&order) };
                orders::apply(tx, &order, &change, by, now())?;
                Ok(true)
            })
            .await?;
        self.tell(done.then(|| order.id.clone()));
        Ok(done)
    }
}

fn tried(trouble: &Trouble) -> Tried {
    match trouble {
        Trouble::Refused { status: 402, code, message, error } => {
            let code = error["decline_code"].as_str().unwrap_or(code).to_owned();
            Tried::Declined { code, message: message.clone() }
        }
        Trouble::Refused { message, .. } => Tried::Refused(message.clone()),
        Trouble::Unknown => Tried::Unknown,
    }
}
