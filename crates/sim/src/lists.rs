//! Merchants who read lists page by page while everything goes on: each page begins where the last ended.
//! Knows what a list promises, not what stands in it.

use crate::client::Merchant;
use florin_core::id::{Key, Kind};
use serde_json::Value;

/// A list of the API and the kind of thing that stands in it.
pub const LISTS: [(&str, Kind); 4] = [
    ("/v1/payment_intents", Kind::Payment),
    ("/v1/refunds", Kind::Refund),
    ("/v1/setup_intents", Kind::Setup),
    ("/v1/balance_transactions", Kind::Movement),
];
/// Pages of one walk at most.
const PAGES_LIMIT: usize = 200;

/// The ids of a page and whether there is more.
pub fn ids(page: &Value) -> (Vec<String>, bool) {
    let data = page["data"].as_array().into_iter().flatten();
    let ids = data.filter_map(|thing| thing["id"].as_str().map(str::to_owned)).collect();
    (ids, page["has_more"].as_bool().unwrap_or(false))
}

impl Merchant {
    /// Walks a list from its newest to its oldest, then back up from its oldest.
    pub async fn walk_list(&self) {
        let (path, kind) = LISTS[self.between(0, 3) as usize];
        let known: Vec<Key> = self.sim.lock().audit.acknowledged(self.account, kind);
        let Some(down) = self.walk(path, "starting_after", None).await else { return };
        self.sim.lock().audit.listed(path, &self.keys(kind, &down), &known);
        let Some(oldest) = down.last().cloned() else { return };
        let Some(mut up) = self.walk(path, "ending_before", Some(oldest)).await else { return };
        up.reverse();
        up.extend(down.last().cloned());
        // What was there on the way down is there on the way up.
        self.sim.lock().audit.listed(path, &self.keys(kind, &up), &self.keys(kind, &down));
    }

    fn keys(&self, kind: Kind, ids: &[String]) -> Vec<Key> {
        ids.iter().map(|id| self.look.key(kind, id).unwrap_or(Key(0))).collect()
    }

    /// Ids in the order in which the walk met them.
    async fn walk(&self, path: &str, cursor: &str, mut from: Option<String>) -> Option<Vec<String>> {
        let limit = self.between(1, 7);
        let mut met: Vec<String> = vec![];
        for _ in 0..PAGES_LIMIT {
            let after = from.as_ref().map_or_else(String::new, |id| format!("&{cursor}={id}"));
            let page = self.page(path, format!("limit={limit}{after}")).await?;
            let (mut ids, more) = ids(&page);
            if cursor == "ending_before" {
                // A page stands newest first, whichever way it was come from.
                ids.reverse();
            }
            met.extend(ids);
            from = met.last().cloned();
            if !more || from.is_none() {
                break;
            }
        }
        Some(met)
    }
}
