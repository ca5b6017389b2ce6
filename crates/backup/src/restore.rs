//! Brings a backup back: every object of its chain, page by page, into files whose digests must be the manifest's.

use crate::Progress;
use crate::access::Opener;
use crate::error::BackupError;
use crate::id;
use crate::make::{CHAIN_LIMIT_BACKUPS, MANIFEST, OBJECT};
use crate::manifest::{Manifest, hex};
use crate::pack::{self, Record};
use crate::place::{self, Place};
use aws_lc_rs::digest::{Context, SHA256};
use florin_core::seal::Secret;
use florin_core::time::Time;
use std::fs::{DirBuilder, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

/// A manifest is a few hundred bytes for each database.
const MANIFEST_LIMIT_BYTES: u64 = 1 << 20;

/// Names of all backups in order of time. One whose making broke off is none.
pub fn ids(place: &dyn Place) -> Result<Vec<String>, BackupError> {
    Ok(place.names("")?.iter().filter_map(|name| id::of(name, MANIFEST)).map(str::to_owned).collect())
}

/// What a backup says of itself; its code is not looked at.
pub fn about(place: &dyn Place, id: &str) -> Result<Manifest, BackupError> {
    Manifest::read(id, &text(place, id)?)
}

fn text(place: &dyn Place, id: &str) -> Result<Vec<u8>, BackupError> {
    // A name from outside never leads out of the place.
    if !id::is_one(id) {
        return Err(BackupError::NotFound { what: format!("{id:?} is no backup's id. See florin backup list.") });
    }
    place::read(place, &format!("{id}{MANIFEST}"), MANIFEST_LIMIT_BYTES)
}

/// The newest backup made at or before `at`; the newest of all without it.
pub fn newest(place: &dyn Place, at: Option<Time>) -> Result<Option<String>, BackupError> {
    Ok(ids(place)?.into_iter().rfind(|id| at.is_none_or(|at| id::is_by(id, at))))
}

/// The backup and all it rests on, the whole one first. Their codes are checked.
pub fn chain(place: &dyn Place, id: &str, key: &Secret) -> Result<Vec<Manifest>, BackupError> {
    let mut links = Vec::new();
    let mut next = Some(id.to_owned());
    while let Some(id) = next {
        if links.len() > CHAIN_LIMIT_BACKUPS {
            return Err(BackupError::damaged(&id, "it rests on too many others"));
        }
        let manifest = Manifest::open(&id, &text(place, &id)?, key)?;
        next = manifest.base.clone();
        links.push(manifest);
    }
    links.reverse();
    Ok(links)
}

/// Where a backup is written to: `allowed` are the only paths in `root` that may be.
pub struct Target<'a> {
    pub root: &'a Path,
    pub allowed: &'a [&'a str],
}

/// Writes a backup's databases and files; none of them may be there. What it leaves after an error is worth nothing.
pub fn restore(
    place: &dyn Place,
    (id, key): (&str, &Secret),
    opener: &Opener,
    to: &Target<'_>,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    let chain = chain(place, id, key)?;
    let Some(last) = chain.last().cloned() else { return Err(BackupError::damaged(id, "it is empty")) };
    let written = last.databases.iter().map(|d| (&d.file, &d.sha256));
    let written: Vec<_> = written.chain(last.files.iter().map(|f| (&f.file, &f.sha256))).collect();
    if let Some(there) = written.iter().map(|(file, _)| to.root.join(file)).find(|path| path.exists()) {
        return Err(BackupError::NotEmpty(there));
    }
    let total = chain.iter().map(|m| m.object_bytes).sum();
    let mut done = 0;
    for manifest in &chain {
        apply(place, manifest, opener, to, &mut |bytes| {
            done += bytes;
            progress(done, total);
        })?;
    }
    for (file, sha256) in written {
        let path = to.root.join(file);
        let io = |e: std::io::Error| BackupError::io("read back", &path, &e);
        if digest_of(&path).map_err(io)? != *sha256 {
            return Err(BackupError::damaged(id, format!("{file} is not what was copied")));
        }
        File::open(&path).and_then(|file| file.sync_all()).map_err(io)?;
    }
    Ok(last)
}

/// A path of ours below the root, with its folder made.
fn open(to: &Target<'_>, file: &str) -> std::io::Result<File> {
    if !to.allowed.contains(&file) {
        return Err(std::io::Error::other(format!("it holds a file that is none of ours: {file}")));
    }
    let path = to.root.join(file);
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn apply(
    place: &dyn Place,
    manifest: &Manifest,
    opener: &Opener,
    to: &Target<'_>,
    told: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let id = manifest.id.as_str();
    let damaged = |e: std::io::Error| BackupError::damaged(id, e.to_string());
    let object = place.get(&format!("{id}{OBJECT}")).map_err(|error| match error {
        BackupError::NotFound { what } => BackupError::damaged(id, what),
        other => other,
    })?;
    let mut digested = Digested { from: object, digest: Context::new(&SHA256), told };
    {
        let plain = opener.decrypt(id, BufReader::with_capacity(1 << 17, &mut digested))?;
        let mut plain = zstd::Decoder::new(plain).map_err(damaged)?;
        let mut current: Option<(File, u64, u64)> = None;
        let mut take = |record: Record<'_>| -> std::io::Result<()> {
            match record {
                Record::Database { file, page_bytes, pages } => {
                    let file = open(to, &file)?;
                    file.set_len(pages.checked_mul(u64::from(page_bytes)).ok_or(std::io::ErrorKind::InvalidData)?)?;
                    current = Some((file, u64::from(page_bytes), pages));
                    Ok(())
                }
                Record::Page { n, bytes } => match &current {
                    Some((file, page_bytes, pages)) if n < *pages => file.write_all_at(bytes, n * page_bytes),
                    _ => Err(std::io::Error::other("a page lies outside of its database")),
                },
                Record::Small { file, bytes } => {
                    let mut file = open(to, &file)?;
                    file.set_len(0)?;
                    file.write_all(bytes)
                }
            }
        };
        pack::read(&mut plain, &mut take).map_err(damaged)?;
    }
    std::io::copy(&mut digested, &mut std::io::sink()).map_err(damaged)?;
    match hex(digested.digest.finish().as_ref()) == manifest.object_sha256 {
        true => Ok(()),
        false => Err(BackupError::damaged(id, "its digest is not the manifest's")),
    }
}

/// Digests what is read through it.
struct Digested<'a> {
    from: Box<dyn BufRead + 'a>,
    digest: Context,
    told: &'a mut dyn FnMut(u64),
}

impl Read for Digested<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(into)?;
        self.digest.update(&into[..n]);
        (self.told)(n as u64);
        Ok(n)
    }
}

/// SHA-256 of a file, in hexadecimal.
fn digest_of(path: &Path) -> std::io::Result<String> {
    let mut file = BufReader::with_capacity(1 << 18, File::open(path)?);
    let mut context = Context::new(&SHA256);
    let mut bytes = vec![0; 1 << 16];
    loop {
        match file.read(&mut bytes)? {
            0 => return Ok(hex(context.finish().as_ref())),
            n => context.update(&bytes[..n]),
        }
    }
}
