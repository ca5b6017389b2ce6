//! HTTP as clients write it: framing, limits, deadlines, connections that go on and that end.

use super::{NUMBER, World, get, post, short, within};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[test]
fn ambiguous_requests_are_refused_and_the_connection_ends() {
    within(async {
        let world = World::new().await;
        let check = async |head: &str, body: &str, status: u16| {
            let mut client = world.plain().await;
            client.send(&format!("{head}\r\n\r\n{body}GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let got = client.answer().await.unwrap();
            assert_eq!(got.status, status, "{head:?}: {}", got.body);
            assert_eq!(got.error("type").as_deref(), Some("invalid_request_error"), "{head:?}");
            assert!(got.header("request-id").is_some_and(|id| id.starts_with("req_") && id.len() == 26), "{head:?}");
            assert_eq!(got.header("connection"), Some("close"), "{head:?}");
            assert_eq!(client.answer().await, None, "{head:?}");
        };
        let start = "POST /v1/a HTTP/1.1\r\nHost: a\r\n";
        let both = format!("{start}Content-Length: 5\r\nTransfer-Encoding: chunked");
        check(&both, "0\r\n\r\n", 400).await;
        check(&format!("{start}Transfer-Encoding: chunked\r\nContent-Length: 5"), "0\r\n\r\n", 400).await;
        check(&format!("{start}Content-Length: 1\r\nContent-Length: 2"), "ab", 400).await;
        check(&format!("{start}Content-Length: 1\r\nContent-Length: 1"), "a", 400).await;
        check(&format!("{start}Transfer-Encoding: xchunked"), "0\r\n\r\n", 400).await;
        check(&format!("{start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), "0\r\n\r\n", 400).await;
        check(&format!("{start}X: a\nContent-Length: 5"), "abcde", 400).await;
        check(&format!("{start}X: a\r\n Content-Length: 5"), "abcde", 400).await;
        check(&format!("{start}X: a\rContent-Length: 5"), "abcde", 400).await;
        check(&format!("{start}Content-Length : 5"), "abcde", 400).await;
        check(&format!("{start}Content-Length: 5\0"), "abcde", 400).await;
        check(&format!("{start}Host: b"), "", 400).await;
        check("GET http://b/v1/a HTTP/1.1\r\nHost: a", "", 400).await;
        check("GET /v1/a HTTP/1.1", "", 400).await;
        check("PRI * HTTP/2.0", "", 505).await;
        check(&format!("{start}Transfer-Encoding: chunked"), "1\nx\r\n0\r\n\r\n", 400).await;
        check(&format!("{start}Transfer-Encoding: chunked"), "-1\r\n", 400).await;
        assert_eq!(world.seen.count(), 0, "nothing was passed on");
        world.end().await;
    });
}

#[test]
fn sizes_are_bounded() {
    within(async {
        let world = World::new().await;
        let check = async |text: &str, status: u16| {
            let mut client = world.plain().await;
            client.send(text).await;
            let got = client.answer().await.unwrap();
            assert_eq!((got.status, got.header("content-type")), (status, Some("application/json")), "{}", got.body);
            assert!(got.error("message").is_some());
            assert_eq!(client.answer().await, None);
        };
        let start = "POST /v1/a HTTP/1.1\r\nHost: a\r\n";
        check(&format!("{start}X: {}\r\n\r\n", "x".repeat(17_000)), 431).await;
        check(&format!("{start}X: {}", "x".repeat(17_000)), 431).await;
        check(&format!("{start}{}\r\n", "X: a\r\n".repeat(64)), 431).await;
        check(&format!("{start}Content-Length: 65537\r\n\r\n"), 413).await;
        check(&format!("{start}Content-Length: 65537\r\n\r\n{}", "x".repeat(65_537)), 413).await;
        check(&format!("{start}Transfer-Encoding: chunked\r\n\r\n10001\r\n"), 413).await;
        check(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000)), 431).await;
        let mut client = world.tls().await;
        let got = client.ask(&post("/v1/a", &"x".repeat(65_536))).await;
        assert_eq!((got.status, world.seen.last().body.len()), (200, 65_536));
        let got = client.ask(&get("/v1/large")).await;
        assert_eq!((got.status, got.body.len()), (200, 900_000));
        world.end().await;
    });
}

#[test]
fn what_is_not_looked_through_is_not_taken() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        let mut check = async |headers: &str, body: &str, status: u16| {
            let length = body.len();
            let text = format!("POST /v1/a HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
            assert_eq!(client.ask(&text).await.status, status, "{headers} {body}");
        };
        check("Content-Type: text/plain\r\n", "a", 400).await;
        check("Content-Type: multipart/form-data; boundary=x\r\n", "--x--", 400).await;
        check("Content-Encoding: gzip\r\n", "a", 400).await;
        check("Content-Encoding: identity\r\n", "a", 200).await;
        check("Content-Type: Application/JSON\r\n", "{\"a\":1}", 200).await;
        check("Content-Type: application/json\r\n", "{\"a\":1", 400).await;
        check("Content-Type: text/plain\r\n", "", 200).await;
        check("", "a=b", 200).await;
        assert_eq!(client.ask("TRACE /v1/a HTTP/1.1\r\nHost: a\r\n\r\n").await.status, 405);
        world.end().await;
    });
}

#[test]
fn requests_one_behind_the_other() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        let chunked = "POST /v1/c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n";
        client.send(&[post("/v1/a", "x=1"), chunked.into(), "\r\n".into(), get("/v1/b?y=2")].concat()).await;
        for _ in 0..3 {
            let got = client.answer().await.unwrap();
            assert_eq!((got.status, got.header("connection")), (200, None));
        }
        let seen: Vec<(String, String, Vec<u8>)> = {
            let requests = world.seen.requests.lock().unwrap();
            requests.iter().map(|r| (r.path.clone(), r.query.clone(), r.body.clone())).collect()
        };
        let row = |path: &str, query: &str, body: &str| (path.to_string(), query.to_string(), body.as_bytes().to_vec());
        assert_eq!(seen, [row("/v1/a", "", "x=1"), row("/v1/c", "", "a=b"), row("/v1/b", "y=2", "")]);
        client.send("GET /v1/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert_eq!(client.answer().await.unwrap().header("connection"), Some("close"));
        assert_eq!(client.answer().await, None);
        let ids: std::collections::BTreeSet<String> =
            world.seen.requests.lock().unwrap().iter().map(|r| r.id.clone()).collect();
        assert_eq!(ids.len(), 4);
        world.end().await;
    });
}

#[test]
fn requests_in_small_pieces() {
    within(async {
        let world = World::new().await;
        let text = post("/v1/tokens", &format!("card[number]={NUMBER}&card[exp_month]=12&card[exp_year]=2031"));
        let (mut tls, mut plain) = (world.tls().await, world.plain().await);
        for byte in text.chars() {
            tls.send(&byte.to_string()).await;
            plain.send(&byte.to_string()).await;
        }
        assert_eq!(tls.answer().await.unwrap().status, 200);
        assert_eq!(plain.answer().await.unwrap().status, 200);
        assert_eq!(world.seen.count(), 2);
        assert!(world.seen.requests.lock().unwrap().iter().all(|r| r.body == b"card[florin_card]=0"));
        world.end().await;
    });
}

#[test]
fn deadlines_hold() {
    within(async {
        let world = World::with(short).await;
        let check = async |text: &str, status: Option<u16>| {
            let mut client = world.plain().await;
            client.send(text).await;
            assert_eq!(client.answer().await.map(|got| got.status), status, "{text}");
            assert_eq!(client.answer().await, None, "{text}");
        };
        check("", None).await;
        check("GET /v1/a HTTP/1.1\r\n", Some(408)).await;
        check(
            &format!("POST /v1/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\ncard[number]={}", &NUMBER[..12]),
            Some(408),
        )
        .await;
        check("POST /v1/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na", Some(408)).await;
        let mut idle = world.plain().await;
        assert_eq!(idle.ask(&get("/v1/a")).await.status, 200);
        assert_eq!(idle.answer().await, None, "closed between two requests");
        let mut silent = tokio::net::TcpStream::connect(world.address).await.unwrap();
        let read = tokio::io::AsyncReadExt::read(&mut silent, &mut [0; 8]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "no handshake came");
        assert_eq!(world.seen.count(), 1);
        world.end().await;
    });
}

#[test]
fn a_body_is_asked_for() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        client.send("POST /v1/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
        assert_eq!(client.answer().await.unwrap().status, 100);
        assert_eq!(client.ask("a=b").await.status, 200);
        assert_eq!(world.seen.last().body, b"a=b");
        assert!(world.seen.last().headers.iter().all(|(name, _)| name != "expect"));
        world.end().await;
    });
}

#[test]
fn heads_go_on_without_what_is_not_the_clients_to_say() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        let got = client
            .ask(
                "GET /v1/a HTTP/1.1\r\nHost: a\r\nX-Florin-Card: 1\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n\
                 Connection: x-hop, authorization\r\nX-Hop: 1\r\nTE: trailers\r\nUpgrade: websocket\r\nX-Real-IP: 1\r\n\
                 Authorization: Bearer sk_test_1\r\nStripe-Version: 2024-04-10\r\nUser-Agent: \u{e9}\r\n\
                 Traceparent: 00-0af7651916cd43dd8448eb211c80319c-\
                 b7ad6b7169203331-01\r\nX-Other: 1\r\n\r\n",
            )
            .await;
        assert_eq!(got.header("stripe-version"), Some("2024-04-10"));
        let request = world.seen.last();
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "authorization", "stripe-version", "user-agent", "traceparent"]);
        assert_eq!((request.tls, request.client.to_string().as_str()), (true, "127.0.0.1"));
        assert_eq!(got.header("request-id"), Some(request.id.as_str()));
        assert!(got.header("server").is_none());
        // This one serves without TLS too: a browser that was told otherwise could not go there any more.
        assert!(got.header("strict-transport-security").is_none());
        let plain = world.plain().await.ask(&get("/v1/a")).await;
        assert!(plain.header("strict-transport-security").is_none());
        assert!(!world.seen.last().tls);
        world.end().await;
    });
}

#[test]
fn logged_lines_hold_no_ids_and_no_query() {
    within(async {
        let world = World::new().await;
        let mut client = world.plain().await;
        client.send(&get("/v1/payment_intents/pi_3abcDEF/confirm?client_secret=x")).await;
        client.answer().await;
        client.send(&get("/v1/payment_methods/pm_card_visa")).await;
        client.answer().await;
        client.send("BREW /v1/a HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.answer().await;
        client.send("GET\r\n\r\n").await;
        client.answer().await;
        let lines: Vec<(String, String, u16)> =
            world.log.lock().unwrap().iter().map(|l| (l.method.clone(), l.route.clone(), l.status)).collect();
        let row = |method: &str, route: &str, status: u16| (method.to_string(), route.to_string(), status);
        assert_eq!(
            lines,
            [
                row("GET", "/v1/payment_intents/{id}/confirm", 200),
                row("GET", "/v1/payment_methods/{id}", 200),
                row("-", "/v1/a", 405),
                row("-", "-", 400),
            ]
        );
        world.end().await;
    });
}

#[test]
fn whatever_is_sent_the_edge_serves_on() {
    within(async {
        let world = World::new().await;
        let good = post("/v1/tokens", "card[number]=1&card[exp_month]=12&card[exp_year]=2031&a=%41");
        for at in 0..good.len() {
            for byte in [0, b'\n', b'%', b'9', 0xff] {
                let mut bytes = good.clone().into_bytes();
                bytes[at] = byte;
                let mut client = world.plain().await;
                client.stream.write_all(&bytes).await.unwrap();
                client.stream.shutdown().await.unwrap();
                while let Some(got) = client.answer().await {
                    assert!(got.status < 500 || got.status == 505, "{byte} at {at}: {}", got.status);
                }
            }
        }
        assert_eq!(world.tls().await.ask(&get("/healthz")).await.status, 200);
        world.end().await;
    });
}

#[test]
fn idle_and_slow_connections_make_room() {
    within(async {
        let world = World::with(|settings| {
            settings.limits.connections = 2;
            settings.limits.idle = Duration::from_secs(3_600);
        })
        .await;
        let mut working = world.plain().await;
        working.send(&get("/v1/wait")).await;
        world.seen.until(1).await;
        let mut idle = world.plain().await;
        idle.send("GET /v1").await;
        let mut next = world.plain().await;
        next.send(&get("/healthz")).await;
        assert_eq!(idle.answer().await, None, "the one without a request has to go");
        assert_eq!(next.answer().await.map(|got| got.body), Some(r#"{"gateway":"up","status":"ok"}"#.into()));
        world.seen.go.notify_one();
        assert_eq!(working.answer().await.map(|got| got.status), Some(200));
        world.end().await;
    });
}

#[test]
fn a_proxy_of_ours_says_who_asks_and_nobody_else_does() {
    within(async {
        let forwarded = "Host: a\r\nX-Forwarded-For: 192.0.2.1, 198.51.100.7\r\n";
        let check = async |proxies: &[&str], expected: &str| {
            let proxies = proxies.iter().filter_map(|text| crate::core::network::Network::parse(text)).collect();
            let world = World::with(|settings| settings.proxies = proxies).await;
            world.plain().await.ask(&get("/v1/a").replace("Host: a\r\n", forwarded)).await;
            let request = world.seen.last();
            assert_eq!(request.client.to_string(), expected);
            assert!(request.headers.iter().all(|(name, _)| name != "x-forwarded-for"));
            world.end().await;
        };
        check(&[], "127.0.0.1").await;
        check(&["127.0.0.0/8"], "198.51.100.7").await;
        check(&["127.0.0.1", "198.51.100.0/24"], "192.0.2.1").await;
        check(&["10.0.0.0/8"], "127.0.0.1").await;
    });
}
