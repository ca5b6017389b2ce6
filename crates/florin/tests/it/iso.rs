//! An ISO 8583 peer of the tests' own, written from the link's description: shares no code with the program's codec.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// (element, digits of the length prefix, length). What the tests send and what comes back.
const FIELDS: [(u8, usize, usize); 31] = [
    (2, 2, 19),
    (3, 0, 6),
    (4, 0, 12),
    (7, 0, 10),
    (11, 0, 6),
    (12, 0, 6),
    (13, 0, 4),
    (14, 0, 4),
    (15, 0, 4),
    (18, 0, 4),
    (19, 0, 3),
    (22, 0, 3),
    (25, 0, 2),
    (32, 2, 11),
    (37, 0, 12),
    (38, 0, 6),
    (39, 0, 2),
    (41, 0, 8),
    (42, 0, 15),
    (43, 0, 40),
    (44, 2, 25),
    (48, 3, 999),
    (49, 0, 3),
    (54, 3, 120),
    (60, 3, 999),
    (62, 3, 999),
    (63, 3, 999),
    (70, 0, 3),
    (90, 0, 42),
    (95, 0, 42),
    (126, 3, 999),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub mti: String,
    pub fields: BTreeMap<u8, String>,
}

impl Message {
    pub fn new(mti: &str, fields: &[(u8, &str)]) -> Message {
        let fields = fields.iter().map(|(de, value)| (*de, (*value).to_owned())).collect();
        Message { mti: mti.to_owned(), fields }
    }
    pub fn with(&self, de: u8, value: &str) -> Message {
        let mut changed = self.clone();
        changed.fields.insert(de, value.to_owned());
        changed
    }
    pub fn without(&self, de: u8) -> Message {
        let mut changed = self.clone();
        changed.fields.remove(&de);
        changed
    }
    pub fn get(&self, de: u8) -> &str {
        self.fields.get(&de).map_or("", String::as_str)
    }

    /// MTI, bitmaps as hexadecimal digits, elements.
    pub fn body(&self) -> Vec<u8> {
        let two = self.fields.keys().any(|de| *de > 64);
        let mut bits = if two { 1u128 << 127 } else { 0 };
        let mut data = String::new();
        for (de, value) in &self.fields {
            bits |= 1 << (128 - u32::from(*de));
            let (_, prefix, length) = FIELDS.iter().find(|(n, _, _)| n == de).unwrap();
            match prefix {
                0 => data += &format!("{value:<length$}"),
                digits => data += &format!("{:0digits$}{value}", value.len(), digits = *digits),
            }
        }
        let bitmaps = format!("{bits:032X}");
        format!("{}{}{data}", self.mti, &bitmaps[..if two { 32 } else { 16 }]).into_bytes()
    }

    pub fn frame(&self) -> Vec<u8> {
        frame(&self.body())
    }

    fn read(body: &[u8]) -> Message {
        let text = std::str::from_utf8(body).unwrap();
        let (mti, rest) = text.split_at(4);
        let first = u64::from_str_radix(&rest[..16], 16).unwrap();
        let two = first >> 63 == 1;
        let second = if two { u64::from_str_radix(&rest[16..32], 16).unwrap() } else { 0 };
        let bits = (u128::from(first) << 64) | u128::from(second);
        let mut rest = &rest[if two { 32 } else { 16 }..];
        let mut fields = BTreeMap::new();
        for de in (2..=128u8).filter(|de| bits >> (128 - u32::from(*de)) & 1 == 1) {
            let (_, prefix, length) =
                FIELDS.iter().find(|(n, _, _)| *n == de).unwrap_or_else(|| panic!("DE {de} came"));
            let (digits, after) = rest.split_at(*prefix);
            let length = if *prefix == 0 { *length } else { digits.parse().unwrap() };
            let (value, after) = after.split_at(length);
            fields.insert(de, value.to_owned());
            rest = after;
        }
        assert_eq!(rest, "", "bytes are left over");
        Message { mti: mti.to_owned(), fields }
    }
}

pub fn frame(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection to an acquirer's host.
pub struct Peer(Box<dyn Stream>);

impl Peer {
    pub fn plain(address: &str) -> Peer {
        Peer(Box::new(tcp(address)))
    }

    /// Mutual TLS with the certificates that the ready line names.
    pub fn tls(ready: &Value) -> Peer {
        let path = |name: &str| ready[name].as_str().unwrap().to_owned();
        let certificate = CertificateDer::pem_file_iter(path("client_cert")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(path("client_key")).unwrap();
        let config = trusting(&path("ca")).with_client_auth_cert(certificate, key).unwrap();
        Peer::handshake(&path("acquirer"), config)
    }

    /// TLS without a certificate of our own.
    pub fn tls_unknown(ready: &Value) -> Peer {
        let config = trusting(ready["ca"].as_str().unwrap()).with_no_client_auth();
        Peer::handshake(ready["acquirer"].as_str().unwrap(), config)
    }

    fn handshake(address: &str, config: rustls::ClientConfig) -> Peer {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        Peer(Box::new(rustls::StreamOwned::new(connection, tcp(address))))
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).and_then(|()| self.0.flush())
    }

    /// The next message, past keep-alives.
    pub fn receive(&mut self) -> std::io::Result<Message> {
        loop {
            let mut header = [0u8; 2];
            self.0.read_exact(&mut header)?;
            let mut body = vec![0u8; usize::from(u16::from_be_bytes(header))];
            self.0.read_exact(&mut body)?;
            if !body.is_empty() {
                return Ok(Message::read(&body));
            }
        }
    }

    /// Asks and takes the next message as the answer.
    pub fn ask(&mut self, message: &Message) -> Message {
        self.send(&message.frame()).unwrap();
        self.receive().unwrap()
    }
}

fn tcp(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ANSWER_LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn trusting(ca: &str) -> rustls::ConfigBuilder<rustls::ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
}
