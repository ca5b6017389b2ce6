//! The sandbox as a process: data folder, books, ports, until told to stop. Prints nothing.

use crate::acquirer::Host;
use crate::control;
use crate::disk::books::BooksFile;
use crate::disk::journal::JournalFile;
use crate::disk::{self, BOOKS_FILE, Folder, JOURNAL_FILE};
use crate::engine::Engine;
use crate::error::StartError;
use crate::https;
use crate::reports;
use crate::settings::HostSettings;
use crate::shell::{self, LinkLimits};
use crate::threeds;
use crate::tls::{self, TlsFiles};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

const TOKEN_FILE: &str = "control.token";
/// Open calls are given so long to end.
const STOP_LIMIT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug)]
pub struct Settings {
    /// Made if missing.
    pub data: PathBuf,
    /// Where the acquirer's port listens.
    pub host: IpAddr,
    /// 0 = any free one; this holds for all ports.
    pub port: u16,
    pub tls: TlsFiles,
    /// A second acquirer's port without TLS, on loopback only, for tools that cannot do mutual TLS.
    pub plain_port: Option<u16>,
    /// On loopback only.
    pub control_port: u16,
    /// Where the report service listens, on the same host as the acquirer's port.
    pub reports_port: u16,
    /// The business day ends so often, if something was cleared in it; 0 = by command only.
    pub day_seconds: u32,
    /// The directory server's, behind mutual TLS like the acquirer's.
    pub directory_port: u16,
    /// The access control server's page for browsers, on loopback only.
    pub acs_port: u16,
    pub magic_amounts: bool,
    pub forgets_early_reversals: bool,
    /// Approvals of one account a day; 0 = no limit.
    pub approvals_per_day_limit: u32,
    /// Keep a journal of hops.
    pub journal: bool,
    pub limits: LinkLimits,
}

impl Settings {
    /// Loopback, free ports, a journal, no magic amounts.
    pub fn new(data: PathBuf, tls: TlsFiles) -> Settings {
        Settings {
            data,
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            tls,
            plain_port: None,
            control_port: 0,
            reports_port: 0,
            day_seconds: 0,
            directory_port: 0,
            acs_port: 0,
            magic_amounts: false,
            forgets_early_reversals: false,
            approvals_per_day_limit: 0,
            journal: true,
            limits: LinkLimits::default(),
        }
    }
}

/// Where a running sandbox is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    pub acquirer: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plain: Option<SocketAddr>,
    pub control: SocketAddr,
    /// Settlement reports, HTTPS with the link's client certificate.
    pub reports: SocketAddr,
    /// The directory server of 3-D Secure.
    pub directory: SocketAddr,
    /// The access control server's page.
    pub acs: SocketAddr,
    /// Bearer token of the control calls, of this run. Told to nobody: it stands in its file.
    #[serde(skip)]
    pub token: String,
    /// Holds the token; only its owner may read it.
    pub token_file: PathBuf,
    pub data: PathBuf,
    /// Entries that the books began with.
    pub entries: u64,
}

/// Runs until `stop` ends. `ready` is called once, when all ports listen.
pub async fn run(
    settings: Settings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    let folder = Folder::open(&settings.data)?;
    let acceptor = TlsAcceptor::from(tls::server_config(&settings.tls)?);
    let control_tls = TlsAcceptor::from(tls::control_config(&settings.tls)?);
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let listen = |host, port| https::listen(SocketAddr::new(host, port));
    let (acquirer, acquirer_at) = listen(settings.host, settings.port).await?;
    let (control, control_at) = listen(loopback, settings.control_port).await?;
    let (reports, reports_at) = listen(settings.host, settings.reports_port).await?;
    let plain = match settings.plain_port {
        Some(port) => Some(listen(loopback, port).await?),
        None => None,
    };
    let (directory, directory_at) = listen(settings.host, settings.directory_port).await?;
    let (acs, acs_at) = listen(loopback, settings.acs_port).await?;
    let (engine, entries) = open(&settings, &folder)?;
    let token_file = folder.file(TOKEN_FILE);
    let trouble = |why| StartError::Folder { path: token_file.clone(), why };
    let token = token().map_err(trouble)?;
    disk::write_private(&token_file, token.as_bytes()).map_err(trouble)?;

    let (stop_all, stopping) = watch::channel(false);
    let plain_at = plain.as_ref().map(|(_, at)| *at);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(https::serve(reports, acceptor.clone(), reports::router(engine.clone()), stopping.clone()));
    threeds::spawn(&mut tasks, &engine, (directory, acceptor.clone()), (acs, acs_at), &stopping);
    tasks.spawn(shell::listen(engine.clone(), acquirer, Some(acceptor), settings.limits, stopping.clone()));
    if let Some((listener, _)) = plain {
        tasks.spawn(shell::listen(engine.clone(), listener, None, settings.limits, stopping.clone()));
    }
    tasks.spawn(shell::tick(engine.clone(), stopping.clone()));
    let router = control::router(engine.clone(), token.clone());
    if settings.day_seconds > 0 {
        tasks.spawn(shell::days(engine.clone(), settings.day_seconds, stopping.clone()));
    }
    tasks.spawn(https::serve(control, control_tls, router, stopping));
    let data = settings.data.clone();
    ready(Ready {
        acquirer: acquirer_at,
        plain: plain_at,
        control: control_at,
        reports: reports_at,
        directory: directory_at,
        acs: acs_at,
        token,
        token_file,
        data,
        entries,
    });

    let mut failed = engine.failed.subscribe();
    let outcome = tokio::select! {
        () = stop => Ok(()),
        why = failed.wait_for(Option::is_some) => {
            Err(StartError::Stopped { why: why.ok().and_then(|why| why.clone()).unwrap_or_default() })
        }
    };
    stop_all.send_replace(true);
    let ended = async { while tasks.join_next().await.is_some() {} };
    // Calls that do not end in time are cut off.
    drop(tokio::time::timeout(STOP_LIMIT, ended).await);
    engine.close().await;
    outcome
}

fn open(settings: &Settings, folder: &Folder) -> Result<(Arc<Engine>, u64), StartError> {
    let hash_key = folder.hash_key()?;
    let books_path = folder.file(BOOKS_FILE);
    let books = BooksFile::open(&books_path, &folder.file(disk::KEY_FILE), &hash_key)?;
    let host_settings = HostSettings {
        magic_amounts: settings.magic_amounts,
        forgets_early_reversals: settings.forgets_early_reversals,
        approvals_per_day_limit: settings.approvals_per_day_limit,
        records: true,
        hops: settings.journal,
        ..HostSettings::new(hash_key)
    };
    let host = Host::restore(host_settings, books.read(&books_path)?).map_err(|bad| StartError::Damaged {
        path: books_path.clone(),
        why: format!("entry {} is missing", bad.expected),
    })?;
    let entries = host.books().len() as u64;
    let journal = JournalFile::open(&folder.file(JOURNAL_FILE))?;
    Ok((Engine::start(host, books, journal, settings.journal), entries))
}

/// 32 random bytes in hexadecimal.
fn token() -> std::io::Result<String> {
    let mut bytes = [0u8; 32];
    disk::random(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
