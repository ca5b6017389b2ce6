//! Vault and gateway are started anew while clients pay over TLS: in order, no request is lost; by force, none is done twice.

use crate::house::{House, Running, kill, wait};
use crate::web::{Answer, Api, Client};
use rustix::process::Signal;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const CLIENTS: usize = 4;
const AMOUNT: i64 = 500;
/// A payment whose answer was lost is settled 22 s after its beginning, and later under load.
const ANSWERED_WITHIN: Duration = Duration::from_secs(90);
const STARTED_WITHIN: Duration = Duration::from_secs(30);
/// What an SDK tries again, with the same key.
const AGAIN: [u16; 4] = [409, 502, 503, 504];

/// Payments under load, and how they went.
struct Load<'a> {
    api: &'a Api,
    stop: AtomicBool,
    paid: AtomicUsize,
    /// Answers that ask for another try.
    refused: AtomicUsize,
    /// Payments that were lost with a process and taken back.
    taken_back: AtomicUsize,
}

impl<'a> Load<'a> {
    fn new(api: &'a Api) -> Load<'a> {
        let zero = AtomicUsize::default;
        Load { api, stop: AtomicBool::default(), paid: zero(), refused: zero(), taken_back: zero() }
    }

    /// Pays under one key until it is answered.
    fn pay(&self, client: &mut Client, key: &str) -> Answer {
        let form = format!("amount={AMOUNT}&currency=eur&confirm=true&payment_method=pm_card_visa&metadata[key]={key}");
        wait(&format!("an answer to {key}"), ANSWERED_WITHIN, || {
            match client.try_post_with("/v1/payment_intents", &form, key) {
                Ok(answer) if !AGAIN.contains(&answer.status) => return Some(answer),
                Ok(answer) => {
                    if answer.status != 409 {
                        self.refused.fetch_add(1, Ordering::Relaxed);
                    }
                    if answer.header("connection") == Some("close") {
                        *client = self.api.connect();
                    }
                }
                Err(_) => *client = self.api.connect(),
            }
            None
        })
    }

    /// Pays on and on while `meanwhile` happens; gives what that gave.
    fn during<T>(&self, name: &str, meanwhile: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            for n in 0..CLIENTS {
                scope.spawn(move || {
                    let mut client = self.api.connect();
                    for m in 0.. {
                        let answer = self.pay(&mut client, &format!("{name}-{n}-{m}"));
                        if answer.header("connection") == Some("close") {
                            client = self.api.connect();
                        }
                        self.count(&answer);
                        if self.stop.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                });
            }
            let began = self.paid.load(Ordering::Relaxed);
            let grows = |by: usize| (self.paid.load(Ordering::Relaxed) >= began + by).then_some(());
            wait("payments before", STARTED_WITHIN, || grows(CLIENTS));
            let done = meanwhile();
            let then = self.paid.load(Ordering::Relaxed);
            wait("payments after", ANSWERED_WITHIN, || {
                (self.paid.load(Ordering::Relaxed) >= then + 2 * CLIENTS).then_some(())
            });
            self.stop.store(true, Ordering::Relaxed);
            done
        })
    }

    /// A payment whose outcome was lost with a process is `processing`, and ends as paid or as taken back: never as both.
    fn count(&self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let ended = match answer.text("/status") {
            "processing" => {
                let path = format!("/v1/payment_intents/{}", answer.text("/id"));
                wait("an outcome", ANSWERED_WITHIN, || {
                    let now = self.api.connect().get(&path).text("/status").to_owned();
                    (now != "processing").then_some(now)
                })
            }
            status => status.to_owned(),
        };
        match ended.as_str() {
            "succeeded" => self.paid.fetch_add(1, Ordering::Relaxed),
            "requires_payment_method" => self.taken_back.fetch_add(1, Ordering::Relaxed),
            _ => panic!("{ended}: {}", answer.body),
        };
    }

    /// As many payments as were paid, the issuers' books say the same, and so does the ledger.
    fn once_each(self, house: &House, demo: Running) {
        let paid = i64::try_from(self.paid.load(Ordering::Relaxed)).unwrap();
        let summary = house.florin(&["network", "summary"]).done();
        assert_eq!(summary["standing"]["eur"]["captured"], json!(paid * AMOUNT));
        demo.stop();
        house.verified();
    }
}

#[test]
fn in_order_no_request_is_lost() {
    let house = House::new("restart");
    let demo = house.demo();
    let api = Api::new(&demo.ready);
    let load = Load::new(&api);
    let told = load.during("order", || {
        let first = house.florin(&["restart"]).done();
        (first, house.florin(&["restart"]).done())
    });
    let before = demo.ready["processes"].clone();
    for role in ["vault", "gateway"] {
        let pids = [&before[role], &told.0["restarted"][role], &told.1["restarted"][role]];
        assert!(pids[0] != pids[1] && pids[1] != pids[2] && pids.iter().all(|pid| pid.is_u64()), "{role}: {pids:?}");
    }
    assert_eq!(load.refused.load(Ordering::Relaxed), 0, "nobody was told to come again");
    assert_eq!(load.taken_back.load(Ordering::Relaxed), 0, "nothing was lost");
    load.once_each(&house, demo);
}

#[test]
fn by_force_none_is_done_twice() {
    let house = House::new("restart-killed");
    let mut demo = house.demo();
    let api = Api::new(&demo.ready);
    let mut idle = api.connect();
    idle.get("/v1/account").ok();
    let load = Load::new(&api);
    load.during("force", || {
        for role in ["gateway", "vault"] {
            kill(demo.pid(role), Signal::KILL);
            let told = demo.line(STARTED_WITHIN).unwrap();
            assert_eq!((&told["restarted"], &told["asked"]), (&json!(role), &json!(false)));
            if role == "gateway" {
                idle.get("/v1/account").ok();
            }
        }
    });
    load.once_each(&house, demo);
}

#[test]
fn nothing_to_restart() {
    let house = House::new("restart-nothing");
    assert_eq!(house.florin(&["restart"]).refused().0, "not_running");
}
