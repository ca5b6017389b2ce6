//! Limits: of connections, of bodies, of pages that hear news; and a database that keeps nobody else waiting.

use super::{CONNECTIONS, LISTENING, Shop};
use crate::order::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(shop: &Shop) -> TcpStream {
    TcpStream::connect(("127.0.0.1", shop.port)).await.unwrap()
}

/// Sends a request on a connection that stays, and gives the first line of the answer. A body is `ok` or never ends.
async fn begin(shop: &Shop, stream: &mut TcpStream, request: &str) -> String {
    let text = format!("{request} HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", shop.port);
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    if head.contains("\r\ncontent-length: 2\r\n") {
        stream.read_u16().await.unwrap();
    }
    head.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn one_connection_more_waits_for_another_to_end() {
    let shop = Shop::open().await;
    let mut open = vec![];
    for _ in 0..CONNECTIONS {
        let mut stream = connect(&shop).await;
        assert_eq!(begin(&shop, &mut stream, "GET /healthz").await, "HTTP/1.1 200 OK");
        open.push(stream);
    }
    let mut late = connect(&shop).await;
    late.write_all(format!("GET /healthz HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", shop.port).as_bytes()).await.unwrap();
    // Others are answered many times meanwhile.
    for _ in 0..50 {
        assert_eq!(begin(&shop, &mut open[0], "GET /healthz").await, "HTTP/1.1 200 OK");
    }
    assert_eq!(late.try_read(&mut [0; 8]).map_err(|e| e.kind()), Err(std::io::ErrorKind::WouldBlock));
    open.pop();
    assert_eq!(late.read_u8().await.unwrap(), b'H');
}

#[tokio::test]
async fn so_many_pages_hear_news() {
    let shop = Shop::open().await;
    shop.order(Stage::Paid);
    let news = format!("GET {}", shop.link("/news"));
    let mut open = vec![];
    for _ in 0..LISTENING {
        let mut stream = connect(&shop).await;
        assert_eq!(begin(&shop, &mut stream, &news).await, "HTTP/1.1 200 OK");
        open.push(stream);
    }
    let mut late = connect(&shop).await;
    assert_eq!(begin(&shop, &mut late, &news).await, "HTTP/1.1 503 Service Unavailable");
}

#[tokio::test]
async fn a_form_has_a_size() {
    let shop = Shop::open().await;
    let mut browser = shop.browser();
    assert_eq!(browser.post("/cart", &format!("slug={}", "x".repeat(40_000))).await.status, 413);
    assert_eq!(browser.post("/cart", "slug=teapot").await.status, 303);
}

/// Pages that wait for the database leave the event loop to others.
#[tokio::test]
async fn pages_wait_for_the_database_beside_the_event_loop() {
    let shop = Shop::open().await;
    let mut browser = shop.browser();
    browser.post("/cart", "slug=teapot").await;
    let (held, holding) = tokio::sync::oneshot::channel();
    let (free, freed) = std::sync::mpsc::channel::<()>();
    let app = std::sync::Arc::clone(&shop.app);
    let holder = tokio::task::spawn_blocking(move || {
        app.till.db.now(|_| {
            held.send(()).unwrap();
            freed.recv().unwrap();
            Ok(())
        })
    });
    holding.await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for path in ["/cart", "/checkout"] {
        let mut browser = browser.clone();
        waiting.spawn(async move { browser.get(path).await.status });
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // This test's one thread is the event loop: it goes on.
    assert_eq!(browser.get("/healthz").await.status, 200);
    free.send(()).unwrap();
    assert_eq!(waiting.join_all().await, [200, 200]);
    holder.await.unwrap().unwrap();
}
