//! `florin backup list`, and how a backup is shown.

use super::{fail, place};
use crate::cli::{Common, Place};
use crate::config::Config;
use crate::fail::Outcome;
use crate::out::out;
use florin_backup::manifest::{Image, Manifest};
use florin_backup::restore;
use serde_json::{Value, json};

pub fn facts(manifest: &Manifest) -> Value {
    let database = |d: &Image| json!({ "file": d.file, "bytes": d.bytes(), "changed_pages": d.changed });
    json!({
        "id": manifest.id,
        "made_at": manifest.made_at / 1_000,
        "whole": manifest.base.is_none(),
        "base": manifest.base,
        "bytes": manifest.object_bytes,
        "databases": manifest.databases.iter().map(database).collect::<Vec<_>>(),
    })
}

pub fn line(manifest: &Manifest) -> String {
    let data: u64 = manifest.databases.iter().map(Image::bytes).sum();
    format!("{}  {:>12} bytes of {data}", manifest.id, manifest.object_bytes)
}

pub fn list(common: &Common, given: &Place, limit: u32) -> Outcome {
    let config = Config::load(common)?;
    let place = place::open(&config, given)?;
    let ids = restore::ids(place.as_ref()).map_err(fail)?;
    let newest = ids.iter().rev().take(limit as usize);
    let all: Vec<_> = newest.map(|id| restore::about(place.as_ref(), id)).collect();
    let damaged = all.iter().filter(|m| m.is_err()).count();
    if common.json {
        let good: Vec<Value> = all.iter().filter_map(|m| m.as_ref().ok()).map(facts).collect();
        out!("{}", json!({ "data": good, "damaged": damaged, "in_all": ids.len() }));
    } else if ids.is_empty() {
        out!("There is no backup yet. Make one: florin backup create");
    } else {
        for one in &all {
            match one {
                Ok(manifest) => out!("{}", line(manifest)),
                Err(error) => out!("DAMAGED  {error}"),
            }
        }
        if ids.len() > all.len() {
            out!("{} older ones: --limit shows more.", ids.len() - all.len());
        }
    }
    Ok(u8::from(damaged > 0))
}
