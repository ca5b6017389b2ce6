//! `florin backup`: databases are copied while they are used; a backup counts once it was restored and checked. The vault's key is never
//! in it: whoever steals backups and their identity still has nothing without the installation's keys, and the other way round.

mod bring;
mod check;
mod make;
mod place;
mod s3;
mod schedule;
mod show;
pub mod state;
mod trial;

use crate::cli::{Backup, Common};
use crate::fail::{Fail, Outcome};
use crate::home::{Home, write_new};
use crate::out::out;
use florin_backup::access;
use florin_backup::error::BackupError;
use florin_core::time::Time;
use florin_vault::clock::unix_us;
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;

pub use bring::refuse_half_restored;

/// In the order of copying: whoever asks before whom it asks. So the vault may know more cards than the gateway, the gateway more payments
/// than the shop, and never fewer.
pub const FILES: [&str; 3] = ["shop/shop.db", "gateway/florin.db", "vault/vault.db"];
/// Without these two there is nothing to back up or to restore.
pub const GATEWAY_AND_VAULT: [&str; 2] = ["gateway/florin.db", "vault/vault.db"];
/// In every backup: the key of the public ids, which never changes, what it is held against, the mark of an installation that is
/// live, and which people were erased.
pub const SMALL: [&str; 4] = ["keys/ids.key", "keys/ids.check", "keys/live", "keys/erased.log"];

pub fn run(common: &Common, ask: &Backup) -> Outcome {
    match ask {
        Backup::Keygen { to } => keygen(common, to),
        Backup::Create { making } => make::create(common, making),
        Backup::Schedule { making, every, whole_every } => schedule::run(common, making, *every, *whole_every),
        Backup::List { place, limit } => show::list(common, place, *limit),
        Backup::Verify { id, place, opening } => trial::run(common, id.as_deref(), place, opening),
        Backup::Restore(args) => bring::run(common, args),
    }
}

fn fail(error: BackupError) -> Fail {
    Fail::new(error.code(), error.to_string())
}

fn now() -> Time {
    Time(unix_us() / 1_000)
}

fn keygen(common: &Common, to: &Path) -> Outcome {
    let (text, recipient) = access::keygen();
    write_new(to, text.as_bytes())?;
    if common.json {
        out!("{}", json!({ "recipient": recipient, "identity_file": to }));
    } else {
        out!(
            "Backups for\n  {recipient}\nopen with {}. Take that file off this machine, and keep two copies.",
            to.display()
        );
    }
    Ok(0)
}

fn bar(common: &Common, what: &'static str) -> Option<indicatif::ProgressBar> {
    let bar = (!common.json && std::io::stderr().is_terminal()).then(|| indicatif::ProgressBar::new(1))?;
    let style = indicatif::ProgressStyle::with_template("{msg} {bar:40} {bytes}/{total_bytes}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(what);
    Some(bar)
}

/// Moves a bar, if there is one.
fn moving(bar: Option<&indicatif::ProgressBar>) -> impl FnMut(u64, u64) {
    move |done, total| {
        if let Some(bar) = bar {
            bar.set_length(total);
            bar.set_position(done);
        }
    }
}

fn done(bar: Option<indicatif::ProgressBar>) {
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Those of these paths that lie in the data folder.
fn there<'a>(home: &Home, paths: &[&'a str]) -> Vec<&'a str> {
    paths.iter().copied().filter(|path| home.root.join(path).exists()).collect()
}
