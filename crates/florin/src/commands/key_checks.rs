//! What `florin doctor` says of keys: where they lie, that they belong together, how old they are; and of logs. Opens no key of the vault.

use super::account_keys::{ask_health, root_fits};
use super::doctor::Finding;
use super::key_age;
use super::system::kek;
use crate::config::Config;
use crate::home::{Home, pinned_ids};
use crate::process::block_on;
use florin_backup::manifest::hex;
use florin_backup::place::Folder;
use florin_backup::restore;
use std::path::{Path, PathBuf};

/// Files of backups that are compared with keys; keys and their descriptions are short.
const SHORT_FILE_BYTES: u64 = 64 * 1024;
const FILES_LIMIT: usize = 100_000;
/// The key of the public ids, as backups name it.
const IDS: &str = "keys/ids.key";

pub fn all(config: &Config, home: &Home) -> Vec<Finding> {
    let finding = |name, found: Result<String, String>| {
        let (ok, says) = match found {
            Ok(says) => (true, says),
            Err(says) => (false, says),
        };
        Finding { name, ok, says }
    };
    if !home.database().exists() {
        return vec![];
    }
    vec![
        finding("key places", places(config, home)),
        finding("public ids", ids(config, home)),
        finding("key ages", ages(home)),
        finding("logs", logs(home)),
    ]
}

/// The folder that backups go to, if it is one.
fn backups(config: &Config) -> Option<PathBuf> {
    let place = config.text("backup.place");
    let folder = (!place.is_empty() && !place.starts_with("s3://")).then(|| PathBuf::from(place))?;
    folder.is_dir().then_some(folder)
}

/// Whoever has the data, or its backups, must not have the keys with it.
fn places(config: &Config, home: &Home) -> Result<String, String> {
    let kek = kek(config, home);
    let real = kek.canonicalize().unwrap_or_else(|_| kek.clone());
    let move_it = "Move it to a disk of its own and name it with vault.kek";
    if home.live_mark().exists() && real.starts_with(&home.root) {
        return Err(format!("the vault's key {} lies in the data folder. {move_it}", kek.display()));
    }
    if let Some(folder) = backups(config) {
        let real_folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        for (key, name) in [(&real, "the vault's key"), (&home.gateway_root(), "the gateway's root")] {
            if key.starts_with(&real_folder) {
                return Err(format!("{name} {} lies among the backups. {move_it}", key.display()));
            }
            if let Some(copy) = copy_of(key, &folder) {
                return Err(format!(
                    "{} among the backups is a copy of {name}. Remove it there, and rotate that key: florin keys rotate",
                    copy.display()
                ));
            }
        }
    }
    match root_fits(home) {
        Ok(true) => {}
        Ok(false) => return Err("the gateway's root is not the one that its database is under. Put it back".to_owned()),
        Err(fail) => return Err(fail.message),
    }
    Ok(match real.starts_with(&home.root) {
        true => "the vault's key lies beside the data, as in a demo".to_owned(),
        false => "no key lies with what it opens".to_owned(),
    })
}

/// A file of this folder that holds the same bytes.
fn copy_of(key: &Path, folder: &Path) -> Option<PathBuf> {
    let wanted = zeroize::Zeroizing::new(std::fs::read(key).ok()?);
    let (mut folders, mut looked) = (vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().ok()?.flatten() {
            looked += 1;
            let Ok(about) = entry.metadata() else { continue };
            if looked > FILES_LIMIT {
                return None;
            }
            if about.is_dir() {
                folders.push(entry.path());
            } else if about.len() <= SHORT_FILE_BYTES {
                let bytes = zeroize::Zeroizing::new(std::fs::read(entry.path()).unwrap_or_default());
                let held = !wanted.is_empty() && bytes.windows(wanted.len()).any(|part| part == wanted.as_slice());
                if held {
                    return Some(entry.path());
                }
            }
        }
    }
    None
}

/// The key of the public ids never changes, and is in every backup.
fn ids(config: &Config, home: &Home) -> Result<String, String> {
    if !pinned_ids(home).map_err(|fail| fail.message)? {
        return Err(format!(
            "{} is not the key that this installation was made with: every id that was given out leads nowhere. Put it back from a backup",
            home.ids().display()
        ));
    }
    let Some(folder) = backups(config) else { return Ok("their key is the one that it was".to_owned()) };
    let unread = |e: florin_backup::error::BackupError| e.to_string();
    let place = Folder::open(&folder).map_err(unread)?;
    let Some(id) = restore::newest(&place, None).map_err(unread)? else {
        return Ok("their key is the one that it was; there is no backup yet".to_owned());
    };
    let manifest = restore::about(&place, &id).map_err(unread)?;
    let key = zeroize::Zeroizing::new(std::fs::read(home.ids()).map_err(|e| e.to_string())?);
    let digest = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key).as_ref());
    match manifest.files.iter().find(|small| small.file == IDS) {
        Some(small) if small.sha256 == digest => Ok(format!("their key is the one that it was, and is in {id}")),
        Some(_) => Err(format!(
            "the backup {id} holds another key of the public ids. Make a whole one: florin backup create --whole"
        )),
        None => Err(format!(
            "the backup {id} is without the key of the public ids. Make a whole one: florin backup create --whole"
        )),
    }
}

fn ages(home: &Home) -> Result<String, String> {
    let (now, warnings) = (key_age::now_ms(), key_age::warnings(home));
    if key_age::all(home).iter().any(|key| key.overdue(now)) {
        return Err(warnings.join("; "));
    }
    match warnings.is_empty() {
        true => Ok("none is near the end of its time".to_owned()),
        false => Ok(warnings.join("; ")),
    }
}

/// Logs on disk hold no card number.
pub fn files(home: &Home) -> Result<String, String> {
    let found = home.root.join("run").read_dir().map_err(|e| e.to_string())?.flatten().map(|entry| entry.path());
    for path in found.filter(|path| path.extension().is_some_and(|ext| ext == "log")) {
        let bytes = zeroize::Zeroizing::new(std::fs::read(&path).unwrap_or_default());
        if florin_vault::edge::masked(&bytes).is_some() {
            return Err(format!(
                "{} holds what looks like a card number. Keep it apart, and report it",
                path.display()
            ));
        }
    }
    Ok("no card number stands in them".to_owned())
}

/// The same, and the gateway had none to mask.
fn logs(home: &Home) -> Result<String, String> {
    let found = files(home)?;
    // Only what runs can be asked.
    let health = block_on(ask_health(home)).ok();
    match health.and_then(|health| health["log_defects"].as_u64()) {
        Some(n) if n > 0 => {
            Err(format!("{n} lines of the gateway's log had a card number masked. Report it: it is a defect of Florin"))
        }
        Some(_) => Ok("no card number came to them".to_owned()),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_keys_are_found_wherever_they_lie() {
        let folder = std::env::temp_dir().join(format!("florin-copies-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("a/b")).expect("made");
        let key = folder.join("key");
        std::fs::write(&key, [7; 32]).expect("written");
        let place = folder.join("a");
        std::fs::write(place.join("b/other"), [7; 31]).expect("written");
        assert_eq!(copy_of(&key, &place), None);
        let copy = place.join("b/notes");
        std::fs::write(&copy, [[1; 32], [7; 32], [2; 32]].concat()).expect("written");
        assert_eq!(copy_of(&key, &place), Some(copy));
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
