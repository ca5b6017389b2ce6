//! Giving money back: written down before the gateway is asked, and not over before the gateway says how it ended. What may have been asked
//! before is looked for first, so that nothing goes back twice, however long ago that was.

use crate::Fail;
use crate::db::refunds::{self, Progress, Refund};
use crate::db::wishes::{self, Granted};
use crate::facts::{Given, of_refund};
use crate::florin::Trouble;
use crate::order::{Order, Stage};
use crate::pay::{Till, now};
use serde_json::Value;

/// Pages of 100 refunds of one payment: more are not believed.
const PAGES_LIMIT: usize = 20;

impl Till {
    /// Gives so much back, in minor units, if the order is at the stage that the asker saw (`only`). Nothing when that cannot be; else how
    /// the refund stands.
    pub async fn refund(
        &self,
        id: &str,
        amount: i64,
        only: Option<Stage>,
        by: &'static str,
    ) -> Result<Option<Progress>, Fail> {
        let of = id.to_owned();
        match self.db.run(move |tx| refunds::ask(tx, &of, amount, only, by, now())).await? {
            Some(asked) => self.ask_for(&asked).await.map(Some),
            None => Ok(None),
        }
    }

    /// Grants a customer's wish: all that is left goes back. Nothing when nothing can; else how the refund stands.
    pub async fn grant(&self, id: &str) -> Result<Option<Progress>, Fail> {
        let of = id.to_owned();
        match self.db.run(move |tx| wishes::grant(tx, &of, now())).await? {
            Granted::Asked(asked) => self.ask_for(&asked).await.map(Some),
            Granted::Already => Ok(Some(Progress::Done)),
            Granted::Not => Ok(None),
        }
    }

    async fn ask_for(&self, asked: &Refund) -> Result<Progress, Fail> {
        self.send(asked).await?;
        let of = asked.clone();
        let state = self.db.run(move |tx| refunds::state(tx, &of)).await?;
        Ok(state.unwrap_or(Progress::Asked))
    }

    async fn send(&self, asked: &Refund) -> Result<(), Fail> {
        self.tell(Some(asked.order.clone()));
        let Some(intent) = self.order(&asked.order).await?.and_then(|o| o.intent) else { return Ok(()) };
        let (amount, n) = (asked.amount.to_string(), asked.n.to_string());
        let fields = [
            ("payment_intent", intent.as_str()),
            ("amount", amount.as_str()),
            ("reason", "requested_by_customer"),
            ("metadata[order]", asked.order.as_str()),
            ("metadata[n]", n.as_str()),
        ];
        let key = format!("order-{}-refund-{}", asked.order, asked.n);
        let given = match self.florin.post("/v1/refunds", &fields, &key).await {
            Ok(made) => match of_refund(&made) {
                Some(given) => Some(given),
                None => return Ok(()),
            },
            Err(Trouble::Refused { .. }) => None,
            // It stays asked for; the keeper finds out.
            Err(Trouble::Unknown) => return Ok(()),
        };
        let of = asked.clone();
        let changed = self.db.run(move |tx| refunds::answered(tx, &of, given.as_ref(), now())).await?;
        self.tell(changed);
        Ok(())
    }

    /// A refund that is not over: what the gateway has of it comes first. Its idempotency key may be forgotten there by now.
    pub async fn follow(&self, asked: &Refund) -> Result<(), Fail> {
        let of = asked.clone();
        self.db.run(move |tx| refunds::touch(tx, &of, now())).await?;
        let Some(order) = self.order(&asked.order).await? else { return Ok(()) };
        if !self.read_refunds(&order).await? {
            return Ok(());
        }
        let known = self.db.run(move |tx| refunds::of_order(tx, &order.id)).await?;
        let lost = |r: &&Refund| r.n == asked.n && r.state == Progress::Asked && r.refund.is_none();
        match known.iter().find(lost) {
            Some(lost) => self.send(lost).await,
            None => Ok(()),
        }
    }

    /// Takes over what the gateway says of all refunds of an order's payment. False when it did not say.
    pub async fn read_refunds(&self, order: &Order) -> Result<bool, Fail> {
        let Some(intent) = &order.intent else { return Ok(true) };
        let Some(all) = self.refunds_of(intent).await else { return Ok(false) };
        let id = order.id.clone();
        let changed = self.db.run(move |tx| refunds::take(tx, &id, &all, now())).await?;
        self.tell(changed);
        Ok(true)
    }

    /// All of them, or nothing.
    async fn refunds_of(&self, intent: &str) -> Option<Vec<Given>> {
        let (mut all, mut after) = (vec![], String::new());
        for _ in 0..PAGES_LIMIT {
            let path = format!("/v1/refunds?payment_intent={intent}&limit=100{after}");
            let page: Value = self.florin.get(&path).await.ok()?;
            let list = page["data"].as_array()?;
            for refund in list {
                all.push(of_refund(refund)?);
            }
            if page["has_more"] != true {
                return Some(all);
            }
            after = format!("&starting_after={}", list.last()?["id"].as_str()?);
        }
        None
    }
}
