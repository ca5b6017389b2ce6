//! What the starter tells each process. Paths and ports only: secrets stay in files.

use super::user::User;
use crate::gateway::bot_check::BotCheckSettings;
use florin_core::edge::Site;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VaultSettings {
    pub data: PathBuf,
    pub kek: PathBuf,
    /// File of the passphrase that opens it.
    pub passphrase_file: Option<PathBuf>,
    /// Where people enter what opens it.
    pub unlock: PathBuf,
    /// What the library of a hardware module is told by its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    pub socket: PathBuf,
    /// Who the vault is; None: whoever starts it.
    #[serde(default)]
    pub user: Option<User>,
    /// What new cards are sealed with.
    #[serde(default)]
    pub algorithm: Option<String>,
    pub live: bool,
    pub acquirer: String,
    pub acquirer_name: String,
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub answer_ms: u32,
    /// The directory server of 3-D Secure, `host:port`, under the acquirer's name and certificates.
    pub directory: Option<String>,
    /// Where the public API and its sites for browsers are served, if they are.
    pub edge: Option<EdgePorts>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EdgePorts {
    pub gateway: PathBuf,
    /// Requests under way at once.
    pub in_flight: usize,
    pub sites: Vec<SitePorts>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<florin_core::network::Network>,
    /// Who signs the certificates that clients of the API must show, if they must.
    pub client_ca: Option<PathBuf>,
    /// The starter hands the listeners over, in this order: of each site for TLS and, if there is an address for it, for plain HTTP.
    #[serde(default)]
    pub given: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SitePorts {
    pub site: Site,
    /// 0 takes a free one.
    pub address: std::net::SocketAddr,
    /// Plain HTTP on loopback, for tools that cannot be given a certificate.
    pub http: Option<std::net::SocketAddr>,
    pub cert: PathBuf,
    pub key: PathBuf,
    /// The host, and the port if it is not 443, that people know it by.
    pub name: Option<String>,
}

/// The edge of sites that take no cards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FrontSettings {
    pub edge: EdgePorts,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GatewaySettings {
    pub database: PathBuf,
    pub root: PathBuf,
    /// Who the vault is, if it is a user of its own.
    #[serde(default)]
    pub vault_user: Option<User>,
    /// What new records are sealed with.
    #[serde(default)]
    pub algorithm: Option<String>,
    pub ids: PathBuf,
    pub vault: PathBuf,
    pub door: PathBuf,
    /// Where the vault's edge hands in requests.
    pub api: PathBuf,
    /// The keys of test mode, made at the first start.
    pub test_keys: PathBuf,
    pub requests: PathBuf,
    /// Stands while a restored installation is not open.
    pub fence: PathBuf,
    /// Erasures, outside of what a restore replaces.
    pub erased: PathBuf,
    pub gate: GateSettings,
    /// Where browsers reach the edge: `scheme://host:port`.
    pub public: Option<String>,
    /// Where they reach the dashboard, if one is served.
    pub dashboard: Option<String>,
    /// Whom passkeys are made for, if not for the dashboard's host.
    #[serde(default)]
    pub relying_party: Option<String>,
    /// Codes by SMS for owners, too.
    #[serde(default)]
    pub sms_for_owners: bool,
    /// The sandbox's control calls, for the journeys of its payments.
    pub sandbox: Option<crate::gateway::journey::SandboxAt>,
    /// The demo's ready line.
    pub ready: Option<PathBuf>,
    pub live: bool,
    /// A certificate authority that webhook endpoints may have besides the system's.
    pub hooks_ca: Option<PathBuf>,
    /// Webhook endpoints of test mode may be on this machine.
    pub hooks_local: bool,
    pub fees: FeeSettings,
    pub settlement: crate::gateway::settlement::SettlementSettings,
    /// The starter hands a listener over, where a monitoring system asks.
    pub metrics: bool,
    /// Where the state of the backups is noted.
    pub backups: PathBuf,
    pub audit: crate::gateway::audit::AuditSettings,
    pub messages: super::messages::MessageSettings,
    /// Certificates in use, by the settings that name them.
    pub certificates: Vec<(String, PathBuf)>,
    /// The data folder: how old keys are is written there.
    pub home: PathBuf,
}

/// What merchants pay, as `core`'s `Fees` takes it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct FeeSettings {
    pub basis_points: u32,
    pub fixed_minor: u32,
    pub settles_after_ms: i64,
}

/// How requests are limited, and how long they are written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GateSettings {
    pub requests_kept_days: u32,
    /// Entries at most.
    pub requests_kept: u32,
    /// When personal data of payments ends; 0: with its customer.
    #[serde(default)]
    pub personal_days: u32,
    pub limits: Limits,
    pub abuse: AbuseSettings,
    #[serde(default)]
    pub bot_check: Option<BotCheckSettings>,
}

/// Requests a second, and at once; 0 a second is no limit.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub key: (u32, u32),
    pub account: (u32, u32),
    pub card: (u32, u32),
    pub address: (u32, u32),
    pub failures: (u32, u32),
}

/// The defence against card testing, as `florin_api::Thresholds` takes it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AbuseSettings {
    pub on: bool,
    pub address_challenge: u32,
    pub address_declines: u32,
    pub address_cards: u32,
    pub card_declines: u32,
    pub intent_declines: u32,
    pub intent_cards: u32,
    pub alarm_declines: u32,
    pub small_minor: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxSettings {
    pub data: PathBuf,
    pub port: u16,
    pub control_port: u16,
    pub reports_port: u16,
    /// 0: days end by command only.
    pub day_seconds: u32,
    pub plain_port: Option<u16>,
    pub directory_port: u16,
    pub acs_port: u16,
    pub magic_amounts: bool,
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShopSettings {
    pub data: PathBuf,
    pub key_file: PathBuf,
    /// Where its API keys are handed over.
    pub handed: PathBuf,
    pub api: String,
    pub ca: PathBuf,
    /// Where the card form comes from, over TLS and without.
    pub card: String,
    pub http_card: Option<String>,
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// The first line of a process on standard output.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum First {
    /// People have to enter something; the line after this one is the first again.
    Waiting(florin_vault::unlock::Waiting),
    Ready(serde_json::Value),
    Error {
        code: String,
        message: String,
    },
}
