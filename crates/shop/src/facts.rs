//! What the gateway's objects and events say of an order's payment. Pure; whatever does not read as expected says nothing.

use crate::order::{Said, Standing};
use serde_json::Value;

/// One thing said of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `pi_…`
    pub intent: String,
    /// The order's id, where the gateway tells it.
    pub order: Option<String>,
    pub said: Said,
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|t| !t.is_empty() && t.len() <= 255).map(str::to_owned)
}

/// Of a payment intent.
pub fn of_intent(intent: &Value) -> Option<Fact> {
    let standing = match intent["status"].as_str()? {
        "requires_payment_method" | "requires_confirmation" => Standing::Open,
        "requires_action" | "processing" | "requires_capture" => Standing::Waiting,
        "succeeded" => Standing::Succeeded,
        "canceled" => Standing::Canceled,
        _ => return None,
    };
    let received = intent["amount_received"].as_i64().unwrap_or(0);
    let said = Said::Payment { standing, received, currency: text(&intent["currency"])? };
    Some(Fact { intent: text(&intent["id"])?, order: text(&intent["metadata"]["order"]), said })
}

/// Of an event. The thing in it is as it was then; `order::decide` knows that.
pub fn of_event(event: &Value) -> Option<Fact> {
    let (kind, object) = (event["type"].as_str()?, &event["data"]["object"]);
    let intent = || text(&object["payment_intent"]);
    let plain = |said| Some(Fact { intent: intent()?, order: None, said });
    match object["object"].as_str()? {
        "payment_intent" => of_intent(object),
        "charge" => match object["amount_refunded"].as_i64()? {
            0 => None,
            total => plain(Said::Refunded { total }),
        },
        "dispute" if kind == "charge.dispute.created" => plain(Said::Disputed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events() {
        #[track_caller]
        fn check(event: &Value, expected: Option<(&str, Option<&str>, Said)>) {
            let expected = expected.map(|(intent, order, said)| Fact {
                intent: intent.into(),
                order: order.map(Into::into),
                said,
            });
            assert_eq!(of_event(event), expected, "{event}");
        }
        let event = |kind: &str, object: Value| json!({ "type": kind, "data": { "object": object } });
        let intent = |status: &str| {
            json!({ "id": "pi_1", "object": "payment_intent", "status": status, "amount_received": 5, "currency": "eur",
                "metadata": { "order": "o1" } })
        };
        let payment = |standing| Said::Payment { standing, received: 5, currency: "eur".into() };
        for (status, standing) in [
            ("requires_payment_method", Standing::Open),
            ("requires_action", Standing::Waiting),
            ("processing", Standing::Waiting),
            ("succeeded", Standing::Succeeded),
            ("canceled", Standing::Canceled),
        ] {
            check(&event("payment_intent.x", intent(status)), Some(("pi_1", Some("o1"), payment(standing))));
        }
        check(&event("payment_intent.x", intent("something_new")), None);
        let charge = |back: i64| json!({ "object": "charge", "payment_intent": "pi_1", "amount_refunded": back });
        check(&event("charge.refunded", charge(4)), Some(("pi_1", None, Said::Refunded { total: 4 })));
        check(&event("charge.succeeded", charge(0)), None);
        let dispute = json!({ "object": "dispute", "payment_intent": "pi_1" });
        check(&event("charge.dispute.created", dispute), Some(("pi_1", None, Said::Disputed)));
        check(&json!({}), None);
        check(&json!({ "type": 1, "data": [] }), None);
    }
}
