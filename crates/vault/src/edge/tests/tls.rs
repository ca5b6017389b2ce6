//! What is spoken under HTTP: versions, key exchange, tickets, renewal of the certificate.

use super::{Client, World, get, within};
use crate::edge::certificate::Certificate;
use crate::edge::open;
use crate::edge::settings::EdgeSettings;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

async fn connect(world: &World, config: &Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, String> {
    let socket = TcpStream::connect(world.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, socket).await.map_err(|e| e.to_string())
}

#[test]
fn the_newest_and_nothing_old() {
    within(async {
        let world = World::new().await;
        let mut config = world.client_config();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = connect(&world, &Arc::new(config)).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(session.negotiated_key_exchange_group().map(|g| g.name()), Some(NamedGroup::X25519MLKEM768));
        assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
        let mut config = world.client_config();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let refused = connect(&world, &Arc::new(config)).await.err().unwrap_or_default();
        assert!(refused.contains("NoApplicationProtocol"), "{refused}");
        world.end().await;
    });
}

fn old(world: &World) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS12]);
    let mut roots = rustls::RootCertStore::empty();
    let ca = <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(
        world.pki.ca_pem.as_bytes(),
    );
    roots.add(ca.unwrap()).unwrap();
    Arc::new(config.unwrap().with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn the_older_version_by_a_switch() {
    within(async {
        let world = World::new().await;
        let refused = connect(&world, &old(&world)).await.err().unwrap_or_default();
        assert!(refused.contains("ProtocolVersion"), "{refused}");
        world.end().await;
        let world = World::with(|settings| settings.tls12 = true).await;
        let stream = connect(&world, &old(&world)).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        world.end().await;
    });
}

#[test]
fn a_second_connection_resumes_and_sends_nothing_early() {
    within(async {
        let world = World::new().await;
        let mut config = world.client_config();
        config.enable_early_data = true;
        let config = Arc::new(config);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut stream = connect(&world, &config).await.unwrap();
            stream.write_all(get("/v1/a").as_bytes()).await.unwrap();
            let mut byte = [0; 1];
            stream.read_exact(&mut byte).await.unwrap();
            let (_, session) = stream.get_ref();
            assert!(!session.is_early_data_accepted());
            kinds.push(session.handshake_kind());
        }
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]);
        world.end().await;
    });
}

#[test]
fn what_is_no_tls_is_refused() {
    within(async {
        let world = World::new().await;
        let mut socket = TcpStream::connect(world.address).await.unwrap();
        socket.write_all(get("/v1/a").as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let _ = socket.read_to_end(&mut read).await;
        assert!(read.first().is_none_or(|kind| *kind == 21), "an alert or nothing: {read:?}");
        assert_eq!(world.seen.count(), 0);
        world.end().await;
    });
}

#[test]
fn the_certificate_is_read_again_when_it_changes() {
    within(async {
        let world = World::new().await;
        let settings = EdgeSettings::new(
            world.address,
            world.folder.path("edge.pem"),
            world.folder.path("edge.key"),
            world.folder.path("api.sock"),
        );
        let certificate = Certificate::open(&settings.entrances[0], false, None).unwrap();
        let before = certificate.config();
        certificate.refresh().unwrap();
        assert!(Arc::ptr_eq(&before, &certificate.config()), "nothing changed");
        let (cert, key) = world.pki.issue("localhost", 2091);
        let write = |path: &std::path::Path, text: &str, seconds: u64| {
            std::fs::write(path, text).unwrap();
            let later = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
        };
        write(&settings.entrances[0].cert, &cert, 1_000);
        assert!(certificate.refresh().is_err(), "the key is not here yet");
        assert!(Arc::ptr_eq(&before, &certificate.config()), "the old one serves on");
        write(&settings.entrances[0].key, &key, 1_000);
        certificate.refresh().unwrap();
        assert!(!Arc::ptr_eq(&before, &certificate.config()));
        world.end().await;
    });
}

#[test]
fn what_cannot_be_served_is_said() {
    within(async {
        let world = World::new().await;
        let check = async |change: &dyn Fn(&mut EdgeSettings), expected: &str| {
            let any = "127.0.0.1:0".parse().unwrap();
            let path = |name: &str| world.folder.path(name);
            let mut settings = EdgeSettings::new(any, path("edge.pem"), path("edge.key"), path("api.sock"));
            change(&mut settings);
            let got = open(Some(&settings)).await.err().map_or("open".to_string(), |e| e.to_string());
            assert!(got.contains(expected), "{got}");
        };
        check(&|_| {}, "open").await;
        check(&|s| s.entrances[0].cert = "nowhere".into(), "nowhere cannot be read").await;
        check(&|s| s.entrances[0].key = s.entrances[0].cert.clone(), "holds no private key").await;
        check(&|s| s.entrances[0].plain = Some("0.0.0.0:0".parse().unwrap()), "loopback addresses only").await;
        check(&|s| s.entrances[0].listen = world.address, &world.address.to_string()).await;
        world.end().await;
    });
}

#[test]
fn clients_show_a_certificate_where_the_operator_wants_it() {
    within(async {
        let world = World::with(|s| s.client_ca = Some(s.gateway.with_file_name("ca.pem"))).await;
        let with = |pki: &crate::tls::tests::Pki| {
            let (cert, key) = pki.issue("shop", 2090);
            let cert = rustls::pki_types::pem::PemObject::from_pem_slice(cert.as_bytes()).unwrap();
            let key = rustls::pki_types::pem::PemObject::from_pem_slice(key.as_bytes()).unwrap();
            let mut roots = rustls::RootCertStore::empty();
            let ca = rustls::pki_types::pem::PemObject::from_pem_slice(world.pki.ca_pem.as_bytes()).unwrap();
            roots.add(ca).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
            config.with_root_certificates(roots).with_client_auth_cert(vec![cert], key).unwrap()
        };
        let ask = async |config: ClientConfig| {
            let stream = connect(&world, &Arc::new(config)).await.ok()?;
            let mut client = Client { stream, read: Vec::new() };
            // A handshake that the server refuses shows with the first read.
            client.stream.write_all(get("/v1/payment_intents").as_bytes()).await.ok()?;
            let got = client.answer().await?;
            Some((got.status, got.error("code")))
        };
        assert_eq!(ask(with(&world.pki)).await, Some((200, None)));
        let named = Some("client_certificate_required".to_owned());
        assert_eq!(ask(world.client_config()).await, Some((403, named)));
        // Of another authority: no handshake, or none that lasts.
        assert_eq!(ask(with(&crate::tls::tests::Pki::new())).await, None);
        // Without TLS nobody can show anything.
        let got = world.plain().await.ask(&get("/v1/payment_intents")).await;
        assert_eq!(got.status, 403);
        world.end().await;
    });
}
