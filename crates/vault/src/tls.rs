//! TLS over rustls's unbuffered interface, with record buffers of our own that are wiped: towards the acquirer, and of the edge.
//! A buffered connection keeps the last records it decrypted, and those may hold a card number. Knows no socket, no message.

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::unbuffered::{AppDataRecord, ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroize;

/// A record has at most 16 KiB and a little; a chain of certificates may span several.
const CLIENT_SLOT_BYTES: usize = 64 * 1024;
/// What a client of the edge sends before it may send anything else fits one record.
pub(crate) const SERVER_SLOT_BYTES: usize = 20 * 1024;
/// Slots kept for the next connection that reads; the others are given back.
const FREE_SLOTS_LIMIT: usize = 64;
/// A larger buffer is given back once it is empty.
const KEPT_OUTGOING_BYTES: usize = 4 * 1024;
/// What a record adds to its plaintext, rounded up: header, type, tag.
const RECORD_OVERHEAD_BYTES: usize = 64;
const RECORD_PLAIN_BYTES: usize = 16 * 1024;

/// PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Whoever signs the acquirer's certificate.
    pub ca: PathBuf,
    /// Our certificate and what leads to its root.
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// Why the files cannot be used. The text says what to do.
#[derive(Debug)]
pub enum TlsSetupError {
    Missing(PathBuf),
    /// The file has not what it should have.
    NotPem {
        path: PathBuf,
        what: &'static str,
    },
    CertificateExpired(PathBuf),
    CertificateNotYetValid(PathBuf),
    /// The key belongs to another certificate.
    KeyMismatch {
        cert: PathBuf,
        key: PathBuf,
    },
    BadServerName(String),
    Other(String),
}

impl fmt::Display for TlsSetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsSetupError::Missing(p) => write!(f, "the file {} cannot be read; check its path and owner", p.display()),
            TlsSetupError::NotPem { path, what } => write!(f, "{} holds no {what} in PEM form", path.display()),
            TlsSetupError::CertificateExpired(p) => {
                write!(f, "the certificate {} has expired; get a new one from the acquirer", p.display())
            }
            TlsSetupError::CertificateNotYetValid(p) => {
                write!(f, "the certificate {} is not valid yet; check this machine's clock", p.display())
            }
            TlsSetupError::KeyMismatch { cert, key } => {
                write!(f, "the key {} does not belong to the certificate {}", key.display(), cert.display())
            }
            TlsSetupError::BadServerName(name) => write!(f, "`{name}` is not a host name or address"),
            TlsSetupError::Other(detail) => write!(f, "TLS cannot be set up: {detail}"),
        }
    }
}

impl std::error::Error for TlsSetupError {}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    let not_pem = || TlsSetupError::NotPem { path: path.to_owned(), what: "certificate" };
    let bytes = std::fs::read(path).map_err(|_| TlsSetupError::Missing(path.to_owned()))?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes).collect::<Result<_, _>>().map_err(|_| not_pem())?;
    if found.is_empty() { Err(not_pem()) } else { Ok(found) }
}

/// Mutual TLS 1.3 with a hybrid post-quantum key exchange offered first, and no resumption: every connection shows its certificate.
pub fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsSetupError> {
    let other = |e: rustls::Error| TlsSetupError::Other(e.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(|_| TlsSetupError::NotPem { path: files.ca.clone(), what: "certificate" })?;
    }
    let roots = Arc::new(roots);
    let chain = certificates(&files.cert)?;
    check_validity(&files.cert, &chain, &roots)?;
    let mut key_bytes = std::fs::read(&files.key).map_err(|_| TlsSetupError::Missing(files.key.clone()))?;
    let key = PrivateKeyDer::from_pem_slice(&key_bytes);
    key_bytes.zeroize();
    let key = key.map_err(|_| TlsSetupError::NotPem { path: files.key.clone(), what: "private key" })?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(other)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => {
                TlsSetupError::KeyMismatch { cert: files.cert.clone(), key: files.key.clone() }
            }
            e => TlsSetupError::Other(e.to_string()),
        })?;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Our own certificate's dates. Its root may be one that only the acquirer knows, so any other finding is left to the acquirer.
fn check_validity(path: &Path, chain: &[CertificateDer<'_>], roots: &Arc<RootCertStore>) -> Result<(), TlsSetupError> {
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider).build();
    let verifier = verifier.map_err(|e| TlsSetupError::Other(e.to_string()))?;
    let [own, rest @ ..] = chain else { return Ok(()) };
    match verifier.verify_client_cert(own, rest, UnixTime::now()) {
        Err(rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            Err(TlsSetupError::CertificateExpired(path.to_owned()))
        }
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Err(TlsSetupError::CertificateNotYetValid(path.to_owned())),
        Ok(_) | Err(_) => Ok(()),
    }
}

pub fn server_name(name: &str) -> Result<ServerName<'static>, TlsSetupError> {
    ServerName::try_from(name.to_owned()).map_err(|_| TlsSetupError::BadServerName(name.to_owned()))
}

/// Why a connection cannot go on, in words for a person. Holds nothing of what was sent.
#[derive(Debug)]
pub struct TlsTrouble(pub String);

impl From<rustls::Error> for TlsTrouble {
    fn from(e: rustls::Error) -> TlsTrouble {
        TlsTrouble(match e {
            rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                "the acquirer's certificate has expired".into()
            }
            e => format!("TLS: {e}"),
        })
    }
}

/// The two sides of a connection, which rustls has no common name for.
pub trait Side: Sized {
    type Data;
    /// Ciphertext that is held at most.
    const SLOT_BYTES: usize;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    fn is_handshaking(&self) -> bool;
}

impl Side for UnbufferedClientConnection {
    type Data = rustls::client::ClientConnectionData;
    const SLOT_BYTES: usize = CLIENT_SLOT_BYTES;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
    fn is_handshaking(&self) -> bool {
        (***self).is_handshaking()
    }
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    const SLOT_BYTES: usize = SERVER_SLOT_BYTES;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }
    fn is_handshaking(&self) -> bool {
        (***self).is_handshaking()
    }
}

thread_local! {
    /// Slots that no connection needs now. All zero.
    static FREE_SLOTS: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Where ciphertext stands and is decrypted. It has memory only while something is in it, so that an idle connection costs little.
#[derive(Default)]
pub(crate) struct Slot {
    bytes: Box<[u8]>,
    /// How much of it is filled. What lies behind was overwritten.
    pub filled: usize,
}

impl Slot {
    pub fn space(&mut self, size: usize) -> &mut [u8] {
        if self.bytes.is_empty() {
            let free = FREE_SLOTS.try_with(|free| free.borrow_mut().pop_if(|slot| slot.len() == size));
            self.bytes = free.ok().flatten().unwrap_or_else(|| vec![0; size].into_boxed_slice());
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    pub fn records(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.filled).unwrap_or_default()
    }

    /// Forgets records that were processed. They were decrypted where they stood, so they are overwritten.
    pub fn discard(&mut self, bytes: usize) {
        let bytes = bytes.min(self.filled);
        if bytes == 0 {
            return;
        }
        self.bytes.copy_within(bytes..self.filled, 0);
        let left = self.filled - bytes;
        if let Some(processed) = self.bytes.get_mut(left..self.filled) {
            processed.zeroize();
        }
        self.filled = left;
    }

    /// Gives the slot back if it is empty.
    pub fn release(&mut self) {
        if self.filled == 0 && !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            // At the end of its thread a slot is simply freed.
            let _ = FREE_SLOTS.try_with(|free| {
                let mut free = free.borrow_mut();
                if free.len() < FREE_SLOTS_LIMIT {
                    free.push(bytes);
                }
            });
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.records().zeroize();
        self.filled = 0;
        self.release();
    }
}

/// One connection: ciphertext in and out, plaintext in and out. The caller moves the ciphertext.
pub struct TlsSession<S: Side = UnbufferedClientConnection> {
    connection: S,
    incoming: Slot,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has been written.
    written: usize,
    ready: bool,
    closed: bool,
}

/// The edge's side.
pub type ServerSession = TlsSession<UnbufferedServerConnection>;

impl TlsSession {
    /// Begins a connection to the acquirer.
    pub fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<TlsSession, TlsTrouble> {
        TlsSession::over(UnbufferedClientConnection::new(config, name)?)
    }
}

impl ServerSession {
    /// Takes a connection of a client of the edge.
    pub fn accept(config: Arc<ServerConfig>) -> Result<ServerSession, TlsTrouble> {
        TlsSession::over(UnbufferedServerConnection::new(config)?)
    }
    /// The client showed a certificate, which the handshake has checked.
    pub fn is_certified(&self) -> bool {
        self.ready && self.connection.peer_certificates().is_some_and(|chain| !chain.is_empty())
    }
}

impl<S: Side> TlsSession<S> {
    fn over(connection: S) -> Result<TlsSession<S>, TlsTrouble> {
        let mut session = TlsSession {
            connection,
            incoming: Slot::default(),
            outgoing: Vec::new(),
            written: 0,
            ready: false,
            closed: false,
        };
        session.advance(None, &mut |_| {})?;
        Ok(session)
    }

    /// The handshake is done: plaintext may be sent.
    pub fn is_ready(&self) -> bool {
        self.ready
    }
    /// The other side sends no more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where to read ciphertext into; then call `received`.
    pub fn space(&mut self) -> &mut [u8] {
        self.incoming.space(S::SLOT_BYTES)
    }

    /// Gives the space back if nothing stands in it. To be called when there was nothing to read.
    pub fn release(&mut self) {
        self.incoming.release();
    }

    /// `bytes` of ciphertext were read into `space`. Gives plaintext, record by record.
    pub fn received(&mut self, bytes: usize, plain: &mut dyn FnMut(&[u8])) -> Result<(), TlsTrouble> {
        self.incoming.filled = self.incoming.bytes.len().min(self.incoming.filled + bytes);
        self.advance(None, plain)?;
        if !self.incoming.bytes.is_empty() && self.incoming.filled == self.incoming.bytes.len() {
            return Err(TlsTrouble("the other side sent a TLS handshake message above the limit".into()));
        }
        self.incoming.release();
        Ok(())
    }

    /// Encrypts; the ciphertext stands in `pending`. Only when `is_ready`.
    pub fn send(&mut self, plain: &[u8]) -> Result<(), TlsTrouble> {
        // What arrived is processed in `received`, so nothing but writing is left to do here.
        self.advance(Some(plain), &mut |_| {})
    }

    /// Tells the other side that we send no more.
    pub fn close(&mut self) {
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = self.connection.process(self.incoming.records()).state {
            let start = grow(&mut self.outgoing, RECORD_OVERHEAD_BYTES);
            let written = traffic.queue_close_notify(&mut self.outgoing[start..]).unwrap_or(0);
            self.outgoing.truncate(start + written);
        }
    }

    /// Ciphertext to write; then call `wrote`.
    pub fn pending(&self) -> &[u8] {
        self.outgoing.get(self.written..).unwrap_or_default()
    }

    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.outgoing.len() {
            self.outgoing.clear();
            if self.outgoing.capacity() > KEPT_OUTGOING_BYTES {
                self.outgoing = Vec::new();
            }
            self.written = 0;
        }
    }

    /// After trouble: what the other side is to be told of it, if it can be, stands in `pending`.
    pub fn alert(&mut self) {
        // A state that is no trouble and asks for nothing ends it.
        while let Ok(state) = self.connection.process(self.incoming.records()).state {
            match state {
                ConnectionState::EncodeTlsData(mut data) => {
                    if encode(&mut self.outgoing, |out| data.encode(out)).is_err() {
                        return;
                    }
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                _ => return,
            }
        }
    }

    /// Lets rustls do all it can with what has arrived, and encrypts `plain`.
    fn advance(&mut self, mut plain: Option<&[u8]>, sink: &mut dyn FnMut(&[u8])) -> Result<(), TlsTrouble> {
        loop {
            let UnbufferedStatus { mut discard, state, .. } = self.connection.process(self.incoming.records());
            let (mut again, mut may_write) = (true, false);
            let step = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let AppDataRecord { discard: more, payload, .. } = record?;
                        discard += more;
                        sink(payload);
                    }
                    Ok(())
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut self.outgoing, |out| data.encode(out)),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // It stands in `outgoing`, before anything that may follow.
                    data.done();
                    Ok(())
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    may_write = true;
                    again = plain.is_some();
                    plain.take().map_or(Ok(()), |plain| encrypt(&mut self.outgoing, &mut traffic, plain))
                }
                Ok(ConnectionState::BlockedHandshake) => {
                    again = false;
                    Ok(())
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.closed = true;
                    Ok(())
                }
                Ok(ConnectionState::Closed) => {
                    self.closed = true;
                    again = false;
                    Ok(())
                }
                Ok(_) => Err(TlsTrouble("TLS: a state that no connection of ours can have".into())),
                Err(e) => Err(e.into()),
            };
            self.incoming.discard(discard);
            step?;
            // A server may write before the client has proved that it can read; then it is not done.
            self.ready |= may_write && !self.connection.is_handshaking();
            if !again {
                return Ok(());
            }
        }
    }
}

fn grow(out: &mut Vec<u8>, bytes: usize) -> usize {
    let start = out.len();
    out.resize(start + bytes, 0);
    start
}

fn encode(out: &mut Vec<u8>, mut into: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>) -> Result<(), TlsTrouble> {
    let trouble = |e: EncodeError| TlsTrouble(format!("TLS: {e}"));
    let start = grow(out, RECORD_PLAIN_BYTES);
    let written = match into(&mut out[start..]) {
        Err(EncodeError::InsufficientSize(needed)) => {
            out.resize(start + needed.required_size, 0);
            into(&mut out[start..]).map_err(trouble)?
        }
        other => other.map_err(trouble)?,
    };
    out.truncate(start + written);
    Ok(())
}

fn encrypt<D>(
    out: &mut Vec<u8>,
    traffic: &mut rustls::unbuffered::WriteTraffic<'_, D>,
    plain: &[u8],
) -> Result<(), TlsTrouble> {
    let records = plain.len() / RECORD_PLAIN_BYTES + 2;
    let start = grow(out, plain.len() + records * RECORD_OVERHEAD_BYTES);
    let written =
        traffic.encrypt(plain, &mut out[start..]).map_err(|e: EncryptError| TlsTrouble(format!("TLS: {e}")))?;
    out.truncate(start + written);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
