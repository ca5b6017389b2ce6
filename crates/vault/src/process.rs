//! The vault as a process: settings in, doors open, everything closed in order at the end. Prints nothing.

use crate::cards::Cards;
use crate::cards::rotation::{reseal_all, wanted_kek};
use crate::clock::Clock;
use crate::confine::{Reach, confine};
use crate::core::seal::Algorithm;
use crate::core::wire::Late;
use crate::db::DbError;
use crate::door::{Rooms, Watchers, listen, serve};
use crate::edge::{self, Edge, EdgeSettings};
use crate::egress::Egress;
use crate::harden::{Hardened, harden};
use crate::journey::{Journey, Retention};
use crate::keys::{self, KekError, OpenedKek};
use crate::line::Line;
use crate::link::{Link, LinkSettings};
use crate::threeds::{Directory, DirectorySettings, ThreeDs, Values};
use crate::tls::{TlsFiles, TlsSetupError, client_config, server_name};
use crate::unlock::{Waiting, unlock};
use florin_connect::acquirer::Iso8583Link;
use florin_connect::connector::Terms;
use florin_connect::iso8583::Dialect;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long answers may take to reach the gateway once the last is there.
const FAREWELL: Duration = Duration::from_secs(1);
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Everything a vault needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of the vault's files; made if it is missing. No other process uses it.
    pub data: PathBuf,
    /// File of the key-encryption key, or of the description of where it is; mode 0600.
    pub kek: PathBuf,
    /// File of the passphrase that opens it; without one, and with shares, people are waited for.
    pub passphrase_file: Option<PathBuf>,
    /// Where people enter what opens it.
    pub unlock: PathBuf,
    /// Where the gateway finds the vault.
    pub socket: PathBuf,
    /// What new cards are sealed with; None for what seals now.
    pub algorithm: Option<Algorithm>,
    /// Live or test mode: one vault serves one of them.
    pub live: bool,
    /// `host:port` of the acquirer.
    pub acquirer: String,
    /// The name in the acquirer's certificate.
    pub acquirer_name: String,
    pub tls: TlsFiles,
    /// The merchant as the acquirer knows it; None for what the dialect says.
    pub terms: Option<Terms>,
    /// T1: how long an answer is waited for.
    pub answer_limit_ms: u32,
    /// How long an order may wait to be sent, whatever its `send_by` says.
    pub send_limit_ms: u32,
    pub in_flight_limit_messages: usize,
    pub journey: bool,
    pub retention: Retention,
    /// Give up core dumps, tracing, swapping. Holds for the whole process: off in tests alone.
    pub harden: bool,
    /// Where authentications are asked for; None for a vault that authenticates nobody.
    pub directory: Option<DirectorySettings>,
    /// The public port; None for a vault that only its gateway's tools reach.
    pub edge: Option<EdgeSettings>,
}

/// The vault is open.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    pub socket: PathBuf,
    /// This start of this vault, as card tokens name it.
    pub instance: u32,
    pub live: bool,
    pub hardened: Hardened,
    /// Where the edge serves each site: `api` over TLS, `http_api` without, and so on.
    /// What people call sites that have a name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    #[serde(flatten)]
    pub addresses: BTreeMap<String, SocketAddr>,
}

/// Why a vault did not start, or stopped by itself. The text says what to do.
#[derive(Debug)]
pub enum StartError {
    Kek(KekError),
    Db(DbError),
    Tls(TlsSetupError),
    /// The door's socket, or an address of the edge.
    Socket {
        path: PathBuf,
        error: std::io::Error,
    },
    /// The database could not be written any more. Nothing that was promised is lost.
    DatabaseStopped(PathBuf),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Kek(e) => e.fmt(f),
            StartError::Db(e) => e.fmt(f),
            StartError::Tls(e) => e.fmt(f),
            StartError::Socket { path, error } => {
                write!(
                    f,
                    "the vault's socket {} cannot be opened: {error}; stop whoever has it or choose another",
                    path.display()
                )
            }
            StartError::DatabaseStopped(path) => {
                write!(
                    f,
                    "the vault's database {} cannot be written any more; look at its disk, then start again",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for StartError {}

impl From<KekError> for StartError {
    fn from(e: KekError) -> StartError {
        StartError::Kek(e)
    }
}
impl From<DbError> for StartError {
    fn from(e: DbError) -> StartError {
        StartError::Db(e)
    }
}
impl From<TlsSetupError> for StartError {
    fn from(e: TlsSetupError) -> StartError {
        StartError::Tls(e)
    }
}

impl Settings {
    /// What this vault needs of the machine.
    fn reach(&self, kek: &Path) -> Reach {
        let mut reach = Reach { own: vec![self.data.clone()], ..Reach::default() };
        // A module's library goes on reading what is its own.
        if let Some(module) = keys::module(kek) {
            reach.own.extend(module.folders);
            reach.connect.extend(module.ports);
        }
        // What does not exist cannot be named to the kernel.
        let _ = std::fs::create_dir_all(&self.data);
        reach.sockets.extend(self.socket.parent().map(Path::to_owned));
        reach.peer(&self.acquirer);
        for file in [&self.tls.ca, &self.tls.cert, &self.tls.key] {
            reach.folder_of(file);
        }
        if let Some(directory) = &self.directory {
            reach.peer(&directory.address);
        }
        if let Some(edge) = &self.edge {
            edge.need(&mut reach);
        }
        reach
    }

    fn link(&self, dialect: &Dialect) -> LinkSettings {
        let mut settings = LinkSettings::new(self.terms.clone().unwrap_or_else(|| Terms::of(dialect)));
        settings.answer_limit_ms = self.answer_limit_ms;
        settings.send_limit_ms = self.send_limit_ms;
        settings.in_flight_limit_messages = self.in_flight_limit_messages;
        settings.journey = self.journey;
        settings
    }
}

/// Runs a vault until `stop` completes; then waits for what is in flight, at most for the limits of the link. `waiting` is called when
/// somebody has to enter what opens the KEK, `ready` once
/// the socket is open; the link to the acquirer may take longer. To be run on a runtime of one thread.
pub async fn run(
    settings: Settings,
    stop: impl Future<Output = ()>,
    waiting: impl FnOnce(Waiting),
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    let mut hardened = if settings.harden { harden() } else { Hardened::default() };
    tokio::pin!(stop);
    let kek_file = keys::wanted(&settings.kek, wanted_kek(&settings.data));
    let kek = match keys::open(&kek_file, settings.passphrase_file.as_deref())? {
        OpenedKek::Ready(kek) => kek,
        OpenedKek::Locked(locked) => {
            let (have, needed) = locked.progress();
            waiting(Waiting { kind: locked.kind(), have, needed });
            tokio::select! {
                kek = unlock(locked, &settings.unlock) => {
                    kek.map_err(|error| StartError::Socket { path: settings.unlock.clone(), error })?
                }
                () = &mut stop => return Ok(()),
            }
        }
    };
    if settings.harden {
        hardened = hardened.and(confine(&settings.reach(&kek_file)));
    }
    let clock = Clock::start();
    let doors = edge::open(settings.edge.as_ref()).await?;
    let tls = client_config(&settings.tls)?;
    let name = server_name(&settings.acquirer_name)?;
    let cards = Arc::new(Cards::open(&settings.data, kek, settings.live)?);
    cards.note_kek(clock.now().wall);
    if let Some(algorithm) = settings.algorithm {
        cards.seal_with(algorithm);
    }
    if let Ok(Some(version)) = cards.resealing() {
        tokio::spawn(reseal_all(Arc::clone(&cards), version));
    }
    let journey = Arc::new(Journey::open(&settings.data, settings.retention)?);
    let dialect = Dialect::link();
    let link = Link::new(dialect, &Iso8583Link, settings.link(dialect));
    let watchers = Arc::new(Watchers::default());
    let tell = Arc::clone(&watchers);
    let late = Arc::new(move |id: i64, late: Late| tell.tell(id, &late));
    let values = Arc::new(Values::new().map_err(DbError::from)?);
    let directory = settings.directory.as_ref().map(Directory::new).transpose()?;
    let name_place = settings.link(dialect).terms.name_place;
    let threeds = Arc::new(ThreeDs::new(Arc::clone(&cards), Arc::clone(&values), directory, &name_place, clock));
    let egress =
        Arc::new(Egress::new(link, Arc::clone(&cards), Arc::clone(&values), Arc::clone(&journey), clock, late));
    let socket = |error| StartError::Socket { path: settings.socket.clone(), error };
    let listener = listen(&settings.socket).await.map_err(socket)?;
    let (close_edge, edge_closing) = watch::channel(false);
    let new_edge = |edge| Arc::new(Edge::new(edge, Arc::clone(&cards), clock, edge_closing.clone()));
    let edge = settings.edge.as_ref().map(new_edge);
    let (for_cards, for_egress, for_edge) = (Arc::clone(&cards), Arc::clone(&egress), edge.clone());
    let rooms =
        Rooms { cards: for_cards, egress: for_egress, threeds, edge: for_edge, journey, watchers, clock, hardened };
    let (close_door, closing) = watch::channel(false);
    let mut door = tokio::spawn(serve(listener, Arc::new(rooms), closing));
    let line = Line { address: settings.acquirer.clone(), name, tls, dialect };
    ready(Ready {
        socket: settings.socket.clone(),
        instance: cards.instance,
        live: cards.live(),
        hardened,
        names: settings.edge.as_ref().map(EdgeSettings::names).unwrap_or_default(),
        addresses: doors.as_ref().map(|doors| doors.addresses.clone()).unwrap_or_default(),
    });
    let public = doors.zip(edge).map(|(doors, edge)| tokio::spawn(doors.serve_until(edge, edge_closing)));
    let finish_requests = async move {
        let _ = close_edge.send(true);
        if let Some(public) = public {
            let _ = public.await;
        }
    };

    let linked = async { line.run(&egress).await };
    tokio::pin!(linked);
    let ended = tokio::select! {
        () = &mut stop => Ok(()),
        () = &mut linked => Ok(()),
        () = housekeeping(&cards, &values, clock) => Err(StartError::DatabaseStopped(cards.db().path().to_owned())),
    };
    // First no more requests. Those in flight may still need the link.
    tokio::select! {
        () = finish_requests => {}
        () = &mut linked => {}
    }
    egress.close();
    let limit = u64::from(settings.answer_limit_ms) + u64::from(settings.send_limit_ms);
    if tokio::time::timeout(Duration::from_millis(limit), &mut linked).await.is_err() {
        egress.with_link(|link, now| link.disconnected(now));
    }
    let _ = close_door.send(true);
    if tokio::time::timeout(FAREWELL, &mut door).await.is_err() {
        door.abort();
    }
    let _ = std::fs::remove_file(&settings.socket);
    ended
}

/// Forgets old security codes and authentication values; completes when the database has stopped.
async fn housekeeping(cards: &Cards, values: &Values, clock: Clock) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    while !cards.db().has_stopped() {
        tick.tick().await;
        cards.expire_cells(clock.now().steady);
        values.expire(clock.now().steady);
    }
}
