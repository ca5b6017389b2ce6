//! The processes of one binary, and how they are started, watched and stopped.

pub mod hand;
pub mod messages;
pub mod ready;
pub mod roles;
pub mod settings;
pub mod sites;
pub mod supervise;
pub mod user;

use crate::fail::Fail;
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs a future on this thread: one worker, as the design has it.
pub fn block_on<T>(work: impl Future<Output = Result<T, Fail>>) -> Result<T, Fail> {
    block_on_parking(work, || {})
}

/// The same, calling `parking` whenever the thread is about to wait.
pub fn block_on_parking<T>(
    work: impl Future<Output = Result<T, Fail>>,
    parking: impl Fn() + Send + Sync + 'static,
) -> Result<T, Fail> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(parking).build();
    let runtime = runtime.map_err(|e| Fail::new("no_runtime", format!("the system gives no event queue: {e}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// Done when the process is asked to stop: SIGTERM, SIGINT, or (for a child) its starter closing standard input, which happens
/// also when the starter dies.
pub async fn asked_to_stop(child: bool) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return;
    };
    let closed = async {
        if !child {
            return std::future::pending::<()>().await;
        }
        let mut input = tokio::io::stdin();
        let mut buffer = [0u8; 64];
        while matches!(input.read(&mut buffer).await, Ok(n) if n > 0) {}
    };
    tokio::select! {
        _ = term.recv() => {}
        // A terminal sends SIGINT to every process of the group: children wait for their starter, so that work in flight is finished.
        _ = int.recv(), if !child => {}
        () = closed => {}
    }
}

/// Asks to start the processes anew: SIGUSR2; and SIGHUP where no terminal's end means it. Listens from the moment it is made: one
/// that comes while nobody waits is kept for whoever waits next.
pub struct Restarts {
    usr2: Signal,
    hup: Option<Signal>,
}

impl Restarts {
    /// To be made before anybody knows whom to ask: until then these signals end the program, as they always do.
    pub fn listen(hangups: bool) -> Result<Restarts, Fail> {
        let no = |e: std::io::Error| Fail::new("no_signals", format!("cannot listen for signals: {e}"));
        let hup = if hangups { Some(signal(SignalKind::hangup()).map_err(no)?) } else { None };
        Ok(Restarts { usr2: signal(SignalKind::user_defined2()).map_err(no)?, hup })
    }

    pub async fn asked(&mut self) {
        let hup = async {
            match &mut self.hup {
                Some(hup) => hup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.usr2.recv() => {}
            _ = hup => {}
        }
    }
}

/// Tells the starter, in one line, that this process serves or why it does not.
pub fn say<T: Serialize>(line: &T) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if let Ok(text) = serde_json::to_string(line) {
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }
}
