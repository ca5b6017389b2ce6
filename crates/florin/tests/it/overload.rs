//! More than there is room for: what is too much is refused before it begins, says when to come back, and then begins for the first time.
//! What was begun is never refused.

use crate::house::{House, Running, kill, wait};
use crate::web::{Answer, Api, Client};
use rustix::process::Signal;
use std::time::Duration;

const FORM: &str =
    "amount=700&currency=eur&confirm=true&return_url=https://shop.example/back&payment_method=pm_card_visa";
/// Above the wait for an answer, and pauses between tries of what is undone.
const SOON: Duration = Duration::from_secs(80);

fn pay(api: &Api, key: &str) -> Answer {
    api.connect().post_with("/v1/payment_intents", FORM, key)
}

/// A refusal that did nothing and says when to ask again.
#[track_caller]
fn refused(answer: &Answer, status: u16) {
    let after: Option<u32> = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
    assert_eq!((answer.status, after.is_some_and(|n| (1..=60).contains(&n))), (status, true), "{}", answer.body);
    assert_eq!(answer.header("idempotent-replayed"), None);
}

/// The same request again, until it is taken: nothing of it was there before.
fn begins(api: &Api, key: &str) {
    let paid = wait("room", SOON, || Some(pay(api, key)).filter(|a| !matches!(a.status, 429 | 503))).ok();
    assert_eq!((paid.text("/status"), paid.header("idempotent-replayed")), ("succeeded", None));
}

/// Every payment that there is, and what the issuers have of them.
fn all_told(house: &House, demo: Running, payments: usize, succeeded: usize) {
    let listed = house.florin(&["list", "--limit", "100"]).done()["data"].as_array().unwrap().len();
    assert_eq!(listed, payments);
    let captured = house.florin(&["network", "summary"]).done()["standing"]["eur"]["captured"].clone();
    assert_eq!(captured, i64::try_from(succeeded).unwrap() * 700);
    demo.stop();
    house.verified();
}

#[test]
fn too_many_in_a_second() {
    let slow = |house: House, what: &str| house.with(&format!("FLORIN_LIMITS_KEY_{what}"), "20");
    let house = slow(slow(House::new("overload-rate"), "PER_SECOND"), "BURST");
    let demo = house.demo();
    let api = Api::new(&demo.ready);
    let (racers, each) = (8, 10);
    let answers: Vec<(String, Answer)> = api
        .race(racers, |client, n| {
            let keys = (0..each).map(|i| format!("key-{n}-{i}"));
            let ask = |key: String| (key.clone(), client.post_with("/v1/payment_intents", FORM, &key));
            keys.map(ask).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();
    let (paid, later): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, answer)| answer.status == 200);
    assert!(!paid.is_empty() && !later.is_empty(), "{} of {} were paid", paid.len(), answers.len());
    for (key, answer) in later {
        refused(answer, 429);
        begins(&api, key);
    }
    all_told(&house, demo, racers * each, racers * each);
}

/// The acquirer stands still: as many requests wait for it as there is room for, the others hear at once that there is none.
#[test]
fn too_many_under_way() {
    let house = House::new("overload-room").with("FLORIN_LIMITS_IN_FLIGHT", "8").with("FLORIN_ANSWER_MS", "3000");
    let demo = house.demo();
    let api = Api::new(&demo.ready);
    pay(&api, "before").ok();
    // One handshake after the other: they are requests too.
    let mut clients: Vec<Client> = (0..24).map(|_| api.connect()).collect();
    clients.iter_mut().for_each(|client| drop(client.get("/v1/account").ok()));
    kill(demo.pid("sandbox"), Signal::STOP);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask =
            |(n, client): (usize, &mut Client)| client.post_with("/v1/payment_intents", FORM, &format!("key-{n}"));
        let lanes: Vec<_> = clients.iter_mut().enumerate().map(|lane| scope.spawn(move || ask(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
    });
    kill(demo.pid("sandbox"), Signal::CONT);
    let full = |answer: &&Answer| answer.status == 503;
    assert!(answers.iter().filter(full).count() >= 16, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(answers.iter().any(|answer| !full(&answer)), "some were taken");
    let mut outcomes = 0;
    for (n, answer) in answers.iter().enumerate() {
        let key = format!("key-{n}");
        if full(&answer) {
            refused(answer, 503);
            begins(&api, &key);
            outcomes += 1;
            continue;
        }
        // Whatever came of it, it is told again, and it is nothing that may still be charged.
        let told = wait("the outcome", SOON, || Some(pay(&api, &key)).filter(|a| matches!(a.status, 200 | 402)));
        assert_eq!(told.header("idempotent-replayed"), Some("true"), "{}", told.body);
        outcomes += usize::from(told.text("/status") == "succeeded");
    }
    all_told(&house, demo, 1 + answers.len(), 1 + outcomes);
}
