//! The gateway busy, silent, gone and back; the edge told to stop.

use super::{CODE, NUMBER, World, get, post, short, within};
use std::time::Duration;

#[test]
fn a_gateway_that_does_not_answer() {
    within(async {
        let mut world = World::with(|settings| {
            // The clients of this test are in no hurry: only the gateway's silence is to end early.
            let (idle, handshake) = (settings.limits.idle, settings.limits.handshake);
            short(settings);
            (settings.limits.idle, settings.limits.handshake) = (idle, handshake);
        })
        .await;
        let mut client = world.tls().await;
        let mut check = async |path: &str, status: u16, words: &str| {
            let got = client.ask(&post(path, "a=b")).await;
            assert_eq!((got.status, got.error("type").as_deref()), (status, Some("api_error")), "{path}");
            assert!(got.error("message").is_some_and(|message| message.contains(words)), "{}", got.body);
            got
        };
        check("/v1/silent", 504, "retry with the same idempotency key").await;
        check("/v1/drop", 504, "retry with the same idempotency key").await;
        let busy = check("/v1/busy", 503, "Nothing was done").await;
        assert_eq!((busy.header("retry-after"), busy.header("stripe-should-retry")), (Some("1"), Some("true")));
        check("/v1/strange", 502, "same idempotency key").await;
        let mut client = world.tls().await;
        world.stop_gateway().await;
        let got = client.ask(&get("/v1/a")).await;
        assert_eq!((got.status, got.error("message").is_some_and(|m| m.contains("Nothing was done"))), (502, true));
        let card = format!("card[number]={NUMBER}&card[exp_month]=12&card[exp_year]=2031&card[cvc]={CODE}");
        assert_eq!(client.ask(&post("/v1/tokens", &card)).await.status, 502);
        let health = client.ask(&get("/healthz")).await;
        assert_eq!((health.status, health.body.as_str()), (200, r#"{"gateway":"down","status":"ok"}"#));
        world.start_gateway().await;
        assert_eq!(client.ask(&get("/v1/a")).await.status, 200, "the same connection goes on");
        world.end().await;
    });
}

#[test]
fn a_gateway_that_comes_back_in_time_is_waited_for() {
    within(async {
        let mut world = World::new().await;
        let mut client = world.tls().await;
        world.stop_gateway().await;
        client.send(&get("/v1/a")).await;
        world.start_gateway().await;
        assert_eq!(client.answer().await.unwrap().status, 200);
        world.end().await;
    });
}

#[test]
fn a_gateway_that_stops_in_order_loses_nothing() {
    within(async {
        let world = World::new().await;
        let (mut working, mut last) = (world.tls().await, world.tls().await);
        working.send(&get("/v1/wait")).await;
        world.seen.until(1).await;
        assert_eq!(last.ask(&get("/v1/closing")).await.body, r#"{"last":true}"#);
        last.send(&get("/v1/a")).await;
        world.seen.go.notify_one();
        assert_eq!(working.answer().await.unwrap().body, r#"{"waited":true}"#, "what was in flight is answered");
        assert_eq!(last.answer().await.unwrap().status, 200, "what came then waited for the next connection");
        let paths: Vec<String> = world.seen.requests.lock().unwrap().iter().map(|r| r.path.clone()).collect();
        assert_eq!(paths, ["/v1/wait", "/v1/closing", "/v1/a"], "each once");
        world.end().await;
    });
}

#[test]
fn too_many_in_flight_are_told_to_come_again() {
    within(async {
        let world = World::with(|settings| settings.limits.gateway.in_flight_requests = 1).await;
        let (mut first, mut second) = (world.plain().await, world.plain().await);
        first.send(&get("/v1/wait")).await;
        world.seen.until(1).await;
        let got = second.ask(&get("/v1/a")).await;
        assert_eq!((got.status, got.header("retry-after")), (503, Some("1")));
        assert_eq!(world.edge.counts().overloaded, 1);
        world.seen.go.notify_one();
        assert_eq!(first.answer().await.unwrap().status, 200);
        assert_eq!(second.ask(&get("/v1/a")).await.status, 200);
        world.end().await;
    });
}

#[test]
fn a_stop_finishes_what_is_in_flight() {
    within(async {
        let world = World::with(|settings| settings.limits.idle = Duration::from_secs(3_600)).await;
        let (mut working, mut idle) = (world.tls().await, world.tls().await);
        assert_eq!(idle.ask(&get("/v1/a")).await.status, 200);
        working.send(&get("/v1/wait")).await;
        world.seen.until(2).await;
        world.stop.send_replace(true);
        assert_eq!(idle.answer().await, None, "nothing was in flight");
        assert!(!world.ended.is_finished());
        world.seen.go.notify_one();
        let got = working.answer().await.unwrap();
        assert_eq!((got.status, got.header("connection")), (200, Some("close")));
        assert_eq!(working.answer().await, None);
        let address = world.address;
        world.end().await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens");
    });
}

#[test]
fn many_clients_at_once() {
    within(async {
        let world = World::new().await;
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..64 {
            let mut client = world.tls().await;
            tasks.spawn(async move {
                for m in 0..10 {
                    let body = format!("n={n}&m={m}");
                    assert_eq!(client.ask(&post("/v1/a", &body)).await.status, 200);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert_eq!((world.seen.count(), world.edge.counts().requests), (640, 640));
        world.end().await;
    });
}
