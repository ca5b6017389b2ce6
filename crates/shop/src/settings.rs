//! What the shop is told when it starts. Paths and addresses: its keys come in a file that it seals and removes.

use serde::{Deserialize, Serialize};
use std::net::TcpListener;
use std::path::PathBuf;

pub type Log = fn(code: &str, message: &str);

pub struct Settings {
    /// A folder of its own, for its owner alone.
    pub data: PathBuf,
    /// 32 bytes that open its database. Made at the first start.
    pub key_file: PathBuf,
    /// The gateway's API: `https://localhost:4242`.
    pub api: String,
    /// The authority of the API's certificate.
    pub ca: PathBuf,
    /// API keys for it, handed over once: JSON, mode 0600, removed as soon as they are sealed.
    pub handed: PathBuf,
    /// Where the card form's script comes from, for pages over TLS and over plain HTTP.
    pub card: String,
    pub http_card: Option<String>,
    /// Certificate and key of its own pages.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Open listeners: TLS first, then plain HTTP on loopback.
    pub tls: TcpListener,
    pub plain: Option<TcpListener>,
    /// Where failures are written down: a code and a text that names no customer.
    pub log: Log,
}

/// What is in the file that is handed over.
#[derive(Serialize, Deserialize)]
pub struct Handed {
    pub secret_key: String,
    pub publishable_key: String,
    /// `id secret` of what orders are signed with.
    #[serde(default)]
    pub order_key: Option<String>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret_key);
        zeroize::Zeroize::zeroize(&mut self.order_key);
    }
}

/// What the shop says when it serves.
#[derive(Debug, Serialize)]
pub struct Ready {
    pub pid: u32,
    /// Behind the shop's address: where the back office's first password is set. There while nobody has set one.
    pub admin: Option<String>,
}
