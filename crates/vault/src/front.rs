//! The edge of sites that take no cards, as a process of its own: what people's browsers send to the dashboard never passes through the
//! memory that holds data keys. The same listeners, limits and checks as the vault's edge; no card, no key of the vault, no database.

use crate::clock::Clock;
use crate::confine::{Confined, Reach, confine};
use crate::edge::{self, Edge, EdgeSettings};
use crate::process::StartError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

/// The front is open.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    /// Whether the kernel keeps it to its own files and ports, and to the system calls that it makes.
    pub confined_paths: bool,
    pub confined_calls: bool,
    /// What people call sites that have a name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
    #[serde(flatten)]
    pub addresses: BTreeMap<String, SocketAddr>,
}

/// What it needs of the machine: certificates, and listeners that were not handed over.
fn reach(settings: &EdgeSettings) -> Reach {
    let mut reach = Reach::default();
    for entrance in &settings.entrances {
        reach.folder_of(&entrance.cert);
        reach.folder_of(&entrance.key);
        if entrance.given.is_none() {
            reach.listen(entrance.listen);
            entrance.plain.into_iter().for_each(|plain| reach.listen(plain));
        }
    }
    reach
}

/// Serves until `stop` completes, then finishes what is in flight. To be run on a runtime of one thread.
pub async fn run(
    settings: EdgeSettings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    let Confined { paths, calls } = confine(&reach(&settings));
    let Some(doors) = edge::open(Some(&settings)).await? else { return Ok(()) };
    let (close, closing) = watch::channel(false);
    let edge = Arc::new(Edge::without_cards(&settings, Clock::start(), closing.clone()));
    ready(Ready {
        confined_paths: paths,
        confined_calls: calls,
        names: settings.names(),
        addresses: doors.addresses.clone(),
    });
    let served = doors.serve_until(edge, closing);
    let ends = async {
        stop.await;
        close.send_replace(true);
    };
    tokio::join!(served, ends);
    Ok(())
}
