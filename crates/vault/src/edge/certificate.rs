//! The edge's certificate: read from files, read again when they change, so that renewing it needs no restart. Knows no connection.

use super::settings::Entrance;
use crate::tls::{TlsSetupError, certificates};
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use zeroize::Zeroize;

/// One protocol, so one parser stands in the open.
const ALPN: &[u8] = b"http/1.1";

/// When certificate, key and the clients' authority were written.
type Stamp = [Option<SystemTime>; 3];

pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    tls12: bool,
    /// Who signs clients' certificates, where those are asked for.
    client_ca: Option<PathBuf>,
    /// The same before and after a renewal: sessions go on.
    tickets: Arc<dyn ProducesTickets>,
    now: Mutex<Now>,
}

struct Now {
    config: Arc<ServerConfig>,
    /// When the files were written.
    stamp: Stamp,
}

impl Certificate {
    pub fn open(entrance: &Entrance, tls12: bool, client_ca: Option<&Path>) -> Result<Certificate, TlsSetupError> {
        let tickets = Ticketer::new().map_err(|e| TlsSetupError::Other(e.to_string()))?;
        let (cert, key) = (entrance.cert.clone(), entrance.key.clone());
        let stamp = stamp(&cert, &key, client_ca);
        let config = config((&cert, &key), tls12, client_ca, &tickets)?;
        let client_ca = client_ca.map(Path::to_owned);
        Ok(Certificate { cert, key, tls12, client_ca, tickets, now: Mutex::new(Now { config, stamp }) })
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again if they changed. Files that cannot be used leave the certificate as it is.
    pub fn refresh(&self) -> Result<(), TlsSetupError> {
        let stamp = stamp(&self.cert, &self.key, self.client_ca.as_deref());
        if stamp == self.now.lock().unwrap_or_else(PoisonError::into_inner).stamp {
            return Ok(());
        }
        let config = config((&self.cert, &self.key), self.tls12, self.client_ca.as_deref(), &self.tickets)?;
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Now { config, stamp };
        Ok(())
    }
}

fn stamp(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Stamp {
    [Some(cert), Some(key), client_ca].map(|path| std::fs::metadata(path?).and_then(|file| file.modified()).ok())
}

/// Asks for a certificate and takes none, too: whoever has none is told so by name, not by a handshake that breaks.
fn verifier(ca: &Path) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let other = |e: String| TlsSetupError::Other(e);
    let mut roots = RootCertStore::empty();
    for root in certificates(ca)? {
        roots.add(root).map_err(|e| other(e.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    builder.allow_unauthenticated().build().map_err(|e| other(e.to_string()))
}

/// TLS 1.3 with a hybrid post-quantum key exchange first; 1.2, if at all, with the AEAD suites alone, which are all that rustls has.
fn config(
    (cert, key): (&Path, &Path),
    tls12: bool,
    client_ca: Option<&Path>,
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<Arc<ServerConfig>, TlsSetupError> {
    let other = |e: rustls::Error| TlsSetupError::Other(e.to_string());
    let chain = certificates(cert)?;
    let mut bytes = std::fs::read(key).map_err(|_| TlsSetupError::Missing(key.to_owned()))?;
    let secret = PrivateKeyDer::from_pem_slice(&bytes);
    bytes.zeroize();
    let secret = secret.map_err(|_| TlsSetupError::NotPem { path: key.to_owned(), what: "private key" })?;
    let versions: &[_] =
        if tls12 { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .map_err(other)?;
    let config = match client_ca {
        Some(ca) => config.with_client_cert_verifier(verifier(ca)?),
        None => config.with_no_client_auth(),
    };
    let mut config = config.with_single_cert(chain, secret).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => TlsSetupError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() },
        e => other(e),
    })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.ignore_client_order = true;
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Early data can be played back by others.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
