//! After everything: each list of the API, read page by page, holds what is durable, once and newest first.
//! Knows the API as a merchant does.

use crate::calm::{Calm, api};
use crate::lists::{LISTS, ids};
use crate::opening::ACCOUNTS;
use crate::request::Request;
use crate::world::World;
use florin_api::Api;
use florin_core::commit::Commit;
use florin_core::id::{Key, Kind};
use florin_store::block_on;
use std::sync::Arc;

/// Pages of one walk at most.
const PAGES_LIMIT: usize = 1_000;

impl World {
    pub(super) fn lists_agree(&mut self) {
        let calm = Arc::new(Calm::new(self.store.clone(), self.wall(), self.look.clone(), None));
        let api = api(calm, &self.look, self.seed);
        // One merchant's lists in each world, and their events in every fourth: showing them is most of what an audit costs.
        let account = self.rng.pick(&ACCOUNTS);
        for (path, kind) in LISTS {
            let expected = self.audit.of_account(account, kind);
            let found = self.walk(&api, account, path, kind);
            self.same(path, &found, &expected);
        }
        if self.rng.chance(250) {
            let expected: Vec<Key> = self.audit.public.get(&account).into_iter().flatten().copied().collect();
            let mut found = self.walk(&api, account, "/v1/events", Kind::Event);
            // Events stand by their numbers, which are given after their commits.
            found.sort_unstable_by(|a, b| b.cmp(a));
            self.same("/v1/events", &found, &expected);
        }
    }

    fn walk(&mut self, api: &Api, account: Key, path: &str, kind: Kind) -> Vec<Key> {
        let (limit, mut from, mut met) = (self.rng.between(3, 40), String::new(), vec![]);
        for _ in 0..PAGES_LIMIT {
            let edge = self.edge(0, &Request::get(account, path.into(), format!("limit={limit}{from}")));
            let answer = block_on(api.handle(edge));
            let page = serde_json::from_slice(&answer.body).unwrap_or_default();
            let (ids, more) = ids(&page);
            if answer.status != 200 {
                self.audit.broken("lists can be read", None, || format!("{path}: {} {page}", answer.status));
            }
            met.extend(ids.iter().map(|id| self.look.key(kind, id).unwrap_or(Key(0))));
            match ids.last() {
                Some(last) if more => from = format!("&starting_after={last}"),
                _ => break,
            }
        }
        met
    }

    /// `expected` oldest first, as sets are kept here.
    fn same(&mut self, path: &str, found: &[Key], expected: &[Key]) {
        self.audit.listed(path, found, expected);
        if found.len() != expected.len() {
            let (found, expected) = (found.len(), expected.len());
            self.audit.broken(super::answers::WHOLE_LISTS, None, || {
                format!("{path} has {found} rows where {expected} are durable")
            });
        }
    }

    /// Whose each thing is that stands in a list.
    pub(super) fn listed_by_commit(&mut self, commit: &Commit) {
        for row in &commit.put {
            if LISTS.iter().any(|(_, kind)| *kind == row.kind) {
                self.audit.accounts.insert(row.key, (row.account, row.kind));
            }
        }
        for event in commit.events.iter().filter(|event| event.kind.is_public()) {
            self.audit.public.entry(event.account).or_default().insert(event.id);
            self.audit.accounts.insert(event.id, (event.account, Kind::Event));
        }
    }
}

impl super::Audit {
    fn of_account(&self, account: Key, kind: Kind) -> Vec<Key> {
        self.accounts.iter().filter(|(_, whose)| **whose == (account, kind)).map(|(key, _)| *key).collect()
    }
}
