//! Tombstones outside of the database: whose personal data was erased, so that a restore erases it again. One line each, a keyed id
//! that tells nothing without the installation's id key. Appended and synced; never rewritten. Knows nobody's name.

use super::ports::Real;
use crate::fail::{Fail, io};
use florin_core::audit::By;
use florin_core::customer::{Customer, delete};
use florin_core::flow::{self, View};
use florin_core::id::{IdCodec, Key, Kind};
use florin_core::ports::Ports;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Ids looked at a time.
const AT_ONCE: usize = 500;
/// Longer lines are none of ours.
const LINE_BYTES: usize = 64;

pub struct Tombstones {
    path: PathBuf,
    ids: IdCodec,
    file: Mutex<Option<File>>,
}

impl Tombstones {
    pub fn at(path: &Path, ids: IdCodec) -> Tombstones {
        Tombstones { path: path.to_owned(), ids, file: Mutex::new(None) }
    }

    /// Durable when it returns. Nothing is destroyed that has no tombstone.
    pub fn add(&self, subjects: &[Key]) -> std::io::Result<()> {
        if subjects.is_empty() {
            return Ok(());
        }
        let text: String = subjects.iter().map(|key| self.ids.encode(Kind::Tombstone, *key) + "\n").collect();
        let mut held = self.file.lock().unwrap_or_else(|p| p.into_inner());
        let mut file = match held.take() {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
                // The file's name is durable as well.
                if let Some(folder) = self.path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                file
            }
        };
        // A line that was cut off by a crash ends here; a file that failed is opened anew.
        file.write_all(b"\n").and_then(|()| file.write_all(text.as_bytes())).and_then(|()| file.sync_data())?;
        *held = Some(file);
        Ok(())
    }

    /// Everybody whose data was erased. Lines that do not read are skipped: a crash may have cut one off.
    fn read(&self) -> Result<Vec<Key>, Fail> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(io("read", &self.path, &e)),
        };
        let mut keys = vec![];
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|e| io("read", &self.path, &e))?;
            let text = std::str::from_utf8(&line).ok().filter(|text| text.len() <= LINE_BYTES);
            keys.extend(text.and_then(|text| self.ids.decode(Kind::Tombstone, text)));
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

/// Erases again, in a restored database, what was erased before. Gives back how many customers were deleted again; keys are destroyed
/// as often as one likes.
pub async fn again(ports: &Real) -> Result<u64, Fail> {
    let Some(tombstones) = ports.store.tombstones() else { return Ok(0) };
    let failed = |failure: &flow::Failure| Fail::new("store_error", super::ops::plain(failure));
    let mut deleted = 0;
    for keys in tombstones.read()?.chunks(AT_ONCE) {
        let rows = ports.store().get(keys).await.map_err(|t| failed(&t.into()))?;
        for row in rows.into_iter().flatten().filter(|row| row.kind == Kind::Customer) {
            let view: View<Customer> = flow::read(&row).map_err(|f| failed(&f))?;
            if view.body.deleted.is_none() {
                delete(Some(&By::SYSTEM), ports, view.account, view.key).await.map_err(|f| failed(&f))?;
                deleted += 1;
            }
        }
        ports.store.forget_again(keys).await.map_err(|t| failed(&t.into()))?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_back_and_tells_nothing() {
        let path = std::env::temp_dir().join(format!("florin-erased-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let open = || Tombstones::at(&path, IdCodec::new(&[7; 16]));
        assert_eq!(open().read().unwrap(), []);
        let (one, two, three) = (Key(1_882_500_000_000_000_032), Key(1_882_500_000_000_000_064), Key(77));
        let first = open();
        first.add(&[two, one]).unwrap();
        first.add(&[]).unwrap();
        first.add(&[one]).unwrap();
        // A crash cut a line off; the next process goes on behind it.
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
        open().add(&[three]).unwrap();
        assert_eq!(open().read().unwrap(), [three, one, two]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("18825") && !text.contains("77\n"), "{text}");
        // Under another id key it leads nowhere.
        assert_eq!(Tombstones::at(&path, IdCodec::new(&[8; 16])).read().unwrap(), []);
        std::fs::remove_file(path).unwrap();
    }
}
