//! What the process gives up at start, before keys are loaded: core dumps, tracing by others, swapping, readable new files, rights
//! that it was started with, paths, ports and system calls that it has no use for. Knows nothing of what it protects.

use crate::confine::Confined;
use rustix::fs::Mode;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};
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
    /// Nothing that is started from here gets more rights.
    #[serde(default)]
    pub no_new_privileges: bool,
    /// Rights of root that a process can have beyond its user's are given up, for good; all but that to lock memory, where it is needed.
    #[serde(default)]
    pub no_capabilities: bool,
    /// Landlock: other paths and TCP ports than its own are out of reach.
    #[serde(default)]
    pub paths_confined: bool,
    /// seccomp: system calls that it does not make are refused.
    #[serde(default)]
    pub calls_confined: bool,
}

impl Hardened {
    pub fn and(self, confined: Confined) -> Hardened {
        Hardened { paths_confined: confined.paths, calls_confined: confined.calls, ..self }
    }

    /// What this machine could not give, in words for whoever runs it.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            (self.no_core_dumps, "core dumps could not be switched off"),
            (self.not_dumpable, "tracing by the same user could not be refused"),
            (
                self.memory_locked,
                "memory could not be locked: it may be swapped to disk. Give CAP_IPC_LOCK or LimitMEMLOCK=infinity",
            ),
            (self.memory_wiped, "freed memory is not wiped"),
            (self.no_new_privileges, "gaining privileges could not be refused"),
            (self.no_capabilities, "capabilities could not be given up"),
            (self.paths_confined, "paths and ports are not confined: the kernel has no Landlock of Linux 6.7 or newer"),
            (self.calls_confined, "system calls are not confined: the kernel has no seccomp filters"),
        ];
        all.into_iter().filter(|(holds, _)| !holds).map(|(_, words)| words).collect()
    }
}

/// Applies everything that can be had but confinement, to this thread and all that it starts; not taken back. Called before there is
/// another thread. What is confined comes later: opening a key may need more of the machine than holding it.
pub fn harden() -> Hardened {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let no_core_dumps = setrlimit(Resource::Core, none).is_ok();
    let lock = lock_memory();
    let no_new_privileges = set_no_new_privs(true).is_ok();
    // Under a limit, what is allocated later is locked by this right alone. It allows nothing else.
    let kept = if lock == Lock::ByRight { CapabilitySet::IPC_LOCK } else { CapabilitySet::empty() };
    let no_capabilities = drop_capabilities(kept);
    // Last: a change of rights makes a process dumpable again.
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    Hardened {
        no_core_dumps,
        not_dumpable,
        memory_locked: lock != Lock::None,
        memory_wiped: crate::wipe::is_on(),
        no_new_privileges,
        no_capabilities,
        paths_confined: false,
        calls_confined: false,
    }
}

/// What every process of the system gives up: dumps, tracing, rights. Those that hold no card may still reach what their user may.
pub fn harden_lightly() {
    umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_no_new_privs(true);
    let _ = drop_capabilities(CapabilitySet::empty());
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Lets this process lock as much memory as it wants, where it is root and is about to become somebody else.
pub fn allow_locked_memory() {
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}

/// How memory came to be locked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    None,
    /// There is no limit on locked memory.
    Unlimited,
    /// There is one, and the right to pass it (CAP_IPC_LOCK).
    ByRight,
}

/// Under a limit and without the right, locking would succeed now and make allocations fail later: then it is not tried.
fn lock_memory() -> Lock {
    let all = Rlimit { current: None, maximum: None };
    let unlimited = rustix::process::getrlimit(Resource::Memlock).current.is_none();
    let may = |right| capabilities(None).is_ok_and(|sets| sets.effective.contains(right));
    let how = match () {
        () if unlimited || setrlimit(Resource::Memlock, all).is_ok() => Lock::Unlimited,
        () if may(CapabilitySet::IPC_LOCK) => Lock::ByRight,
        () => return Lock::None,
    };
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => how,
        Err(_) => Lock::None,
    }
}

fn drop_capabilities(kept: CapabilitySet) -> bool {
    // The bounding set can be made smaller by root alone; for others it bounds nothing that they could gain.
    for capability in CapabilitySet::all().difference(kept) {
        let _ = remove_capability_from_bounding_set(capability);
    }
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: none }).is_ok()
}
