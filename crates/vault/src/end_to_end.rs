//! The whole vault over real sockets: client, door, cards, link, mutual TLS, and a small host that echoes the card number.

use crate::cards::{NewCard, Tokenised};
use crate::client::VaultClient;
use crate::clock::unix_us;
use crate::core::id::Key;
use crate::core::money::{Currency, Money};
use crate::core::time::Time;
use crate::core::wire::{
    Act, CardToken, Initiator, NotSent, Order, Original, OriginalClass, ReversalReason, Rrn, Terminal, Unsure, Verdict,
    WireId,
};
use crate::journey::Retention;
use crate::keys::create_raw;
use crate::link::LinkState;
use crate::process::{Settings, StartError, run};
use crate::refusal::CardRefusal;
use crate::renewal::Renewal;
use crate::testing::{Folder, assert_no_card_data, contains};
use crate::tls::tests::Pki;
use florin_connect::card::BadCard;
use florin_connect::iso8583::{Class, Dialect, Framer, Message};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// A canary number: it approves, and nothing may contain it.
const NUMBER: &str = "4929123456000009";
const CODE: &str = "739";

/// Messages that the host received, as it saw them: (type, attempt's amount, security code given).
type Seen = Arc<Mutex<Vec<(String, i64, bool)>>>;

/// What the host does is asked for by the last two digits of the amount: 51 declines, 07 answers twice, 09 says nothing, 08 closes.
async fn host(listener: TcpListener, tls: Arc<rustls::ServerConfig>, seen: Seen) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        tokio::spawn(serve(stream, tokio_rustls::TlsAcceptor::from(Arc::clone(&tls)), Arc::clone(&seen)));
    }
}

async fn serve(stream: TcpStream, tls: tokio_rustls::TlsAcceptor, seen: Seen) {
    let Ok(mut stream) = tls.accept(stream).await else { return };
    let dialect = Dialect::link();
    let mut framer = Framer::new(&dialect.framing);
    let mut bytes = vec![0; 16_384];
    loop {
        let Ok(got @ 1..) = stream.read(&mut bytes).await else { return };
        framer.push(&bytes[..got]);
        let mut out = Vec::new();
        while let Some(body) = framer.next_frame().unwrap() {
            let request = dialect.decode(&body).unwrap_or_else(|e| panic!("{e}"));
            let amount: i64 = request.get(4).unwrap_or("0").parse().unwrap();
            let code_given = request.get(126).is_some_and(|f| f.contains(CODE));
            seen.lock().unwrap().push((request.mti.to_string(), amount, code_given));
            let (times, response) = match amount % 100 {
                7 => (2, "00"),
                8 => return,
                9 if request.mti.class() != Class::Reversal => (0, "00"),
                51 => (1, "51"),
                _ => (1, "00"),
            };
            let body = dialect.encode(&reply(dialect, &request, response)).unwrap();
            for _ in 0..times {
                dialect.framing.frame_into(&body, &mut out).unwrap();
            }
        }
        if stream.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn reply(dialect: &Dialect, request: &Message, response: &str) -> Message {
    let mut reply = dialect.reply(request).unwrap();
    for de in [2, 70] {
        if let Some(value) = request.get(de) {
            reply.set(de, value);
        }
    }
    reply.set(39, response);
    if response == "00" && request.mti.class() != Class::Network {
        reply.set(38, "A1B2C3").set(62, "123456789012345");
    }
    reply
}

struct World {
    folder: Folder,
    pki: Pki,
    address: String,
    seen: Seen,
}

struct Running {
    stop: oneshot::Sender<()>,
    ended: Pin<Box<dyn Future<Output = Result<(), StartError>>>>,
    client: VaultClient,
}

impl World {
    async fn new() -> World {
        let (folder, pki, seen) = (Folder::new(), Pki::new(), Seen::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(host(listener, pki.server(2090), Arc::clone(&seen)));
        create_raw(&folder.path("kek")).unwrap();
        World { folder, pki, address, seen }
    }

    fn settings(&self) -> Settings {
        Settings {
            algorithm: None,
            data: self.folder.path("data"),
            kek: self.folder.path("kek"),
            passphrase_file: None,
            unlock: self.folder.path("unlock.sock"),
            socket: self.folder.path("vault.sock"),
            live: false,
            acquirer: self.address.clone(),
            acquirer_name: "localhost".into(),
            tls: self.pki.files(&self.folder, 2090),
            terms: None,
            answer_limit_ms: 1_000,
            send_limit_ms: 2_000,
            in_flight_limit_messages: 1_024,
            journey: true,
            retention: Retention::default(),
            harden: false,
            directory: None,
            edge: None,
        }
    }

    /// A vault whose link is up, and a client of it.
    async fn start(&self) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, ready) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let vault = run(self.settings(), stopped, |_| {}, move |r| tell.send(r).unwrap_or_else(|_| unreachable!()));
        let vault = tokio::task::spawn_local(vault);
        let ready = ready.await.unwrap();
        let client = VaultClient::connect(&ready.socket).await;
        assert!(client.is_connected());
        while client.health().await.unwrap().link.state != LinkState::Up {
            tokio::task::yield_now().await;
        }
        Running { stop, ended: Box::pin(async { vault.await.unwrap() }), client }
    }
}

fn within(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

async fn tokenise(client: &VaultClient, number: &str) -> Result<Tokenised, CardRefusal> {
    let text = |s: &str| Zeroizing::new(s.to_string());
    let (number, cvc) = (text(number), Some(text(CODE)));
    let card = NewCard { account: Key(1 << 20), live: false, number, exp_month: 12, exp_year: 2031, cvc };
    client.tokenise(card).await
}

fn now() -> Time {
    Time(unix_us() / 1000)
}

fn sale(n: u32, minor: i64, card: CardToken) -> Order {
    let at = now();
    let key = Key((at.0 << 20) | (i64::from(n) << 5));
    Order {
        account: Key(1 << 20),
        owner: Key(2 << 20),
        attempt: key,
        live: false,
        act: Act::Sale { initiator: Initiator::Customer, network_id: None },
        proof: None,
        money: Money::new(minor, Currency::EUR),
        card,
        fingerprint: None,
        code: None,
        address: None,
        wire: WireId { terminal: Terminal(7), stan: n, at, rrn: Rrn(key) },
        send_by: at.plus_ms(5_000),
        repeat: false,
    }
}

fn reversal(of: &Order, stan: u32) -> Order {
    let (wire, money) = (of.wire, of.money);
    let original = Original { class: OriginalClass::Sale, wire, money, approval: None, network_id: None };
    let act = Act::Reversal { original, reason: ReversalReason::NoConfirmation };
    Order { act, wire: WireId { stan, ..wire }, ..*of }
}

fn approved(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Approved(a) if a.code.is_some())
}

#[test]
fn cards_go_out_and_verdicts_come_back() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        assert_eq!((card.last4.as_str(), card.cvc_given), ("0009", true));
        assert_eq!(tokenise(&vault.client, "4242424242424241").await.err().map(|e| e.code()), Some("incorrect_number"));
        let submit = async |order: Order| vault.client.submit(&order).await;
        let first = sale(1, 1999, card.token);
        assert!(approved(&submit(first).await));
        let second = submit(sale(2, 1051, card.token)).await;
        assert!(matches!(second, Verdict::Declined(d) if &d.response.0 == b"51"));
        let silent = sale(3, 1009, card.token);
        assert_eq!(submit(silent).await, Verdict::Unknown(Unsure::NoAnswer));
        assert!(matches!(submit(reversal(&silent, 4)).await, Verdict::Approved(_)));
        let unknown = CardToken { key: Key(5), ..card.token };
        assert_eq!(submit(sale(5, 1999, unknown)).await, Verdict::NotSent(NotSent::NoSuchCard));
        assert_eq!(
            submit(Order { live: true, ..sale(6, 1999, card.token) }).await,
            Verdict::NotSent(NotSent::LinkDown)
        );
        assert_eq!(
            submit(Order { send_by: now(), ..sale(7, 1999, card.token) }).await,
            Verdict::NotSent(NotSent::TooLate)
        );
        let seen: Vec<(String, i64, bool)> =
            world.seen.lock().unwrap().iter().filter(|(mti, ..)| mti != "0800").cloned().collect();
        let expected = [("0200", 1999, true), ("0200", 1051, false), ("0200", 1009, false), ("0400", 1009, false)];
        assert_eq!(seen, expected.map(|(mti, amount, code)| (mti.to_string(), amount, code)), "the code goes once");
        let hops = vault.client.hops(&[first.wire.rrn.text()]).await.unwrap();
        let ways: Vec<(&str, &str)> = hops.iter().map(|h| (h.from.as_str(), h.to.as_str())).collect();
        assert_eq!(ways, [("vault", "acquirer"), ("acquirer", "vault")]);
        assert!(hops[0].at_us <= hops[1].at_us);
        let shown = serde_json::to_vec(&hops).unwrap();
        assert!(!contains(&shown, NUMBER.as_bytes()) && contains(&shown, b"0009"));
        // Times and trace numbers hold any three digits now and then: the code is looked for where it was sent.
        let code = hops[0].fields.iter().find(|field| field.de == 126).expect("the code's field is shown, masked");
        assert!(!code.value.contains(CODE), "{}", code.value);
        let health = vault.client.health().await.unwrap();
        assert_eq!((health.link.counts.sent, health.link.counts.answered, health.link.in_flight), (4, 3, 0));
        assert_eq!((health.cells, health.live, health.link.trouble), (0, false, None));
        assert_no_card_data(&world.folder.path("data"), &[NUMBER], &[]);
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
        assert_eq!(vault.client.submit(&sale(8, 1999, card.token)).await, Verdict::NotSent(NotSent::NoVault));
        assert!(!world.folder.path("vault.sock").exists());
        assert_no_card_data(&world.folder.path("data"), &[NUMBER], &[]);
    });
}

/// A card that was renewed is the same number under another date and token, and only its account may ask for it.
#[test]
fn a_card_is_renewed() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        let asked = Renewal { account: Key(1 << 20), live: false, token: card.token, exp_month: 2, exp_year: 2044 };
        let renewed = vault.client.renew(&asked).await.unwrap();
        assert_ne!((renewed.token, renewed.card_digest), (card.token, card.card_digest));
        let expected = Tokenised {
            token: renewed.token,
            card_digest: renewed.card_digest,
            exp_month: 2,
            exp_year: 2044,
            cvc_given: false,
            ..card.clone()
        };
        assert_eq!(renewed, expected);
        for token in [card.token, renewed.token] {
            assert!(approved(&vault.client.submit(&sale(u32::from(token == card.token) + 1, 1999, token)).await));
        }
        let check = async |asked: Renewal, expected: CardRefusal| {
            assert_eq!(vault.client.renew(&asked).await, Err(expected), "{asked:?}");
        };
        check(Renewal { account: Key(2 << 20), ..asked }, CardRefusal::NoSuchName).await;
        check(Renewal { token: CardToken { key: Key(77 << 20), ..card.token }, ..asked }, CardRefusal::NoSuchName)
            .await;
        check(Renewal { exp_month: 13, ..asked }, CardRefusal::Bad(BadCard::InvalidExpiryMonth)).await;
        check(Renewal { exp_year: 2020, ..asked }, CardRefusal::Bad(BadCard::Expired)).await;
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
    });
}

#[test]
fn many_at_once_on_one_connection() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        let all: Vec<_> = (1..=500u32)
            .map(|n| {
                let client = vault.client.clone();
                let order = sale(n, if n % 5 == 0 { 1051 } else { 1999 }, card.token);
                tokio::task::spawn_local(async move { (n, client.submit(&order).await) })
            })
            .collect();
        for task in all {
            let (n, verdict) = task.await.unwrap();
            assert_eq!(approved(&verdict), n % 5 != 0, "{n}: {verdict:?}");
        }
        let health = vault.client.health().await.unwrap();
        assert_eq!((health.link.counts.sent, health.link.counts.answered), (500, 500));
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
    });
}

#[test]
fn a_lost_connection_is_made_again() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        let lost = vault.client.submit(&sale(1, 1008, card.token)).await;
        assert_eq!(lost, Verdict::Unknown(Unsure::LinkLost));
        let mut n = 2;
        let verdict = loop {
            let verdict = vault.client.submit(&sale(n, 1999, card.token)).await;
            n += 1;
            if verdict != Verdict::NotSent(NotSent::LinkDown) {
                break verdict;
            }
        };
        assert!(approved(&verdict), "{verdict:?}");
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
    });
}

#[test]
fn late_answers_are_told_until_they_are_acknowledged() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        let order = sale(1, 1007, card.token);
        assert!(approved(&vault.client.submit(&order).await));
        let mut stream = vault.client.watch_late().unwrap();
        assert!(vault.client.watch_late().is_none(), "one stream");
        let told = stream.recv().await.unwrap();
        assert_eq!((told.late.attempt, told.late.owner, told.late.wire), (order.attempt, order.owner, order.wire));
        assert!(approved(&told.late.verdict));
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();

        let vault = world.start().await;
        let again = vault.client.watch_late().unwrap().recv().await.unwrap();
        assert_eq!(again, told, "not acknowledged: told again after a restart");
        vault.client.acknowledge(told.id);
        // An answer to a later request comes after the acknowledgement was read.
        vault.client.health().await.unwrap();
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
        let db = crate::db::Db::open(&world.folder.path("data"), || Ok(Vec::new())).unwrap();
        assert_eq!(db.late(10), Ok(Vec::new()));
    });
}

#[test]
fn a_stop_waits_for_what_is_in_flight() {
    within(async {
        let world = World::new().await;
        let vault = world.start().await;
        let card = tokenise(&vault.client, NUMBER).await.unwrap();
        let client = vault.client.clone();
        let order = sale(1, 1009, card.token);
        let waiting = tokio::task::spawn_local(async move { client.submit(&order).await });
        while vault.client.health().await.unwrap().link.counts.sent == 0 {
            tokio::task::yield_now().await;
        }
        vault.stop.send(()).unwrap();
        vault.ended.await.unwrap();
        assert_eq!(waiting.await.unwrap(), Verdict::Unknown(Unsure::NoAnswer), "the link's word, not a dead socket's");
    });
}

#[test]
fn the_edge_is_part_of_the_vault() {
    within(async {
        let world = World::new().await;
        let (cert, key) = world.pki.issue("localhost", 2090);
        std::fs::write(world.folder.path("edge.pem"), cert).unwrap();
        std::fs::write(world.folder.path("edge.key"), key).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let path = |name: &str| world.folder.path(name);
        let mut edge = crate::edge::EdgeSettings::new(any, path("edge.pem"), path("edge.key"), path("api.sock"));
        edge.entrances[0].plain = Some(any);
        let settings = Settings { edge: Some(edge), ..world.settings() };
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, ready) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let vault = run(settings, stopped, |_| {}, move |r| tell.send(r).unwrap_or_else(|_| unreachable!()));
        let vault = tokio::task::spawn_local(vault);
        let ready = ready.await.unwrap();
        assert_ne!(ready.addresses["api"], ready.addresses["http_api"]);
        let mut client = TcpStream::connect(ready.addresses["http_api"]).await.unwrap();
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert!(
            got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with(r#"{"gateway":"down","status":"ok"}"#),
            "{got}"
        );
        let health = VaultClient::connect(&ready.socket).await.health().await.unwrap();
        assert_eq!(health.edge.map(|counts| counts.requests), Some(1));
        stop.send(()).unwrap();
        vault.await.unwrap().unwrap();
        assert!(TcpStream::connect(ready.addresses["api"]).await.is_err());
    });
}

#[test]
fn a_vault_that_cannot_start_says_why() {
    within(async {
        let world = World::new().await;
        let start = async |change: &dyn Fn(&mut Settings)| {
            let mut settings = world.settings();
            change(&mut settings);
            run(settings, std::future::ready(()), |_| {}, |_| {})
                .await
                .err()
                .map_or("started".into(), |e| e.to_string())
        };
        let check = |got: String, expected: &str| assert!(got.contains(expected), "{got}");
        check(start(&|_| {}).await, "started");
        check(start(&|s| s.kek = "nowhere".into()).await, "does not exist");
        check(start(&|s| s.acquirer_name = "not a name".into()).await, "not a host name");
        check(start(&|s| s.live = true).await, "test cards");
        let folder = Folder::new();
        check(start(&|s| s.tls = world.pki.files(&folder, 2020)).await, "expired");
        create_raw(&folder.path("kek")).unwrap();
        check(start(&|s| s.kek = folder.path("kek")).await, "does not belong to the vault's database");
        check(start(&|s| s.socket = Path::new("/nowhere/at/all").into()).await, "socket /nowhere/at/all");
        let running = world.start().await;
        check(start(&|_| {}).await, "another vault");
        check(start(&|s| s.data = folder.path("data")).await, "another vault listens");
        running.stop.send(()).unwrap();
        running.ended.await.unwrap();
        check(start(&|_| {}).await, "started");
    });
}
