//! TLS at its boundary: which files are refused by name, which peers, and what stays in memory.

use super::*;
use crate::testing::{Folder, contains};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection};
use std::io::{Read, Write};

/// Certificates of a test: one authority, the acquirer's and ours.
pub(crate) struct Pki {
    issuer: Issuer<'static, KeyPair>,
    pub ca_pem: String,
}

impl Pki {
    pub fn new() -> Pki {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = params.self_signed(&key).unwrap().pem();
        Pki { issuer: Issuer::new(params, key), ca_pem }
    }

    /// Certificate and key, PEM.
    pub fn issue(&self, name: &str, until_year: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(until_year, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Files for the vault's side.
    pub fn files(&self, folder: &Folder, until_year: i32) -> TlsFiles {
        let (cert, key) = self.issue("gateway", until_year);
        let write = |name: &str, text: &str| {
            let path = folder.path(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        TlsFiles { ca: write("ca.pem", &self.ca_pem), cert: write("cert.pem", &cert), key: write("key.pem", &key) }
    }

    /// What the acquirer uses: demands our certificate.
    pub fn server(&self, until_year: i32) -> Arc<ServerConfig> {
        let (cert, key) = self.issue("localhost", until_year);
        let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap())
    }
}

#[test]
fn files_are_refused_by_name() {
    let pki = Pki::new();
    let check = |what: &str, change: &dyn Fn(&Folder, &mut TlsFiles), expected: &str| {
        let folder = Folder::new();
        let mut files = pki.files(&folder, 2090);
        change(&folder, &mut files);
        let got = client_config(&files).err().map_or("good".to_string(), |e| e.to_string());
        assert!(got.contains(expected), "{what}: {got}");
    };
    check("as they should be", &|_, _| {}, "good");
    check("expired", &|folder, files| *files = pki.files(folder, 2020), "cert.pem has expired");
    check("missing", &|folder, files| files.ca = folder.path("none"), "none cannot be read");
    check("no PEM", &|_, files| std::fs::write(&files.cert, "hello").unwrap(), "holds no certificate");
    check("a certificate as key", &|_, files| files.key = files.cert.clone(), "holds no private key");
    let other = |_: &Folder, files: &mut TlsFiles| std::fs::write(&files.key, pki.issue("x", 2090).1).unwrap();
    check("another's key", &other, "does not belong to the certificate");
    let foreign = |folder: &Folder, files: &mut TlsFiles| {
        let ours = Pki::new().files(folder, 2090);
        *files = TlsFiles { ca: files.ca.clone(), ..ours };
        std::fs::write(&files.ca, &pki.ca_pem).unwrap();
    };
    check("signed by somebody whom only the acquirer knows", &foreign, "good");
}

/// Moves ciphertext until both sides have nothing to say. Gives what the server heard.
fn converse(session: &mut TlsSession, server: &mut ServerConnection, plain: &mut Vec<u8>) -> Result<Vec<u8>, String> {
    let mut heard = Vec::new();
    for _ in 0..20 {
        let mut out = session.pending();
        while !out.is_empty() {
            let read = server.read_tls(&mut out).unwrap();
            server.process_new_packets().map_err(|e| e.to_string())?;
            assert!(read > 0);
            // Ends with `WouldBlock` when everything was read.
            let _ = server.reader().read_to_end(&mut heard);
        }
        let all = session.pending().len();
        session.wrote(all);
        let mut back = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        if back.is_empty() {
            return Ok(heard);
        }
        // In pieces, as a socket gives them.
        for piece in back.chunks(1_000) {
            session.space()[..piece.len()].copy_from_slice(piece);
            session.received(piece.len(), &mut |bytes| plain.extend_from_slice(bytes)).map_err(|e| e.0)?;
        }
    }
    Err("they talk without end".into())
}

fn session(files: &TlsFiles) -> TlsSession {
    let config = client_config(files).unwrap();
    TlsSession::new(config, server_name("localhost").unwrap()).unwrap_or_else(|e| panic!("{}", e.0))
}

#[test]
fn nothing_that_was_decrypted_stays_in_our_buffers() {
    let (pki, folder) = (Pki::new(), Folder::new());
    let mut session = session(&pki.files(&folder, 2090));
    let mut server = ServerConnection::new(pki.server(2090)).unwrap();
    let mut plain = Vec::new();
    converse(&mut session, &mut server, &mut plain).unwrap();
    assert!(session.is_ready() && !server.is_handshaking());
    assert_eq!(server.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(server.negotiated_key_exchange_group().map(|g| g.name()), Some(rustls::NamedGroup::X25519MLKEM768));
    let secret = b"a card number that the acquirer echoes";
    for size in [1, 100, 16_384, 40_000] {
        let text = secret.repeat(size / secret.len() + 1);
        session.send(&text).unwrap_or_else(|e| panic!("{}", e.0));
        let heard = converse(&mut session, &mut server, &mut plain).unwrap();
        assert!(heard == text, "{size} bytes there");
        server.writer().write_all(&text).unwrap();
        plain.clear();
        converse(&mut session, &mut server, &mut plain).unwrap();
        assert!(plain == text, "{size} bytes and back");
        assert_eq!(session.incoming.filled, 0);
        // The slot that was given back last is the one that comes.
        assert!(!contains(session.space(), &secret[..12]), "{size} bytes: decrypted text is left");
        session.release();
    }
    server.send_close_notify();
    converse(&mut session, &mut server, &mut plain).unwrap();
    assert!(session.is_closed());
}

#[test]
fn peers_that_are_not_who_they_say_are_refused() {
    let (pki, folder) = (Pki::new(), Folder::new());
    let check = |what: &str, files: &TlsFiles, server: Arc<ServerConfig>, expected: &str| {
        let mut session = session(files);
        let mut server = ServerConnection::new(server).unwrap();
        let got = converse(&mut session, &mut server, &mut Vec::new()).err().unwrap_or("accepted".into());
        assert!(got.contains(expected), "{what}: {got}");
    };
    let files = pki.files(&folder, 2090);
    check("the acquirer", &files, pki.server(2090), "accepted");
    check("expired", &files, pki.server(2020), "the acquirer's certificate has expired");
    let stranger = Pki::new();
    let trusting = TlsFiles { ca: files.ca.clone(), ..files.clone() };
    check("signed by a stranger", &trusting, stranger.server(2090), "invalid peer certificate");
    let other = Folder::new();
    let strange_client = stranger.files(&other, 2090);
    std::fs::write(&strange_client.ca, &pki.ca_pem).unwrap();
    check("a client that the acquirer does not know", &strange_client, pki.server(2090), "invalid peer certificate");
    let old = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap();
    let (cert, key) = pki.issue("localhost", 2090);
    let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<_, _>>().unwrap();
    let old = old.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap());
    check("TLS 1.2", &files, Arc::new(old.unwrap()), "Tls12NotOffered");
}
