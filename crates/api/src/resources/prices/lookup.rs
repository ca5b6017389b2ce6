//! Lookup keys: names of prices that no two prices of an account have at the same time, whoever asks at once.

use super::PriceView;
use crate::ask::Ask;
use crate::error::ApiError;
use crate::params::Params;
use florin_core::catalog::{Lookup, Price};
use florin_core::commit::{Beside, EventKind, Version};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::record;
use florin_core::refusal::Refusal;

/// The row that says which price has this lookup key; a new one when nobody ever had it.
async fn row(ask: &Ask<'_>, text: &str) -> Result<View<Lookup>, ApiError> {
    let key = ask.look().place("lookup key", ask.account(), ask.caller.live, text);
    match flow::load(ask.store(), ask.account(), Kind::Lookup, key).await {
        Ok(view) => Ok(view),
        Err(Failure::Refused(Refusal::NoSuch(_))) => {
            let (account, version, at) = (ask.account(), Version::NONE, ask.now());
            Ok(View { key, account, version, at, body: Lookup { price: None }, personal: None })
        }
        Err(failure) => Err(failure.into()),
    }
}

fn given(ask: &Ask<'_>, view: &View<Lookup>, price: Option<Key>) -> Beside {
    let next = View { version: view.version.next(), at: ask.now(), body: Lookup { price }, ..view.clone() };
    Beside { from: view.version, row: record::row(&next, vec![]), event: EventKind::LookupChanged }
}

/// Gives a lookup key to a price; with `transfer_lookup_key` it leaves the price that has it.
pub async fn take(ask: &Ask<'_>, params: &Params, text: Option<&str>, price: Key) -> Result<Vec<Beside>, ApiError> {
    let Some(text) = text else { return Ok(vec![]) };
    let view = row(ask, text).await?;
    let mut beside = vec![given(ask, &view, Some(price))];
    if let Some(other) = view.body.price.filter(|p| *p != price) {
        if !params.boolean("transfer_lookup_key")?.unwrap_or(false) {
            let id = ask.look().id(Kind::Price, other);
            let message = format!("A price ({id}) already uses that lookup key.");
            return Err(params.bad("lookup_key", message).code("resource_already_exists"));
        }
        let from: PriceView = flow::load(ask.store(), ask.account(), Kind::Price, other).await?;
        let body = Price { lookup_key: None, ..from.body.clone() };
        let next = View { version: from.version.next(), at: ask.now(), body, ..from.clone() };
        beside.push(Beside { from: from.version, row: record::row(&next, vec![]), event: EventKind::PriceUpdated });
    }
    Ok(beside)
}

/// Takes a lookup key from the price that had it.
pub async fn leave(ask: &Ask<'_>, text: Option<&str>, price: Key) -> Result<Vec<Beside>, ApiError> {
    let Some(text) = text else { return Ok(vec![]) };
    let view = row(ask, text).await?;
    Ok(if view.body.price == Some(price) { vec![given(ask, &view, None)] } else { vec![] })
}
