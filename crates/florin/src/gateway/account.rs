//! The merchant account that the terminal works for: made at the first start.

use florin_core::account::{self, Account};
use florin_core::audit::By;
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::money::Currency;
use florin_core::ports::Ports;

/// The country and currency of an account that nobody chose them for.
pub const COUNTRY: &str = "NL";
pub const CURRENCY: &str = "eur";

/// Finds the first account of this mode, or makes it.
pub async fn first(ports: &dyn Ports, live: bool) -> Result<Key, Failure> {
    if let Some(view) = account::all(ports).await?.into_iter().find(|view| view.body.live == live) {
        return Ok(view.key);
    }
    let name = if live { "Live account" } else { "Test account" };
    Ok(account::make(&By::SYSTEM, ports, plain(name.to_owned(), live)).await?.key)
}

/// An account where country and currency are the usual ones.
pub fn plain(name: String, live: bool) -> Account {
    let country = Account::country(COUNTRY).unwrap_or(*b"NL");
    let currency = Currency::parse(CURRENCY).unwrap_or_else(|| unreachable!("eur is a currency"));
    Account::plain(name, live, country, currency)
}
