//! The data folder: where things lie in it, and the keys that are made at the first start.

use crate::fail::{Fail, io};
use florin_core::seal::Secret;
use florin_vault::private::{self, PrivateError};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(Clone, Debug)]
pub struct Home {
    pub root: PathBuf,
}

/// A Unix socket's path has at most 108 bytes.
const LONGEST_SOCKET_PATH: usize = 100;

impl Home {
    /// Makes the folder if there is none. Refuses one that others can look into.
    pub fn open(path: &Path) -> Result<Home, Fail> {
        make_private(path)?;
        let root = path.canonicalize().map_err(|e| io("open the data folder", path, &e))?;
        let home = Home { root };
        for part in ["keys", "tls", "vault", "gateway", "sandbox", "shop", "run", "backup"] {
            make_private(&home.root.join(part))?;
        }
        Ok(home)
    }

    pub fn kek(&self) -> PathBuf {
        self.root.join("keys/vault.kek")
    }
    pub fn gateway_root(&self) -> PathBuf {
        self.root.join("keys/gateway.root")
    }
    /// The API keys of test mode.
    pub fn test_keys(&self) -> PathBuf {
        self.root.join("keys/test.json")
    }
    pub fn ids(&self) -> PathBuf {
        self.root.join("keys/ids.key")
    }
    /// Pins the id key to the gateway's key, so that another id key is noticed.
    pub fn ids_check(&self) -> PathBuf {
        self.root.join("keys/ids.check")
    }
    pub fn tls(&self, file: &str) -> PathBuf {
        self.root.join("tls").join(file)
    }
    pub fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }
    pub fn sandbox(&self) -> PathBuf {
        self.root.join("sandbox")
    }
    pub fn shop(&self) -> PathBuf {
        self.root.join("shop")
    }
    /// Opens the shop's database.
    pub fn shop_key(&self) -> PathBuf {
        self.root.join("keys/shop.key")
    }
    /// API keys on their way to the shop, which seals them and removes this file.
    pub fn shop_handed(&self) -> PathBuf {
        self.root.join("keys/shop.json")
    }
    pub fn database(&self) -> PathBuf {
        self.root.join("gateway/florin.db")
    }
    /// Left by a restore: stands until what was lost is compared with the acquirer.
    pub fn fence(&self) -> PathBuf {
        self.root.join("gateway/restored.json")
    }
    /// Whose personal data was erased: with the keys, which a restore does not replace.
    pub fn erased(&self) -> PathBuf {
        self.root.join("keys/erased.log")
    }
    /// Signed checkpoints of the audit log: with the keys, which a restore does not replace.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("keys/audit.checkpoints")
    }
    /// The log of requests.
    pub fn requests(&self) -> PathBuf {
        self.root.join("gateway/requests.db")
    }
    /// What is remembered of backups.
    pub fn backups(&self, file: &str) -> PathBuf {
        self.root.join("backup").join(file)
    }
    pub fn lock(&self) -> PathBuf {
        self.root.join("run/lock")
    }
    /// Stands in a folder that `serve` has used: no demo may write into it.
    pub fn live_mark(&self) -> PathBuf {
        self.root.join("keys/live")
    }
    pub fn mark_live(&self) -> Result<(), Fail> {
        if self.live_mark().exists() { Ok(()) } else { write_new(&self.live_mark(), b"") }
    }
    /// What a running system has told of itself.
    pub fn ready(&self) -> PathBuf {
        self.root.join("run/ready.json")
    }

    /// Sockets lie in the data folder; when its path is too long for that, in a private folder of the temporary directory.
    pub fn socket(&self, name: &str) -> Result<PathBuf, Fail> {
        let direct = self.root.join("run").join(name);
        if direct.as_os_str().len() <= LONGEST_SOCKET_PATH {
            return Ok(direct);
        }
        let digest = Secret::new([0; 32]).mac(&[self.root.as_os_str().as_encoded_bytes()]);
        let short: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let folder = std::env::temp_dir().join(format!("florin-{short}"));
        make_private(&folder)?;
        Ok(folder.join(name))
    }
}

/// A folder for its owner alone.
pub fn make_private(path: &Path) -> Result<(), Fail> {
    if !path.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| io("make the folder", path, &e))?;
    }
    let meta = path.metadata().map_err(|e| io("look at", path, &e))?;
    if !meta.is_dir() {
        return Err(Fail::new("not_a_folder", format!("{} is not a folder. Choose one with --data.", path.display())));
    }
    // Where the vault is a user of its own, its folder is that user's, and what it shares with root is open to its group.
    let own = rustix::process::geteuid();
    let vaults = own.is_root() && path.ends_with("vault");
    if meta.uid() != own.as_raw() && !vaults {
        return Err(Fail::new(
            "folder_of_another_user",
            format!("{} belongs to another user. Choose a folder of your own with --data.", path.display()),
        ));
    }
    let shared = if own.is_root() && meta.gid() != 0 { 0o070 } else { 0 };
    if meta.permissions().mode() & 0o077 & !shared != 0 {
        return Err(Fail::new(
            "folder_too_open",
            format!("others can look into {}. Run: chmod 700 {}", path.display(), path.display()),
        ));
    }
    Ok(())
}

/// Reads a key file of exactly `N` bytes for its owner alone.
pub fn read_key<const N: usize>(path: &Path) -> Result<[u8; N], Fail> {
    let refused = |error: PrivateError| match error {
        PrivateError::Missing(path) => Fail::new(
            "key_missing",
            format!(
                "there is no key file {}. Put it back from your backup: without it the data cannot be read.",
                path.display()
            ),
        ),
        PrivateError::TooLong(path) => damaged_key(&path, N),
        error => not_private(&error),
    };
    let bytes = private::read(path).map_err(refused)?;
    bytes.as_slice().try_into().map_err(|_| damaged_key(path, N))
}

fn damaged_key(path: &Path, bytes: usize) -> Fail {
    Fail::new("key_damaged", format!("{} does not have {bytes} bytes. Put it back from your backup.", path.display()))
}

pub fn not_private(error: &PrivateError) -> Fail {
    Fail::new(error.code(), format!("{error}."))
}

/// The text of a file that holds a secret, for its owner alone: a passphrase, an identity, credentials. It may come through a pipe.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Fail> {
    let mut bytes = private::read_once(path).map_err(|e| not_private(&e))?;
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Fail::new("key_damaged", format!("{} is not text.", path.display()))
    })
}

/// Makes a key file of `len` random bytes. Never writes over one.
pub fn make_key(path: &Path, len: usize) -> Result<(), Fail> {
    let mut bytes = zeroize::Zeroizing::new(vec![0u8; len]);
    random(&mut bytes)?;
    write_new(path, &bytes)
}

/// A file for its owner alone, synced. Never written over one.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fail> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|e| io("make the key file", path, &e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| io("write the key file", path, &e))
}

/// The root that follows lies beside the one that wraps, until a rotation is through.
pub fn next_root(root: &Path) -> PathBuf {
    beside(root, ".next")
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder(path: &Path) -> Result<(), Fail> {
    let folder = path.parent().unwrap_or(path);
    std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io("write", folder, &e))
}

/// What pins the id key to a root.
fn pin(home: &Home, root: &Secret) -> Result<[u8; 32], Fail> {
    let ids = zeroize::Zeroizing::new(read_key::<16>(&home.ids())?);
    Ok(root.mac(&[b"id key", ids.as_slice()]))
}

/// Puts the root that the database is under in its place, if a rotation has just wrapped everything under it. The one before stays beside
/// it: backups from before are under it. Gives its new name. May be repeated after a crash at any point.
pub fn settle_root(home: &Home) -> Result<Option<PathBuf>, Fail> {
    let (file, next) = (home.gateway_root(), next_root(&home.gateway_root()));
    if !next.exists() || !file.exists() {
        return Ok(None);
    }
    let (old, new) = (Secret::new(read_key::<32>(&file)?), Secret::new(read_key::<32>(&next)?));
    if !florin_store::belongs_to(&home.database(), &new) {
        return Ok(None);
    }
    let check: String = old.mac(&[b"retired"]).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let retired = beside(&file, &format!(".retired-{check}"));
    let pinned = beside(&home.ids_check(), ".next");
    if !pinned.exists() {
        write_new(&pinned, &pin(home, &new)?)?;
    }
    if !retired.exists() {
        std::fs::hard_link(&file, &retired).map_err(|e| io("rename", &file, &e))?;
    }
    std::fs::rename(&next, &file).map_err(|e| io("rename", &next, &e))?;
    std::fs::rename(&pinned, home.ids_check()).map_err(|e| io("rename", &pinned, &e))?;
    // Pages that are in backups were written down under the root before: the next backup is a whole one.
    match std::fs::remove_file(home.backups("pages")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &home.backups("pages"), &e)),
        Ok(()) | Err(_) => {}
    }
    sync_folder(&file)?;
    Ok(Some(retired))
}

/// Whether the id key is the one that the installation was made with. Errors: a key file is missing or damaged.
pub fn pinned_ids(home: &Home) -> Result<bool, Fail> {
    let root = Secret::new(read_key::<32>(&home.gateway_root())?);
    Ok(read_key::<32>(&home.ids_check())? == pin(home, &root)?)
}

/// A crash between the two names of a rotation's end.
fn settle_pin(home: &Home, expected: &[u8; 32]) -> Result<(), Fail> {
    let pinned = beside(&home.ids_check(), ".next");
    if pinned.exists() && read_key::<32>(&pinned)? == *expected {
        std::fs::rename(&pinned, home.ids_check()).map_err(|e| io("rename", &pinned, &e))?;
    }
    Ok(())
}

/// The id key never changes: under another one every id that was given out would lead nowhere.
fn check_ids(home: &Home, expected: &[u8; 32], fresh: bool) -> Result<(), Fail> {
    let path = home.ids_check();
    if fresh && !path.exists() {
        return write_new(&path, expected);
    }
    if read_key::<32>(&path)? == *expected {
        return Ok(());
    }
    Err(Fail::new(
        "wrong_key",
        format!(
            "{} and {} do not belong together: one of them is not of this data. Put both back from your backup.",
            home.ids().display(),
            home.gateway_root().display()
        ),
    ))
}

pub fn random(bytes: &mut [u8]) -> Result<(), Fail> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| Fail::new("no_randomness", "the system gives no random bytes"))
}

/// Keys are made at the very first start only: when data exists, a missing key is an error.
pub fn first_keys(home: &Home, kek: &Path) -> Result<(), Fail> {
    let fresh_gateway = !home.database().exists();
    for (path, len) in [(home.gateway_root(), 32), (home.ids(), 16)] {
        if fresh_gateway && !path.exists() {
            make_key(&path, len)?;
        }
    }
    let fresh_vault = !home.vault().join("vault.db").exists();
    if fresh_vault && !kek.exists() {
        make_key(kek, 32)?;
    }
    settle_root(home)?;
    let root = Secret::new(read_key::<32>(&home.gateway_root())?);
    let pinned = pin(home, &root)?;
    settle_pin(home, &pinned)?;
    check_ids(home, &pinned, fresh_gateway)?;
    // A key, or a description of where it is: the vault reads it, this looks whether there is one for this user alone.
    kek_file(kek)
}

/// Whether the vault's key file is there and for this user alone.
pub fn kek_file(kek: &Path) -> Result<(), Fail> {
    florin_vault::keys::look(kek).map(|_| ()).map_err(|e| Fail::new(e.code(), e.to_string()))
}
