//! The whole process over real sockets: mutual TLS, many messages in flight, faults on the wire, control calls, restarts.

use super::files::{Scratch, leaks};
use super::*;
use crate::{BooksFilter, ClientError, ControlClient, LinkLimits, Ready, Settings, StartError, TlsFiles, run};
use florin_connect::iso8583::Framer;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A CA, and a certificate of its for each name: `ca.pem`, `NAME.pem`, `NAME.key`.
fn certificates(folder: &Path, names: &[&str], until_year: i32) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    for name in names {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(until_year, 1, 1);
        fs::write(folder.join(format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

fn bench_settings(folder: &Path) -> Settings {
    let tls =
        TlsFiles { ca: folder.join("ca.pem"), certificate: folder.join("host.pem"), key: folder.join("host.key") };
    Settings { plain_port: Some(0), ..Settings::new(folder.join("data"), tls) }
}

/// Runs a sandbox on `settings` while `act` uses it.
fn with_sandbox<F: Future<Output = ()>>(settings: Settings, act: impl FnOnce(Ready) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let sandbox = run(settings, async { drop(stopped.await) }, |ready| drop(tell.send(ready)));
        let user = async {
            act(told.await.unwrap()).await;
            drop(stop);
        };
        let (outcome, ()) = tokio::join!(sandbox, user);
        outcome.unwrap();
    });
}

fn start_error(settings: Settings) -> StartError {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(settings, async {}, |_| {})).unwrap_err()
}

fn control(ready: &Ready, token: &str, folder: &Path) -> ControlClient {
    ControlClient::new(ready.control, token, &folder.join("ca.pem")).unwrap()
}

/// A connection with the certificate of that name, or without one.
async fn tls(
    at: std::net::SocketAddr,
    folder: &Path,
    client: Option<&str>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(name) => {
            let chain = vec![CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap()];
            let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let socket = TcpStream::connect(at).await?;
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

/// A gateway's end of one link.
struct Link {
    stream: Box<dyn Stream>,
    framer: Framer,
}

impl Link {
    async fn plain(ready: &Ready) -> Link {
        Link::over(Box::new(TcpStream::connect(ready.plain.unwrap()).await.unwrap()))
    }

    async fn tls(ready: &Ready, folder: &Path, client: Option<&str>) -> std::io::Result<Link> {
        Ok(Link::over(Box::new(tls(ready.acquirer, folder, client).await?)))
    }

    fn over(stream: Box<dyn Stream>) -> Link {
        Link { stream, framer: Framer::new(&Dialect::link().framing) }
    }

    async fn send(&mut self, sent: &[&Sent]) {
        let mut bytes = Vec::new();
        for sent in sent {
            let body = Dialect::link().encode(&sent.message).unwrap();
            Dialect::link().framing.frame_into(&body, &mut bytes).unwrap();
        }
        self.stream.write_all(&bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next body, or `None` when the other side ended the link.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(body) = self.framer.next_frame().unwrap() {
                return Some(body.to_vec());
            }
            let mut buffer = [0u8; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.framer.push(&buffer[..count]),
            }
        }
    }

    async fn answer(&mut self) -> Message {
        Dialect::link().decode(&self.next().await.expect("an answer")).unwrap()
    }

    async fn ask(&mut self, sent: &Sent) -> Message {
        self.send(&[sent]).await;
        self.answer().await
    }
}

/// Builds requests; the sandbox has its own clock, so only their content counts.
fn gateway() -> World {
    World::new()
}

#[test]
fn many_messages_in_flight_over_mutual_tls_and_again_after_a_restart() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host", "gateway"], 2099);
    let mut g = gateway();
    let sales: Vec<Sent> = (1..=200).map(|n| g.sale(VISA, n).with(126, &subfields(&[(10, "987")]))).collect();
    let rrn = sales[0].message.get(37).unwrap().to_owned();
    let mut answers = Vec::new();
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let mut link = Link::tls(&ready, &scratch.0, Some("gateway")).await.unwrap();
        let sign_on = g.message("0800", &[(70, "001")]);
        assert_eq!(link.ask(&sign_on).await.get(39), Some("00"));
        link.send(&sales.iter().collect::<Vec<_>>()).await;
        for sale in &sales {
            let answer = link.answer().await;
            assert_eq!((answer.get(39), answer.get(11)), (Some("00"), sale.message.get(11)));
            answers.push(answer);
        }
        let client = control(&ready, &ready.token, &scratch.0);
        let summary = client.summary().await.unwrap();
        assert_eq!(summary.all["usd"].claimed, 200 * 201 / 2);
        assert_eq!(summary.standing["usd"].captured, 200 * 201 / 2);
        let found = client.books(&BooksFilter { rrn: Some(rrn.clone()), ..BooksFilter::default() }).await.unwrap();
        assert_eq!(found.entries.len(), 1);
        assert_eq!(found.entries[0].standing.map(|s| s.captured), Some(1));
        assert_eq!(client.journal(&rrn).await.unwrap().len(), 6);
        assert_eq!(client.health().await.unwrap().entries, 200);
    });
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        assert_eq!(ready.entries, 200);
        let mut link = Link::tls(&ready, &scratch.0, Some("gateway")).await.unwrap();
        for (sale, before) in sales.iter().zip(&answers) {
            assert!(link.ask(&sale.repeat()).await.same_as(before), "the stored answer");
        }
        let client = control(&ready, &ready.token, &scratch.0);
        assert_eq!(client.summary().await.unwrap().all["usd"].claims, 200);
        assert_eq!(client.close_day().await.unwrap().totals["usd"].claims, 200);
        assert_eq!(client.close_day().await.unwrap().totals.len(), 0);
        let journal = client.journal(&rrn).await.unwrap();
        assert!(journal.len() > 6 && journal.is_sorted_by_key(|hop| hop.at_us));
    });
    assert_eq!(leaks(&scratch.0, VISA), Vec::<std::path::PathBuf>::new());
}

#[test]
fn strangers_are_not_served() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host", "gateway"], 2099);
    let strangers = Scratch::new();
    certificates(&strangers.0, &["stranger"], 2099);
    fs::copy(strangers.0.join("stranger.pem"), scratch.0.join("stranger.pem")).unwrap();
    fs::copy(strangers.0.join("stranger.key"), scratch.0.join("stranger.key")).unwrap();
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        for client in [None, Some("stranger")] {
            // In TLS 1.3 the client learns of its refusal when it reads.
            if let Ok(mut link) = Link::tls(&ready, &scratch.0, client).await {
                let echo = gateway().message("0800", &[(70, "301")]);
                let body = Dialect::link().encode(&echo.message).unwrap();
                drop(link.stream.write_all(&body).await);
                assert_eq!(link.next().await, None, "{client:?}");
            }
        }
        let client = control(&ready, "wrong", &scratch.0);
        assert!(matches!(client.health().await, Err(ClientError::Refused { status: 401, .. })));
        assert_eq!(fs::read_to_string(&ready.token_file).unwrap(), ready.token);
    });
}

#[test]
fn what_is_no_frame_or_no_message() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host"], 2099);
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let mut g = gateway();
        let echo = g.message("0800", &[(70, "301")]);
        let mut link = Link::plain(&ready).await;
        link.stream.write_all(&[0, 0, 0, 4, 1, 2, 3, 4]).await.unwrap();
        assert_eq!(link.ask(&echo).await.get(39), Some("00"), "keep-alives and unreadable bodies are passed over");
        let frame = Dialect::link().framing.frame(&Dialect::link().encode(&echo.message).unwrap()).unwrap();
        for byte in frame.iter() {
            link.stream.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(link.answer().await.get(39), Some("00"), "a frame in pieces");
        link.stream.write_all(&[0xff, 0xff]).await.unwrap();
        assert_eq!(link.next().await, None, "a frame above the limit ends the link");
    });
}

#[test]
fn faults_on_the_wire() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host"], 2099);
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let client = control(&ready, &ready.token, &scratch.0);
        let mut g = gateway();
        let echo = g.message("0800", &[(70, "301")]);
        let script = async |fault: Fault| client.misbehave(&Rule::new(fault).next(1).mti("02")).await.unwrap();

        let mut link = Link::plain(&ready).await;
        script(Fault::Doubled { ms: 1 }).await;
        let sale = g.sale(VISA, 10);
        assert!(link.ask(&sale).await.same_as(&link.answer().await));

        script(Fault::Reorder { ms: 500 }).await;
        let (first, second) = (g.sale(VISA, 11), g.sale(VISA, 12));
        link.send(&[&first, &second]).await;
        let order = [link.answer().await, link.answer().await].map(|a| a.get(4).unwrap().to_owned());
        assert_eq!(order, ["000000000012", "000000000011"]);

        script(Fault::Slow { ms_per_byte: 0 }).await;
        assert_eq!(link.ask(&g.sale(VISA, 13)).await.get(39), Some("00"));

        script(Fault::Lost).await;
        let lost = g.sale(VISA, 14);
        link.send(&[&lost, &echo]).await;
        assert_eq!(link.answer().await.mti.as_str(), "0810");
        assert_eq!(link.ask(&lost.repeat()).await.get(39), Some("00"));

        script(Fault::HalfOpen).await;
        let unheard = g.sale(VISA, 15);
        link.send(&[&unheard, &echo]).await;
        let mut other = Link::plain(&ready).await;
        assert_eq!(other.ask(&unheard.repeat()).await.get(39), Some("00"), "other links go on");

        script(Fault::PartialFrame).await;
        other.send(&[&g.sale(VISA, 16)]).await;
        let mut half = [0u8; 16];
        other.stream.read_exact(&mut half).await.unwrap();

        let mut closing = Link::plain(&ready).await;
        script(Fault::Close).await;
        closing.send(&[&g.sale(VISA, 17)]).await;
        assert_eq!(closing.next().await, None);

        let mut open = Link::plain(&ready).await;
        assert_eq!(open.ask(&echo).await.get(39), Some("00"));
        client.misbehave(&Rule::new(Fault::Down { ms: 3_600_000 })).await.unwrap();
        assert_eq!(open.next().await, None, "links are closed");
        assert_eq!(Link::plain(&ready).await.next().await, None, "and none is taken");
        assert!(client.health().await.unwrap().down);
        client.behave().await.unwrap();
        assert_eq!(Link::plain(&ready).await.ask(&echo).await.get(39), Some("00"));
        assert_eq!(client.rules().await.unwrap(), []);
    });
}

#[test]
fn control_calls_name_what_is_wrong() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host"], 2099);
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let client = control(&ready, &ready.token, &scratch.0);
        let field = |outcome: Result<(), ClientError>| match outcome {
            Err(ClientError::Refused { status: 400, refused }) => refused.field,
            other => panic!("not refused: {other:?}"),
        };
        let books = async |filter: BooksFilter| field(client.books(&filter).await.map(drop));
        let none = BooksFilter::default;
        assert_eq!(books(BooksFilter { rrn: Some("short".into()), ..none() }).await, "rrn");
        assert_eq!(books(BooksFilter { stan: Some("-1".into()), ..none() }).await, "stan");
        assert_eq!(books(BooksFilter { de7: Some("x".into()), ..none() }).await, "de7");
        assert_eq!(books(BooksFilter { terminal: Some("FL1".into()), ..none() }).await, "terminal");
        assert_eq!(field(client.journal("1").await.map(drop)), "rrn");
        assert_eq!(field(client.accounts("nobody").await.map(drop)), "card");
        assert_eq!(field(client.misbehave(&Rule::new(Fault::Lost).percent(0, 0)).await), "percent");
        assert_eq!(client.accounts("visa").await.unwrap().len(), 0);
        let sale = gateway().sale("4242424242424242", 250);
        Link::plain(&ready).await.ask(&sale).await;
        let accounts = client.accounts("visa").await.unwrap();
        assert_eq!(accounts.iter().map(|a| (a.currency.as_str(), a.owed)).collect::<Vec<_>>(), [("usd", 250)]);
    });
}

#[test]
fn a_start_that_cannot_be_is_named() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host"], 2099);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let good = || bench_settings(&scratch.0);
    assert_eq!(start_error(Settings { port, ..good() }).code(), "port_in_use");
    assert_eq!(start_error(Settings { control_port: port, ..good() }).code(), "port_in_use");
    let tls = TlsFiles { certificate: scratch.0.join("missing.pem"), ..good().tls };
    assert_eq!(start_error(Settings { tls, ..good() }).code(), "certificate");
    let tls = TlsFiles { key: scratch.0.join("ca.pem"), ..good().tls };
    assert_eq!(start_error(Settings { tls, ..good() }).code(), "certificate");
    let old = Scratch::new();
    certificates(&old.0, &["host"], 2020);
    assert_eq!(start_error(bench_settings(&old.0)).code(), "certificate_expired");
    assert!(!good().data.join("books.db").exists(), "nothing half-written");
}

#[test]
fn links_have_limits() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host"], 2099);
    let limits = LinkLimits { connections: 1, ..LinkLimits::default() };
    with_sandbox(Settings { limits, ..bench_settings(&scratch.0) }, async |ready: Ready| {
        let echo = gateway().message("0800", &[(70, "301")]);
        let mut first = Link::plain(&ready).await;
        assert_eq!(first.ask(&echo).await.get(39), Some("00"));
        assert_eq!(Link::plain(&ready).await.next().await, None, "one link at a time");
        assert_eq!(first.ask(&echo).await.get(39), Some("00"));
    });
    let limits = LinkLimits { idle_seconds: 0, ..LinkLimits::default() };
    with_sandbox(Settings { limits, ..bench_settings(&scratch.0) }, async |ready: Ready| {
        assert_eq!(Link::plain(&ready).await.next().await, None, "idle for too long");
    });
}

/// GET over the report service as a client with this certificate, or without one: status and body.
async fn reports(ready: &Ready, folder: &Path, client: Option<&str>, path: &str) -> Option<(u16, String)> {
    let mut stream = tls(ready.reports, folder, client).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn reports_are_for_the_gateway_and_survive() {
    let scratch = Scratch::new();
    certificates(&scratch.0, &["host", "gateway"], 2099);
    let mut g = gateway();
    let mut before = vec![];
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let client = control(&ready, &ready.token, &scratch.0);
        let get = async |path: &str| reports(&ready, &scratch.0, Some("gateway"), path).await.unwrap();
        assert_eq!(get("/reports").await, (200, r#"{"reports":[],"newest":0}"#.to_owned()));
        Link::plain(&ready).await.ask(&g.sale(VISA, 1_999)).await;
        let closed = client.close_day().await.unwrap();
        assert_eq!((closed.report, closed.totals["usd"].claimed), (Some(1), 1_999));
        for path in ["/reports?after=0", "/reports/1/lines"] {
            let answer = get(path).await;
            assert!(answer.0 == 200 && answer.1.contains("1999"), "{answer:?}");
            before.push(answer);
        }
        for (path, status) in [
            ("/reports?after=x", 400),
            ("/reports?from=1", 400),
            ("/reports/2/lines", 404),
            ("/reports/1/lines?after=-1", 400),
            ("/close-day", 404),
        ] {
            assert_eq!(get(path).await.0, status, "{path}");
        }
        assert_eq!(reports(&ready, &scratch.0, None, "/reports").await, None, "no certificate, no report");
    });
    with_sandbox(bench_settings(&scratch.0), async |ready: Ready| {
        let get = async |path: &str| reports(&ready, &scratch.0, Some("gateway"), path).await.unwrap();
        assert_eq!([get("/reports?after=0").await, get("/reports/1/lines").await], before[..]);
        assert_eq!(get("/reports?after=1").await.1, r#"{"reports":[],"newest":1}"#);
    });
    assert_eq!(leaks(&scratch.0, VISA), Vec::<std::path::PathBuf>::new());
}
