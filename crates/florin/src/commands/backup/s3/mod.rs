//! Backups in S3-compatible storage: objects of one bucket below one prefix. Requests are signed by rusty-s3; what a backup holds is held
//! against its manifest's digests. Big objects go in parts and appear when the last one is there.

mod object;
mod uploads;

use crate::commands::http::{Answer, Http, Server};
use crate::config::Config;
use crate::fail::Fail;
use crate::home::read_secret;
use florin_backup::error::BackupError;
use florin_backup::place::{Place, Writing};
use florin_core::time::Time;
use florin_vault::clock::unix_us;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use jiff::Timestamp;
use object::{Download, Upload};
use rusty_s3::Method;
use rusty_s3::signing::sign;
use std::io::{BufRead, Read};
use std::time::Duration;
use url::Url;
use zeroize::Zeroizing;

/// A request is tried so often; the pauses double from the first.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A signature is of use for so long: sending a part over a slow line.
const SIGNED_FOR_SECONDS: u64 = 900;
/// Answers that are read whole: lists and errors.
const ANSWER_LIMIT_BYTES: u64 = 8 << 20;
/// Pages of a list, 1,000 names each.
const PAGES_LIMIT: u32 = 1_000;

pub struct S3 {
    http: Http,
    scheme: &'static str,
    host: String,
    region: String,
    bucket: String,
    /// Empty, or ends in a slash.
    prefix: String,
    /// The bucket stands in the path, not in the host.
    in_path: bool,
    who: Credentials,
}

/// Who asks. No Debug: it is a secret.
struct Credentials {
    id: String,
    secret: Zeroizing<String>,
    /// Of credentials that end.
    token: Option<Zeroizing<String>>,
}

/// One request. Query and headers stand in order of their names.
struct Call<'a> {
    method: Method,
    key: &'a str,
    query: &'a [(&'a str, &'a str)],
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
}

impl<'a> Call<'a> {
    fn new(method: Method, key: &'a str) -> Call<'a> {
        Call { method, key, query: &[], headers: &[], body: Bytes::new() }
    }
}

impl S3 {
    /// `place` is what follows `s3://`.
    pub fn open(config: &Config, place: &str) -> Result<S3, Fail> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_');
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(lower) || !prefix.bytes().all(plain) {
            let says = format!("s3://{place} is not s3://bucket/prefix of letters, digits, '.', '-' and '_'.");
            return Err(Fail::usage("bad_place", "--place", says));
        }
        let (region, endpoint) = (config.text("backup.s3_region").to_owned(), config.text("backup.s3_endpoint"));
        let (url, in_path) = match endpoint {
            "" => (format!("https://{bucket}.s3.{region}.amazonaws.com"), false),
            given => (given.to_owned(), true),
        };
        let server = Server::parse(&url).ok_or_else(|| {
            let says = "it is not https://host[:port]; http:// is for this machine alone.";
            Fail::usage("invalid_setting", "backup.s3_endpoint", says)
        })?;
        let ca = config.path("backup.s3_ca");
        let (scheme, host) = (if server.tls { "https" } else { "http" }, server.authority());
        let http =
            Http::new(server, ca.as_deref()).map_err(|why| Fail::usage("invalid_setting", "backup.s3_ca", why))?;
        let prefix = match prefix.trim_matches('/') {
            "" => String::new(),
            some => format!("{some}/"),
        };
        Ok(S3 { http, scheme, host, region, bucket: bucket.to_owned(), prefix, in_path, who: credentials(config)? })
    }

    /// Names are of letters that need no encoding in a path.
    fn url(&self, key: &str) -> Result<Url, url::ParseError> {
        let bucket = if self.in_path { format!("/{}", self.bucket) } else { String::new() };
        Url::parse(&format!("{}://{}{bucket}/{key}", self.scheme, self.host))
    }

    /// An answer of 200 to 299, after as many tries as it takes within the limit.
    fn call(&self, call: &Call<'_>) -> Result<Answer<'_>, BackupError> {
        let mut pause = FIRST_PAUSE;
        for tried in 1.. {
            let trouble = match self.once(call) {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer),
                Ok(mut answer) => {
                    let status = answer.status;
                    let mut text = String::new();
                    // An error's body may break off: its status says enough.
                    let _ = (&mut answer).take(ANSWER_LIMIT_BYTES).read_to_string(&mut text);
                    let code = elements(&text, "Code").into_iter().next().unwrap_or_default();
                    if !matches!(status, 408 | 429 | 500 | 502..) {
                        return Err(self.refused(call, status, &code));
                    }
                    format!("it answered {status} {code}")
                }
                Err(error) => error.to_string(),
            };
            if tried >= TRIES {
                let detail = format!("{} is not to be had: {trouble}. Nothing is lost; try again.", self.host);
                return Err(BackupError::Place { code: "s3_unreachable", detail });
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        unreachable!("the loop returns at its limit")
    }

    fn once(&self, call: &Call<'_>) -> std::io::Result<Answer<'_>> {
        let Credentials { id, secret, token } = &self.who;
        let now = Timestamp::from_millisecond(unix_us() / 1_000).map_err(std::io::Error::other)?;
        let signed = sign(
            &now,
            call.method,
            self.url(call.key).map_err(std::io::Error::other)?,
            id,
            secret,
            token.as_ref().map(|token| token.as_str()),
            &self.region,
            SIGNED_FOR_SECONDS,
            call.query.iter().copied(),
            call.headers.iter().copied(),
        );
        let uri = format!("{}?{}", signed.path(), signed.query().unwrap_or_default());
        let mut request = Request::builder().method(call.method.to_str()).uri(uri).header("host", &self.host);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(call.body.clone())).map_err(std::io::Error::other)?;
        self.http.send(&request)
    }

    fn refused(&self, call: &Call<'_>, status: u16, code: &str) -> BackupError {
        let bucket = &self.bucket;
        let (named, detail) = match (status, code) {
            (404, "NoSuchBucket") => {
                ("s3_no_bucket", format!("there is no bucket {bucket}. Make it, or correct --place."))
            }
            (404, _) => return BackupError::NotFound { what: format!("there is no {} in {bucket}", call.key) },
            (301 | 307 | 400, "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed") => {
                ("s3_other_region", format!("{bucket} is in another region. Set backup.s3_region."))
            }
            (_, "RequestTimeTooSkewed") => ("s3_denied", "this machine's clock is wrong: set it.".to_owned()),
            (401 | 403, code) => {
                ("s3_denied", format!("{bucket} refuses these credentials ({code}). Check the key and what it may do."))
            }
            (status, code) => ("s3_refused", format!("{} answered {status} {code}", self.host)),
        };
        BackupError::Place { code: named, detail }
    }

    fn text(&self, call: &Call<'_>) -> Result<String, BackupError> {
        let mut text = String::new();
        let broken = |e: std::io::Error| BackupError::Place { code: "s3_unreachable", detail: e.to_string() };
        self.call(call)?.take(ANSWER_LIMIT_BYTES).read_to_string(&mut text).map_err(broken)?;
        Ok(text)
    }
}

impl Place for S3 {
    fn put(&self, name: &str, write: Writing<'_>) -> Result<(), BackupError> {
        let key = format!("{}{name}", self.prefix);
        let mut upload = Upload::new(self, &key);
        let written = write(&mut upload);
        // What the storage refused says more than that writing failed.
        let written = upload.refused().map_or(written, Err);
        match written.and_then(|()| upload.finish()) {
            Ok(()) => Ok(()),
            Err(error) => {
                upload.give_up();
                Err(error)
            }
        }
    }

    fn get(&self, name: &str) -> Result<Box<dyn BufRead + '_>, BackupError> {
        let download = Download::open(self, format!("{}{name}", self.prefix))?;
        Ok(Box::new(std::io::BufReader::with_capacity(1 << 18, download)))
    }

    fn names(&self, behind: &str) -> Result<Vec<String>, BackupError> {
        let mut names: Vec<String> = Vec::new();
        let mut after = format!("{}{behind}", self.prefix);
        for _ in 0..PAGES_LIMIT {
            let query = [("list-type", "2"), ("prefix", &self.prefix), ("start-after", &after)];
            let page = self.text(&Call { query: &query, ..Call::new(Method::Get, "") })?;
            let keys = elements(&page, "Key");
            let more = elements(&page, "IsTruncated").first().is_some_and(|text| text == "true");
            names.extend(keys.iter().filter_map(|key| key.strip_prefix(&self.prefix)).map(str::to_owned));
            match keys.last() {
                Some(last) if more => after.clone_from(last),
                _ => {
                    names.sort();
                    return Ok(names);
                }
            }
        }
        let detail = format!(
            "{} holds more than {PAGES_LIMIT} pages of names: give backups a prefix of their own.",
            self.shown()
        );
        Err(BackupError::Place { code: "s3_refused", detail })
    }

    fn remove(&self, name: &str) -> Result<(), BackupError> {
        let key = format!("{}{name}", self.prefix);
        self.text(&Call::new(Method::Delete, &key)).map(|_| ())
    }

    /// Parts of uploads that were killed stay, unseen and paid for, until somebody aborts them. Storage that does not list them, or not to
    /// these credentials, removes them by a rule of its own or not at all: no backup fails for that.
    fn sweep(&self, before: Time) -> Result<(), BackupError> {
        match uploads::abort(self, before) {
            Err(BackupError::Place { code: "s3_denied" | "s3_refused", .. } | BackupError::NotFound { .. }) => Ok(()),
            done => done,
        }
    }

    fn shown(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }
}

/// From a file, or from the environment as every program of this kind takes them; never from a command line, which all can read.
fn credentials(config: &Config) -> Result<Credentials, Fail> {
    let (from, found) = match config.path("backup.s3_credentials") {
        Some(path) => {
            let text = read_secret(&path)?;
            let value = |name: &str| {
                let pairs = text.lines().filter_map(|line| line.split_once('='));
                let mut found = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                found.next().map(|(_, value)| Zeroizing::new(value.trim().to_owned()))
            };
            (path.display().to_string(), NAMES.map(value))
        }
        None => ("the environment".to_owned(), NAMES.map(|name| std::env::var(name).ok().map(Zeroizing::new))),
    };
    let [id, secret, token] = found.map(|value| value.filter(|value| !value.is_empty()));
    match (id, secret) {
        (Some(id), Some(secret)) => Ok(Credentials { id: id.to_string(), secret, token }),
        _ => {
            let says = format!(
                "{from} has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Set them, or name a file in backup.s3_credentials."
            );
            Err(Fail::usage("s3_no_credentials", "backup.s3_credentials", says))
        }
    }
}

const NAMES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// What stands between these tags. S3's answers are flat enough for that, and their names are ours.
fn elements(xml: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let after = xml.split(open.as_str()).skip(1);
    after.filter_map(|rest| rest.split_once(close.as_str())).map(|(text, _)| unescape(text)).collect()
}

fn unescape(text: &str) -> String {
    let known = [("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    known.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_an_answer() {
        let page = "<R><IsTruncated>true</IsTruncated><Contents><Key>a/1&amp;2</Key></Contents><Contents><Key>b</Key><Key/></Contents></R>";
        assert_eq!(elements(page, "Key"), ["a/1&2", "b"]);
        assert_eq!((elements(page, "IsTruncated"), elements(page, "Code")), (vec!["true".to_owned()], vec![]));
        assert_eq!(elements("<Key>cut off", "Key"), Vec::<String>::new());
    }
}
