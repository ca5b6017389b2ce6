//! The disk under the database: whether there is room for what is begun, and whether the database still takes anything. Knows no request.

use super::ports::Real;
use crate::log::log;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// With less, nothing new is begun: what is under way needs room to end, and so do reversals.
const LEAST_FREE_BYTES: u64 = 32 * 1024 * 1024;
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub struct Disk {
    folder: PathBuf,
    low: AtomicBool,
}

impl Disk {
    /// Of the file system that holds this file.
    pub fn under(file: &Path) -> Disk {
        let disk = Disk { folder: file.parent().unwrap_or(file).to_owned(), low: AtomicBool::new(false) };
        disk.look();
        disk
    }

    /// Nothing new may be begun.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Room for this user. A file system that does not tell is not taken for a full one.
    pub fn free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.folder).map_or(u64::MAX, |told| told.f_bavail.saturating_mul(told.f_frsize))
    }

    fn look(&self) {
        let low = self.free_bytes() < LEAST_FREE_BYTES;
        if low != self.low.swap(low, Ordering::Relaxed) {
            let what = if low { "too full: nothing new is begun. Free some space" } else { "no longer too full" };
            log!("florin gateway", "the disk of {} is {}", *self.folder, what);
        }
    }

    /// Looks until the database takes nothing any more, and says why.
    pub async fn watch(&self, ports: Arc<Real>) -> String {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look();
            if let Some(why) = ports.store.why_stopped() {
                return why;
            }
        }
    }
}
