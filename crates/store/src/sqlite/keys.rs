//! The keys of the store, all derived from one root: by account, by span of time, by claim. Knows no tables.

use super::chain::HeadKey;
use florin_core::commit::ClaimId;
use florin_core::id::Key;
use florin_core::seal::{SealKey, Secret};
use florin_core::store::StoreTrouble;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// The version in the header of everything sealed. A rotated root is a new version.
const KEY_VERSION: u16 = 1;
/// Keys kept ready: by account and span.
const CACHED_SEAL_KEYS: usize = 256;
/// Account secrets kept ready.
const CACHED_ACCOUNTS: usize = 1_024;
/// A span is what remains of a key without these bits: one millisecond, so no key seals near 2^32 bodies.
const SPAN_SHIFT: u32 = 20;

/// What a key of an account seals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Bodies of rows.
    Rows,
    /// The keys of persons.
    Wraps,
}

type Span = (Key, i64, Use);

#[derive(Default)]
struct Cache {
    accounts: BTreeMap<Key, Arc<Secret>>,
    ready: BTreeMap<Span, Arc<SealKey>>,
    /// Of `ready`, oldest first.
    order: VecDeque<Span>,
}

pub struct Keys {
    root: Secret,
    claims: Secret,
    cache: Mutex<Cache>,
}

impl Keys {
    pub fn new(root: Secret) -> Keys {
        let claims = root.derive(b"store claims");
        Keys { root, claims, cache: Mutex::new(Cache::default()) }
    }

    /// Marks the end of the ledger.
    pub fn head(&self) -> HeadKey {
        HeadKey::new(&self.root)
    }

    /// Tells whether a database belongs to this root.
    pub fn check(&self) -> SealKey {
        SealKey::new(&self.root.derive(b"store check"), KEY_VERSION)
    }

    /// The key for what belongs to `id` in an account.
    pub fn of(&self, account: Key, id: Key, usage: Use) -> Arc<SealKey> {
        let span = (account, id.0 >> SPAN_SHIFT, usage);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = cache.ready.get(&span) {
            return Arc::clone(key);
        }
        let account_secret = cache.account(&self.root, account);
        let label: &[u8] = match usage {
            Use::Rows => b"store rows",
            Use::Wraps => b"store wraps",
        };
        let secret = account_secret.derive(&[label, &span.1.to_be_bytes()].concat());
        let key = Arc::new(SealKey::new(&secret, KEY_VERSION));
        cache.keep(span, Arc::clone(&key));
        key
    }

    /// A claim has a key of its own: its digest is a keyed hash already and never comes twice.
    pub fn of_claim(&self, id: &ClaimId) -> SealKey {
        SealKey::new(&Secret::new(self.claims.mac(&[&id.slot.to_be_bytes(), &id.digest])), KEY_VERSION)
    }

    /// The key of one person, as unwrapped or as freshly drawn.
    pub fn of_person(secret: &Secret) -> SealKey {
        SealKey::new(secret, KEY_VERSION)
    }
}

impl Cache {
    fn account(&mut self, root: &Secret, account: Key) -> Arc<Secret> {
        if self.accounts.len() >= CACHED_ACCOUNTS {
            self.accounts.clear();
        }
        let derive = || Arc::new(root.derive(&[b"store account", account.0.to_be_bytes().as_slice()].concat()));
        Arc::clone(self.accounts.entry(account).or_insert_with(derive))
    }

    fn keep(&mut self, span: Span, key: Arc<SealKey>) {
        if self.order.len() >= CACHED_SEAL_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ready.remove(&oldest);
        }
        self.order.push_back(span);
        self.ready.insert(span, key);
    }
}

/// Fresh chance from the operating system's generator.
pub fn random<const N: usize>() -> Result<[u8; N], StoreTrouble> {
    let mut bytes = [0; N];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(StoreTrouble::Io("the system gives no random bytes; nothing was applied".to_owned())),
    }
}
