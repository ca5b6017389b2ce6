//! The keys of the store. A root, which is a file, wraps data keys and a seed, which the database keeps; a data key gives each account its
//! own, by span of time. Every sealed record names the version of its data key. Knows no tables.

use super::chain::HeadKey;
use florin_core::commit::ClaimId;
use florin_core::id::Key;
use florin_core::seal::{Algorithm, SealKey, Secret, key_version};
use florin_core::store::StoreTrouble;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use zeroize::Zeroizing;

/// In the header of what the root itself seals: roots are told apart by what they open, not by it.
const ROOT_VERSION: u16 = 1;
/// Keys kept ready: by data key, account and span.
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

/// Version, account, span.
type Span = (u16, Key, i64, Use);

#[derive(Default)]
struct Cache {
    accounts: BTreeMap<(u16, Key), Arc<Secret>>,
    ready: BTreeMap<Span, Arc<SealKey>>,
    /// Of `ready`, oldest first.
    order: VecDeque<Span>,
}

/// A data key: every account's own key is derived from it.
pub struct DataKey {
    pub algorithm: Algorithm,
    secret: Secret,
    claims: Secret,
}

impl DataKey {
    pub fn new(algorithm: Algorithm, secret: Secret) -> DataKey {
        let claims = secret.derive(b"store claims");
        DataKey { algorithm, secret, claims }
    }

    pub fn fresh(algorithm: Algorithm) -> Result<DataKey, StoreTrouble> {
        Ok(DataKey::new(algorithm, Secret::new(random()?)))
    }
}

/// What wraps data keys and the seed, and marks a database as its own.
pub struct Root(Secret);

impl Root {
    pub fn new(secret: Secret) -> Root {
        Root(secret)
    }

    /// Tells whether a database belongs to this root.
    pub fn check(&self) -> SealKey {
        SealKey::new(&self.0.derive(b"store check"), ROOT_VERSION)
    }

    fn wrapping(&self) -> SealKey {
        SealKey::new(&self.0.derive(b"store wrapping"), ROOT_VERSION)
    }

    pub fn wrap(&self, version: u16, key: &DataKey) -> Result<Vec<u8>, StoreTrouble> {
        Ok(self.wrapping().seal(random()?, &name(version, key.algorithm), key.secret.expose()))
    }

    pub fn unwrap(&self, version: u16, algorithm: Algorithm, wrapped: &[u8]) -> Option<DataKey> {
        Some(DataKey::new(algorithm, secret(&self.wrapping(), &name(version, algorithm), wrapped)?))
    }

    pub fn wrap_seed(&self, seed: &Secret) -> Result<Vec<u8>, StoreTrouble> {
        Ok(self.wrapping().seal(random()?, SEED, seed.expose()))
    }

    pub fn unwrap_seed(&self, wrapped: &[u8]) -> Option<Secret> {
        secret(&self.wrapping(), SEED, wrapped)
    }

    /// Its own bytes as a secret of another use: databases of formats before 4 had the root alone.
    pub fn itself(&self) -> Secret {
        Secret::new(*self.0.expose())
    }
}

const SEED: &[u8] = b"seed";

/// Binds a wrapped data key to its number and algorithm.
fn name(version: u16, algorithm: Algorithm) -> Vec<u8> {
    [b"data key".as_slice(), &version.to_be_bytes(), &[algorithm as u8]].concat()
}

fn secret(key: &SealKey, name: &[u8], wrapped: &[u8]) -> Option<Secret> {
    let plain = Zeroizing::new(key.open(name, wrapped).ok()?);
    <[u8; 32]>::try_from(plain.as_slice()).ok().map(Secret::new)
}

pub struct Keys {
    root: RwLock<Root>,
    /// What is not sealed under data keys rests on it: it stays as it is for good, and is wrapped by the root.
    seed: Secret,
    ring: RwLock<BTreeMap<u16, Arc<DataKey>>>,
    /// The version that seals. Whoever seals holds it until what was sealed stands in the writer's queue: so nothing that an older key
    /// sealed comes to the writer after a newer key.
    sealing: RwLock<u16>,
    cache: Mutex<Cache>,
}

impl Keys {
    /// `newest` must be one of the ring.
    pub fn new(root: Root, seed: Secret, ring: BTreeMap<u16, DataKey>, newest: u16) -> Keys {
        let ring = ring.into_iter().map(|(version, key)| (version, Arc::new(key))).collect();
        Keys {
            root: RwLock::new(root),
            seed,
            ring: RwLock::new(ring),
            sealing: RwLock::new(newest),
            cache: Mutex::default(),
        }
    }

    /// Marks the end of the ledger.
    pub fn head(&self) -> HeadKey {
        HeadKey::new(&self.seed)
    }

    pub fn seed(&self) -> &Secret {
        &self.seed
    }

    pub fn root(&self) -> RwLockReadGuard<'_, Root> {
        self.root.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_root(&self, root: Root) {
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = root;
    }

    pub fn sealing(&self) -> RwLockReadGuard<'_, u16> {
        self.sealing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// While it is held nobody seals.
    pub fn sealing_stopped(&self) -> RwLockWriteGuard<'_, u16> {
        self.sealing.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, version: u16, key: Arc<DataKey>) {
        self.ring.write().unwrap_or_else(PoisonError::into_inner).insert(version, key);
    }

    /// Every version there is, with its key.
    pub fn all(&self) -> Vec<(u16, Arc<DataKey>)> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.iter().map(|(version, key)| (*version, Arc::clone(key))).collect()
    }

    /// Wipes keys that nothing is sealed under any more.
    pub fn forget_below(&self, version: u16) {
        self.ring.write().unwrap_or_else(PoisonError::into_inner).retain(|held, _| *held >= version);
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Cache::default();
    }

    fn data_key(&self, version: u16, of: Key) -> Result<Arc<DataKey>, StoreTrouble> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.get(&version).map(Arc::clone).ok_or(StoreTrouble::Sealed(of))
    }

    /// The key for what belongs to `id` in an account. Errors: there is no data key of this version.
    pub fn of(&self, version: u16, account: Key, id: Key, usage: Use) -> Result<Arc<SealKey>, StoreTrouble> {
        let span = (version, account, id.0 >> SPAN_SHIFT, usage);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = cache.ready.get(&span) {
            return Ok(Arc::clone(key));
        }
        let data_key = self.data_key(version, id)?;
        let account_secret = cache.account(&data_key.secret, version, account);
        let label: &[u8] = match usage {
            Use::Rows => b"store rows",
            Use::Wraps => b"store wraps",
        };
        let secret = account_secret.derive(&[label, &span.2.to_be_bytes()].concat());
        let key = Arc::new(SealKey::of(data_key.algorithm, &secret, version));
        cache.keep(span, Arc::clone(&key));
        Ok(key)
    }

    /// The key that sealed this record of an account.
    pub fn that_sealed(&self, sealed: &[u8], account: Key, id: Key, usage: Use) -> Result<Arc<SealKey>, StoreTrouble> {
        self.of(key_version(sealed).ok_or(StoreTrouble::Sealed(id))?, account, id, usage)
    }

    /// A claim has a key of its own: its digest is a keyed hash already and never comes twice.
    pub fn of_claim(&self, version: u16, id: &ClaimId) -> Result<SealKey, StoreTrouble> {
        let key = self.data_key(version, Key(id.slot))?;
        let secret = Secret::new(key.claims.mac(&[&id.slot.to_be_bytes(), &id.digest]));
        Ok(SealKey::of(key.algorithm, &secret, version))
    }

    /// The key of one person, as unwrapped or as freshly drawn.
    pub fn of_person(&self, version: u16, subject: Key, secret: &Secret) -> Result<SealKey, StoreTrouble> {
        Ok(SealKey::of(self.data_key(version, subject)?.algorithm, secret, version))
    }
}

impl Cache {
    fn account(&mut self, data_key: &Secret, version: u16, account: Key) -> Arc<Secret> {
        if self.accounts.len() >= CACHED_ACCOUNTS {
            self.accounts.clear();
        }
        let derive = || Arc::new(data_key.derive(&[b"store account", account.0.to_be_bytes().as_slice()].concat()));
        Arc::clone(self.accounts.entry((version, account)).or_insert_with(derive))
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
