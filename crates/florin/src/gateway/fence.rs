//! The fence of a restored installation: while the file is there, reads are answered and nothing that changes is. Knows no payment.

use crate::fail::{Fail, io};
use florin_core::edge::EdgeResponse;
use florin_core::ports::Ports;
use florin_core::restore::{Asked, opened};
use florin_core::time::Time;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// The error code of everything that is refused.
pub const CODE: &str = "installation_restored";
const SAYS: &str = "This installation was restored from a backup and is not open yet: what was paid after the backup is compared with the acquirer first (florin restore reconcile). Nothing was done; the same request can be sent again.";
/// How long clients wait before they ask again, in seconds.
const RETRY_AFTER_SECONDS: &str = "30";

/// What a restore leaves behind, as its file has it. Times are Unix seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restored {
    /// The backup's id.
    pub backup: String,
    pub made_at: i64,
    pub restored_at: i64,
}

impl Restored {
    pub fn asked(&self, margin_ms: i64, rehearsal: bool) -> Asked {
        let time = |seconds: i64| Time(seconds.saturating_mul(1_000));
        Asked { made: time(self.made_at), restored: time(self.restored_at), margin_ms, rehearsal }
    }
}

pub struct Fence {
    path: PathBuf,
    pub restored: Option<Restored>,
    open: watch::Sender<bool>,
    /// What is open may be settled: the comparison has said what it is.
    compared: watch::Sender<bool>,
    /// Messages compared, of so many.
    pub progress: (AtomicU64, AtomicU64),
    /// One comparison at a time.
    pub one: tokio::sync::Mutex<()>,
}

impl Fence {
    /// Looks for the file. A clock that stands before the restore is refused: ids would be made that were given out already.
    pub fn at(path: &Path, now: Time) -> Result<Fence, Fail> {
        let restored: Option<Restored> = match std::fs::read(path) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|_| {
                Fail::new(
                    "fence_unreadable",
                    format!("{} says nothing that can be read. Restore anew.", path.display()),
                )
            })?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(io("read", path, &e)),
        };
        if let Some(r) = &restored {
            let latest = r.made_at.max(r.restored_at);
            if now.seconds() < latest {
                return Err(clock_went_back(Time(latest.saturating_mul(1_000))));
            }
        }
        let open = watch::Sender::new(restored.is_none());
        let compared = watch::Sender::new(restored.is_none());
        let (path, progress) = (path.to_owned(), Default::default());
        Ok(Fence { path, restored, open, compared, progress, one: tokio::sync::Mutex::new(()) })
    }

    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Until it is lifted.
    pub async fn opened(&self) {
        // The sender lives as long as this.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    /// From here on the ordinary recovery works, whether the fence is lifted or not.
    pub fn settle(&self) {
        self.compared.send_replace(true);
    }

    /// Does the work once the books are compared.
    pub async fn after_comparing<T>(self: std::sync::Arc<Fence>, work: impl Future<Output = T>) -> T {
        let _ = self.compared.subscribe().wait_for(|compared| *compared).await;
        work.await
    }

    /// Does the work once it is lifted.
    pub async fn behind<T>(self: std::sync::Arc<Fence>, work: impl Future<Output = T>) -> T {
        self.opened().await;
        work.await
    }

    /// A process that died between the last commit of a comparison and the end of its file left nothing else to do.
    pub async fn lift_if_compared(&self, ports: &dyn Ports) -> Result<(), Fail> {
        let Some(restored) = self.restored.as_ref().filter(|_| self.is_closed()) else { return Ok(()) };
        let opened = opened(ports, restored.asked(0, false)).await;
        match opened.map_err(|f| Fail::new("store_error", super::ops::plain(&f)))? {
            true => self.lift(),
            false => Ok(()),
        }
    }

    /// Removes the file, for good before anything is let through.
    pub fn lift(&self) -> Result<(), Fail> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(io("remove", &self.path, &e)),
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| io("write", folder, &e))?;
        self.compared.send_replace(true);
        self.open.send_replace(true);
        Ok(())
    }

    pub fn note(&self, done: u64, of: u64) {
        self.progress.0.store(done, Ordering::Relaxed);
        self.progress.1.store(of, Ordering::Relaxed);
    }

    /// The answer to a request that may change something while the fence stands.
    pub fn refuses(&self, method: &str) -> Option<EdgeResponse> {
        let reads = matches!(method, "GET" | "HEAD" | "OPTIONS");
        (self.is_closed() && !reads).then(|| {
            let body = serde_json::json!({ "error": { "type": "api_error", "code": CODE, "message": SAYS } });
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let headers = vec![
                header("content-type", "application/json"),
                header("retry-after", RETRY_AFTER_SECONDS),
                header("stripe-should-retry", "true"),
            ];
            EdgeResponse { status: 503, headers, body: body.to_string().into_bytes() }
        })
    }

    /// The same for the terminal.
    pub fn fail() -> Fail {
        Fail::new(CODE, SAYS)
    }
}

pub fn clock_went_back(latest: Time) -> Fail {
    let c = latest.civil();
    Fail::new(
        "clock_went_back",
        format!(
            "this machine's clock stands before {:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z, when ids were given out that the backup does not have: new ones could be the same. Set the clock, then start again.",
            c.year, c.month, c.day, c.hour, c.minute, c.second
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("florin-fence-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn it_stands_until_it_is_lifted() {
        let folder = folder("stands");
        let path = folder.join("restored.json");
        assert!(!Fence::at(&path, Time(0)).unwrap().is_closed());
        std::fs::write(&path, r#"{"backup":"b","made_at":1000,"restored_at":2000}"#).unwrap();
        let fence = Fence::at(&path, Time(2_000_000)).unwrap();
        let statuses = ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT"].map(|m| fence.refuses(m).map(|r| r.status));
        assert_eq!(statuses, [None, None, None, Some(503), Some(503), Some(503)]);
        fence.lift().unwrap();
        assert!(!path.exists() && !fence.is_closed() && fence.refuses("POST").is_none());
        // Once more is nothing more.
        fence.lift().unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_it_refuses_to_begin_with() {
        let folder = folder("refuses");
        let path = folder.join("restored.json");
        let check = |text: &str, now: i64, expected: &str| {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Fence::at(&path, Time(now)).err().map(|f| f.code).as_deref(), Some(expected), "{text}");
        };
        check(r#"{"backup":"b","made_at":1000,"restored_at":2000}"#, 1_999_999, "clock_went_back");
        check(r#"{"backup":"b","made_at":3000,"restored_at":2000}"#, 2_999_999, "clock_went_back");
        check("{}", 9_000_000, "fence_unreadable");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
