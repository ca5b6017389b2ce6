//! What the process gives up at start, before keys are loaded: core dumps, tracing by others, swapping, readable new files.
//! Knows nothing of what it protects.

use rustix::fs::Mode;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
use serde::{Deserialize, Serialize};

/// What held. Shown in the vault's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardened {
    /// A crash writes no memory to disk.
    pub no_core_dumps: bool,
    /// Others of the same user cannot read or trace this process.
    pub not_dumpable: bool,
    /// No page is swapped out. Needs the right to lock memory (CAP_IPC_LOCK).
    pub memory_locked: bool,
    /// Freed memory is overwritten.
    pub memory_wiped: bool,
}

/// Applies everything that can be had; holds for the whole process and is not taken back.
pub fn harden() -> Hardened {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    Hardened {
        no_core_dumps: setrlimit(Resource::Core, none).is_ok(),
        not_dumpable: set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok(),
        memory_locked: lock_memory(),
        memory_wiped: crate::wipe::is_on(),
    }
}

/// Under a limit on locked memory, locking would succeed now and make allocations fail later: then it is not tried.
fn lock_memory() -> bool {
    may_lock_all() && mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT).is_ok()
}

fn may_lock_all() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let unlimited = rustix::process::getrlimit(Resource::Memlock).current.is_none();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    unlimited || capabilities & (1 << CAP_IPC_LOCK) != 0
}
