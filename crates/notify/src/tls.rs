//! Whom the senders believe: the system's authorities and one file, TLS 1.2 or newer. Plain connections are for this machine alone.

use crate::BadSettings;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For a connection, and for TLS on it.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Whether a host is this machine: the only one that is spoken to without TLS.
pub fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The certificates of a PEM file.
pub(crate) fn file(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BadSettings> {
    let bad = |e: &dyn std::fmt::Display| BadSettings::new(key, format!("{}: {e}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))?;
    certificates.collect::<Result<Vec<_>, _>>().map_err(|e| bad(&e))
}

pub(crate) fn connector(key: &'static str, ca: Option<&Path>) -> Result<TlsConnector, BadSettings> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in ca.map(|path| file(key, path)).transpose()?.unwrap_or_default() {
        roots.add(certificate).map_err(|e| BadSettings::new(key, e.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| BadSettings::new(key, e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, with TLS where there is a connector. Nothing was said on it yet.
pub(crate) async fn dial(host: &str, port: u16, tls: Option<&TlsConnector>) -> Option<Box<dyn Stream>> {
    let connect = TcpStream::connect((host, port));
    let stream = timeout(CONNECT_LIMIT, connect).await.ok()?.ok()?;
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let stream = timeout(CONNECT_LIMIT, tls.connect(name, stream)).await.ok()?.ok()?;
    Some(Box::new(stream))
}
