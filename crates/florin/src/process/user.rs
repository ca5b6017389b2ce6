//! A user of its own for the vault, where Florin is started as root: whoever takes over the gateway cannot open the vault's files then, nor
//! look into its memory. What the two share is open to the vault's group. Knows no key.

use super::settings::VaultSettings;
use crate::config::Config;
use crate::fail::{Fail, io};
use crate::home::Home;
use rustix::fs::{Gid, OFlags, Uid, fchown};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};
use serde::{Deserialize, Serialize};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Taken when there is such a user and none is named.
const USUAL: &str = "florin-vault";
const USERS: &str = "/etc/passwd";
const SETTING: &str = "vault.user";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who the vault is to be; None: whoever starts it.
pub fn of(config: &Config) -> Result<Option<User>, Fail> {
    let named = config.text(SETTING);
    match (is_root(), named.is_empty()) {
        (false, true) => Ok(None),
        (false, false) => Err(Fail::usage(
            "needs_root",
            SETTING,
            "only root can start the vault as another user. Take the setting away.",
        )),
        (true, _) => {
            let users = std::fs::read_to_string(USERS).unwrap_or_default();
            let found = chosen(if named.is_empty() { USUAL } else { named }, &users);
            match found {
                None if named.is_empty() => Ok(None),
                Some(User { uid: 1.., gid: 1.. }) => Ok(found),
                Some(_) | None => {
                    let says =
                        "give the name of a user, UID or UID:GID; not root. Make one: useradd --system florin-vault";
                    Err(Fail::usage("invalid_setting", SETTING, says))
                }
            }
        }
    }
}

/// By name in the table of users (passwd(5)), or by numbers.
fn chosen(text: &str, users: &str) -> Option<User> {
    let numbers = |uid: &str, gid: &str| Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? });
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.split_once(':').map_or_else(|| numbers(text, text), |(uid, gid)| numbers(uid, gid));
    }
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<&str>>());
    lines.find(|parts| parts.first() == Some(&text)).and_then(|parts| numbers(parts.get(2)?, parts.get(3)?))
}

/// Of what lies there, and never of what a link leads to: the vault's user may put links into its own folder while root looks.
fn give(path: &Path, owner: Option<u32>, group: u32, mode: u32) -> Result<(), Fail> {
    let failed = |e: std::io::Error| io("hand over", path, &e);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    fchown(&file, owner.map(Uid::from_raw), Some(Gid::from_raw(group))).map_err(|e| failed(e.into()))?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed)
}

/// Makes what the vault needs its own, or open to its group, and nothing else.
pub fn prepare(home: &Home, vault: &VaultSettings, user: User) -> Result<(), Fail> {
    reachable(&home.root)?;
    give(&home.root, None, user.gid, 0o710)?;
    for socket in [&vault.socket, &vault.unlock] {
        // One of a vault that was root's could not be taken away by this one.
        let _ = std::fs::remove_file(socket);
        if let Some(folder) = socket.parent() {
            // Sticky: the vault makes sockets there, and can take nobody else's away.
            give(folder, None, user.gid, 0o1770)?;
        }
    }
    let tls = home.tls("");
    give(&tls, None, user.gid, 0o750)?;
    for entry in tls.read_dir().map_err(|e| io("read", &tls, &e))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            give(&entry.path(), None, user.gid, 0o640)?;
        }
    }
    own(&home.vault(), user)?;
    if vault.kek == home.kek() {
        give(&home.root.join("keys"), None, user.gid, 0o710)?;
        return give(&vault.kek, Some(user.uid), user.gid, 0o600);
    }
    for file in [Some(&vault.kek), vault.passphrase_file.as_ref()].into_iter().flatten() {
        let about = file.metadata().map_err(|e| io("look at", file, &e))?;
        if about.uid() != user.uid {
            let says = format!(
                "the vault runs as user {}, and {} belongs to {}. Run: chown {} {}",
                user.uid,
                file.display(),
                about.uid(),
                user.uid,
                file.display()
            );
            return Err(Fail::usage("key_of_another_user", SETTING, says));
        }
    }
    Ok(())
}

/// What a vault's user had is root's again, once the setting is gone.
pub fn take_back(home: &Home, vault: &VaultSettings) -> Result<(), Fail> {
    let owner = |path: &Path| path.metadata().map_or(0, |about| about.uid());
    if !is_root() || owner(&home.vault()) == 0 {
        return Ok(());
    }
    let root = User { uid: 0, gid: 0 };
    own(&home.vault(), root)?;
    if vault.kek == home.kek() { give(&vault.kek, Some(root.uid), root.gid, 0o600) } else { Ok(()) }
}

/// The folder and all that lies in it. Links are not followed: there are none of ours.
fn own(folder: &Path, user: User) -> Result<(), Fail> {
    give(folder, Some(user.uid), user.gid, 0o700)?;
    for entry in folder.read_dir().map_err(|e| io("read", folder, &e))?.flatten() {
        let kind = entry.file_type().map_err(|e| io("look at", folder, &e))?;
        if kind.is_dir() {
            own(&entry.path(), user)?;
        } else if kind.is_file() {
            give(&entry.path(), Some(user.uid), user.gid, 0o600)?;
        }
    }
    Ok(())
}

/// The vault's user must be able to come to the data folder.
fn reachable(root: &Path) -> Result<(), Fail> {
    for folder in root.ancestors().skip(1) {
        if folder.metadata().is_ok_and(|about| about.mode() & 0o001 == 0) {
            let says = format!(
                "the vault's user cannot come through {}. Run: chmod o+x {}, or choose another folder with --data.",
                folder.display(),
                folder.display()
            );
            return Err(Fail::usage("vault_out_of_reach", SETTING, says));
        }
    }
    Ok(())
}

/// The vault becomes that user, for good. Before there is another thread.
pub fn become_vault(user: User) -> Result<(), Fail> {
    florin_vault::harden::allow_locked_memory();
    become_group(user)?;
    set_thread_uid(Uid::from_raw(user.uid)).map_err(|e| failed(&e))
}

/// The gateway stays who it is, and gets the group of what it shares with the vault.
pub fn become_group(user: User) -> Result<(), Fail> {
    let group = Gid::from_raw(user.gid);
    set_thread_groups(&[]).and_then(|()| set_thread_gid(group)).map_err(|e| failed(&e))
}

fn failed(error: &rustix::io::Errno) -> Fail {
    Fail::new("user_not_changed", format!("the process cannot become the vault's user: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_name_or_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nflorin-vault:x:997:996::/nonexistent:/usr/sbin/nologin\n";
        let check = |text: &str, expected: Option<(u32, u32)>| {
            assert_eq!(chosen(text, users), expected.map(|(uid, gid)| User { uid, gid }), "{text}");
        };
        check("florin-vault", Some((997, 996)));
        check("root", Some((0, 0)));
        check("nobody", None);
        check("64123", Some((64123, 64123)));
        check("64123:64124", Some((64123, 64124)));
        check("64123:x", None);
        check("1e3", None);
        check("", None);
    }
}
