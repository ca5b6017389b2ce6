//! TLS of the sandbox's doors: version 1.3 alone; the acquirer's take known client certificates only. Knows no messages.

use crate::error::StartError;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// PEM files of the acquirer's end.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Authorities whose client certificates are taken.
    pub ca: PathBuf,
    /// The host's certificate, its issuers after it.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The acquirer's doors: its host, its report service.
pub(crate) fn server_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, StartError> {
    let wrong = |path: &Path, why: String| StartError::Certificate { path: path.to_owned(), why };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(roots(&files.ca)?);
    let (chain, key) = own(files)?;
    check_dates(files, &roots, &chain, &provider)?;
    let clients = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(|why| wrong(&files.ca, why.to_string()))?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|why| wrong(&files.certificate, why.to_string()))?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .map_err(|why| wrong(&files.key, why.to_string()))?;
    Ok(Arc::new(config))
}

/// The control door: whoever calls shows a token instead of a certificate.
pub(crate) fn control_config(files: &TlsFiles) -> Result<Arc<ServerConfig>, StartError> {
    let wrong = |path: &Path, why: String| StartError::Certificate { path: path.to_owned(), why };
    let (chain, key) = own(files)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|why| wrong(&files.certificate, why.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| wrong(&files.key, why.to_string()))?;
    Ok(Arc::new(config))
}

/// For callers of the control door: it is `localhost`, by this authority.
pub(crate) fn client_config(ca: &Path) -> Result<Arc<ClientConfig>, StartError> {
    let wrong = |why: rustls::Error| StartError::Certificate { path: ca.to_owned(), why: why.to_string() };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(wrong)?
        .with_root_certificates(roots(ca)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots(ca: &Path) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        let wrong = |why: rustls::Error| StartError::Certificate { path: ca.to_owned(), why: why.to_string() };
        roots.add(certificate).map_err(wrong)?;
    }
    Ok(roots)
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(files: &TlsFiles) -> Result<Own, StartError> {
    let wrong = |path: &Path, why: String| StartError::Certificate { path: path.to_owned(), why };
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|why| wrong(&files.key, why.to_string()))?;
    Ok((chain, key))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let wrong = |why: String| StartError::Certificate { path: path.to_owned(), why };
    let read = CertificateDer::pem_file_iter(path).map_err(|why| wrong(why.to_string()))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|why| wrong(why.to_string()))?;
    if chain.is_empty() { Err(wrong("no certificate in it".to_owned())) } else { Ok(chain) }
}

/// A certificate out of its dates is named at the start, instead of failing every handshake. Other doubts are left to the clients:
/// they know by which name and authority they trust this host.
fn check_dates(
    files: &TlsFiles,
    roots: &Arc<RootCertStore>,
    chain: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<(), StartError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
        .build()
        .map_err(|why| StartError::Certificate { path: files.ca.clone(), why: why.to_string() })?;
    let (Some((own, issuers)), Ok(name)) = (chain.split_first(), ServerName::try_from("localhost")) else {
        return Ok(());
    };
    match verifier.verify_server_cert(own, issuers, &name, &[], UnixTime::now()) {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => Err(StartError::CertificateExpired { path: files.certificate.clone() }),
        Err(_) | Ok(_) => Ok(()),
    }
}
