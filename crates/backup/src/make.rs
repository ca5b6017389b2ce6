//! Makes a backup: whole, or the pages that changed since the newest one. The manifest is written last, so that a backup that was
//! interrupted is none.

use crate::Progress;
use crate::access::Readers;
use crate::error::BackupError;
use crate::id;
use crate::manifest::{FORMAT, Image, Manifest, Small, hex};
use crate::pack;
use crate::pages::{Digest, Still};
use crate::place::Place;
use aws_lc_rs::digest::{Context, SHA256, digest};
use florin_core::seal::Secret;
use florin_core::time::Time;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

/// Additions to one whole backup; the next one is whole again. A restore reads them all.
pub const CHAIN_LIMIT_BACKUPS: usize = 500;
/// zstd's level: databases here are mostly sealed bytes, which no level makes smaller.
const LEVEL: i32 = 3;

pub const OBJECT: &str = ".age";
pub const MANIFEST: &str = ".json";

pub struct Making<'a> {
    pub place: &'a dyn Place,
    /// The data folder.
    pub root: &'a Path,
    /// Databases within it, in the order in which they are copied.
    pub files: &'a [&'a str],
    /// Small files within it, that are in every backup.
    pub small: &'a [&'a str],
    /// A folder for copies that are gone when it is done.
    pub scratch: &'a Path,
    /// A file that remembers the pages of the newest backup.
    pub memory: &'a Path,
    pub readers: &'a Readers,
    /// The installation's key, for the manifest's code.
    pub key: &'a Secret,
    pub now: Time,
    /// The id's last part.
    pub chance: u32,
    /// Not only what changed.
    pub whole: bool,
    pub by: &'a str,
}

/// The newest backup: what it rests on, the whole one first and itself last, and its pages.
#[derive(Default, Serialize, Deserialize)]
struct Memory {
    chain: Vec<String>,
    digests: Vec<(String, Vec<Digest>)>,
}

/// One database at one moment, and which of its pages the newest backup does not have.
struct Copied<'a> {
    file: &'a str,
    still: Still,
    image: Image,
    digests: Vec<Digest>,
    changed: Vec<u64>,
    /// It has another number of pages than before.
    resized: bool,
}

/// None: nothing changed since the newest backup, so there is nothing to make.
pub fn make(m: &Making<'_>, progress: Progress<'_>) -> Result<Option<Manifest>, BackupError> {
    let Memory { mut chain, digests: before } = base(m)?.unwrap_or_default();
    let before = |file: &str| before.iter().find(|(name, _)| name == file).map_or(&[][..], |(_, digests)| digests);
    let mut stills = Vec::with_capacity(m.files.len());
    for (n, file) in m.files.iter().enumerate() {
        stills.push((*file, Still::take(&m.root.join(file), &m.scratch.join(format!("copy-{n}.db")))?));
    }
    let total = stills.iter().map(|(_, s)| s.pages * u64::from(s.page_bytes)).sum();
    let mut done = 0;
    let mut copies = Vec::with_capacity(stills.len());
    for (file, still) in stills {
        copies.push(look(file, still, before(file), &mut |bytes| {
            done += bytes;
            progress(done, total);
        })?);
    }
    if !chain.is_empty() && copies.iter().all(|c| c.changed.is_empty() && !c.resized) {
        return Ok(None);
    }
    let small = m.small.iter().map(|file| {
        let path = m.root.join(file);
        std::fs::read(&path).map(|bytes| (*file, bytes)).map_err(|e| BackupError::io("read", &path, &e))
    });
    let small = small.collect::<Result<Vec<_>, _>>()?;
    let (id, base) = (id::make(m.now, m.chance, chain.is_empty()), chain.last().cloned());
    let (mut object_bytes, mut object_sha256) = (0, String::new());
    m.place.put(&format!("{id}{OBJECT}"), &mut |out| {
        (object_bytes, object_sha256) = write(m, &copies, &small, out)?;
        Ok(())
    })?;
    let digest_of = |bytes: &[u8]| hex(digest(&SHA256, bytes).as_ref());
    let manifest = Manifest {
        format: FORMAT,
        id: id.clone(),
        made_at: m.now.0,
        base,
        by: m.by.to_owned(),
        object_bytes,
        object_sha256,
        databases: copies.iter().map(|c| c.image.clone()).collect(),
        files: small.iter().map(|(file, b)| Small { file: (*file).to_owned(), sha256: digest_of(b) }).collect(),
    };
    let text = manifest.sign(m.key);
    m.place.put(&format!("{id}{MANIFEST}"), &mut |out| out.write_all(&text).map_err(writing))?;
    chain.push(id);
    let digests = copies.into_iter().map(|c| (c.file.to_owned(), c.digests)).collect();
    remember(m.memory, &Memory { chain, digests })?;
    Ok(Some(manifest))
}

fn writing(error: std::io::Error) -> BackupError {
    BackupError::Io { what: "write the backup".into(), detail: error.to_string() }
}

/// The object: its bytes and its digest.
fn write(
    m: &Making<'_>,
    copies: &[Copied<'_>],
    small: &[(&str, Vec<u8>)],
    out: &mut dyn Write,
) -> Result<(u64, String), BackupError> {
    let mut counted = Counted { out, digest: Context::new(&SHA256), bytes: 0 };
    let age = m.readers.encrypt(&mut counted).map_err(writing)?;
    let mut zstd = zstd::Encoder::new(age, LEVEL).map_err(writing)?;
    pack::begin(&mut zstd).map_err(writing)?;
    for Copied { file, still, changed, .. } in copies {
        pack::database(&mut zstd, file, still.page_bytes, still.pages).map_err(writing)?;
        let mut bytes = vec![0; still.page_bytes as usize];
        for n in changed {
            still.page(*n, &mut bytes)?;
            pack::page(&mut zstd, *n, &bytes).map_err(writing)?;
        }
    }
    for (file, bytes) in small {
        pack::small(&mut zstd, file, bytes).map_err(writing)?;
    }
    pack::end(&mut zstd).map_err(writing)?;
    zstd.finish().and_then(age::stream::StreamWriter::finish).map_err(writing)?;
    Ok((counted.bytes, hex(counted.digest.finish().as_ref())))
}

fn look<'a>(
    file: &'a str,
    still: Still,
    before: &[Digest],
    told: &mut dyn FnMut(u64),
) -> Result<Copied<'a>, BackupError> {
    let mut whole = Context::new(&SHA256);
    let mut digests = Vec::with_capacity(usize::try_from(still.pages).unwrap_or(0));
    let mut bytes = vec![0; still.page_bytes as usize];
    let mut changed = Vec::new();
    for n in 0..still.pages {
        still.page(n, &mut bytes)?;
        whole.update(&bytes);
        let mut short = Digest::default();
        short.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..16]);
        if before.get(digests.len()) != Some(&short) {
            changed.push(n);
        }
        digests.push(short);
        told(u64::from(still.page_bytes));
    }
    let image = Image {
        file: file.to_owned(),
        page_bytes: still.page_bytes,
        pages: still.pages,
        changed: changed.len() as u64,
        sha256: hex(whole.finish().as_ref()),
    };
    let resized = before.len() != digests.len();
    Ok(Copied { file, still, image, digests, changed, resized })
}

/// What the new backup adds to: the newest, if its pages are remembered and its chain is all there and not too long.
fn base(m: &Making<'_>) -> Result<Option<Memory>, BackupError> {
    if m.whole {
        return Ok(None);
    }
    let remembered = std::fs::read(m.memory).ok().and_then(|bytes| postcard::from_bytes::<Memory>(&bytes).ok());
    let Some(memory) = remembered else { return Ok(None) };
    let Some(first) = memory.chain.first() else { return Ok(None) };
    if memory.chain.len() >= m.readers.chain_limit() {
        return Ok(None);
    }
    // One listing from the whole one on tells whether anything of the chain is gone, or somebody else made one meanwhile.
    let names = m.place.names(first)?;
    let there =
        |ending: &str| names.iter().filter_map(|n| id::of(n, ending)).eq(memory.chain.iter().map(String::as_str));
    Ok((there(MANIFEST) && there(OBJECT)).then_some(memory))
}

fn remember(path: &Path, memory: &Memory) -> Result<(), BackupError> {
    let bytes = postcard::to_stdvec(memory).unwrap_or_default();
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|e| BackupError::io("write", path, &e))
}

/// Counts and digests what goes through.
struct Counted<'a> {
    out: &'a mut dyn Write,
    digest: Context,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.digest.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
