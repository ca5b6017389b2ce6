//! HTTP clients of the tests' own: one for the API over TLS, one request after the other on a connection, and one for pages without TLS.
//! Know HTTP/1.1 as far as Florin answers it.

use crate::iso::trusting;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// Longer than any answer of a payment takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(80);

/// Where a demo's API is, and what opens it.
#[derive(Clone)]
pub struct Api {
    port: u16,
    key: String,
    tls: Arc<ClientConfig>,
}

pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// A text in the body, empty if there is none: `error.code` is written `/error/code`.
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
    pub fn number(&self, pointer: &str) -> i64 {
        self.body.pointer(pointer).and_then(Value::as_i64).unwrap_or_else(|| panic!("no {pointer}: {}", self.body))
    }
    /// Itself, if it is the answer that was wanted.
    #[track_caller]
    pub fn ok(self) -> Answer {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }
}

impl Api {
    /// From a demo's ready line, with its secret key.
    pub fn new(ready: &Value) -> Api {
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        let port = text("api").rsplit(':').next().unwrap().parse().unwrap();
        let tls = Arc::new(trusting(&text("ca_cert")).with_no_client_auth());
        Api { port, key: text("secret_key"), tls }
    }

    pub fn connect(&self) -> Client {
        self.try_connect().unwrap()
    }

    /// The same; an error when nobody listens.
    pub fn try_connect(&self) -> std::io::Result<Client> {
        let socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(ANSWER_LIMIT))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        Ok(Client { stream: BufReader::new(StreamOwned::new(connection, socket)), key: self.key.clone() })
    }

    /// The same request from so many connections at once, each with its own number.
    pub fn race<T: Send>(&self, racers: usize, run: impl Fn(&mut Client, usize) -> T + Sync) -> Vec<T> {
        let start = Barrier::new(racers);
        std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..racers)
                .map(|n| {
                    let (start, run) = (&start, &run);
                    scope.spawn(move || {
                        let mut client = self.connect();
                        // The handshake is over when the first answer is there.
                        client.get("/v1/account").ok();
                        start.wait();
                        run(&mut client, n)
                    })
                })
                .collect();
            lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
        })
    }
}

pub struct Client {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
    key: String,
}

impl Client {
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", None)
    }
    pub fn post(&mut self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, form, None)
    }
    pub fn post_with(&mut self, path: &str, form: &str, key: &str) -> Answer {
        self.ask("POST", path, form, Some(key))
    }
    pub fn delete(&mut self, path: &str) -> Answer {
        self.ask("DELETE", path, "", None)
    }
    /// The same; an error when the connection ended before the answer was there.
    pub fn try_post_with(&mut self, path: &str, form: &str, key: &str) -> std::io::Result<Answer> {
        self.try_ask("POST", path, form, Some(key))
    }

    /// With lines of a head, each ending in CR LF.
    pub fn post_headed(&mut self, path: &str, form: &str, headers: &str) -> Answer {
        self.try_headed("POST", path, form, headers).unwrap()
    }

    fn ask(&mut self, method: &str, path: &str, form: &str, key: Option<&str>) -> Answer {
        self.try_ask(method, path, form, key).unwrap()
    }

    fn try_ask(&mut self, method: &str, path: &str, form: &str, key: Option<&str>) -> std::io::Result<Answer> {
        let key = key.map_or(String::new(), |key| format!("Idempotency-Key: {key}\r\n"));
        self.try_headed(method, path, form, &key)
    }

    fn try_headed(&mut self, method: &str, path: &str, form: &str, headers: &str) -> std::io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.key,
            form.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.stream.get_mut().flush()?;
        self.answer()
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn answer(&mut self) -> std::io::Result<Answer> {
        let status = self.line()?.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = vec![];
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        // A page is no JSON.
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8(body).unwrap().into());
        Ok(Answer { status, headers, body })
    }
}

/// An answer without TLS, as a browser on this machine gets it.
pub struct Page {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Page {
    pub fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(known, _)| known == name);
        self.head.lines().find(|line| of(line)).and_then(|line| line.split_once(": ")).map(|(_, value)| value.trim())
    }
    /// What stands between two texts of the body.
    pub fn between(&self, from: &str, to: &str) -> Option<String> {
        let rest = self.body.split_once(from)?.1;
        rest.split_once(to).map(|(found, _)| found.to_owned())
    }
}

/// `host:port` of a plain address, without its path.
pub fn authority(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is not plain HTTP"));
    rest.split('/').next().unwrap_or(rest)
}

/// One request (`GET /path`) to this machine on a connection of its own. `headers` end each in CRLF.
pub fn plain(authority: &str, request: &str, headers: &str, form: &str) -> std::io::Result<Page> {
    let port: u16 = authority.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let body = match form.len() {
        0 if request.starts_with("GET ") => String::new(),
        0 => "content-length: 0\r\n".to_owned(),
        length => format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"),
    };
    write!(stream, "{request} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{body}{headers}\r\n{form}")?;
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Page { status, head: head.to_lowercase(), body: body.to_owned() })
}

/// The page at an address.
#[track_caller]
pub fn browse(url: &str, headers: &str) -> Page {
    let at = authority(url);
    let path = url.split_once(at).map_or("", |(_, path)| path);
    let path = if path.is_empty() { "/" } else { path };
    plain(at, &format!("GET {path}"), headers, "").unwrap()
}
