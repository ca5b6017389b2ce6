//! `florin upgrade`: is there a newer release, who signed it, is every byte of it what was signed, and then into the program's place. What is
//! installed is touched last, and the program before stays.

mod manifest;
mod place;
mod put;
mod refused;
mod signature;

use crate::built;
use crate::cli::{Common, Upgrade};
use crate::config::Config;
use crate::fail::{Fail, Outcome, io};
use crate::out::out;
use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use manifest::{Here, Manifest, Step};
use place::Place;
use refused::Refused;
use semver::Version;
use serde_json::{Value, json};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Exit code where a newer release is there.
const NEWER: u8 = 10;
const SIGNATURE_LIMIT_BYTES: u64 = 8 * 1024;
const PIECE_BYTES: usize = 64 * 1024;

/// A manifest whose signature held.
struct Release {
    manifest: Manifest,
    step: Step,
    /// Comment of the key that signed it.
    signed_by: String,
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

pub fn run(common: &Common, ask: &Upgrade) -> Outcome {
    let config = Config::load(common)?;
    let from =
        |given: &Option<String>| Place::parse(given.as_deref().unwrap_or_else(|| config.text("upgrade.from")), &config);
    match ask {
        Upgrade::Check { from: given } => check(common, &config, &from(given)?),
        Upgrade::Fetch { from: given, to } => fetch(common, &config, &from(given)?, to),
        Upgrade::Verify { dir } => {
            let place = Place::Folder(dir.clone());
            let release = release(&config, &place)?;
            verify(&release, &place)?;
            let what = match release.step {
                Step::Newer => "It may be installed",
                Step::Same => "It is the version that is here",
            };
            tell(common, &release, &json!({ "verified": true }), &format!("every byte is what was signed. {what}."));
            Ok(0)
        }
        Upgrade::Apply { dir, program } => {
            let place = Place::Folder(dir.clone());
            let release = release(&config, &place)?;
            verify(&release, &place)?;
            put::apply(common, &release, &place, program.as_deref())
        }
    }
}

/// Reads the manifest, holds its signature against the trusted keys, and asks whether it may follow.
fn release(config: &Config, place: &Place) -> Result<Release, Fail> {
    let keys = signature::keys(config.text("upgrade.keys"))?;
    let bytes = place.read(manifest::NAME, manifest::LIMIT_BYTES)?;
    let bytes = bytes.ok_or_else(|| {
        Fail::new("no_release", "no manifest.json is there, or one that is too long. Check the path.")
    })?;
    let signature = place.read(manifest::SIGNATURE, SIGNATURE_LIMIT_BYTES)?.unwrap_or_default();
    let read = || {
        let key = signature::signed_by(&bytes, &signature, &keys)?;
        let manifest = Manifest::read(&bytes)?;
        let here =
            Here { version: Version::parse(built::VERSION).map_err(|_| Refused::Unreadable)?, target: built::TARGET };
        let step = manifest.follows(&here)?;
        Ok::<_, Refused>((manifest, step, key.comment.clone()))
    };
    let (manifest, step, signed_by) = read().map_err(|refused| refused.fail())?;
    Ok(Release { manifest, step, signed_by, bytes, signature })
}

fn check(common: &Common, config: &Config, place: &Place) -> Outcome {
    let release = release(config, place)?;
    let newer = release.step == Step::Newer;
    let text = if newer {
        format!("newer than {}. Next: florin upgrade fetch, or verify where it lies here.", built::VERSION)
    } else {
        "the version that is here.".to_owned()
    };
    tell(common, &release, &json!({ "newer": newer }), &text);
    Ok(if newer { NEWER } else { 0 })
}

fn fetch(common: &Common, config: &Config, place: &Place, to: &Path) -> Outcome {
    let release = release(config, place)?;
    DirBuilder::new().mode(0o755).create(to).map_err(|e| io("make the folder", to, &e))?;
    let filled = fill(&release, place, to);
    if filled.is_err() {
        // It was made a moment ago: the next try makes it again.
        let _ = std::fs::remove_dir_all(to);
    }
    filled?;
    let text = format!("fetched and verified. Next: florin upgrade apply {}.", to.display());
    tell(common, &release, &json!({ "fetched": to, "verified": true }), &text);
    Ok(0)
}

fn fill(release: &Release, place: &Place, to: &Path) -> Result<(), Fail> {
    for file in &release.manifest.files {
        // A program that was fetched is not run by mistake before it is installed.
        copy(place, file, &to.join(&file.name), 0o644)?;
    }
    for (name, bytes) in [(manifest::NAME, &release.bytes), (manifest::SIGNATURE, &release.signature)] {
        std::fs::write(to.join(name), bytes).map_err(|e| io("write", &to.join(name), &e))?;
    }
    Ok(())
}

/// Every file of the release is what was signed.
fn verify(release: &Release, place: &Place) -> Result<(), Fail> {
    for file in &release.manifest.files {
        through(place, file, &mut std::io::sink())?;
    }
    Ok(())
}

/// The same while it is copied to a new file: what is written is what was checked.
fn copy(place: &Place, file: &manifest::File, to: &Path, mode: u32) -> Result<(), Fail> {
    let mut into =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(to).map_err(|e| io("write", to, &e))?;
    let done = through(place, file, &mut into).and_then(|()| into.sync_all().map_err(|e| io("write", to, &e)));
    if done.is_err() {
        let _ = std::fs::remove_file(to);
    }
    done
}

/// Reads a file to its end, or to one byte more than it may have.
fn through(place: &Place, file: &manifest::File, into: &mut dyn Write) -> Result<(), Fail> {
    let damaged = || Refused::Damaged { file: file.name.clone() }.fail();
    let mut from = place.open(&file.name)?.ok_or_else(damaged)?.take(file.bytes + 1);
    let (mut context, mut length, mut piece) = (Context::new(&SHA256), 0u64, vec![0u8; PIECE_BYTES]);
    loop {
        let n = from.read(&mut piece).map_err(|e| io("read", Path::new(&file.name), &e))?;
        let Some(read) = piece.get(..n).filter(|read| !read.is_empty()) else { break };
        context.update(read);
        length += u64::try_from(n).unwrap_or(u64::MAX);
        into.write_all(read).map_err(|e| io("write", Path::new(&file.name), &e))?;
    }
    let digest = HEXLOWER.encode(context.finish().as_ref());
    if length == file.bytes && digest == file.sha256 { Ok(()) } else { Err(damaged()) }
}

fn tell(common: &Common, release: &Release, more: &Value, text: &str) {
    let manifest = &release.manifest;
    if common.json {
        let mut told = json!({
            "version": manifest.version.to_string(), "here": built::VERSION, "target": manifest.target,
            "min_upgrade_from": manifest.from.to_string(), "signed_by": release.signed_by,
        });
        if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
            told.extend(more.clone());
        }
        out!("{told}");
    } else {
        out!("Florin {} for {}, signed by {}: {text}", manifest.version, manifest.target, release.signed_by);
    }
}
