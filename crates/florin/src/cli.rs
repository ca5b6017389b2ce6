//! The command line: what it takes, and the help that teaches it. Does nothing itself.

mod audit;
mod backup;
mod books;
mod keys;
mod manage;
mod pay;
mod prove;
mod system;
mod upgrade;

pub use audit::{Audit, NotifyAsk};
pub use backup::{Backup, Making, Opening, Place, Restoring};
pub use books::{LedgerAsk, RestoreAsk, SettlementAsk};
pub use keys::{Class, Keys, Kind, NewKek, OrderKeys, Rotate};
pub use manage::{Abuse, Accounts, Customers, Logs, Webhooks};
pub use pay::{Pay, When};
pub use prove::{Bench, Crash, Prove, ProveWhat, Races};
pub use system::{Ask, Demo, Network, Process, Role};
pub use upgrade::Upgrade;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const AFTER: &str = "\
Exit codes: 0 done · 1 an error, named on standard error · 2 wrong usage · 3 the card was declined · 4 the outcome is not known yet

Settings come from flags, then FLORIN_* variables, then ./florin.toml, then $XDG_CONFIG_HOME/florin/config.toml, then defaults.
`florin doctor` shows each value and where it came from.

First steps:
  florin pay 19.99 eur --card visa        pay by a test card and see every hop
  florin pay 5 usd --card timeout         an answer gets lost: see it taken back
  florin refund ID                        give the money back
  florin prove --seeds 1000               crash it a thousand times, compare with the issuer's books";

#[derive(Parser)]
#[command(
    name = "florin",
    version,
    about = "A payment gateway with the whole card path in one binary",
    after_help = AFTER,
    max_term_width = 120,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone)]
pub struct Common {
    /// Folder that keeps everything [default: ./florin-data]
    #[arg(long, alias = "dir", global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Settings file [default: ./florin.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Subcommand)]
pub enum Command {
    /// Pay by card and print the payment's journey hop by hop
    Pay(Pay),
    /// Claim the money of a payment that was made with --capture manual
    Capture {
        /// For example pi_2wTkQ0Zl8mHVQ1fBqJ3sXy
        id: String,
        /// A part, for example 5.00 [default: all that is held]
        #[arg(long, allow_negative_numbers = true)]
        amount: Option<String>,
    },
    /// Give up a payment: nothing is taken, a hold is released
    Cancel { id: String },
    /// Give money back
    Refund {
        /// The payment
        id: String,
        /// A part, for example 5.00 [default: all that is left]
        #[arg(allow_negative_numbers = true)]
        amount: Option<String>,
    },
    /// Print a payment or a refund
    Show { id: String },
    /// List payments, newest first
    List {
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
    },
    /// Print a payment's journey again
    Trace {
        id: String,
        /// Print a link that opens it in a browser for a day
        #[arg(long)]
        link: bool,
        /// Open it in the browser
        #[arg(long)]
        open: bool,
    },
    /// Run the simulation: crashes, lost answers and races, then our books against the issuer's
    Prove(Prove),
    /// Settlement reports of the acquirer, and where they and our books differ
    Settlement {
        #[command(subcommand)]
        ask: SettlementAsk,
    },
    /// Open an installation that came back from a backup, once it is compared with the acquirer
    Restore {
        #[command(subcommand)]
        ask: RestoreAsk,
    },
    /// Run the sandbox's acquirer, card networks and issuers alone, or ask a running one
    Network(Network),
    /// Run sandbox, vault, front, gateway and a shop in test mode until stopped
    Demo(Demo),
    /// Run vault, front and gateway against the acquirer of the settings
    Serve,
    /// API keys: list, create, roll, revoke
    Keys {
        #[command(subcommand)]
        ask: Keys,
        /// Whose keys [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// Keys that merchants sign orders with: list, create, revoke
    OrderKeys {
        #[command(subcommand)]
        ask: OrderKeys,
        /// Whose keys [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// What is kept about a customer: all of it, or the end of it
    Customers {
        #[command(subcommand)]
        ask: Customers,
        /// Whose customer [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// Merchants' accounts on this installation
    Accounts {
        #[command(subcommand)]
        ask: Accounts,
    },
    /// The audit log: who did what, its checkpoints and its proofs
    Audit {
        #[command(subcommand)]
        ask: Audit,
    },
    /// Mail and SMS to people who run payments
    Notify {
        #[command(subcommand)]
        ask: NotifyAsk,
    },
    /// The log of API requests
    Logs {
        #[command(subcommand)]
        ask: Logs,
        /// Whose requests [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// The defence against card testing: what it asked more of, and refused
    Abuse {
        #[command(subcommand)]
        ask: Abuse,
        /// Whose payments [default: the first account's]
        #[arg(long, global = true, value_name = "ACCT")]
        account: Option<String>,
    },
    /// Print the scripts that run in customers' browsers, and whether an installation serves exactly those (exit code 1 if not)
    Scripts {
        /// The card form's address, as https://pay.example.com [default: of what runs on the data folder]
        #[arg(long)]
        url: Option<String>,
    },
    /// Webhook endpoints of the running demo: list, create, what was delivered, telling again
    Webhooks {
        #[command(subcommand)]
        ask: Webhooks,
    },
    /// Start vault, front and gateway of the running system anew, one after the other, without losing a request
    Restart,
    /// Backups: make, list, try out, restore, and make them all the time
    Backup {
        #[command(subcommand)]
        ask: Backup,
    },
    /// Check this machine, the settings and the data, and say what to do
    Doctor,
    /// The ledger of the data folder
    Ledger {
        #[command(subcommand)]
        ask: LedgerAsk,
    },
    /// The same as `florin ledger verify`
    #[command(hide = true)]
    Verify,
    /// Print completions for a shell: `florin completions bash > /etc/bash_completion.d/florin`
    Completions { shell: clap_complete::Shell },
    /// Releases: is there a newer one, is it signed and whole, and into the program's place
    ///
    /// A release is trusted by the keys in the setting upgrade.keys; none is built in. Exit codes: 10 a newer release is there (check) ·
    /// 11 not signed · 12 a foreign key · 13 another manifest than was signed · 14 a file is missing or damaged · 15 older than this ·
    /// 16 for another target · 17 a release in between comes first · 18 a manifest that this version cannot read · 19 its program does not run
    Upgrade {
        #[command(subcommand)]
        ask: Upgrade,
    },
    /// Print the version and what it is built of
    Version {
        /// Print the bill of materials: every package of the build (CycloneDX, JSON)
        #[arg(long)]
        sbom: bool,
    },
    #[command(hide = true)]
    Bench(Bench),
    #[command(hide = true)]
    Process(Process),
}
