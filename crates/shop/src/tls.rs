//! TLS at both ends: the shop's own certificate, and the authority behind the gateway's. Knows no request.

use crate::Fail;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

fn wrong(path: &Path, why: impl std::fmt::Display) -> Fail {
    Fail::new("bad_certificate", format!("{}: {why}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fail> {
    let read = CertificateDer::pem_file_iter(path).map_err(|e| wrong(path, e))?;
    read.collect::<Result<_, _>>().map_err(|e| wrong(path, e))
}

pub fn server(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, Fail> {
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| wrong(key, e))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| wrong(cert, e))?
        .with_no_client_auth()
        .with_single_cert(certificates(cert)?, private)
        .map_err(|e| wrong(cert, e))?;
    Ok(Arc::new(config))
}

/// Trusts this authority alone.
pub fn client(ca: &Path) -> Result<Arc<ClientConfig>, Fail> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|e| wrong(ca, e))?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| wrong(ca, e))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
