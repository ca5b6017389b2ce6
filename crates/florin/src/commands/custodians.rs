//! `florin keys custodians`: who has a share of the vault's key, and whether a share is still what it was. Opens nothing, and keeps none.

use super::system::{home_of, kek};
use super::vault_keys::{entered, fail};
use crate::cli::Common;
use crate::config::Config;
use crate::fail::{Fail, Outcome};
use crate::out::out;
use florin_vault::keys::describe::Place;
use florin_vault::keys::look;
use florin_vault::keys::shares::ShareBytes;
use serde_json::json;
use std::path::PathBuf;

/// Each share of `from` is named, or the command ends with the first that is nobody's.
pub fn run(common: &Common, from: &[PathBuf]) -> Outcome {
    let config = Config::load(common)?;
    let file = kek(&config, &home_of(&config)?);
    let seen = look(&file).map_err(|e| fail(&e))?;
    let Some(Place::Shares(custodians)) = seen.place else {
        let message = format!("{} is not split among custodians. See florin keys init --kind shares.", file.display());
        return Err(Fail::usage("not_split", "vault.kek", message));
    };
    let mut fitting = Vec::new();
    for path in from {
        let entered = entered(Some(path), "")?;
        let share = ShareBytes::parse(&entered).map_err(|e| fail(&e))?;
        fitting.push(custodians.whose(&share).map_err(|e| fail(&e))?);
    }
    fitting.sort_unstable();
    fitting.dedup();
    let names = || custodians.custodians.iter().map(|c| c.name.as_str());
    if common.json {
        let people: Vec<_> = names().map(|name| json!({ "name": name, "checked": fitting.contains(&name) })).collect();
        out!("{}", json!({ "kek": custodians.check, "needed": custodians.needed, "custodians": people }));
        return Ok(0);
    }
    out!("Key {}: {} of {} must come together.", custodians.check, custodians.needed, custodians.custodians.len());
    for name in names() {
        out!("{name}{}", if fitting.contains(&name) { "  share fits" } else { "" });
    }
    Ok(0)
}
