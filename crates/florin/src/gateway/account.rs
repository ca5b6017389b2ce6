//! The merchant account that the terminal works for: made at the first start.

use florin_core::codec::Body;
use florin_core::commit::{Commit, Event, EventKind, Row, Version};
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::ports::Ports;
use florin_core::store::{Query, StoreTrouble};
use florin_core::terminal::HOUSE;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub live: bool,
}

impl Body for Account {
    const FORMAT: u8 = 1;
}

/// Finds the first account, or makes it.
pub async fn first(ports: &dyn Ports, live: bool) -> Result<Key, String> {
    let trouble = |t: StoreTrouble| format!("{t:?}");
    let query = Query::List { under: HOUSE, kind: Kind::Account, before: None, limit: 100 };
    let rows = ports.store().find(query).await.map_err(trouble)?.rows();
    for row in rows.iter().rev() {
        let view: View<Account> = flow::read(row).map_err(|e| format!("{e:?}"))?;
        if view.body.live == live {
            return Ok(view.key);
        }
    }
    let key = ports.fresh_key();
    let name = if live { "Live account" } else { "Test account" };
    let row = Row {
        key,
        version: Version(1),
        kind: Kind::Account,
        account: HOUSE,
        at: ports.now(),
        body: Account { name: name.to_owned(), live }.encode(),
        personal: None,
        index: vec![],
    };
    let created = Event {
        id: ports.fresh_key(),
        kind: EventKind::AccountCreated,
        account: HOUSE,
        cause: key,
        version: Version(1),
    };
    let commit =
        Commit { expect: vec![(key, Version::NONE)], put: vec![row], events: vec![created], ..Commit::default() };
    ports.store().commit(commit).await.map_err(|e| format!("{e:?}"))?;
    Ok(key)
}
