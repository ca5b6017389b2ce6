//! The catalogue as it stands: prices, stock, what is shown.

use crate::Fail;
use crate::catalogue::{FIRST, Product, SLOT_PLACES, slots};
use rusqlite::{OptionalExtension, Row, Transaction};

const COLUMNS: &str = "slug, service, eur, usd, krw, stock, active";

fn read(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        slug: row.get(0)?,
        service: row.get(1)?,
        eur: row.get(2)?,
        usd: row.get(3)?,
        krw: row.get(4)?,
        stock: row.get(5)?,
        active: row.get(6)?,
    })
}

/// Puts in what is missing: products at first, times of services every day.
pub fn stock_up(tx: &Transaction<'_>, now: i64) -> Result<(), Fail> {
    for (position, (slug, service, [eur, usd, krw], stock)) in (0i64..).zip(FIRST) {
        tx.execute(
            "INSERT OR IGNORE INTO product VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1)",
            (slug, position, service, eur, usd, krw, stock),
        )?;
        if *service {
            for starts in slots(now) {
                tx.execute(
                    "INSERT OR IGNORE INTO slot (slug, starts, places) VALUES (?1, ?2, ?3)",
                    (slug, starts, SLOT_PLACES),
                )?;
            }
        }
    }
    Ok(())
}

pub fn all(tx: &Transaction<'_>) -> Result<Vec<Product>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM product ORDER BY position"))?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn one(tx: &Transaction<'_>, slug: &str) -> Result<Option<Product>, Fail> {
    let mut statement = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM product WHERE slug = ?1"))?;
    Ok(statement.query_row([slug], read).optional()?)
}

/// From the back office.
pub fn change(tx: &Transaction<'_>, p: &Product) -> Result<bool, Fail> {
    let changed = tx.execute(
        "UPDATE product SET eur = ?2, usd = ?3, krw = ?4, stock = ?5, active = ?6 WHERE slug = ?1",
        (&p.slug, p.eur, p.usd, p.krw, p.stock, p.active),
    )?;
    Ok(changed == 1)
}
