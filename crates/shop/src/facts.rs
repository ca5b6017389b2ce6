//! What the gateway's objects and events say of an order's payment. Pure; whatever does not read as expected says nothing.

use crate::db::refunds::Progress;
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
        "requires_action" => Standing::Acting,
        "processing" | "requires_capture" => Standing::Checking,
        "succeeded" => Standing::Succeeded,
        "canceled" => Standing::Canceled,
        _ => return None,
    };
    let received = intent["amount_received"].as_i64().unwrap_or(0);
    let code = text(&intent["order"]["code"]);
    let said = Said::Payment { standing, received, currency: text(&intent["currency"])?, code };
    Some(Fact { intent: text(&intent["id"])?, order: text(&intent["metadata"]["order"]), said })
}

/// A refund as the gateway has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `re_…`
    pub id: String,
    /// What the shop asked for it with: the order, and its number there. Refunds of others have none.
    pub order: Option<String>,
    pub n: Option<i64>,
    pub amount: i64,
    pub state: Progress,
}

pub fn of_refund(refund: &Value) -> Option<Given> {
    let state = match refund["status"].as_str()? {
        "succeeded" => Progress::Done,
        "failed" | "canceled" => Progress::Failed,
        // `pending`, `requires_action`, and what may come to be.
        _ => Progress::Asked,
    };
    let n = refund["metadata"]["n"].as_str().and_then(|n| n.parse().ok());
    let order = text(&refund["metadata"]["order"]);
    Some(Given { id: text(&refund["id"])?, order, n, amount: refund["amount"].as_i64()?, state })
}

/// Of an event. The thing in it is as it was then; `order::decide` knows that.
pub fn of_event(event: &Value) -> Option<Fact> {
    let (kind, object) = (event["type"].as_str()?, &event["data"]["object"]);
    let intent = || text(&object["payment_intent"]);
    let plain = |said| Some(Fact { intent: intent()?, order: None, said });
    match object["object"].as_str()? {
        "payment_intent" => of_intent(object),
        // What is in them may be old, and a charge counts refunds that may yet fail: they are read instead.
        "charge" if kind == "charge.refunded" => plain(Said::Stirred),
        "refund" => plain(Said::Stirred),
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
                "metadata": { "order": "o1" }, "order": { "code": "v1.a" } })
        };
        let payment =
            |standing| Said::Payment { standing, received: 5, currency: "eur".into(), code: Some("v1.a".into()) };
        for (status, standing) in [
            ("requires_payment_method", Standing::Open),
            ("requires_action", Standing::Acting),
            ("processing", Standing::Checking),
            ("requires_capture", Standing::Checking),
            ("succeeded", Standing::Succeeded),
            ("canceled", Standing::Canceled),
        ] {
            check(&event("payment_intent.x", intent(status)), Some(("pi_1", Some("o1"), payment(standing))));
        }
        check(&event("payment_intent.x", intent("something_new")), None);
        let charge = |back: i64| json!({ "object": "charge", "payment_intent": "pi_1", "amount_refunded": back });
        check(&event("charge.refunded", charge(4)), Some(("pi_1", None, Said::Stirred)));
        let refund = json!({ "id": "re_1", "object": "refund", "payment_intent": "pi_1", "status": "failed" });
        for kind in ["refund.created", "refund.updated", "refund.failed"] {
            check(&event(kind, refund.clone()), Some(("pi_1", None, Said::Stirred)));
        }
        check(&event("charge.succeeded", charge(0)), None);
        let dispute = json!({ "object": "dispute", "payment_intent": "pi_1" });
        check(&event("charge.dispute.created", dispute), Some(("pi_1", None, Said::Disputed)));
        check(&json!({}), None);
        check(&json!({ "type": 1, "data": [] }), None);
    }

    #[test]
    fn refunds() {
        #[track_caller]
        fn check(status: &str, expected: Option<Progress>) {
            let refund = json!({ "id": "re_1", "object": "refund", "amount": 5, "status": status, "metadata": { "order": "o1", "n": "2" } });
            let given = |state| Given { id: "re_1".into(), order: Some("o1".into()), n: Some(2), amount: 5, state };
            assert_eq!(of_refund(&refund), expected.map(given), "{status}");
        }
        check("pending", Some(Progress::Asked));
        check("requires_action", Some(Progress::Asked));
        check("succeeded", Some(Progress::Done));
        check("failed", Some(Progress::Failed));
        check("canceled", Some(Progress::Failed));
        assert_eq!(of_refund(&json!({})), None);
        let other = json!({ "id": "re_2", "amount": 5, "status": "succeeded", "metadata": {} });
        assert_eq!(of_refund(&other).map(|g| (g.order, g.n)), Some((None, None)));
    }
}
