//! From a key file to a KEK: at once, or after people have entered what opens it.

use super::describe::{self, Place};
use super::file::read_private;
use super::passphrase::Envelope;
use super::shares::{Custodians, ShareBytes};
use super::{HsmKey, KEK_BYTES, KekError, KekKind, KekProvider, SoftKek, check_value};
use crate::core::seal::Secret;
use data_encoding::HEXLOWER;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Shares that were entered are forgotten when the rest does not come within this time.
const CEREMONY: Duration = Duration::from_secs(15 * 60);

pub enum OpenedKek {
    Ready(Box<dyn KekProvider>),
    /// Somebody has to enter something first.
    Locked(Locked),
}

/// Opens what the key file names. A passphrase is taken from `passphrase_file` where one is given.
pub fn open(path: &Path, passphrase_file: Option<&Path>) -> Result<OpenedKek, KekError> {
    let bytes = read_private(path)?;
    if let Some(secret) = raw(&bytes) {
        return Ok(OpenedKek::Ready(Box::new(SoftKek::new(&secret, KekKind::File))));
    }
    Ok(match describe::parse(path, &bytes)? {
        Place::Pkcs11(key) => OpenedKek::Ready(Box::new(HsmKey::open(&key)?)),
        Place::Shares(custodians) => OpenedKek::Locked(Locked::new(Lock::Shares(custodians))),
        Place::Passphrase(envelope) => {
            let mut locked = Locked::new(Lock::Passphrase(envelope));
            match passphrase_file {
                None => OpenedKek::Locked(locked),
                Some(file) => match locked.offer(&String::from_utf8_lossy(&read_private(file)?))? {
                    Offered::Opened(kek) => OpenedKek::Ready(kek),
                    Offered::More { .. } => OpenedKek::Locked(locked),
                },
            }
        }
    })
}

/// What a key file is or names, without opening it.
pub struct Seen {
    pub kind: KekKind,
    /// Check value, hexadecimal.
    pub check: String,
    /// The description, if it is one.
    pub place: Option<Place>,
}

pub fn look(path: &Path) -> Result<Seen, KekError> {
    let bytes = read_private(path)?;
    if let Some(secret) = raw(&bytes) {
        let check = HEXLOWER.encode(&check_value(&secret));
        return Ok(Seen { kind: KekKind::File, check, place: None });
    }
    let place = describe::parse(path, &bytes)?;
    Ok(Seen { kind: place.kind(), check: place.check().to_owned(), place: Some(place) })
}

/// The KEK that follows lies beside the one that wraps, under this name, until the rotation is through.
pub fn next_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
}

/// Which of the two a database wants, by its check value: the file itself, or after a crash in the middle of a rotation the one that
/// follows.
pub fn wanted(path: &Path, check: Option<[u8; 8]>) -> PathBuf {
    let next = next_of(path);
    let fits =
        |file: &Path| check.is_some_and(|check| look(file).is_ok_and(|seen| seen.check == HEXLOWER.encode(&check)));
    if !fits(path) && fits(&next) { next } else { path.to_owned() }
}

fn raw(bytes: &[u8]) -> Option<Secret> {
    <[u8; KEK_BYTES]>::try_from(bytes).ok().map(Secret::new)
}

/// The KEK itself, for whoever rotates it: of the kinds that are not in a module. `enter` gives the passphrase, or one share after the other.
pub fn current<E>(
    path: &Path,
    enter: &mut dyn FnMut() -> Result<Zeroizing<String>, E>,
) -> Result<Secret, Result<KekError, E>> {
    let bytes = read_private(path).map_err(Ok)?;
    if let Some(secret) = raw(&bytes) {
        return Ok(secret);
    }
    match describe::parse(path, &bytes).map_err(Ok)? {
        Place::Pkcs11(_) => Err(Ok(KekError::OtherKind(KekKind::Pkcs11))),
        Place::Passphrase(envelope) => envelope.open(&enter().map_err(Err)?).map_err(Ok),
        Place::Shares(custodians) => {
            let (mut shares, mut owners) = (Vec::new(), Vec::new());
            while shares.len() < usize::from(custodians.needed) {
                let share = ShareBytes::parse(&enter().map_err(Err)?).map_err(Ok)?;
                let owner = custodians.whose(&share).map_err(Ok)?.to_owned();
                if !owners.contains(&owner) {
                    owners.push(owner);
                    shares.push(share);
                }
            }
            custodians.combine(&shares).map_err(Ok)
        }
    }
}

/// The hardware module that a key file names, if it names one.
pub fn module(path: &Path) -> Option<HsmKey> {
    match describe::parse(path, &read_private(path).ok()?).ok()? {
        Place::Pkcs11(key) => Some(key),
        Place::Passphrase(_) | Place::Shares(_) => None,
    }
}

enum Lock {
    Passphrase(Envelope),
    Shares(Custodians),
}

/// A KEK that waits for people.
pub struct Locked {
    lock: Lock,
    shares: Vec<(String, ShareBytes)>,
    since: Option<Instant>,
}

/// What came of something that was entered.
pub enum Offered {
    Opened(Box<dyn KekProvider>),
    /// A good share, of this custodian; `have` of `needed` are here.
    More {
        from: String,
        have: usize,
        needed: usize,
    },
}

impl Locked {
    fn new(lock: Lock) -> Locked {
        Locked { lock, shares: Vec::new(), since: None }
    }

    pub fn kind(&self) -> KekKind {
        match self.lock {
            Lock::Passphrase(_) => KekKind::Passphrase,
            Lock::Shares(_) => KekKind::Shares,
        }
    }

    /// How many shares are here, and how many must be.
    pub fn progress(&self) -> (usize, usize) {
        match &self.lock {
            Lock::Passphrase(_) => (0, 1),
            Lock::Shares(custodians) => (self.shares.len(), usize::from(custodians.needed)),
        }
    }

    /// Takes a passphrase or a share.
    pub fn offer(&mut self, text: &str) -> Result<Offered, KekError> {
        self.forget_old();
        let text = text.trim_end_matches(['\r', '\n']);
        let custodians = match &self.lock {
            Lock::Passphrase(envelope) => {
                return Ok(Offered::Opened(Box::new(SoftKek::new(&envelope.open(text)?, KekKind::Passphrase))));
            }
            Lock::Shares(custodians) => custodians,
        };
        let share = ShareBytes::parse(text)?;
        let from = custodians.whose(&share)?.to_owned();
        // Entered twice, it counts once.
        if !self.shares.iter().any(|(known, _)| *known == from) {
            self.shares.push((from.clone(), share));
            self.since.get_or_insert_with(Instant::now);
        }
        let (have, needed) = (self.shares.len(), usize::from(custodians.needed));
        if have < needed {
            return Ok(Offered::More { from, have, needed });
        }
        let shares: Vec<ShareBytes> = self.shares.drain(..).map(|(_, share)| share).collect();
        self.since = None;
        let secret = custodians.combine(&shares)?;
        Ok(Offered::Opened(Box::new(SoftKek::new(&secret, KekKind::Shares))))
    }

    /// A ceremony that was not finished begins anew.
    pub fn forget_old(&mut self) {
        if self.since.is_some_and(|since| since.elapsed() > CEREMONY) {
            self.shares.clear();
            self.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{create_file, create_raw};
    use crate::testing::Folder;
    use std::os::unix::fs::PermissionsExt;

    fn opened(path: &Path, passphrase: Option<&Path>) -> String {
        match open(path, passphrase) {
            Ok(OpenedKek::Ready(kek)) => format!("opened {:?}", kek.kind()),
            Ok(OpenedKek::Locked(locked)) => format!("locked {:?}", locked.kind()),
            Err(e) => format!("{}: {e}", e.code()),
        }
    }

    #[test]
    fn a_key_file_is_refused_by_name() {
        let folder = Folder::new();
        let check = |name: &str, mode: u32, bytes: &[u8], expected: &str| {
            let path = folder.path(name);
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let got = opened(&path, None);
            assert!(got.contains(expected), "{name}: {got}");
        };
        check("good", 0o600, &[7; 32], "opened File");
        check("read-only", 0o400, &[7; 32], "opened File");
        check("group", 0o640, &[7; 32], "chmod 600");
        check("world", 0o604, &[7; 32], "mode 0604");
        check("short", 0o600, &[7; 31], "31 bytes");
        check("long", 0o600, &[7; 33], "33 bytes");
        check("empty", 0o600, &[], "0 bytes");
        check("cut", 0o600, b"{\"florin_kek\":1,", "key_damaged");
        check(
            "newer",
            0o600,
            b"{\"florin_kek\":2,\"kind\":\"shares\",\"needed\":2,\"custodians\":[],\"check\":\"\",\"salt\":\"\"}",
            "newer",
        );
        check("no kind", 0o600, b"{\"florin_kek\":1}", "key_damaged");
        assert!(opened(&folder.path("none"), None).contains("key_missing"));
        assert!(opened(&folder.path(""), None).contains("regular file"));
        assert!(matches!(create_raw(&folder.path("good")), Err(KekError::Exists(_))));
    }

    #[test]
    fn a_passphrase_is_entered_or_read_from_a_file() {
        let folder = Folder::new();
        let secret = Secret::new([3; 32]);
        let envelope = Envelope::seal(&secret, "a long passphrase of words").unwrap();
        let kek = folder.path("kek");
        create_file(&kek, &Place::Passphrase(envelope).text()).unwrap();
        assert_eq!(opened(&kek, None), "locked Passphrase");
        create_file(&folder.path("right"), b"a long passphrase of words\n").unwrap();
        assert_eq!(opened(&kek, Some(&folder.path("right"))), "opened Passphrase");
        create_file(&folder.path("wrong"), b"a long passphrase of word").unwrap();
        assert!(opened(&kek, Some(&folder.path("wrong"))).starts_with("wrong_passphrase"));
        let Ok(OpenedKek::Locked(mut locked)) = open(&kek, None) else { panic!("not locked") };
        assert!(matches!(locked.offer("no"), Err(KekError::WrongPassphrase)));
        let Ok(Offered::Opened(kek)) = locked.offer("a long passphrase of words") else { panic!("not opened") };
        assert_eq!(kek.check_value(), crate::keys::check_value(&secret));
    }

    #[test]
    fn after_a_crash_in_a_rotation_the_fitting_file_is_taken() {
        let folder = Folder::new();
        let kek = folder.path("kek");
        create_file(&kek, &[1; 32]).unwrap();
        create_file(&next_of(&kek), &[2; 32]).unwrap();
        let check = |n: u8| Some(check_value(&Secret::new([n; 32])));
        assert_eq!(wanted(&kek, check(1)), kek);
        assert_eq!(wanted(&kek, check(2)), next_of(&kek));
        assert_eq!(wanted(&kek, check(3)), kek, "the error names the file that was set");
        assert_eq!(wanted(&kek, None), kek, "a new vault");
    }

    #[test]
    fn custodians_come_one_by_one_and_wrong_shares_are_named() {
        let folder = Folder::new();
        let names: Vec<String> = ["anna", "ben", "chris"].map(str::to_owned).to_vec();
        let secret = Secret::new([4; 32]);
        let (custodians, given) = Custodians::split(&secret, 2, &names).unwrap();
        let (_, strangers) = Custodians::split(&secret, 2, &names).unwrap();
        create_file(&folder.path("kek"), &Place::Shares(custodians).text()).unwrap();
        let Ok(OpenedKek::Locked(mut locked)) = open(&folder.path("kek"), None) else { panic!("not locked") };
        assert!(matches!(locked.offer("hello"), Err(KekError::NotAShare)));
        assert!(matches!(locked.offer(&strangers[0].share), Err(KekError::WrongShare)));
        for _ in 0..2 {
            let Ok(Offered::More { from, have, needed }) = locked.offer(&given[2].share) else { panic!("opened") };
            assert_eq!((from.as_str(), have, needed), ("chris", 1, 2), "a share counts once");
        }
        let Ok(Offered::Opened(kek)) = locked.offer(&given[0].share) else { panic!("not opened") };
        assert_eq!((kek.check_value(), kek.kind()), (crate::keys::check_value(&secret), KekKind::Shares));
        assert_eq!(locked.progress(), (0, 2), "nothing of them is kept");
    }
}
