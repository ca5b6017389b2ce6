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

/// Serves until `stop` completes, then finishes what is in flight. To be run on a runtime of one thread.
pub async fn run(
    settings: EdgeSettings,
    stop: impl Future<Output = ()>,
    ready: impl FnOnce(Ready),
) -> Result<(), StartError> {
    let mut reach = Reach::default();
    settings.need(&mut reach);
    let Confined { paths, calls } = confine(&reach);
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
