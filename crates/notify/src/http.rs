//! SMS by a provider's HTTP gateway: one POST with the number, the sender and the text in fields whose names are settings. Follows no
//! redirect. A request that was written without an answer may have gone.

use crate::words::shortened;
use crate::{BadSettings, SecretText, is_number, tls};
use florin_core::notice::{Letter, NotSent, Posted};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

/// From the first byte of the request to the head of the answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How the fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Form,
    Json,
}

#[derive(Clone, Debug)]
pub struct HttpSms {
    /// `https://…`; `http://` for this machine alone.
    pub url: String,
    pub format: Format,
    /// Names of the fields of number, sender and text.
    pub fields: [String; 3],
    /// All of the header `Authorization`: `Bearer …`.
    pub authorization: Option<SecretText>,
    /// Who it comes from, as the provider knows it.
    pub from: String,
    /// An authority besides the system's, PEM.
    pub ca: Option<PathBuf>,
}

pub struct Sender {
    settings: HttpSms,
    host: String,
    port: u16,
    authority: String,
    target: String,
    tls: Option<TlsConnector>,
    authorization: Option<HeaderValue>,
}

impl Sender {
    pub fn new(settings: HttpSms) -> Result<Sender, BadSettings> {
        let wanted = || BadSettings::new("sms.url", "https://host/path of the provider's gateway");
        let url = Url::parse(&settings.url).map_err(|_| wanted())?;
        let host = url.host_str().ok_or_else(wanted)?.trim_matches(['[', ']']).to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadSettings::new(
                "sms.url",
                "without a password in it: put it into the file of sms.secret_file",
            ));
        }
        let tls = match url.scheme() {
            "https" => Some(tls::connector("sms.ca", settings.ca.as_deref())?),
            "http" if tls::is_here(&host) => None,
            _ => return Err(wanted()),
        };
        let port = url.port_or_known_default().ok_or_else(wanted)?;
        let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let secret = settings.authorization.as_ref().map(|secret| HeaderValue::from_str(secret.reveal())).transpose();
        let mut authorization =
            secret.map_err(|_| BadSettings::new("sms.secret_file", "one line: all of the header Authorization"))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Sender { settings, host, port, authority, target, tls, authorization })
    }

    pub async fn send(&self, letter: &Letter, name: &str) -> Posted {
        let request = match is_number(&letter.to) {
            true => self.request(letter, name),
            false => None,
        };
        let Some(request) = request else { return Posted::Never(NotSent::BadAddress) };
        let Some(stream) = tls::dial(&self.host, self.port, self.tls.as_ref()).await else {
            return Posted::NotYet(NotSent::NoConnection);
        };
        let Ok((mut sender, connection)) = handshake(TokioIo::new(stream)).await else {
            return Posted::NotYet(NotSent::NoConnection);
        };
        let drive = tokio::spawn(connection);
        let answer = timeout(ANSWER_LIMIT, sender.send_request(request)).await;
        drive.abort();
        match answer {
            Ok(Ok(answer)) => answered(answer.status().as_u16()),
            Ok(Err(_)) | Err(_) => Posted::Unknown,
        }
    }

    fn request(&self, letter: &Letter, name: &str) -> Option<Request<Full<Bytes>>> {
        let text = shortened(letter.language, &letter.words);
        let values = [letter.to.as_str(), self.settings.from.as_str(), text.as_str()];
        let pairs =
            || self.settings.fields.iter().map(String::as_str).zip(values).filter(|(field, _)| !field.is_empty());
        let (kind, body) = match self.settings.format {
            Format::Form => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs()).finish();
                ("application/x-www-form-urlencoded", body)
            }
            Format::Json => {
                let object = pairs().map(|(field, value)| (field.to_owned(), serde_json::Value::from(value)));
                ("application/json", serde_json::Value::Object(object.collect()).to_string())
            }
        };
        let mut request = Request::post(&self.target)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, kind)
            .header("idempotency-key", name)
            .header("user-agent", "florin")
            .body(Full::new(Bytes::from(body)))
            .ok()?;
        if let Some(value) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        Some(request)
    }
}

/// What the provider's status means.
const fn answered(status: u16) -> Posted {
    match status {
        200..=299 => Posted::Accepted,
        401 | 403 | 407 => Posted::NotYet(NotSent::NotSignedIn),
        408 | 425 | 429 | 503 => Posted::NotYet(NotSent::Later),
        300..=499 => Posted::Never(NotSent::Refused),
        // Its own trouble: nobody knows how far it came.
        _ => Posted::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_names_its_setting() {
        #[track_caller]
        fn check(url: &str, secret: Option<&str>, expected: Option<&str>) {
            let settings = HttpSms {
                url: url.into(),
                format: Format::Form,
                fields: ["to", "from", "text"].map(str::to_owned),
                authorization: secret.map(SecretText::new),
                from: "Florin".into(),
                ca: None,
            };
            assert_eq!(Sender::new(settings).err().map(|bad| bad.key), expected, "{url}");
        }
        check("https://sms.example/send?v=2", Some("Bearer a\n"), None);
        check("http://127.0.0.1:8080/send", None, None);
        check("http://sms.example/send", None, Some("sms.url"));
        check("ftp://sms.example/send", None, Some("sms.url"));
        check("sms.example", None, Some("sms.url"));
        check("https://user:word@sms.example/", None, Some("sms.url"));
        check("https://sms.example/", Some("a\nb"), Some("sms.secret_file"));
    }

    #[test]
    fn what_a_status_means() {
        #[track_caller]
        fn check(status: u16, expected: Posted) {
            assert_eq!(answered(status), expected, "{status}");
        }
        check(202, Posted::Accepted);
        check(307, Posted::Never(NotSent::Refused));
        check(400, Posted::Never(NotSent::Refused));
        check(401, Posted::NotYet(NotSent::NotSignedIn));
        check(429, Posted::NotYet(NotSent::Later));
        check(500, Posted::Unknown);
        check(503, Posted::NotYet(NotSent::Later));
        check(504, Posted::Unknown);
    }
}
