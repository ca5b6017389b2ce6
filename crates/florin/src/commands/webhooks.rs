//! `florin webhooks`: the endpoints of the running demo's account, over its API with the demo's own key. Knows no store and no gateway.

use super::https::Target;
use super::system::{home_of, read_json, try_lock};
use crate::cli::{Common, Webhooks};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::gateway::api::TestKeys;
use crate::home::Home;
use crate::out::out;
use crate::process::block_on;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// A command does not wait for ever for a gateway that hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where the API answers, and under which key.
struct Door {
    target: Target,
    port: u16,
    key: String,
}

impl Door {
    fn open(home: &Home) -> Result<Door, Fail> {
        if try_lock(&home.lock())?.is_some() {
            let message = format!("nothing runs on {}. Start it: florin demo", home.root.display());
            return Err(Fail::new("not_running", message));
        }
        let ready = read_json(&home.ready())?;
        let text = |name: &str| ready[name].as_str().unwrap_or_default();
        let port = text("api").rsplit(':').next().and_then(|port| port.parse().ok());
        let told = "what runs here tells no API and no key of test mode: `florin webhooks` asks a demo";
        let (Some(port), Some(keys)) = (port, TestKeys::read(&home.test_keys())) else {
            return Err(Fail::new("no_demo", told));
        };
        Ok(Door { target: Target::new(port, &PathBuf::from(text("ca_cert")))?, port, key: keys.secret_key })
    }

    /// An answer of the API; its error in our words.
    async fn ask(&self, method: &str, path: &str, form: &str) -> Result<Value, Fail> {
        let gone = |e: std::io::Error| Fail::new("api_down", format!("the API does not answer: {e}"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.port,
            self.key,
            form.len()
        );
        let exchange = async {
            let mut line = self.target.connect().await.map_err(gone)?;
            let (status, body) = line.ask(request.as_bytes()).await.map_err(gone)?;
            Ok((status, serde_json::from_slice(body).unwrap_or_default()))
        };
        let late = |_| gone(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 30 seconds"));
        let (status, told): (u16, Value) = tokio::time::timeout(ANSWER_WITHIN, exchange).await.map_err(late)??;
        if status == 200 {
            return Ok(told);
        }
        let error = &told["error"];
        let code = error["code"].as_str().or(error["type"].as_str()).unwrap_or("api_error");
        let mut fail = Fail::new(code, error["message"].as_str().unwrap_or("the API refused"));
        fail.param = error["param"].as_str().map(str::to_owned);
        Err(fail)
    }
}

pub fn run(common: &Common, asked: &Webhooks) -> Outcome {
    let door = Door::open(&home_of(&Config::load(common)?)?)?;
    let (method, path, form) = question(asked);
    let answer = block_on(door.ask(method, &path, &form))?;
    if common.json {
        out!("{answer}");
        return Ok(0);
    }
    match asked {
        Webhooks::List { .. } => rows(&answer, "No endpoints yet. Make one: florin webhooks create URL", &endpoint),
        Webhooks::Create { .. } => {
            out!("{}", endpoint(&answer));
            out!("{}\nKeep the secret: it is shown this once.", text(&answer, "secret"));
        }
        Webhooks::Deliveries { .. } => rows(&answer, "Nothing was delivered yet.", &delivery),
        Webhooks::Resend { .. } => out!("{}  {}  is told again", text(&answer, "id"), text(&answer, "type")),
    }
    Ok(0)
}

/// Method, path and form of what is asked.
fn question(asked: &Webhooks) -> (&'static str, String, String) {
    let endpoints = "/v1/webhook_endpoints";
    match asked {
        Webhooks::List { limit } => ("GET", format!("{endpoints}?limit={limit}"), String::new()),
        Webhooks::Create { url, events } => {
            let wanted = if events.is_empty() { vec!["*".to_owned()] } else { events.clone() };
            let wanted: String = wanted.iter().map(|e| format!("&enabled_events[]={}", encoded(e))).collect();
            ("POST", endpoints.to_owned(), format!("url={}{wanted}", encoded(url)))
        }
        Webhooks::Deliveries { endpoint, status, limit } => {
            let status = status.as_ref().map(|s| format!("&status={}", encoded(s))).unwrap_or_default();
            let path = format!("/v1/florin/webhook_endpoints/{}/deliveries?limit={limit}{status}", encoded(endpoint));
            ("GET", path, String::new())
        }
        Webhooks::Resend { event, endpoint } => {
            let form = endpoint.as_ref().map(|e| format!("webhook_endpoint={}", encoded(e))).unwrap_or_default();
            ("POST", format!("/v1/events/{}/retry", encoded(event)), form)
        }
    }
}

/// RFC 3986 §2.3: what is not unreserved is percent-encoded.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn rows(answer: &Value, none: &str, shown: &dyn Fn(&Value) -> String) {
    let data = answer["data"].as_array().map_or(&[][..], Vec::as_slice);
    if data.is_empty() {
        out!("{none}");
    }
    data.iter().for_each(|row| out!("{}", shown(row)));
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or("-")
}

fn endpoint(row: &Value) -> String {
    let events: Vec<&str> = row["enabled_events"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("{}  {:<8}  {}  {}", text(row, "id"), text(row, "status"), text(row, "url"), events.join(","))
}

fn delivery(row: &Value) -> String {
    let (status, tries) = (text(row, "status"), &row["attempts"]);
    format!("{}  {status:<10} after {tries}  {}  {}", text(row, "id"), text(row, "event_type"), text(row, "event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_is_asked() {
        #[track_caller]
        fn check(asked: &Webhooks, expected: (&str, &str, &str)) {
            let (method, path, form) = question(asked);
            assert_eq!((method, path.as_str(), form.as_str()), expected);
        }
        let url = "http://127.0.0.1:8080/a b".to_owned();
        check(&Webhooks::List { limit: 10 }, ("GET", "/v1/webhook_endpoints?limit=10", ""));
        check(
            &Webhooks::Create { url: url.clone(), events: vec![] },
            ("POST", "/v1/webhook_endpoints", "url=http%3A%2F%2F127.0.0.1%3A8080%2Fa%20b&enabled_events[]=%2A"),
        );
        check(
            &Webhooks::Create { url, events: vec!["charge.failed".into()] },
            (
                "POST",
                "/v1/webhook_endpoints",
                "url=http%3A%2F%2F127.0.0.1%3A8080%2Fa%20b&enabled_events[]=charge.failed",
            ),
        );
        check(
            &Webhooks::Deliveries { endpoint: "we_1".into(), status: Some("retrying".into()), limit: 5 },
            ("GET", "/v1/florin/webhook_endpoints/we_1/deliveries?limit=5&status=retrying", ""),
        );
        check(
            &Webhooks::Resend { event: "evt_/1".into(), endpoint: Some("we_1".into()) },
            ("POST", "/v1/events/evt_%2F1/retry", "webhook_endpoint=we_1"),
        );
    }
}
