//! Whether restored databases are good: every page, every row, every sum, every card. And the keys that this takes.

use crate::commands::system;
use crate::commands::vault_keys::entered;
use crate::commands::verify::{self, Verified};
use crate::config::Config;
use crate::fail::{Fail, io};
use crate::home::{Home, kek_file, not_private, read_key, write_new};
use crate::named::Named;
use florin_core::seal::Secret;
use florin_vault::cards::Cards;
use florin_vault::cards::rotation::wanted_kek;
use florin_vault::keys::{self, KekError, KekProvider, Locked, Offered, OpenedKek};
use florin_vault::private;
use std::path::{Path, PathBuf};

/// Keys of an installation, as its keys folder holds them; the vault's may lie elsewhere.
pub struct Keys {
    folder: PathBuf,
    kek: PathBuf,
    /// Opens the vault's key, if it is behind a passphrase.
    passphrase: Option<PathBuf>,
}

pub struct Checked {
    pub found: Verified,
    pub cards: u64,
}

impl Keys {
    pub fn of(config: &Config, home: &Home) -> Keys {
        let passphrase = config.path("vault.passphrase_file");
        Keys { folder: home.root.join("keys"), kek: system::kek(config, home), passphrase }
    }

    /// A folder of keys that were kept apart from the data.
    pub fn kept(config: &Config, folder: &Path) -> Keys {
        let inside = folder.join("vault.kek");
        let kek = if inside.exists() { inside } else { config.path("vault.kek").unwrap_or(inside) };
        Keys { folder: folder.to_owned(), kek, passphrase: config.path("vault.passphrase_file") }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Both keys that a restore takes, asked for before anything is done; and no other key of the folder is anybody else's to use.
    pub fn root(&self) -> Result<Secret, Fail> {
        kek_file(&self.kek)?;
        for path in self.files()?.iter().filter(|path| is_key(path)) {
            private::check(path).map_err(|e| not_private(&e))?;
        }
        Ok(Secret::new(read_key::<32>(&self.folder.join("gateway.root"))?))
    }

    /// Opens everything there is in a restored folder. `files` are its databases.
    pub fn check(&self, root: &Path, files: &[&str], as_json: bool) -> Result<Checked, Fail> {
        for file in files {
            pages(&root.join(file))?;
        }
        let gateway = verify::database(&root.join("gateway/florin.db"), self.root()?, as_json)?;
        let kek = self.vaults(root)?;
        let live = root.join("keys/live").exists();
        let cards = Cards::open(&root.join("vault"), kek, live);
        let cards = cards.map_err(|e| florin_vault::process::StartError::Db(e).fail())?;
        let unreadable = |t| Fail::new("backup_damaged", format!("the vault's database cannot be read: {t:?}"));
        let (cards, wrong) = cards.audit().map_err(unreadable)?;
        let mut problems = gateway.problems;
        if wrong > 0 {
            problems.push(format!("{wrong} of {cards} cards do not open"));
        }
        Ok(Checked { found: Verified { problems, ..gateway }, cards })
    }

    /// The key that wrapped the data keys of this vault. A passphrase or shares that stand in no file are asked for.
    fn vaults(&self, root: &Path) -> Result<Box<dyn KekProvider>, Fail> {
        let refused = |e: KekError| Fail::new(e.code(), e.to_string());
        let file = keys::wanted(&self.kek, wanted_kek(&root.join("vault")));
        match keys::open(&file, self.passphrase.as_deref()).map_err(refused)? {
            OpenedKek::Ready(kek) => Ok(kek),
            OpenedKek::Locked(locked) => asked(locked),
        }
    }

    fn files(&self) -> Result<Vec<PathBuf>, Fail> {
        let failed = |e: std::io::Error| io("read", &self.folder, &e);
        let mut files = vec![];
        for entry in self.folder.read_dir().map_err(failed)? {
            files.push(entry.map_err(failed)?.path());
        }
        files.retain(|path| path.is_file());
        Ok(files)
    }

    /// Into a restored folder what is missing there; the vault's key only if it lay among them.
    pub fn copy(&self, to: &Path) -> Result<(), Fail> {
        for from in self.files()? {
            let Some(name) = from.file_name() else { continue };
            let to = to.join(name);
            if !to.exists() {
                let bytes = std::fs::read(&from).map(zeroize::Zeroizing::new).map_err(|e| io("read", &from, &e))?;
                write_new(&to, &bytes)?;
            }
        }
        Ok(())
    }
}

/// By its name, as Florin gives them.
fn is_key(path: &Path) -> bool {
    let begins = |begin| path.file_name().and_then(|n| n.to_str()).is_some_and(|name| name.starts_with(begin));
    begins("vault.kek") || begins("gateway.root") || path.extension().is_some_and(|end| end == "key")
}

/// One line after the other, until the vault's key is open.
fn asked(mut locked: Locked) -> Result<Box<dyn KekProvider>, Fail> {
    loop {
        let (have, needed) = locked.progress();
        let text =
            entered(None, &format!("The vault's key is locked. Passphrase or share ({} of {needed}): ", have + 1))?;
        if text.is_empty() {
            let says =
                "the vault's key is locked: enter its passphrase or shares, a line each, or set vault.passphrase_file.";
            return Err(Fail::usage("nothing_entered", "vault.passphrase_file", says));
        }
        for line in text.lines() {
            match locked.offer(line).map_err(|e| Fail::new(e.code(), e.to_string()))? {
                Offered::Opened(kek) => return Ok(kek),
                Offered::More { .. } => {}
            }
        }
    }
}

/// SQLite's own look at every page and index.
fn pages(database: &Path) -> Result<(), Fail> {
    let damaged = |detail: String| Fail::new("backup_damaged", format!("{}: {detail}", database.display()));
    match florin_store::integrity(database) {
        Ok(None) => Ok(()),
        Ok(Some(found)) => Err(damaged(found)),
        Err(error) => Err(damaged(error)),
    }
}
