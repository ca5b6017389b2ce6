//! The florin binary: one program, several processes.

mod built;
mod certificates;
mod cli;
mod commands;
mod config;
mod desktop;
mod fail;
mod gateway;
mod home;
mod log;
mod named;
mod out;
mod pki;
mod process;

use clap::Parser;
use cli::{Cli, Command, LedgerAsk};
use florin_vault::wipe::WipingAlloc;
use std::process::ExitCode;

/// Wipes what is freed once the vault's role switches it on; elsewhere it is jemalloc alone.
#[global_allocator]
static ALLOCATOR: WipingAlloc<tikv_jemallocator::Jemalloc> = WipingAlloc(tikv_jemallocator::Jemalloc);

/// Help and wrong usage: as text, or as JSON where the caller asked for that.
fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|arg| arg == "--json");
    if !json || !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    fail::Fail::new("usage", format!("{first}. `florin --help` teaches the commands.")).print(true);
    ExitCode::from(2)
}

fn main() -> ExitCode {
    log::quiet_panics();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.common.json;
    let outcome = match &cli.command {
        Command::Process(process) => process::roles::run(&process.role),
        Command::Completions { shell } => commands::plain::completions(*shell),
        Command::Version { sbom } => commands::plain::version(json, *sbom),
        Command::Upgrade { ask } => commands::upgrade::run(&cli.common, ask),
        Command::Prove(args) => commands::prove::run(args, json),
        Command::Bench(args) => commands::bench::run(args, json),
        Command::Backup { ask } => commands::backup::run(&cli.common, ask),
        Command::Doctor => commands::doctor::run(&cli.common),
        Command::Pay(args) => commands::pay::run(&cli.common, args),
        Command::Capture { id, amount } => commands::manage::capture(&cli.common, id, amount.as_deref()),
        Command::Cancel { id } => commands::manage::cancel(&cli.common, id),
        Command::Refund { id, amount } => commands::manage::refund(&cli.common, id, amount.as_deref()),
        Command::Show { id } => commands::manage::show(&cli.common, id),
        Command::List { limit } => commands::manage::list(&cli.common, *limit),
        Command::Trace { id, link, open } => commands::trace::run(&cli.common, id, *link, *open),
        Command::Settlement { ask } => commands::settlement::run(&cli.common, ask),
        Command::Restore { ask } => commands::restore::run(&cli.common, ask),
        Command::Network(args) => commands::network::run(&cli.common, args),
        Command::Demo(args) => commands::serve::demo(&cli.common, args),
        Command::Keys { ask, account } => commands::own::keys(&cli.common, ask, account.as_deref()),
        Command::Customers { ask, account } => commands::customers::run(&cli.common, ask, account.as_deref()),
        Command::Accounts { ask } => commands::own::accounts(&cli.common, ask),
        Command::Abuse { ask, account } => commands::own::abuse(&cli.common, ask, account.as_deref()),
        Command::OrderKeys { ask, account } => commands::own::order_keys(&cli.common, ask, account.as_deref()),
        Command::Audit { ask } => commands::audit::run(&cli.common, ask),
        Command::Notify { ask } => commands::notify::run(&cli.common, ask),
        Command::Logs { ask, account } => commands::own::logs(&cli.common, ask, account.as_deref()),
        Command::Webhooks { ask } => commands::webhooks::run(&cli.common, ask),
        Command::Serve => commands::serve::serve(&cli.common),
        Command::Scripts { url } => commands::scripts::run(&cli.common, url.as_deref()),
        Command::Restart => commands::restart::run(&cli.common),
        Command::Ledger { ask: LedgerAsk::Verify } | Command::Verify => commands::verify::run(&cli.common),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(fail) => {
            fail.print(json);
            ExitCode::from(fail.exit)
        }
    }
}
