//! `florin backup create`, and the plan that `schedule` follows too: where to, for whom, and what goes afterwards.

use super::state::{self, Failed, Made};
use super::{FILES, GATEWAY_AND_VAULT, SMALL, bar, done, fail, moving, now, place, show, there};
use crate::cli::{Common, Making};
use crate::commands::system::{home_of, try_lock};
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::home::{Home, random, read_key, read_secret};
use crate::out::out;
use florin_backup::access::Readers;
use florin_backup::keep::{Keep, prune};
use florin_backup::manifest::Manifest;
use florin_backup::place::Place;
use florin_backup::{make, restore};
use florin_core::seal::Secret;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const HOUR_MS: i64 = 3_600_000;
/// What was begun so long ago, and not written to since, is nobody's any more.
const LEFT_LIMIT_MS: i64 = HOUR_MS;

/// Where backups go, who reads them, and how long they stay.
pub struct Plan {
    pub home: Home,
    pub place: Box<dyn Place>,
    readers: Readers,
    keep_all_hours: i64,
    keep_days: i64,
    /// What others left half written was looked for since this began.
    swept: AtomicBool,
}

impl Plan {
    pub fn of(common: &Common, making: &Making) -> Result<Plan, Fail> {
        let config = Config::load(common)?;
        let home = home_of(&config)?;
        if there(&home, &GATEWAY_AND_VAULT).len() < GATEWAY_AND_VAULT.len() {
            return Err(Fail::new("no_data", format!("there is nothing to back up in {}.", home.root.display())));
        }
        let readers = match &making.passphrase_file {
            Some(path) => Readers::passphrase(&read_secret(path)?),
            None => {
                let settings = config.text("backup.recipients").split(',').filter(|r| !r.trim().is_empty());
                let all = match making.recipients.is_empty() {
                    true => settings.map(str::to_owned).collect(),
                    false => making.recipients.clone(),
                };
                Readers::recipients(&all)
            }
        };
        let number = |key: &str, most| config.number(key, 1, most).map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        Ok(Plan {
            place: place::open(&config, &making.place)?,
            readers: readers.map_err(fail)?,
            keep_all_hours: number("backup.keep_all_hours", 87_600)?,
            keep_days: number("backup.keep_days", 3_650)?,
            swept: AtomicBool::new(false),
            home,
        })
    }

    /// None: nothing changed since the newest.
    pub fn make(&self, whole: bool, progress: florin_backup::Progress<'_>) -> Result<Option<Manifest>, Fail> {
        let began = Instant::now();
        // Only one at a time: they remember the pages of the newest in one file.
        let Some(_one) = try_lock(&self.home.backups("lock"))? else {
            return Err(Fail::new("backup_running", "another backup of this folder is being made. Wait for it."));
        };
        let at = now();
        let made = self.copy(at, whole, progress);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        state::note(&self.home, |state| match &made {
            Ok((_, id)) => {
                state.made = Some(Made { at: at.0, id: id.clone(), took_ms });
                state.failed = None;
            }
            Err(fail) => state.failed = Some(Failed { at: at.0, code: fail.code.clone() }),
        })?;
        made.map(|(manifest, _)| manifest)
    }

    /// What was made, and the backup that holds everything now.
    fn copy(
        &self,
        at: florin_core::time::Time,
        whole: bool,
        progress: florin_backup::Progress<'_>,
    ) -> Result<(Option<Manifest>, String), Fail> {
        // Before anything is written: a place may be full of it.
        if whole || !self.swept.load(Ordering::Relaxed) {
            self.place.sweep(at.plus_ms(-LEFT_LIMIT_MS)).map_err(fail)?;
            self.swept.store(true, Ordering::Relaxed);
        }
        let mut chance = [0; 4];
        random(&mut chance)?;
        // It may have been rotated since the last one.
        let key = Secret::new(read_key::<32>(&self.home.gateway_root())?);
        let making = make::Making {
            place: self.place.as_ref(),
            root: &self.home.root,
            files: &there(&self.home, &FILES),
            small: &there(&self.home, &SMALL),
            scratch: &self.home.backups(""),
            memory: &self.home.backups("pages"),
            readers: &self.readers,
            key: &key,
            now: at,
            chance: u32::from_be_bytes(chance),
            whole,
            by: env!("CARGO_PKG_VERSION"),
        };
        let made = make::make(&making, progress).map_err(fail)?;
        let id = match &made {
            Some(manifest) => manifest.id.clone(),
            None => restore::newest(self.place.as_ref(), None).map_err(fail)?.unwrap_or_default(),
        };
        // After a whole one there may be a chain that nothing needs; in between nothing goes.
        if made.as_ref().is_some_and(|manifest| manifest.base.is_none()) {
            let (all_from, daily_from) =
                (at.plus_ms(-self.keep_all_hours * HOUR_MS), at.plus_ms(-self.keep_days * 24 * HOUR_MS));
            prune(self.place.as_ref(), Keep { all_from, daily_from }).map_err(fail)?;
        }
        Ok((made, id))
    }
}

pub fn create(common: &Common, making: &Making) -> Outcome {
    let plan = Plan::of(common, making)?;
    let bar = bar(common, "copying");
    let made = plan.make(making.whole, &mut moving(bar.as_ref()));
    done(bar);
    match (made?, common.json) {
        (Some(manifest), true) => out!("{}", show::facts(&manifest)),
        (Some(manifest), false) => out!("{}\nTry it out: florin backup verify", show::line(&manifest)),
        (None, as_json) => {
            let newest = restore::newest(plan.place.as_ref(), None).map_err(fail)?.unwrap_or_default();
            match as_json {
                true => out!("{}", json!({ "id": newest, "unchanged": true })),
                false => out!("Nothing changed since {newest}."),
            }
        }
    }
    Ok(0)
}
