//! Secrets that rest in a file, as a merchant keeps them: only its owner may read it, or it is not read. Knows no format beyond lines of
//! words.

use crate::Secret;
use std::fmt;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

const LIMIT_BYTES: u64 = 64 * 1024;

#[derive(Debug)]
pub enum BadFile {
    Io(std::io::Error),
    /// Not a plain file, or more than 64 KiB.
    NotAFile,
    /// Others may read or write it: `chmod 600` it.
    NotPrivate,
    /// It belongs to another user.
    NotMine,
    NotText,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFile::Io(e) => write!(f, "{e}"),
            BadFile::NotAFile => f.write_str("it is no plain file of at most 64 KiB"),
            BadFile::NotPrivate => f.write_str("others may read or change it: run chmod 600 on it"),
            BadFile::NotMine => f.write_str("it belongs to another user"),
            BadFile::NotText => f.write_str("it is not UTF-8 text"),
        }
    }
}

impl std::error::Error for BadFile {}

/// Words of the file, one secret each, in their order: `ID SECRET`, say. What was looked at is what is read, links are not followed.
pub fn read_private(path: &Path) -> Result<Vec<Secret>, BadFile> {
    let mut words = vec![];
    read_private_to(path, |text| words = text.split_whitespace().map(Secret::new).collect())?;
    Ok(words)
}

/// The same, handing over the whole text, which is wiped afterwards.
pub fn read_private_to(path: &Path, take: impl FnOnce(&str)) -> Result<(), BadFile> {
    let no_links = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(no_links).open(path);
    let file = opened.map_err(BadFile::Io)?;
    let meta = file.metadata().map_err(BadFile::Io)?;
    if !meta.is_file() || meta.len() > LIMIT_BYTES {
        return Err(BadFile::NotAFile);
    }
    if meta.mode() & 0o077 != 0 {
        return Err(BadFile::NotPrivate);
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(BadFile::NotMine);
    }
    // Room for all of it at once: a text that grows leaves copies of itself behind.
    let room = usize::try_from(meta.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(LIMIT_BYTES).read_to_end(&mut bytes).map_err(BadFile::Io)?;
    take(std::str::from_utf8(&bytes).map_err(|_| BadFile::NotText)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_a_private_file_is_read() {
        let folder = std::env::temp_dir().join(format!("florin-merchant-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("order.key");
        std::fs::write(&path, "ordkey_1 ordsec_2\n").unwrap();
        let check = |mode: u32, expected: Result<usize, &str>| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = read_private(&path);
            let told = read.as_ref().map(Vec::len).map_err(ToString::to_string);
            assert_eq!(told, expected.map_err(str::to_owned), "{mode:o}");
        };
        check(0o600, Ok(2));
        check(0o400, Ok(2));
        check(0o640, Err("others may read or change it: run chmod 600 on it"));
        check(0o604, Err("others may read or change it: run chmod 600 on it"));
        check(0o602, Err("others may read or change it: run chmod 600 on it"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link), Err(BadFile::Io(_))));
        assert!(matches!(read_private(&folder), Err(BadFile::NotAFile)));
        assert!(!format!("{:?}", read_private(&path).unwrap()).contains("ordsec"));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_private(&path), Err(BadFile::NotText)));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
