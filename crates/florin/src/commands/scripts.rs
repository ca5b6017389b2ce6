//! `florin scripts`: the inventory of what runs in customers' browsers, held against what an installation really serves. PCI DSS 4.0.1,
//! 6.4.3 (know each script and why it is there) and 11.6.1 (notice when one changes). Knows no card.

use super::system::{home_of, read_json, try_lock};
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::home::Home;
use crate::out::out;
use crate::process::block_on;
use florin_vault::edge::{integrity_of, inventory};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A script has some tens of kilobytes.
const SCRIPT_LIMIT_BYTES: usize = 2 * 1024 * 1024;
/// From the name to the last byte.
const GET_WITHIN: Duration = Duration::from_secs(10);

/// Prints the inventory; compares it with what stands at `url`, or with what runs on the data folder. Exit code 1 when anything differs.
pub fn run(common: &Common, url: Option<&str>) -> Outcome {
    let config = Config::load(common)?;
    let home = home_of(&config)?;
    let rows = rows();
    let Some(base) = url.map(str::to_owned).map_or_else(|| running(&home), |url| Ok(Some(url)))? else {
        print(common.json, None, rows);
        return Ok(0);
    };
    let base = base.trim_end_matches('/').to_owned();
    let compared = block_on(compared(&home, &base))?;
    let differs = compared.iter().filter(|row| row["served"] != "same").count();
    print(common.json, Some(&base), compared);
    Ok(u8::from(differs > 0))
}

fn rows() -> Vec<Value> {
    let known: Value = serde_json::from_str(inventory()).unwrap_or_default();
    known["data"].as_array().cloned().unwrap_or_default()
}

/// The inventory, and of each script whether `base` serves it: `served` is same, changed or missing.
pub async fn compared(home: &Home, base: &str) -> Result<Vec<Value>, Fail> {
    let shop = Shop::new(home)?;
    // That something answers there is asked first: else every script would be missing.
    shop.get(&format!("{base}/healthz")).await.map_err(|why| unreachable(base, &why))?;
    let mut compared = Vec::new();
    for mut row in rows() {
        let path = row["path"].as_str().unwrap_or_default();
        let got = shop.get(&format!("{base}{path}")).await.map_err(|why| unreachable(base, &why))?;
        row["served"] = json!(match got {
            Some(bytes) if row["integrity"] == integrity_of(&bytes).as_str() => "same",
            Some(_) => "changed",
            None => "missing",
        });
        compared.push(row);
    }
    Ok(compared)
}

fn unreachable(base: &str, why: &str) -> Fail {
    Fail::new("not_reachable", format!("{base} cannot be asked: {why}. Check the address, and that Florin runs there."))
}

/// The card form's address of what runs on this folder.
fn running(home: &Home) -> Result<Option<String>, Fail> {
    if try_lock(&home.lock())?.is_some() {
        return Ok(None);
    }
    let facts = read_json(&home.ready())?;
    let named = |name: &str| facts[name].as_str().map(str::to_owned);
    Ok(named("http_card").or_else(|| named("card")))
}

fn print(as_json: bool, base: Option<&str>, rows: Vec<Value>) {
    let differs = base.map(|_| rows.iter().filter(|row| row["served"] != "same").count());
    if as_json {
        out!("{}", json!({ "object": "list", "url": base, "differs": differs, "data": rows }));
        return;
    }
    for row in &rows {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let served = if base.is_some() { format!("{:<8}", text("served")) } else { String::new() };
        out!("{served}{}\n        {}\n        {}", text("path"), text("integrity"), text("why"));
    }
    match (base, differs) {
        (Some(base), Some(0)) => out!("{base} serves these scripts and no other bytes."),
        (Some(base), Some(n)) => out!(
            "{n} of them are not what {base} serves. If you did not just change versions, somebody else did: take the page down first."
        ),
        (_, _) => out!(
            "Nothing runs on this data folder. Compare with an installation: florin scripts --url https://pay.example.com"
        ),
    }
}

/// Asks as a browser would: by name, believing the system's authorities and the demo's own.
struct Shop {
    tls: TlsConnector,
}

impl Shop {
    fn new(home: &Home) -> Result<Shop, Fail> {
        let bad = |what: String| Fail::new("bad_ca", what);
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let own: PathBuf = home.tls("ca.pem");
        if own.exists() {
            let own = CertificateDer::from_pem_file(&own).map_err(|e| bad(e.to_string()))?;
            roots.add(own).map_err(|e| bad(e.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| bad(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Shop { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The body of a 200, or none for another status.
    async fn get(&self, url: &str) -> Result<Option<Vec<u8>>, String> {
        match tokio::time::timeout(GET_WITHIN, self.ask(url)).await {
            Ok(got) => got,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn ask(&self, url: &str) -> Result<Option<Vec<u8>>, String> {
        let uri: Uri = url.parse().map_err(|_| "that is no address".to_owned())?;
        let host = uri.host().ok_or("it names no host")?;
        let over_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err("it begins with neither https:// nor http://".to_owned()),
        };
        let port = uri.port_u16().unwrap_or(if over_tls { 443 } else { 80 });
        // Browsers know these names (RFC 6761 §6.3), the system's resolver need not.
        let dialled = if host.ends_with(".localhost") { "127.0.0.1" } else { host };
        let socket = TcpStream::connect((dialled, port)).await.map_err(|e| e.to_string())?;
        if !over_tls {
            return fetch(socket, &uri).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "that is no host".to_owned())?;
        fetch(self.tls.connect(name, socket).await.map_err(|e| e.to_string())?, &uri).await
    }
}

async fn fetch<S>(stream: S, uri: &Uri) -> Result<Option<Vec<u8>>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let driven = tokio::spawn(connection);
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let request = Request::get(uri.path()).header("host", authority).body(Empty::<Bytes>::new());
    let answer = sender.send_request(request.map_err(|e| e.to_string())?).await.map_err(|e| e.to_string())?;
    let ok = answer.status().as_u16() == 200;
    let body = Limited::new(answer.into_body(), SCRIPT_LIMIT_BYTES).collect().await.map_err(|e| e.to_string())?;
    driven.abort();
    Ok(ok.then(|| body.to_bytes().to_vec()))
}
