//! A client of the control calls, over TLS to `localhost`. Knows addresses and JSON, no models.

use crate::misbehave::Rule;
use crate::tls;
use crate::views::{AccountView, BooksAnswer, ClosedDay, Health, Refused, Summary};
use florin_connect::journey::Hop;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CALL_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Why a call brought nothing.
#[derive(Debug)]
pub enum ClientError {
    /// No sandbox listens there, or it went away.
    Unreachable(String),
    /// It did not answer in ten seconds.
    TimedOut,
    /// The call was refused, with the field that is wrong.
    Refused { status: u16, refused: Refused },
    /// The answer does not read: another program, or another version.
    Unreadable(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Unreachable(why) => {
                write!(f, "the sandbox cannot be reached: {why}. Start one: florin network")
            }
            ClientError::TimedOut => f.write_str("the sandbox did not answer in ten seconds"),
            ClientError::Refused { status, refused } => {
                write!(f, "the sandbox refused ({status}): {}: {}", refused.field, refused.error)
            }
            ClientError::Unreadable(why) => write!(f, "the sandbox's answer does not read: {why}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// A sandbox's control port. Each call makes its own connection.
#[derive(Clone)]
pub struct ControlClient {
    address: SocketAddr,
    token: String,
    tls: Arc<ClientConfig>,
}

/// Filters of `books`; texts as they stand in the message.
#[derive(Clone, Debug, Default)]
pub struct BooksFilter {
    pub rrn: Option<String>,
    pub stan: Option<String>,
    pub de7: Option<String>,
    pub terminal: Option<String>,
    /// Only entries behind this one.
    pub after: Option<u64>,
}

impl ControlClient {
    /// `ca` is the authority of the sandbox's certificate, PEM.
    pub fn new(address: SocketAddr, token: &str, ca: &Path) -> Result<ControlClient, ClientError> {
        let tls = tls::client_config(ca).map_err(|why| ClientError::Unreachable(why.to_string()))?;
        Ok(ControlClient { address, token: token.trim().to_owned(), tls })
    }

    pub async fn health(&self) -> Result<Health, ClientError> {
        self.get("/health").await
    }
    pub async fn books(&self, filter: &BooksFilter) -> Result<BooksAnswer, ClientError> {
        let BooksFilter { rrn, stan, de7, terminal, after } = filter;
        let after = &after.map(|id| id.to_string());
        let parts = [("rrn", rrn), ("stan", stan), ("de7", de7), ("terminal", terminal), ("after", after)];
        let given = parts.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}")));
        self.get(&format!("/books?{}", given.collect::<Vec<String>>().join("&"))).await
    }
    pub async fn summary(&self) -> Result<Summary, ClientError> {
        self.get("/books/summary").await
    }
    /// What acquirer, network and issuer did with the messages of this RRN (DE 37).
    pub async fn journal(&self, rrn: &str) -> Result<Vec<Hop>, ClientError> {
        self.get(&format!("/journal?rrn={rrn}")).await
    }
    pub async fn accounts(&self, test_card: &str) -> Result<Vec<AccountView>, ClientError> {
        self.get(&format!("/accounts/{test_card}")).await
    }
    pub async fn rules(&self) -> Result<Vec<Rule>, ClientError> {
        self.get("/misbehave").await
    }
    pub async fn misbehave(&self, rule: &Rule) -> Result<(), ClientError> {
        let body = serde_json::to_vec(rule).map_err(|why| ClientError::Unreadable(why.to_string()))?;
        self.call(Method::POST, "/misbehave", body).await.map(drop)
    }
    pub async fn behave(&self) -> Result<(), ClientError> {
        self.call(Method::DELETE, "/misbehave", Vec::new()).await.map(drop)
    }
    /// Ends the business day.
    pub async fn close_day(&self) -> Result<ClosedDay, ClientError> {
        read(&self.call(Method::POST, "/close-day", Vec::new()).await?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        read(&self.call(Method::GET, path, Vec::new()).await?)
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, ClientError> {
        match tokio::time::timeout(CALL_LIMIT, self.exchange(method, path, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::TimedOut),
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, ClientError> {
        let unreachable = |why: &dyn fmt::Display| ClientError::Unreachable(why.to_string());
        let socket = TcpStream::connect(self.address).await.map_err(|why| unreachable(&why))?;
        let name = ServerName::try_from("localhost").map_err(|why| unreachable(&why))?;
        let stream =
            TlsConnector::from(self.tls.clone()).connect(name, socket).await.map_err(|why| unreachable(&why))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|why| unreachable(&why))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", format!("localhost:{}", self.address.port()))
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|why| ClientError::Unreadable(why.to_string()))?;
        let exchange = async {
            let answer = sender.send_request(request).await.map_err(|why| unreachable(&why))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT_BYTES).collect().await;
            Ok((status, body.map_err(|why| ClientError::Unreadable(why.to_string()))?.to_bytes()))
        };
        tokio::pin!(connection, exchange);
        let (status, body): (StatusCode, Bytes) = tokio::select! {
            outcome = &mut exchange => outcome?,
            // The connection may end a moment before its answer is taken.
            _ = connection => exchange.await?,
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(ClientError::Refused { status: status.as_u16(), refused: read(&body)? })
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|why| ClientError::Unreadable(why.to_string()))
}
