//! Single values by name: the shop's keys and secrets, sealed, and how far it has read the gateway's events.

use crate::Fail;
use crate::seal::Keys;
use rusqlite::{OptionalExtension, Transaction};
use zeroize::Zeroizing;

/// Kept sealed.
#[derive(Clone, Copy)]
pub enum Secret {
    ApiKey,
    PublishableKey,
    /// Id and signing secret of the shop's endpoint, `id secret`.
    Endpoint,
    /// Id and secret of what orders are signed with, `id secret`.
    OrderKey,
}

impl Secret {
    const fn name(self) -> &'static str {
        match self {
            Secret::ApiKey => "api key",
            Secret::PublishableKey => "publishable key",
            Secret::Endpoint => "webhook endpoint",
            Secret::OrderKey => "order key",
        }
    }
}

const CURSOR: &str = "events read";
const IDENTITY: &str = "identity";

fn put(tx: &Transaction<'_>, name: &str, value: &[u8]) -> Result<(), Fail> {
    tx.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", (name, value))?;
    Ok(())
}

fn get(tx: &Transaction<'_>, name: &str) -> Result<Option<Vec<u8>>, Fail> {
    Ok(tx.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?)
}

pub fn keep(tx: &Transaction<'_>, keys: &Keys, secret: Secret, text: &str) -> Result<(), Fail> {
    put(tx, secret.name(), &keys.seal(secret.name(), text.as_bytes())?)
}

pub fn read(tx: &Transaction<'_>, keys: &Keys, secret: Secret) -> Result<Option<Zeroizing<String>>, Fail> {
    let Some(sealed) = get(tx, secret.name())? else { return Ok(None) };
    let bytes = keys.unseal(secret.name(), &sealed)?;
    let text = String::from_utf8(bytes.to_vec());
    text.map(|text| Some(Zeroizing::new(text))).map_err(|_| Fail::new("shop_database", "a kept secret is no text"))
}

/// The number of the last event that was taken.
pub fn cursor(tx: &Transaction<'_>) -> Result<Option<i64>, Fail> {
    let bytes = get(tx, CURSOR)?;
    Ok(bytes.and_then(|b| b.try_into().ok()).map(i64::from_be_bytes))
}

/// Never goes back.
pub fn advance(tx: &Transaction<'_>, sequence: i64) -> Result<(), Fail> {
    if cursor(tx)?.is_none_or(|now| now < sequence) {
        put(tx, CURSOR, &sequence.to_be_bytes())?;
    }
    Ok(())
}

/// A random name of this database, made once: part of idempotency keys that belong to no order.
pub fn identity(tx: &Transaction<'_>) -> Result<String, Fail> {
    if let Some(bytes) = get(tx, IDENTITY)? {
        return Ok(crate::seal::hex(&bytes));
    }
    let mut bytes = [0u8; 16];
    crate::seal::fill(&mut bytes)?;
    put(tx, IDENTITY, &bytes)?;
    Ok(crate::seal::hex(&bytes))
}
