//! `florin backup restore`: a backup is brought back beside its place, looked through, and only then put there, behind a fence. What breaks
//! off is done again from the beginning; until then nothing starts on the folder.

use super::check::{Checked, Keys};
use super::trial::allowed;
use super::{FILES, bar, done, fail, moving, now, place};
use crate::cli::{Common, Restoring};
use crate::commands::system::{try_lock, write_json};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::home::{Home, write_new};
use crate::out::out;
use florin_backup::error::BackupError;
use florin_backup::manifest::Manifest;
use florin_backup::restore::{self, Target};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Stands from before the first database is put in place until after the last.
fn mark(home: &Home) -> PathBuf {
    home.backups("restoring")
}

/// Nothing starts on a folder whose restore broke off.
pub fn refuse_half_restored(home: &Home) -> Result<(), Fail> {
    match mark(home).exists() {
        false => Ok(()),
        true => Err(Fail::new(
            "restore_unfinished",
            format!("a restore into {} broke off. Run it again: florin backup restore", home.root.display()),
        )),
    }
}

/// SQLite's side files too: a log left behind would be read into the database that takes the old one's place.
fn sides(root: &Path) -> Vec<PathBuf> {
    let of = |file: &&str| ["", "-wal", "-shm"].map(|side| root.join(format!("{file}{side}")));
    FILES.iter().flat_map(of).collect()
}

pub fn run(common: &Common, args: &Restoring) -> Outcome {
    let config = Config::load(common)?;
    let place = place::open(&config, &args.place)?;
    let opener = place::opener(&args.opening)?;
    let id = place::find(place.as_ref(), args.id.as_deref(), args.at.as_deref())?;
    let data = config.path("data").unwrap_or_else(|| PathBuf::from("./florin-data"));
    let home = Home::open(args.into.as_ref().unwrap_or(&data))?;
    let keys = match &args.keys {
        Some(folder) => Keys::kept(&config, folder),
        None => Keys::kept(&config, &data.join("keys")),
    };
    let key = keys.root()?;
    let Some(_lock) = try_lock(&home.lock())? else {
        return Err(Fail::new("already_running", format!("a system runs on {}. Stop it first.", home.root.display())));
    };
    clear(&home)?;
    let staging = home.backups("staging");
    let bar = bar(common, "restoring");
    let target = Target { root: &staging, allowed: &allowed() };
    let manifest = restore::restore(place.as_ref(), (&id, &key), &opener, &target, &mut moving(bar.as_ref()));
    done(bar);
    let manifest = manifest.map_err(fail)?;
    let files: Vec<&str> = manifest.databases.iter().map(|d| d.file.as_str()).collect();
    let checked = keys.check(&staging, &files, common.json)?;
    if !checked.found.problems.is_empty() && !args.damaged {
        checked.found.problems.iter().for_each(|p| eprintln!("{p}"));
        let says =
            format!("backup {id} does not hold together. Restore an older one, or give --damaged to have it as it is.");
        return Err(Fail::new("backup_damaged", says));
    }
    let fence = put(&home, &staging, (&manifest, &keys))?;
    told(common, &home, (&manifest, &fence), &checked);
    Ok(0)
}

/// Refuses data that is there; takes away what a restore left that broke off.
fn clear(home: &Home) -> Result<(), Fail> {
    let staging = home.backups("staging");
    if staging.exists() {
        std::fs::remove_dir_all(&staging).map_err(|e| io("remove", &staging, &e))?;
    }
    let there = sides(&home.root).into_iter().filter(|path| path.exists());
    if !mark(home).exists() {
        return match there.into_iter().next() {
            Some(path) => Err(fail(BackupError::NotEmpty(path))),
            None => Ok(()),
        };
    }
    for path in there {
        std::fs::remove_file(&path).map_err(|e| io("remove", &path, &e))?;
    }
    Ok(())
}

/// From the staging folder into place: fence and mark first, so that a kill at any moment leaves nothing that starts.
fn put(home: &Home, staging: &Path, (manifest, keys): (&Manifest, &Keys)) -> Result<Value, Fail> {
    same_ids(&home.root.join("keys"), staging)?;
    same_ids(keys.folder(), staging)?;
    let fence = json!({
        "backup": manifest.id, "made_at": manifest.made_at / 1_000, "restored_at": now().seconds(),
    });
    write_json(&mark(home), &json!({ "backup": manifest.id }))?;
    sync(&mark(home))?;
    write_json(&home.fence(), &fence)?;
    sync(&home.fence())?;
    keys.copy(&home.root.join("keys"))?;
    erased(home, &[keys.folder().join("erased.log"), staging.join("keys/erased.log")])?;
    let missing = |file: &String| !home.root.join(file).exists();
    let small = manifest.files.iter().map(|f| f.file.clone()).filter(missing);
    // The log of the look-through goes with its database, and before it.
    let databases = manifest.databases.iter().flat_map(|d| [format!("{}-wal", d.file), d.file.clone()]);
    for file in small.chain(databases) {
        let (from, to) = (staging.join(&file), home.root.join(&file));
        if from.exists() {
            std::fs::rename(&from, &to).map_err(|e| io("put in place", &to, &e))?;
            sync(&to)?;
        }
    }
    std::fs::remove_file(mark(home)).map_err(|e| io("remove", &mark(home), &e))?;
    sync(&mark(home))?;
    let _ = std::fs::remove_dir_all(staging);
    // What is remembered of backups is of another history.
    let _ = std::fs::remove_file(home.backups("pages"));
    Ok(fence)
}

/// Under another id key every id that was given out would lead nowhere.
fn same_ids(keys: &Path, staging: &Path) -> Result<(), Fail> {
    let read = |path: &Path| std::fs::read(path).ok().map(zeroize::Zeroizing::new);
    let here = keys.join("ids.key");
    match (read(&here), read(&staging.join("keys/ids.key"))) {
        (Some(ours), Some(theirs)) if *ours != *theirs => {
            let says = format!(
                "{} is not the id key of this backup. Move it away, or restore into a new folder.",
                here.display()
            );
            Err(Fail::new("wrong_key", says))
        }
        _ => Ok(()),
    }
}

/// A file that was made, moved or removed is so for good.
fn sync(path: &Path) -> Result<(), Fail> {
    let folder = path.parent().unwrap_or(path);
    if path.exists() {
        File::open(path).and_then(|file| file.sync_all()).map_err(|e| io("sync", path, &e))?;
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| io("sync", folder, &e))
}

fn told(common: &Common, home: &Home, (manifest, fence): (&Manifest, &Value), checked: &Checked) {
    let Checked { found, cards } = checked;
    if common.json {
        let facts = json!({
            "ok": found.problems.is_empty(), "data": home.root, "fence": fence, "problems": found.problems,
            "rows": found.rows, "cards": cards,
        });
        out!("{facts}");
        return;
    }
    out!("Restored {} into {}: {} rows, {cards} cards.", manifest.id, home.root.display(), found.rows);
    found.problems.iter().for_each(|p| out!("{p}"));
    out!(
        "It is fenced: what was paid after the backup is not in it. Compare it with the acquirer:\n  florin restore reconcile --data {}",
        home.root.display()
    );
}

/// Everybody whose data was erased, as any of the copies knows: after an earlier restore none of them need know all.
fn erased(home: &Home, copies: &[PathBuf]) -> Result<(), Fail> {
    let mut all = BTreeSet::new();
    for copy in copies.iter().chain([&home.erased()]) {
        match std::fs::read(copy) {
            Ok(bytes) => all.extend(bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io("read", copy, &e)),
        }
    }
    if all.is_empty() {
        return Ok(());
    }
    let part = home.erased().with_extension("part");
    let lines: Vec<u8> = all.into_iter().flat_map(|line| line.into_iter().chain([b'\n'])).collect();
    let _ = std::fs::remove_file(&part);
    write_new(&part, &lines)?;
    std::fs::rename(&part, home.erased()).map_err(|e| io("put in place", &part, &e))?;
    sync(&home.erased())
}
