//! How long processes have been on a processor. Reads /proc and knows no process.

use std::path::Path;

/// Microseconds on a processor since the start, summed over the threads that live: the first number of `schedstat` is in
/// nanoseconds. Zero where the system does not tell.
pub fn spent_us(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| of_thread(&task.path())).sum::<u64>() / 1_000
}

fn of_thread(task: &Path) -> Option<u64> {
    std::fs::read_to_string(task.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}
