//! A running system watches its own pages as customers' browsers get them, behind whatever stands before it.

use crate::house::{House, wait};
use crate::web::authority;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Stands before the card form, and changes the last byte of its scripts when it is told to.
#[derive(Default)]
struct Between {
    /// Host and port behind.
    behind: OnceLock<String>,
    meddles: AtomicBool,
    /// How often it was asked whether anything is there: once a round.
    rounds: AtomicUsize,
}

impl Between {
    fn open() -> (Arc<Between>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let between = Arc::new(Between::default());
        let own = Arc::clone(&between);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                own.pass(stream).ok();
            }
        });
        (between, port)
    }

    fn pass(&self, mut browser: TcpStream) -> std::io::Result<()> {
        let mut line = String::new();
        BufReader::new(browser.try_clone()?).read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let Some(behind) = self.behind.get() else { return Ok(()) };
        let mut server = TcpStream::connect(("127.0.0.1", behind.rsplit(':').next().unwrap().parse::<u16>().unwrap()))?;
        write!(server, "GET {path} HTTP/1.1\r\nhost: {behind}\r\nconnection: close\r\n\r\n")?;
        let mut answer = vec![];
        server.read_to_end(&mut answer)?;
        if path.ends_with("florin.js")
            && self.meddles.load(Ordering::SeqCst)
            && let Some(last) = answer.last_mut()
        {
            *last ^= 1;
        }
        if path == "/healthz" {
            self.rounds.fetch_add(1, Ordering::SeqCst);
        }
        browser.write_all(&answer)
    }

    /// One whole round from now.
    fn another(&self) {
        let seen = self.rounds.load(Ordering::SeqCst);
        wait("another round", SOON, || (self.rounds.load(Ordering::SeqCst) > seen + 1).then_some(()));
    }
}

#[test]
fn a_changed_script_is_told_once_and_when_it_is_over() {
    let (between, port) = Between::open();
    let house = House::new("pages-watched")
        .with("FLORIN_PAGES_WATCH_URL", &format!("http://card.localhost:{port}"))
        .with("FLORIN_PAGES_WATCH_SECONDS", "1")
        .with("FLORIN_LOG_FORMAT", "json");
    let demo = house.demo();
    between.behind.set(authority(demo.ready["http_card"].as_str().unwrap()).to_owned()).unwrap();
    between.another();
    between.meddles.store(true, Ordering::SeqCst);
    between.another();
    between.another();
    between.meddles.store(false, Ordering::SeqCst);
    between.another();
    let said = demo.stop();
    let told = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let says: Vec<String> = told.filter_map(|line| line["says"].as_str().map(str::to_owned)).collect();
    assert_eq!(says.len(), 2, "{said}");
    assert!(says[0].starts_with("ALERT: pages: ") && says[0].contains("/florin.js as this version"), "{said}");
    assert!(says[1].starts_with("over: pages: "), "{said}");
}
