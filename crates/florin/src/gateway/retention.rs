//! Personal data goes when its time is over: the keys of what is personal of old payments, setups and tokens are destroyed. What a living
//! customer keeps on file stays. Ledger, rows and chains stay. Knows nobody's name.

use super::ports::{Real, now};
use crate::log::log;
use florin_core::account;
use florin_core::customer::Forget;
use florin_core::id::{Key, Kind};
use florin_core::store::{Query, Store, StoreTrouble};
use florin_core::time::Time;
use std::sync::Arc;
use std::time::Duration;

/// What ends by itself. Customers and their cards end when somebody deletes them.
pub const ENDING: &[Kind] = &[Kind::Payment, Kind::Refund, Kind::Setup, Kind::CardToken, Kind::Confirmation];
const AT_ONCE: u32 = 500;
const EVERY: Duration = Duration::from_secs(3_600);
/// Between two batches: payments go first.
const BREATH: Duration = Duration::from_millis(50);
const DAY_MS: i64 = 86_400_000;

/// Looks now and then, for ever. After a start it looks at everything once; what is gone already costs a read.
pub async fn ends(ports: Arc<Real>, days: u32) {
    if days == 0 {
        return;
    }
    let mut done = Key(0);
    loop {
        let until = now().plus_ms(-i64::from(days) * DAY_MS);
        match all(&ports, done, until).await {
            Ok(()) => done = Key::first_at(until),
            Err(trouble) => log!("florin gateway", "old personal data is readable yet: {}", trouble),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn all(ports: &Real, from: Key, until: Time) -> Result<(), StoreTrouble> {
    let unread = |_| StoreTrouble::Io("the accounts cannot be read".to_owned());
    for account in account::all(ports).await.map_err(unread)? {
        for kind in ENDING {
            let mut after = from;
            while let Some(last) =
                batch(&ports.store, ports.store.sqlite(), (account.key, *kind), (after, until)).await?
            {
                after = last;
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    Ok(())
}

/// Destroys the keys of the next things of a kind that were made before `until`. Gives the last one that it looked at.
async fn batch(
    store: &dyn Store,
    keys: &dyn Forget,
    (under, kind): (Key, Kind),
    (after, until): (Key, Time),
) -> Result<Option<Key>, StoreTrouble> {
    let rows = store.find(Query::Newer { under, kind, after, limit: AT_ONCE }).await?.rows();
    let old: Vec<_> = rows.iter().filter(|row| row.key < Key::first_at(until)).collect();
    // A person of its own: what lies under a customer's key ends with the customer.
    let own = old.iter().filter(|row| row.personal.as_ref().is_some_and(|personal| personal.subject == row.key));
    let subjects: Vec<Key> = own.map(|row| row.key).collect();
    keys.forget(&subjects).await?;
    Ok(old.last().map(|row| row.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_core::commit::{Commit, Personal, Row, Version};
    use florin_store::{MemoryStore, block_on};

    #[test]
    fn what_is_old_is_forgotten_and_the_rest_stays() {
        let store = MemoryStore::new();
        let (account, customer) = (Key(1_000), Key(2_000));
        let made = |days: i64, subject: Option<Key>| {
            let key = Key::first_at(Time(days * DAY_MS));
            let personal = Some(Personal { subject: subject.unwrap_or(key), body: b"Ada".to_vec() });
            let (kind, version, body, index) = (Kind::Payment, Version(1), vec![1], vec![]);
            let row = Row { key, version, kind, account, at: Time(0), body, personal, index };
            let commit = Commit { expect: vec![(key, Version::NONE)], put: vec![row], ..Commit::default() };
            block_on(store.commit(commit)).expect("put");
            key
        };
        let all = [made(1, None), made(2, Some(customer)), made(3, None), made(9, None)];
        let until = Time(5 * DAY_MS);
        let mut after = Key(0);
        while let Some(last) =
            block_on(batch(&store, &store, (account, Kind::Payment), (after, until))).expect("looked")
        {
            after = last;
        }
        assert_eq!(after, all[2]);
        let rows = block_on(store.get(&all)).expect("read").into_iter().map(|row| row.expect("the row stays"));
        let kept: Vec<bool> = rows.map(|row| row.personal.is_some()).collect();
        assert_eq!(kept, [false, true, false, true]);
    }
}
