//! One command with a deadline: its output line by line, its end, and the end of everything it started. Knows no stage.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Success,
    /// What the system said about it.
    Failure(String),
    /// It was still running at its deadline and was killed, with everything it had started.
    Overrun,
}

/// Every process of a stage carries this in its environment, so that those whose parent is gone are found too.
const MARK: &str = "XTASK_STAGE";
/// Between two looks at a command that says nothing.
const LOOK: Duration = Duration::from_millis(50);
/// How long a process that cannot be killed and holds the pipe is waited for.
const LAST_LINES: Duration = Duration::from_secs(2);
const QUEUED_LINES: usize = 1_024;
/// How long processes may take to die. They may start others meanwhile, which are killed too.
const DYING: Duration = Duration::from_secs(10);

/// Runs the command without input. Each line of its output goes to `line`; its errors go where ours go.
pub fn run(command: &mut Command, limit: Duration, line: &mut dyn FnMut(&str)) -> End {
    let deadline = Instant::now() + limit;
    run_until(command, &|| Instant::now() >= deadline, line)
}

fn run_until(command: &mut Command, over: &dyn Fn() -> bool, line: &mut dyn FnMut(&str)) -> End {
    let mark = format!("{}-{:?}", std::process::id(), Instant::now());
    let started = command.env(MARK, &mark).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(e) => return End::Failure(format!("{} cannot be started: {e}", command.get_program().to_string_lossy())),
    };
    let lines = read_lines(&mut child);
    let end = match watch(&mut child, &lines, over, line) {
        Some(status) if status.success() => End::Success,
        Some(status) => End::Failure(status.to_string()),
        None => End::Overrun,
    };
    kill_all(child.id(), &mark);
    // Reaps it; it has ended or was just killed.
    let _ = child.kill();
    let _ = child.wait();
    // Nobody of ours holds the pipe any more; a stranger that does is not waited for.
    while let Ok(text) = lines.recv_timeout(LAST_LINES) {
        line(&text);
    }
    end
}

fn read_lines(child: &mut Child) -> Receiver<String> {
    let (give, take) = sync_channel(QUEUED_LINES);
    if let Some(output) = child.stdout.take() {
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut bytes = Vec::new();
            while output.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&bytes).trim_end().to_string();
                if give.send(text).is_err() {
                    return;
                }
                bytes.clear();
            }
        });
    }
    take
}

/// Hands lines on until the command has ended. Nothing when it was over before that.
fn watch(
    child: &mut Child,
    lines: &Receiver<String>,
    over: &dyn Fn() -> bool,
    line: &mut dyn FnMut(&str),
) -> Option<ExitStatus> {
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Timeout) => {}
            // It closed its output and may go on.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK),
        }
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            _ if over() => return None,
            _ => {}
        }
    }
}

/// Kills what the command started and is still there, and waits until it is gone.
fn kill_all(root: u32, mark: &str) {
    let give_up = Instant::now() + DYING;
    loop {
        let running = started_by(root, mark);
        if running.is_empty() || Instant::now() >= give_up {
            return;
        }
        let ids = running.iter().map(ToString::to_string);
        let _ = Command::new("sh").args(["-c", "kill -9 \"$@\" 2>/dev/null", "kill"]).args(ids).status();
        thread::sleep(LOOK);
    }
}

/// The processes that descend from `root` or carry the mark. Needs `/proc`; elsewhere only the command itself is killed.
fn started_by(root: u32, mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}");
    let marked = |id: u32| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|&b| b == 0).any(|entry| entry == wanted.as_bytes())
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, living_parent(id)?))).collect();
    let mut found: Vec<u32> = all.iter().map(|(id, _)| *id).filter(|id| *id == root || marked(*id)).collect();
    loop {
        let more: Vec<u32> = all
            .iter()
            .filter(|(id, parent)| found.contains(parent) && !found.contains(id))
            .map(|(id, _)| *id)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// The parent of a process that has not ended: fields 3 and 4 of `/proc/ID/stat`, after the name in parentheses.
fn living_parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn shell(script: &str, limit: Duration) -> (End, Vec<String>) {
        let mut said = Vec::new();
        let end = run(Command::new("sh").args(["-c", script]), limit, &mut |line| said.push(line.to_string()));
        (end, said)
    }

    #[test]
    fn commands_end() {
        let long = Duration::from_secs(60);
        let lines = |text: &[&str]| text.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shell("echo a; echo b", long), (End::Success, lines(&["a", "b"])));
        assert_eq!(shell("printf a; exit 3", long), (End::Failure("exit status: 3".to_string()), lines(&["a"])));
        assert_eq!(shell("read x || echo none", long), (End::Success, lines(&["none"])));
        let missing = run(&mut Command::new("florin-no-such-program"), long, &mut |_| {});
        assert!(matches!(missing, End::Failure(text) if text.contains("cannot be started")));
    }

    #[test]
    fn an_overrun_ends_with_all_its_children() {
        let said = RefCell::new(Vec::new());
        let script = "sleep 600 & echo $!; (sleep 600 & echo $!); wait";
        let over = || said.borrow().len() == 2;
        let end = run_until(Command::new("sh").args(["-c", script]), &over, &mut |line| {
            said.borrow_mut().push(line.to_string());
        });
        assert_eq!((end, said.borrow().len()), (End::Overrun, 2));
        for id in said.take() {
            assert_eq!(id.parse().ok().and_then(living_parent), None, "{id} still runs");
        }
    }

    #[test]
    fn a_limit_ends_a_command() {
        assert_eq!(shell("sleep 600", Duration::ZERO), (End::Overrun, Vec::new()));
    }

    #[test]
    fn what_outlives_its_command_is_ended() {
        let (end, said) = shell("sleep 600 & echo $!", Duration::from_secs(60));
        assert_eq!(end, End::Success);
        assert_eq!(said.first().and_then(|id| id.parse().ok()).and_then(living_parent), None);
    }
}
