//! Many clients at once, over TLS: one key pays once, and no race captures, refunds or charges too much. The issuers' books and the
//! ledger are asked what really happened.

use crate::house::{House, Running};
use crate::web::{Answer, Api};
use serde_json::{Value, json};

const RACERS: usize = 50;
/// What a loser may hear.
const LOST: [u16; 4] = [400, 402, 409, 429];
const PAY: &str = "confirm=true&return_url=https://shop.example/back&payment_method=";

struct Race {
    house: House,
    demo: Running,
    api: Api,
}

impl Race {
    fn new(name: &str) -> Race {
        let house = House::new(name);
        let demo = house.demo();
        let api = Api::new(&demo.ready);
        Race { house, demo, api }
    }

    /// A payment of 5000, as it was answered.
    fn paid(&self, more: &str) -> Answer {
        let form = format!("amount=5000&currency=eur&{PAY}pm_card_visa&{more}");
        self.api.connect().post("/v1/payment_intents", &form).ok()
    }

    fn shown(&self, path: &str) -> Value {
        self.api.connect().get(path).ok().body
    }

    /// What stands at the issuers: (held, captured, refunded).
    fn issuers(&self) -> (i64, i64, i64) {
        let summary = self.house.florin(&["network", "summary"]).done();
        let part = |name: &str| summary["standing"]["eur"][name].as_i64().unwrap_or(0);
        (part("held"), part("captured"), part("refunded"))
    }

    /// Stops everything and adds up the ledger and the chains anew.
    fn end(self) {
        self.demo.stop();
        self.house.verified();
    }
}

/// Those that won; the others must have lost as losers do.
#[track_caller]
fn winners(answers: &[Answer]) -> Vec<&Answer> {
    let (won, lost): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|a| a.status == 200);
    for answer in lost {
        assert!(LOST.contains(&answer.status), "{}: {}", answer.status, answer.body);
    }
    won
}

#[test]
fn a_key_pays_once() {
    let race = Race::new("race-key");
    // (card, status of the one that ran)
    for (card, status) in [("pm_card_visa", 200), ("pm_card_chargeDeclined", 402)] {
        let form = format!("amount=700&currency=eur&{PAY}{card}");
        let answers = race.api.race(64, |client, _| client.post_with("/v1/payment_intents", &form, card));
        let replayed = |a: &&Answer| a.header("idempotent-replayed") == Some("true");
        let (ran, waited): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|a| a.status == status);
        assert_eq!(ran.iter().filter(|a| !replayed(a)).count(), 1, "one ran");
        assert!(ran.iter().all(|a| a.body == ran[0].body), "the others have its answer");
        for answer in waited {
            assert_eq!((answer.status, answer.text("/error/code")), (409, "idempotency_key_in_use"));
        }
        let again = race.api.connect().post_with("/v1/payment_intents", &form, card);
        assert_eq!((again.status, replayed(&&again), &again.body), (status, true, &ran[0].body));
    }
    let all = race.shown("/v1/payment_intents?limit=100");
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    assert_eq!(race.issuers(), (0, 700, 0));
    race.end();
}

#[test]
fn refunds_never_exceed() {
    let race = Race::new("race-refund");
    let payment = race.paid("");
    let form = format!("payment_intent={}&amount=300", payment.text("/id"));
    let answers = race.api.race(RACERS, |client, _| client.post("/v1/refunds", &form));
    let given: i64 = winners(&answers).iter().map(|a| a.number("/amount")).sum();
    let charge = format!("/v1/charges/{}", payment.text("/latest_charge"));
    assert_eq!(race.shown(&charge)["amount_refunded"], given);
    assert_eq!(race.issuers(), (0, 5000, given));
    assert!(given <= 5000 && given > 0, "{given}");
    // What is left can be given back, and then nothing more.
    let rest = format!("payment_intent={}", payment.text("/id"));
    let answers = race.api.race(RACERS, |client, _| client.post("/v1/refunds", &rest));
    assert_eq!(winners(&answers).iter().map(|a| a.number("/amount")).collect::<Vec<_>>(), [5000 - given]);
    assert_eq!(race.shown(&charge)["refunded"], true);
    assert_eq!(race.issuers(), (0, 5000, 5000));
    race.end();
}

#[test]
fn a_hold_is_captured_once() {
    let race = Race::new("race-capture");
    let held = race.paid("capture_method=manual");
    let path = format!("/v1/payment_intents/{}/capture", held.text("/id"));
    let amount = |n: usize| 1000 + i64::try_from(n).unwrap();
    let answers = race.api.race(RACERS, |client, n| client.post(&path, &format!("amount_to_capture={}", amount(n))));
    let [won] = winners(&answers)[..] else { panic!("not one capture") };
    assert_eq!(race.issuers(), (0, won.number("/amount_received"), 0));
    let shown = race.shown(&format!("/v1/payment_intents/{}", held.text("/id")));
    assert_eq!(shown["amount_received"], won.body["amount_received"]);
    race.end();
}

#[test]
fn an_intent_is_charged_once() {
    let race = Race::new("race-confirm");
    let open = race.api.connect().post("/v1/payment_intents", "amount=5000&currency=eur").ok();
    let path = format!("/v1/payment_intents/{}/confirm", open.text("/id"));
    let form = "payment_method=pm_card_visa&return_url=https://shop.example/back";
    let answers = race.api.race(RACERS, |client, _| client.post(&path, form));
    assert_eq!(winners(&answers).len(), 1);
    let charges = race.shown(&format!("/v1/charges?payment_intent={}", open.text("/id")));
    let paid: Vec<&Value> = charges["data"].as_array().unwrap().iter().map(|c| &c["paid"]).collect();
    assert_eq!(paid, [&json!(true)]);
    assert_eq!(race.issuers(), (0, 5000, 0));
    race.end();
}

#[test]
fn capture_and_cancel_have_one_winner() {
    let race = Race::new("race-cancel");
    let held = race.paid("capture_method=manual");
    let path = |what: &str| format!("/v1/payment_intents/{}/{what}", held.text("/id"));
    let answers = race.api.race(RACERS, |client, n| client.post(&path(["capture", "cancel"][n % 2]), ""));
    let [won] = winners(&answers)[..] else { panic!("not one winner") };
    let captured = won.text("/status") == "succeeded";
    assert_eq!(race.issuers(), if captured { (0, 5000, 0) } else { (0, 0, 0) });
    let shown = race.shown(&format!("/v1/payment_intents/{}", held.text("/id")));
    assert_eq!(shown["status"], if captured { "succeeded" } else { "canceled" });
    race.end();
}

#[test]
fn a_token_is_used_once() {
    let race = Race::new("race-token");
    let card = "card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2034&card[cvc]=123";
    let token = race.api.connect().post("/v1/tokens", card).ok();
    let form = format!("type=card&card[token]={}", token.text("/id"));
    let answers = race.api.race(RACERS, |client, _| client.post("/v1/payment_methods", &form));
    assert_eq!(winners(&answers).len(), 1);
    race.end();
}
