//! A gateway of the tests: it has one payment and its refunds, answers as it is told to, and remembers what it was asked.

use crate::serve;
use crate::web::Form;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub struct World {
    /// `METHOD path key`.
    pub asked: Vec<String>,
    /// Of the payment.
    pub status: &'static str,
    pub refunds: Vec<Value>,
    /// Why the bank says no.
    pub declines: Option<&'static str>,
    /// Refunds of other payments cannot be read.
    pub deaf: bool,
    /// What a refund that is asked for becomes; nothing: it is refused.
    pub gives: Option<&'static str>,
    pub events: Vec<Value>,
}

pub struct Gateway {
    pub url: String,
    certificate: CertificateDer<'static>,
    world: Arc<Mutex<World>>,
}

type Shared = Arc<Mutex<World>>;

impl Gateway {
    pub async fn open(stop: watch::Receiver<bool>) -> Gateway {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let world = World {
            asked: vec![],
            status: "requires_payment_method",
            refunds: vec![],
            declines: None,
            deaf: false,
            gives: Some("succeeded"),
            events: vec![],
        };
        let world = Arc::new(Mutex::new(world));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&world));
        tokio::spawn(serve::tls(listener, TlsAcceptor::from(Arc::new(config)), router, 100, stop));
        Gateway { url, certificate, world }
    }

    pub fn trust(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// What it was asked to do, without what was only read.
    pub fn changes(&self) -> Vec<String> {
        self.world().asked.iter().filter(|line| line.starts_with("POST")).cloned().collect()
    }
}

/// A refund of `pi_1` as the gateway shows it.
pub fn refund(id: &str, amount: i64, status: &str, n: Option<i64>) -> Value {
    let metadata = n.map_or(json!({}), |n| json!({ "order": "o1", "n": n.to_string() }));
    json!({ "id": id, "object": "refund", "payment_intent": "pi_1", "amount": amount, "status": status, "metadata": metadata })
}

impl World {
    fn intent(&self) -> Value {
        let received = if self.status == "succeeded" { 1_000 } else { 0 };
        let back: i64 = self.refunds.iter().filter_map(|r| r["amount"].as_i64()).sum();
        json!({ "id": "pi_1", "object": "payment_intent", "status": self.status, "amount_received": received, "currency": "eur",
            "client_secret": "pi_1_secret_1", "metadata": { "order": "o1" }, "latest_charge": { "amount_refunded": back } })
    }

    fn declined(&self, why: &str) -> Value {
        json!({ "error": { "type": "card_error", "code": "card_declined", "decline_code": why, "message": "The gateway's words.",
            "payment_intent": self.intent() } })
    }

    fn give(&mut self, form: &Form) -> (u16, Value) {
        let Some(status) = self.gives else {
            return (
                400,
                json!({ "error": { "code": "charge_not_refundable", "message": "No.", "type": "invalid_request_error" } }),
            );
        };
        let id = format!("re_{}", self.refunds.len() + 1);
        let n = form.get("metadata[n]").parse().ok();
        let made = refund(&id, form.get("amount").parse().unwrap(), status, n);
        self.refunds.push(made.clone());
        (200, made)
    }
}

async fn answer(State(world): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    let key = headers.get("idempotency-key").and_then(|k| k.to_str().ok()).unwrap_or_default();
    world.asked.push(format!("{method} {} {key}", uri.path()).trim_end().to_owned());
    let form = Form::read(&String::from_utf8_lossy(&body));
    let list = |data: &[Value]| json!({ "object": "list", "data": data, "has_more": false });
    let (status, value) = match (method.as_str(), uri.path()) {
        ("GET", "/v1/payment_intents/pi_1") => (200, world.intent()),
        ("POST", "/v1/payment_intents/pi_1/confirm") => match world.declines {
            Some(why) => (402, world.declined(why)),
            None => (200, world.intent()),
        },
        ("POST", "/v1/payment_intents") => (200, world.intent()),
        ("GET", "/v1/refunds") if world.deaf && !uri.query().unwrap_or_default().contains("payment_intent=pi_1&") => {
            (404, json!({ "error": { "code": "resource_missing", "message": "Nothing." } }))
        }
        ("GET", "/v1/refunds") => (200, list(&world.refunds)),
        ("POST", "/v1/refunds") => world.give(&form),
        ("GET", "/v1/events") => (200, list(&world.events)),
        _ => (404, json!({ "error": { "code": "resource_missing", "message": "Nothing." } })),
    };
    (StatusCode::from_u16(status).unwrap(), value.to_string()).into_response()
}
