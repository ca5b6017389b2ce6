//! What the processes of a running system have given up, as the kernel tells it of every thread.

use crate::house::House;
use std::fs;

/// The right to lock memory: kept by the vault where there is a limit on locked memory.
const CAP_IPC_LOCK: u64 = 1 << 14;

/// A line of `/proc/…/status`.
fn status<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim()
}

#[test]
fn every_process_gives_up_what_it_does_not_need() {
    let house = House::new("hardened");
    let demo = house.demo();
    let processes = demo.ready["processes"].as_object().unwrap();
    assert_eq!(processes.len(), 4, "{processes:?}");
    for (role, pid) in processes {
        let proc = |path: &str| format!("/proc/{pid}/{path}");
        let limits = fs::read_to_string(proc("limits")).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{role}");
        let threads: Vec<_> = fs::read_dir(proc("task")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!threads.is_empty(), "{role}");
        for thread in threads {
            // One that has ended since gives up everything.
            let Ok(text) = fs::read_to_string(thread.join("status")) else { continue };
            let at = format!("{role}: {text}");
            assert_eq!(status(&text, "NoNewPrivs"), "1", "{at}");
            let rights = |name| u64::from_str_radix(status(&text, name), 16).unwrap();
            let kept = if role == "vault" { CAP_IPC_LOCK } else { 0 };
            assert_eq!((rights("CapEff") | rights("CapPrm")) & !kept, 0, "{at}");
            assert_eq!(rights("CapInh") | rights("CapAmb"), 0, "{at}");
            if role == "vault" {
                assert_eq!(status(&text, "Seccomp"), "2", "{at}");
            }
        }
    }
    let told = &demo.ready["hardened"];
    for what in ["no_core_dumps", "not_dumpable", "memory_wiped", "no_capabilities", "paths_confined", "calls_confined"]
    {
        assert_eq!(told[what], true, "{what}: {told}");
    }
    // A crash of any of them leaves no core behind, and the system goes on.
    demo.stop();
}
