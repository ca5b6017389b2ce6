//! The gateway's public API, as any merchant's server calls it: forms in, JSON out, one idempotency key for all tries of a change. Knows no
//! order.

use crate::Fail;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// One try: a payment whose answer is lost is settled by the gateway within this.
const TRY_LIMIT: Duration = Duration::from_secs(75);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const TRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A page does not wait longer for what it can do without.
const GLANCE_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no answer that helps.
#[derive(Debug)]
pub enum Trouble {
    /// The gateway said no: status, code, a message for people, and the whole error object.
    Refused { status: u16, code: String, message: String, error: Value },
    /// Nothing is known: it may have been done.
    Unknown,
}

impl Trouble {
    pub fn code(&self) -> &str {
        match self {
            Trouble::Refused { code, .. } => code,
            Trouble::Unknown => "unknown",
        }
    }
}

pub struct Florin {
    host: String,
    port: u16,
    tls: TlsConnector,
    key: Zeroizing<String>,
    pub publishable: String,
}

/// `a=b&c=d`, as the API reads forms.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
    }
    out
}

fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

impl Florin {
    /// `api` is `https://host:port`.
    pub fn new(api: &str, ca: &Path, key: Zeroizing<String>, publishable: String) -> Result<Florin, Fail> {
        Florin::with(api, crate::tls::client(ca)?, key, publishable)
    }

    /// The same, by whom `tls` trusts.
    pub fn with(
        api: &str,
        tls: Arc<ClientConfig>,
        key: Zeroizing<String>,
        publishable: String,
    ) -> Result<Florin, Fail> {
        let place = api.strip_prefix("https://").and_then(|rest| rest.trim_end_matches('/').rsplit_once(':'));
        let (host, port) = place
            .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
            .ok_or_else(|| Fail::new("bad_address", "the API's address is not https://host:port"))?;
        Ok(Florin { host, port, tls: TlsConnector::from(tls), key, publishable })
    }

    pub async fn get(&self, path: &str) -> Result<Value, Trouble> {
        self.insist(Method::GET, path, String::new(), None).await
    }

    /// The same, once and quickly: for what a page can do without.
    pub async fn glance(&self, path: &str) -> Option<Value> {
        let asked = self.once(&Method::GET, path, "", None);
        let (status, body) = timeout(GLANCE_LIMIT, asked).await.ok()?.ok()?;
        (status == 200).then_some(body)
    }

    /// `idempotency` is the same for all tries, of this process and of the next.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)], idempotency: &str) -> Result<Value, Trouble> {
        self.insist(Method::POST, path, form(fields), Some(idempotency)).await
    }

    async fn insist(
        &self,
        method: Method,
        path: &str,
        body: String,
        idempotency: Option<&str>,
    ) -> Result<Value, Trouble> {
        let mut pause = FIRST_PAUSE;
        let mut last = Trouble::Unknown;
        for n in 0..TRIES {
            if n > 0 {
                sleep(pause).await;
                pause *= 3;
            }
            match timeout(TRY_LIMIT, self.once(&method, path, &body, idempotency)).await {
                Ok(Ok((200..=299, value))) => return Ok(value),
                // Another try of the same request is under way, too much is asked at a time, or a process is being started anew.
                Ok(Ok((status @ (409 | 429 | 500..=599), value))) => last = lasting(status, &value),
                // Whether the try before was done is not known yet, and a key that opens nothing any more does not say.
                Ok(Ok((401 | 403, _))) if n > 0 && matches!(last, Trouble::Unknown) => {}
                Ok(Ok((status, value))) => return Err(refused(status, &value)),
                Ok(Err(_)) | Err(_) => last = Trouble::Unknown,
            }
        }
        Err(last)
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: &str,
        idempotency: Option<&str>,
    ) -> std::io::Result<(u16, Value)> {
        let broken = |_| std::io::Error::other("the connection broke");
        let socket = timeout(CONNECT_LIMIT, TcpStream::connect((self.host.as_str(), self.port))).await??;
        let _ = socket.set_nodelay(true);
        let name = ServerName::try_from(self.host.clone()).map_err(std::io::Error::other)?;
        let stream = self.tls.connect(name, socket).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends when the sender is gone.
        tokio::spawn(async move { drop(connection.await) });
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header("host", format!("{}:{}", self.host, self.port))
            .header("authorization", Zeroizing::new(format!("Bearer {}", *self.key)).as_str())
            .header("user-agent", "florin-shop");
        if let Some(key) = idempotency {
            request =
                request.header("idempotency-key", key).header("content-type", "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let answer = sender.send_request(request.body(body).map_err(std::io::Error::other)?).await.map_err(broken)?;
        let status = answer.status().as_u16();
        let read = Limited::new(answer.into_body(), ANSWER_LIMIT_BYTES).collect().await;
        let bytes = read.map_err(|_| std::io::Error::other("the answer broke off"))?.to_bytes();
        Ok((status, serde_json::from_slice(&bytes).map_err(std::io::Error::other)?))
    }
}

/// An answer that does not say whether it was done.
fn lasting(status: u16, value: &Value) -> Trouble {
    if status == 409 && value["error"]["code"] != "idempotency_key_in_use" {
        refused(status, value)
    } else {
        Trouble::Unknown
    }
}

fn refused(status: u16, value: &Value) -> Trouble {
    let error = &value["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    Trouble::Refused { status, code: text("code"), message: text("message"), error: error.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        #[track_caller]
        fn check(fields: &[(&str, &str)], expected: &str) {
            assert_eq!(form(fields), expected);
        }
        check(&[], "");
        check(&[("a", "b")], "a=b");
        check(&[("metadata[order]", "o 1"), ("x", "é&=")], "metadata%5Border%5D=o%201&x=%C3%A9%26%3D");
    }
}
