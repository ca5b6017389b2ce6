//! Which place, which backup and which key are meant, out of flags and settings.

use super::fail;
use super::s3::S3;
use crate::cli::{Opening, Place as Given};
use crate::config::Config;
use crate::fail::Fail;
use crate::home::read_secret;
use florin_backup::access::Opener;
use florin_backup::place::{Folder, Place};
use florin_backup::restore;
use florin_core::time::Time;
use std::path::Path;

pub fn open(config: &Config, given: &Given) -> Result<Box<dyn Place>, Fail> {
    let text = given.place.as_deref().unwrap_or_else(|| config.text("backup.place"));
    if text.is_empty() {
        let says = "there is no place for backups. Give --place DIR or s3://bucket/prefix, or set backup.place.";
        return Err(Fail::usage("no_place", "--place", says));
    }
    if let Some(bucket) = text.strip_prefix("s3://") {
        return Ok(Box::new(S3::open(config, bucket)?));
    }
    Ok(Box::new(Folder::open(Path::new(text)).map_err(fail)?))
}

/// The backup of this id; or the newest, made at this time or before.
pub fn find(place: &dyn Place, id: Option<&str>, at: Option<&str>) -> Result<String, Fail> {
    if let Some(id) = id {
        return Ok(id.to_owned());
    }
    let time = at.map(time_of).transpose()?;
    restore::newest(place, time).map_err(fail)?.ok_or_else(|| {
        let when = at.map_or_else(String::new, |at| format!(" from {at} or before"));
        Fail::new("backup_not_found", format!("there is no backup{when} in {}. Try florin backup list.", place.shown()))
    })
}

fn time_of(text: &str) -> Result<Time, Fail> {
    let parsed = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339);
    let ms = parsed.map(|t| i64::try_from(t.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX));
    ms.map(Time)
        .map_err(|_| Fail::usage("bad_time", "--at", format!("\"{text}\" is not a time like 2026-11-22T06:45:00Z")))
}

pub fn opener(opening: &Opening) -> Result<Opener, Fail> {
    match (&opening.identity, &opening.passphrase_file) {
        (Some(path), _) => Opener::identities(&read_secret(path)?),
        (None, Some(path)) => Opener::passphrase(&read_secret(path)?),
        (None, None) => {
            let says = "backups are encrypted. Give --identity FILE or --passphrase-file FILE.";
            return Err(Fail::usage("backup_no_key", "--identity", says));
        }
    }
    .map_err(fail)
}
