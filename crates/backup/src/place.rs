//! Where backups lie. A place knows names and bytes; what lies there is encrypted before it comes here.

use crate::error::BackupError;
use crate::id;
use crate::make::{MANIFEST, OBJECT};
use florin_core::time::Time;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Writes an object.
pub type Writing<'a> = &'a mut dyn FnMut(&mut dyn Write) -> Result<(), BackupError>;

pub trait Place: Send + Sync {
    /// An object appears whole or not at all, and stays when this has returned.
    fn put(&self, name: &str, write: Writing<'_>) -> Result<(), BackupError>;

    fn get(&self, name: &str) -> Result<Box<dyn BufRead + '_>, BackupError>;

    /// Names of whole objects behind this one, in order; of all with "".
    fn names(&self, behind: &str) -> Result<Vec<String>, BackupError>;

    /// Nothing if there is none.
    fn remove(&self, name: &str) -> Result<(), BackupError>;

    /// Takes away what is left of objects of ours whose writing was begun and not touched after `before`, and was never finished: a kill
    /// leaves it, no list shows it, and it costs space.
    fn sweep(&self, before: Time) -> Result<(), BackupError>;

    /// For people.
    fn shown(&self) -> String;
}

/// Whoever writes an object that is a part of a backup tells by its name when that was begun.
pub fn was_begun_by(name: &str, before: Time) -> bool {
    let of = [OBJECT, MANIFEST].into_iter().find_map(|ending| id::of(name, ending));
    of.is_some_and(|id| id::is_by(id, before))
}

/// A small object, whole.
pub fn read(place: &dyn Place, name: &str, limit_bytes: u64) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    let read = place.get(name)?.take(limit_bytes).read_to_end(&mut bytes);
    read.map_err(|e| BackupError::Io { what: format!("read {name}"), detail: e.to_string() })?;
    Ok(bytes)
}

/// A folder of this machine, or of another one that is mounted here.
pub struct Folder {
    root: PathBuf,
}

/// An object that is being written.
const PART: &str = ".part";

impl Folder {
    /// Makes the folder if there is none.
    pub fn open(root: &Path) -> Result<Folder, BackupError> {
        if !root.exists() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
            made.map_err(|e| BackupError::io("make the folder", root, &e))?;
        }
        Ok(Folder { root: root.to_owned() })
    }
}

impl Place for Folder {
    /// Written under another name, synced, renamed, and the folder synced.
    fn put(&self, name: &str, write: Writing<'_>) -> Result<(), BackupError> {
        let path = self.root.join(name);
        let part = self.root.join(format!("{name}{PART}"));
        let io = |e: std::io::Error| BackupError::io("write", &path, &e);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part).map_err(io)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        let written = write(&mut out).and_then(|()| {
            let file = out.into_inner().map_err(|e| io(e.into_error()))?;
            file.sync_all().map_err(io)?;
            fs::rename(&part, &path).map_err(io)
        });
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        written?;
        File::open(&self.root).and_then(|folder| folder.sync_all()).map_err(io)
    }

    fn get(&self, name: &str) -> Result<Box<dyn BufRead + '_>, BackupError> {
        let path = self.root.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Box::new(BufReader::with_capacity(1 << 18, file))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(BackupError::NotFound { what: format!("there is no {}", path.display()) })
            }
            Err(e) => Err(BackupError::io("read", &path, &e)),
        }
    }

    fn names(&self, behind: &str) -> Result<Vec<String>, BackupError> {
        let io = |e: std::io::Error| BackupError::io("list", &self.root, &e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(io)? {
            if let Ok(name) = entry.map_err(io)?.file_name().into_string()
                && name.as_str() > behind
                && !name.ends_with(PART)
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), BackupError> {
        let path = self.root.join(name);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(BackupError::io("remove", &path, &e)),
        }
    }

    /// The clock of another machine that keeps the folder counts too: what it says is written to still is left alone.
    fn sweep(&self, before: Time) -> Result<(), BackupError> {
        let io = |e: std::io::Error| BackupError::io("list", &self.root, &e);
        for entry in fs::read_dir(&self.root).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let Some(part) = name.to_str().filter(|n| n.strip_suffix(PART).is_some_and(|n| was_begun_by(n, before)))
            else {
                continue;
            };
            let touched = match entry.metadata().and_then(|about| about.modified()) {
                Ok(touched) => touched.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis()),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(io(e)),
            };
            if touched <= u128::try_from(before.0).unwrap_or(0) {
                self.remove(part)?;
            }
        }
        Ok(())
    }

    fn shown(&self) -> String {
        self.root.display().to_string()
    }
}
