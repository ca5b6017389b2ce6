//! The table of data keys: read at the opening, added to, wrapped anew. Knows no row.

use super::error::Fault;
use super::keys::{DataKey, Keys, Root};
use super::open::Options;
use super::statements::{META_ROOT_SINCE, META_ROTATION, META_SEED};
use florin_core::seal::{Algorithm, Secret};
use florin_core::store::StoreTrouble;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

pub const PUT: &str = "INSERT INTO data_key VALUES (?1, ?2, ?3, ?4)";

/// The keys that a new database begins with, or one of a format that had none.
pub fn put_first(connection: &Connection, root: &Root, seed: &Secret, first: &DataKey) -> Result<(), Fault> {
    let no_chance = |_: StoreTrouble| Fault::Damaged("source of random bytes");
    let wrapped = root.wrap(1, first).map_err(no_chance)?;
    connection.execute(PUT, (1, first.algorithm as u8, wrapped, 0))?;
    let put = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.execute(put, (META_SEED, root.wrap_seed(seed).map_err(no_chance)?))?;
    connection.execute(put, (META_ROOT_SINCE, 0))?;
    Ok(())
}

/// Unwraps all there is.
pub fn read(connection: &Connection, root: Root) -> Result<Keys, Fault> {
    let mut ring = BTreeMap::new();
    let mut all = connection.prepare("SELECT version, algorithm, wrapped FROM data_key ORDER BY version")?;
    let mut rows = all.query(())?;
    while let Some(row) = rows.next()? {
        let version: u16 = row.get(0)?;
        let algorithm = Algorithm::from_u8(row.get(1)?).ok_or(Fault::Damaged("algorithm of a data key"))?;
        let wrapped: Vec<u8> = row.get(2)?;
        ring.insert(version, root.unwrap(version, algorithm, &wrapped).ok_or(Fault::Damaged("data key"))?);
    }
    let newest = ring.last_key_value().map(|(version, _)| *version).ok_or(Fault::Damaged("table of data keys"))?;
    let seed: Vec<u8> = meta(connection, META_SEED)?.ok_or(Fault::Damaged("seed"))?;
    let seed = root.unwrap_seed(&seed).ok_or(Fault::Damaged("seed"))?;
    Ok(Keys::new(root, seed, ring, newest))
}

/// Unwraps all there is; makes a data key of the algorithm that was asked for, where the newest is of another.
pub fn load(connection: &Connection, root: Root, options: Options) -> Result<Keys, Fault> {
    let now = options.now.0;
    if now > 0 {
        connection.execute("UPDATE data_key SET created = ?1 WHERE created = 0", [now])?;
        connection.execute("UPDATE meta SET value = ?1 WHERE name = ?2 AND value = 0", (now, META_ROOT_SINCE))?;
    }
    let keys = read(connection, root)?;
    let under_way: Option<Vec<u8>> = meta(connection, META_ROTATION)?;
    let Some(((version, held), algorithm)) = keys.all().pop().zip(options.algorithm) else { return Ok(keys) };
    if under_way.is_some() || held.algorithm == algorithm {
        return Ok(keys);
    }
    let no_chance = |_: StoreTrouble| Fault::Damaged("source of random bytes");
    let version = version.checked_add(1).ok_or(Fault::Damaged("number of data keys"))?;
    let fresh = DataKey::fresh(algorithm).map_err(no_chance)?;
    let wrapped = keys.root().wrap(version, &fresh).map_err(no_chance)?;
    connection.execute(PUT, (version, fresh.algorithm as u8, wrapped, now))?;
    keys.add(version, fresh.into());
    *keys.sealing_stopped() = version;
    Ok(keys)
}

pub fn meta<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}
