//! Requests with a connection of their own: long answers, large bodies, WebSockets; whole, broken off, and when the edge stops.

use super::{NUMBER, Seen, World, get, json, short, within};
use crate::core::edge::{
    FrameKind, Open, Opened, REQUEST_FRAME_LIMIT_BYTES, RESPONSE_FRAME_LIMIT_BYTES, next_frame, payload, put_frame,
    put_part,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

fn opened(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    let mut out = Vec::new();
    let opened = Opened { status, headers };
    assert!(put_frame(&mut out, 0, FrameKind::Opened, Some(&opened), RESPONSE_FRAME_LIMIT_BYTES));
    out
}

fn part(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    put_part(&mut out, text.as_bytes());
    out
}

fn plain(kind: FrameKind) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame::<()>(&mut out, 0, kind, None, RESPONSE_FRAME_LIMIT_BYTES);
    out
}

/// What the gateway that stands in does with a connection of its own.
pub async fn carried(mut stream: UnixStream, mut inbox: Vec<u8>, seen: &Seen) {
    let mut next = async |stream: &mut UnixStream| loop {
        if let Some((frame, taken)) = next_frame(&inbox, REQUEST_FRAME_LIMIT_BYTES).unwrap() {
            let got = (frame.kind, frame.payload.to_vec());
            inbox.drain(..taken);
            return Some(got);
        }
        let Ok(1..) = stream.read_buf(&mut inbox).await else { return None };
    };
    let (_, bytes) = next(&mut stream).await.unwrap();
    let open: Open = payload(&bytes).unwrap();
    let (path, query) = (open.request.path.clone(), open.request.query.clone());
    seen.opened.lock().unwrap().push(open);
    let answer = |status, body: &str| {
        let mut out = Vec::new();
        put_frame(&mut out, 0, FrameKind::Response, Some(&json(status, body)), RESPONSE_FRAME_LIMIT_BYTES);
        out
    };
    let out = match (path.as_str(), query.as_str()) {
        (_, "refuse") => answer(404, &format!(r#"{{"error":{{"message":"No such '{NUMBER}'"}}}}"#)),
        (_, "gone") => return,
        ("/v1/stripecli/subscribe", _) => {
            stream.write_all(&opened(101, &[("sec-websocket-protocol", "a-v1"), ("upgrade", "b")])).await.unwrap();
            let mut bytes = vec![0; 1_000];
            while let Ok(n @ 1..) = stream.read(&mut bytes).await {
                stream.write_all(&bytes[..n]).await.unwrap();
            }
            b"bye".to_vec()
        }
        ("/v1/florin/events/stream", _) => {
            let head = opened(200, &[("content-type", "text/event-stream")]);
            stream.write_all(&[head, part("one"), part(""), part("two")].concat()).await.unwrap();
            seen.go.notified().await;
            match query.as_str() {
                "cut" => return,
                _ => [part("three"), plain(FrameKind::End)].concat(),
            }
        }
        ("/v1/files", _) => {
            let mut body = Vec::new();
            loop {
                match next(&mut stream).await {
                    Some((FrameKind::Part, bytes)) => body.extend(bytes),
                    Some((FrameKind::End, _)) => break,
                    _ => return,
                }
            }
            let length = body.len();
            seen.uploads.lock().unwrap().push(body);
            answer(200, &format!(r#"{{"bytes":{length}}}"#))
        }
        _ => [opened(200, &[]), part(&"x".repeat(60_000)), part(&"y".repeat(60_000)), plain(FrameKind::End)].concat(),
    };
    let _ = stream.write_all(&out).await;
}

fn upgrade(query: &str) -> String {
    format!(
        "GET /v1/stripecli/subscribe{query} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nWebsocket-Id: ws_1\r\n\
         Sec-WebSocket-Protocol: a-v1\r\nX-Other: 1\r\n\r\n"
    )
}

fn upload(framing: &str, query: &str) -> String {
    format!(
        "POST /v1/files{query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk_test_1\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n{framing}\r\n\r\n"
    )
}

#[test]
fn bytes_of_a_web_socket_go_both_ways() {
    within(async {
        let world = World::new().await;
        let (mut tls, mut bare) = (world.tls().await, world.plain().await);
        tls.send(&[upgrade("?a=b"), "early".into()].concat()).await;
        let head = tls.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: a-v1\r\n"), "{head}");
        assert!(
            head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nupgrade: websocket\r\n"),
            "{head}"
        );
        assert!(!head.contains("content-") && !head.contains("upgrade: b"), "{head}");
        assert_eq!(tls.until("early").await, "");
        bare.send(&upgrade("")).await;
        bare.until("\r\n\r\n").await;
        for n in 0..50 {
            tls.send(&format!("<{n}>")).await;
            assert_eq!(tls.until(&format!("<{n}>")).await, "");
        }
        let long = "z".repeat(300_000);
        bare.send(&format!("{long}.")).await;
        assert_eq!(bare.until(".").await, long);
        let open = world.seen.opened.lock().unwrap()[0].clone();
        let names: Vec<&str> = open.request.headers.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(
            (names, open.request.query.as_str()),
            (vec!["host", "websocket-id", "sec-websocket-protocol"], "a=b")
        );
        bare.stream.shutdown().await.unwrap();
        assert_eq!(bare.rest().await, "bye", "the gateway hears of the end");
        assert_eq!(world.edge.counts().streams, 2);
        drop(tls);
        world.end().await;
    });
}

#[test]
fn what_the_gateway_refuses_is_an_ordinary_answer() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        for text in [upgrade("?refuse"), get("/v1/florin/events/stream?refuse")] {
            let got = client.ask(&text).await;
            assert_eq!((got.status, got.header("connection")), (404, None));
            assert!(got.body.contains("************0009"), "{}", got.body);
        }
        assert_eq!(client.ask(&upgrade("?gone")).await.status, 504);
        let mut client = world.tls().await;
        let got = client.ask("GET /v1/stripecli/subscribe HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!((got.status, got.header("upgrade")), (426, Some("websocket")));
        world.end().await;
    });
}

#[test]
fn answers_in_parts() {
    within(async {
        let world = World::new().await;
        let mut client = world.tls().await;
        client.send(&[get("/v1/files/file_1/contents"), get("/v1/a")].concat()).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-length"), "{head}");
        let (x, y) = ("x".repeat(60_000), "y".repeat(60_000));
        assert_eq!(client.until("0\r\n\r\n").await, format!("ea60\r\n{x}\r\nea60\r\n{y}\r\n"));
        assert_eq!(client.answer().await.unwrap().status, 200, "the connection goes on");
        let mut client = world.tls().await;
        client.send(&get("/v1/florin/events/stream")).await;
        assert!(client.until("\r\n\r\n").await.contains("content-type: text/event-stream\r\n"));
        assert_eq!(client.until("two\r\n").await, "3\r\none\r\n3\r\n", "each part at once");
        world.seen.go.notify_one();
        assert_eq!(client.rest().await, "5\r\nthree\r\n0\r\n\r\n");
        let mut client = world.plain().await;
        client.send(&get("/v1/florin/events/stream?cut")).await;
        client.until("two\r\n").await;
        world.seen.go.notify_one();
        assert_eq!(client.rest().await, "", "not whole, and it shows");
        world.end().await;
    });
}

#[test]
fn large_bodies_are_passed_on_and_looked_through() {
    within(async {
        let world = World::new().await;
        let body = "--x\r\nContent-Type: text/plain\r\n\r\nWhat was bought. ".repeat(20_000);
        let mut client = world.tls().await;
        client
            .send(&[upload(&format!("Content-Length: {}", body.len()), ""), body.clone(), get("/v1/a")].concat())
            .await;
        assert_eq!(client.answer().await.unwrap().body, format!(r#"{{"bytes":{}}}"#, body.len()));
        assert_eq!(client.answer().await.unwrap().status, 200, "the connection goes on");
        client.send(&upload("Transfer-Encoding: chunked\r\nExpect: 100-continue", "")).await;
        assert_eq!(client.answer().await.unwrap().status, 100);
        for piece in body.as_bytes().chunks(70_000) {
            client.send(&format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap())).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.answer().await.unwrap().status, 200);
        assert!(world.seen.uploads.lock().unwrap().iter().all(|got| got == body.as_bytes()));
        let (half, at) = body.split_at(100_003);
        for card in [NUMBER, "4929 1234 5600 0009", "4929-1234-5600-0009"] {
            let with = format!("{half}\r\n{card}\r\n{at}");
            let mut client = world.tls().await;
            client.send(&upload(&format!("Content-Length: {}", with.len()), "")).await;
            // The edge may have answered and closed before all is written.
            let _ = client.stream.write_all(with.as_bytes()).await;
            let got = client.answer().await.unwrap();
            assert_eq!((got.status, got.error("code").as_deref()), (400, Some("card_number_in_field")));
        }
        assert_eq!(world.seen.uploads.lock().unwrap().len(), 2, "none of them was whole");
        assert_eq!(world.edge.counts().card_number_in_field, 3);
        world.end().await;
    });
}

#[test]
fn large_bodies_have_limits() {
    within(async {
        let world = World::with(short).await;
        let check = async |framing: &str, query: &str, body: &str, status: u16| {
            let mut client = world.plain().await;
            client.send(&format!("{}{body}", upload(framing, query))).await;
            assert_eq!(client.answer().await.unwrap().status, status, "{framing} {query}");
            assert_eq!(client.answer().await, None, "{framing} {query}");
        };
        check("Content-Length: 16777217", "", "", 413).await;
        check("Transfer-Encoding: chunked", "", "1000001\r\n", 413).await;
        check("Transfer-Encoding: chunked", "", "x\r\n", 400).await;
        check("Content-Length: 100", "", "slow", 408).await;
        check("Content-Length: 100", "?refuse", "x", 404).await;
        check("Content-Length: 100", "?gone", "x", 504).await;
        world.end().await;
    });
}

#[test]
fn streams_have_limits() {
    within(async {
        let world = World::with(|settings| {
            settings.limits.streams = 1;
            settings.limits.stream_idle = Duration::from_millis(300);
        })
        .await;
        let mut silent = world.plain().await;
        silent.send(&upgrade("")).await;
        silent.until("\r\n\r\n").await;
        let got = world.tls().await.ask(&get("/v1/florin/events/stream")).await;
        assert_eq!((got.status, got.header("retry-after")), (503, Some("1")));
        assert!(matches!(silent.rest().await.as_str(), "" | "bye"), "silent for too long");
        let mut client = world.tls().await;
        client.send(&get("/v1/florin/events/stream")).await;
        assert_eq!(client.until("one\r\n").await.lines().next(), Some("HTTP/1.1 200 OK"));
        assert_eq!(client.rest().await, "3\r\ntwo\r\n", "no sign of life");
        world.end().await;
    });
}

#[test]
fn a_stop_ends_what_is_endless() {
    within(async {
        let world = World::new().await;
        let (mut socket, mut events) = (world.tls().await, world.tls().await);
        socket.send(&upgrade("")).await;
        socket.until("\r\n\r\n").await;
        events.send(&get("/v1/florin/events/stream")).await;
        events.until("two\r\n").await;
        world.stop.send_replace(true);
        assert_eq!(socket.rest().await, "bye");
        assert_eq!(events.rest().await, "0\r\n\r\n", "whole, so that the client asks again");
        world.end().await;
    });
}
