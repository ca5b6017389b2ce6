//! The acquirer's report service: HTTPS with the link's client certificate. Bytes become core's reports here, or a reason why not.
//! Applies nothing.

use crate::fail::{Fail, io};
use florin_connect::amount;
use florin_core::money::{Currency, Money};
use florin_core::settlement::{Cleared, Head, Line, Listing, Reports, RrnText, Total, Unavailable};
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_core::wire::Terminal;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CALL_LIMIT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Lines that are handed on at once.
const LINES_AT_ONCE: usize = 100;
/// Reports of one answer, and currencies of one report.
const MOST_REPORTS: usize = 1_000;
const MOST_TOTALS: usize = 200;

/// Where the service is, and how we show who we are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportSource {
    /// host:port
    pub address: String,
    /// The name in its certificate.
    pub name: String,
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// A client of the service. Each call makes its own connection.
pub struct ReportService {
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
}

impl ReportService {
    /// Reads the certificates.
    pub fn new(source: &ReportSource) -> Result<ReportService, Fail> {
        let wrong = |path: &Path, why: &dyn std::fmt::Display| {
            Fail::new("certificate", format!("{} is no certificate or key: {why}.", path.display()))
        };
        let read = |path: &Path| -> Result<Vec<CertificateDer<'static>>, Fail> {
            std::fs::metadata(path).map_err(|e| io("read", path, &e))?;
            let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            found.map_err(|e| wrong(path, &e))
        };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in read(&source.ca)? {
            roots.add(certificate).map_err(|e| wrong(&source.ca, &e))?;
        }
        let key = PrivateKeyDer::from_pem_file(&source.key).map_err(|e| wrong(&source.key, &e))?;
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| wrong(&source.cert, &e))?
            .with_root_certificates(roots)
            .with_client_auth_cert(read(&source.cert)?, key)
            .map_err(|e| wrong(&source.cert, &e))?;
        let name = ServerName::try_from(source.name.clone());
        let name = name.map_err(|_| Fail::new("invalid_setting", format!("{} is no host name.", source.name)))?;
        Ok(ReportService { address: source.address.clone(), name, tls: Arc::new(tls) })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: String) -> Result<T, Unavailable> {
        match tokio::time::timeout(CALL_LIMIT, self.exchange(path)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unavailable("the acquirer's report service does not answer".to_owned())),
        }
    }

    async fn exchange<T: DeserializeOwned>(&self, path: String) -> Result<T, Unavailable> {
        fn lost(why: impl std::fmt::Display) -> Unavailable {
            Unavailable(format!("the acquirer's report service cannot be reached: {why}"))
        }
        let socket = TcpStream::connect(&self.address).await.map_err(lost)?;
        let stream =
            TlsConnector::from(Arc::clone(&self.tls)).connect(self.name.clone(), socket).await.map_err(lost)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let request = Request::get(path).header("host", &self.address).body(Empty::<Bytes>::new()).map_err(lost)?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(lost)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT_BYTES).collect().await.map_err(lost)?;
            Ok::<_, Unavailable>((status, body.to_bytes()))
        };
        tokio::pin!(connection, exchange);
        let (status, body) = tokio::select! {
            outcome = &mut exchange => outcome?,
            // The connection may end a moment before its answer is taken.
            _ = &mut connection => exchange.await?,
        };
        if !status.is_success() {
            return Err(Unavailable(format!("the acquirer's report service answers {status}")));
        }
        serde_json::from_slice(&body).map_err(|_| unreadable("an answer"))
    }
}

pub(super) fn unreadable(what: &str) -> Unavailable {
    Unavailable(format!("{what} of the acquirer's report service does not read"))
}

#[derive(Deserialize)]
struct ListingJson {
    reports: Vec<HeadJson>,
    newest: u64,
}

#[derive(Deserialize)]
struct HeadJson {
    id: u64,
    closed_at: i64,
    lines: u32,
    totals: Vec<TotalJson>,
}

#[derive(Deserialize)]
struct TotalJson {
    currency: String,
    lines: u32,
    amount: i64,
    costs: i64,
}

#[derive(Deserialize)]
struct LineJson {
    line: u32,
    kind: String,
    rrn: String,
    stan: String,
    terminal: String,
    amount: i64,
    currency: String,
    interchange: i64,
    scheme_fee: i64,
    acquirer_fee: i64,
}

/// Minor units of ISO 4217 with a sign, as the API counts them.
pub(super) fn money(minor: i64, currency: &str) -> Option<Money> {
    let currency = Currency::parse(currency)?;
    let digits = format!("{:012}", minor.unsigned_abs());
    let money = amount::from_wire(&digits, currency).ok()?;
    Some(money.with_minor(minor.signum() * money.minor))
}

fn head(json: HeadJson) -> Option<Head> {
    if json.totals.len() > MOST_TOTALS || json.id == 0 || json.closed_at < 0 {
        return None;
    }
    let total = |t: TotalJson| {
        let (amount, costs) = (money(t.amount, &t.currency)?, money(t.costs, &t.currency)?);
        Some(Total { currency: amount.currency, lines: t.lines, amount: amount.minor, costs: costs.minor })
    };
    let mut totals = json.totals.into_iter().map(total).collect::<Option<Vec<Total>>>()?;
    totals.sort_by_key(|t| t.currency);
    Some(Head { id: json.id, closed: Time(json.closed_at), lines: json.lines, totals })
}

fn line(json: &LineJson) -> Option<Line> {
    let what = match json.kind.as_str() {
        "sale" => Cleared::Sale,
        "capture" => Cleared::Capture,
        "refund" => Cleared::Refund,
        "reversal" => Cleared::Reversal,
        _ => return None,
    };
    let rrn = RrnText(json.rrn.as_bytes().try_into().ok().filter(|text: &[u8; 12]| text.is_ascii())?);
    let terminal = json.terminal.strip_prefix("FL").filter(|n| n.len() == 6).and_then(|n| n.parse().ok());
    let costs = json.interchange.checked_add(json.scheme_fee)?.checked_add(json.acquirer_fee)?;
    let (money, costs) = (money(json.amount, &json.currency)?, money(costs, &json.currency)?.minor);
    let (stan, terminal) = (json.stan.parse().ok()?, terminal.map(Terminal));
    Some(Line { number: json.line, what, rrn, stan, terminal, money, costs })
}

impl Reports for ReportService {
    fn list<'a>(&'a self, after: u64) -> Wait<'a, Result<Listing, Unavailable>> {
        Box::pin(async move {
            let told: ListingJson = self.get(format!("/reports?after={after}")).await?;
            let heads: Option<Vec<Head>> = told.reports.into_iter().take(MOST_REPORTS).map(head).collect();
            Ok(Listing { heads: heads.ok_or_else(|| unreadable("a report"))?, newest: told.newest })
        })
    }
    fn lines<'a>(&'a self, report: u64, after: u32) -> Wait<'a, Result<Vec<Line>, Unavailable>> {
        Box::pin(async move {
            let told: Vec<LineJson> = self.get(format!("/reports/{report}/lines?after={after}")).await?;
            let lines: Option<Vec<Line>> = told.iter().take(LINES_AT_ONCE).map(line).collect();
            lines.ok_or_else(|| unreadable("a report's line"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl FnOnce(&mut LineJson)) -> Option<Line> {
        let text = |t: &str| t.to_owned();
        let mut json = LineJson {
            line: 3,
            kind: text("sale"),
            rrn: text("632500000000"),
            stan: text("000042"),
            terminal: text("FL000007"),
            amount: 1_999,
            currency: text("eur"),
            interchange: 3,
            scheme_fee: 1,
            acquirer_fee: 2,
        };
        change(&mut json);
        line(&json)
    }

    #[test]
    fn lines_of_a_report() {
        let of = |minor, code| Money::new(minor, Currency::parse(code).unwrap());
        let good = Line {
            number: 3,
            what: Cleared::Sale,
            rrn: RrnText(*b"632500000000"),
            stan: 42,
            terminal: Some(Terminal(7)),
            money: of(1_999, "eur"),
            costs: 6,
        };
        assert_eq!(read(|_| {}), Some(good));
        let stranger = |l: &mut LineJson| l.terminal = "12345678".to_owned();
        assert_eq!(read(stranger), Some(Line { terminal: None, ..good }));
        // The API counts króna in hundredths; the wire does not. A refund is below zero and costs nothing.
        let refund = |l: &mut LineJson| {
            (l.kind, l.currency, l.amount) = ("refund".to_owned(), "isk".to_owned(), -500);
            (l.interchange, l.scheme_fee, l.acquirer_fee) = (0, 0, 0);
        };
        let expected = Line { what: Cleared::Refund, money: of(-50_000, "isk"), costs: 0, ..good };
        assert_eq!(read(refund), Some(expected));
        assert_eq!(read(|l| l.kind = "gift".to_owned()), None);
        assert_eq!(read(|l| l.rrn = "short".to_owned()), None);
        assert_eq!(read(|l| l.rrn = "63250000000é".to_owned()), None);
        assert_eq!(read(|l| l.currency = "xxx".to_owned()), None);
        assert_eq!(read(|l| l.amount = i64::MIN), None);
        assert_eq!(read(|l| l.interchange = i64::MAX), None);
        assert_eq!(read(|l| l.stan = "-".to_owned()), None);
        // The wire counts ariary in hundredths; the API does not, so a part of one is refused.
        assert_eq!(read(|l| (l.currency, l.amount) = ("mga".to_owned(), 150)), None);
    }
}
