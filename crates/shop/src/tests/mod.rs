//! The shop at its boundaries: pages over HTTP on one side, a gateway that does as it is told on the other. In memory, on free ports.

mod accounts;
mod bookings;
mod browser;
mod gateway;
mod limits;
mod passwords;
mod paying;
mod refunds;

use crate::Fail;
use crate::db::orders::{self, Line, New};
use crate::db::{Db, products};
use crate::florin::Florin;
use crate::money::Currency;
use crate::order::{Change, Order, Stage};
use crate::pay::{Till, now};
use crate::person::Person;
use crate::seal::Keys;
use crate::serve;
use crate::web::{App, SETUP, router};
use browser::Browser;
use gateway::Gateway;
use rusqlite::Transaction;
use std::sync::{Arc, Mutex, RwLock};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use zeroize::Zeroizing;

/// Connections, and pages that hear news.
const CONNECTIONS: u32 = 80;
const LISTENING: usize = 2;

/// A shop that is open. Its keeper works when a test says so.
struct Shop {
    app: Arc<App>,
    gateway: Gateway,
    port: u16,
    stop: watch::Sender<bool>,
}

impl Shop {
    async fn open() -> Shop {
        let (stop, stopping) = watch::channel(false);
        let gateway = Gateway::open(stopping.clone()).await;
        let key = Zeroizing::new("rk_test_1".to_owned());
        let florin = Florin::with(&gateway.url, gateway.trust(), key, "pk_test_1".to_owned()).unwrap();
        let db = Db::in_memory().unwrap();
        db.now(|tx| products::stock_up(tx, now())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let app = Arc::new(App {
            till: Arc::new(Till::new(db, Arc::new(florin), None, |code, message| eprintln!("{code}: {message}"))),
            keys: Arc::new(Keys::new(&[7; 32]).unwrap()),
            secret: RwLock::default(),
            cards: ("https://card.example".to_owned(), None),
            ports: (0, Some(port)),
            gate: Default::default(),
            desk_gate: Default::default(),
            listening: Arc::new(Semaphore::new(LISTENING)),
            failures: Mutex::default(),
        });
        tokio::spawn(serve::plain(listener, router(Arc::clone(&app), false), CONNECTIONS, stopping));
        Shop { app, gateway, port, stop }
    }

    fn till(&self) -> &Till {
        &self.app.till
    }

    fn browser(&self) -> Browser {
        Browser::of(self.port)
    }

    fn now<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, Fail>) -> T {
        self.till().db.now(work).unwrap()
    }

    /// An order of one teapot at 10 euro, `o1` with the payment `pi_1`.
    fn order(&self, stage: Stage) -> Order {
        self.order_of(stage, &[Line { slug: "teapot".into(), quantity: 1, unit: 1_000, slot: None }])
    }

    fn order_of(&self, stage: Stage, lines: &[Line]) -> Order {
        let text = |t: &str| t.to_owned();
        let person = Person {
            name: text("Ada Lovelace"),
            email: text("ada@lovelace.example"),
            line1: text("Keizersgracht 1"),
            line2: String::new(),
            postal: text("1015 CC"),
            city: text("Amsterdam"),
            country: text("NL"),
            lang: text("en"),
        };
        let person = person.seal(&self.app.keys, "o1").unwrap();
        let new = New {
            id: "o1",
            once: "page",
            visit: "v",
            account: None,
            currency: Currency::Eur,
            lines,
            person: &person,
            now: now(),
        };
        self.now(|tx| orders::place(tx, &new));
        let placed = self.read();
        let received = if stage.is_refundable() { placed.total } else { 0 };
        let change = Change { stage, received, intent: Some("pi_1".to_owned()), ..Change::of(&placed) };
        self.now(|tx| orders::apply(tx, &placed, &change, "answer", now()));
        self.read()
    }

    fn read(&self) -> Order {
        self.now(|tx| orders::one(tx, "o1")).unwrap()
    }

    /// A page of the order behind its signed link.
    fn link(&self, under: &str) -> String {
        format!("/orders/o1{under}?k={}", self.app.keys.code("order", "o1"))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

const PASSWORD: &str = "a+long+sentence+for+the+test";

/// Somebody in the back office.
async fn desk(shop: &Shop) -> Browser {
    let token = shop.app.keys.code(SETUP, SETUP);
    let mut desk = shop.browser();
    let set = desk.post("/admin/setup", &format!("token={token}&password={PASSWORD}&again={PASSWORD}")).await;
    assert_eq!(set.location(), "/admin");
    desk
}
