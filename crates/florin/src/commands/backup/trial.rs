//! `florin backup verify`: a backup is brought back beside the data, looked through, and thrown away.

use super::check::{Checked, Keys};
use super::state::{self, Verified};
use super::{FILES, SMALL, bar, done, fail, moving, now, place};
use crate::cli::{Common, Opening, Place};
use crate::commands::system::{home_of, try_lock};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::out::out;
use florin_backup::access::Opener;
use florin_backup::manifest::Manifest;
use florin_backup::restore::{self, Target};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Removed again however the trial ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a backup may hold.
pub fn allowed() -> Vec<&'static str> {
    FILES.iter().chain(&SMALL).copied().collect()
}

pub fn run(common: &Common, id: Option<&str>, given: &Place, opening: &Opening) -> Outcome {
    let config = Config::load(common)?;
    let home = home_of(&config)?;
    let place = place::open(&config, given)?;
    let keys = Keys::of(&config, &home);
    let (id, opener) = (place::find(place.as_ref(), id, None)?, place::opener(opening)?);
    let Some(_one) = try_lock(&home.backups("trial.lock"))? else {
        return Err(Fail::new("backup_running", "another trial is going on. Wait for it."));
    };
    let scratch = Scratch(home.backups("trial"));
    // What one that was killed left.
    let _ = std::fs::remove_dir_all(&scratch.0);
    let began = Instant::now();
    let tried = try_out(common, place.as_ref(), &id, (&keys, &opener), &scratch);
    let ok = tried.as_ref().is_ok_and(|(_, c)| c.found.problems.is_empty());
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    state::note(&home, |state| {
        state.verified = Some(Verified { at: now().0, id: id.clone(), ok, took_ms });
    })?;
    let (manifest, Checked { found, cards }) = tried?;
    let age = (now().0 - manifest.made_at) / 1_000;
    if common.json {
        let facts = json!({
            "ok": ok, "id": id, "age_seconds": age, "took_ms": took_ms, "rows": found.rows, "links": found.links,
            "ledger_links": found.ledger_links, "cards": cards, "problems": found.problems,
        });
        out!("{facts}");
    } else if ok {
        out!(
            "{id} restores: the ledger balances, {} rows and {cards} cards open, {} links of its chain and {} events hang together. It is {age} s old.",
            found.rows,
            found.ledger_links,
            found.links
        );
    } else {
        found.problems.iter().for_each(|p| out!("{p}"));
    }
    Ok(u8::from(!ok))
}

fn try_out(
    common: &Common,
    place: &dyn florin_backup::place::Place,
    id: &str,
    (keys, opener): (&Keys, &Opener),
    scratch: &Scratch,
) -> Result<(Manifest, Checked), Fail> {
    let key = keys.root()?;
    let bar = bar(common, "restoring");
    let target = Target { root: &scratch.0, allowed: &allowed() };
    let manifest = restore::restore(place, (id, &key), opener, &target, &mut moving(bar.as_ref()));
    done(bar);
    let manifest = manifest.map_err(fail)?;
    let files: Vec<&str> = manifest.databases.iter().map(|d| d.file.as_str()).collect();
    let checked = keys.check(&scratch.0, &files, common.json)?;
    Ok((manifest, checked))
}
