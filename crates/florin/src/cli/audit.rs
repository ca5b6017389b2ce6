//! The words for the audit log and for messages. Does nothing itself.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Audit {
    /// List entries, newest first
    List {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Those below this number
        #[arg(long, value_name = "NUMBER")]
        before: Option<u64>,
        /// For example api_key.make
        #[arg(long)]
        action: Option<String>,
        /// user, api_key, local, system or nobody
        #[arg(long)]
        actor: Option<String>,
    },
    /// Print one entry, with the address it came from
    Show { number: u64 },
    /// Compare the log with itself and with every checkpoint; names what was changed, deleted or cut off (exit code 1)
    Verify {
        /// A file with checkpoints besides the one of the settings, as a mail that was kept; may be repeated
        #[arg(long = "checkpoints", value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Write a proof that an entry is in the log, for somebody who has neither the log nor trust in it
    Prove {
        number: u64,
        /// Where to [default: standard output]
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Check such a proof; needs no data
    CheckProof {
        file: PathBuf,
        /// The log's key, as `florin audit key` prints it, or a file with it
        #[arg(long)]
        key: String,
    },
    /// Sign the log as it is now
    Checkpoint,
    /// Print the key that checkpoints are checked with: give it to whoever watches
    Key,
}

#[derive(Subcommand)]
pub enum NotifyAsk {
    /// Send a test message, and say what came of it
    Test {
        /// To this address
        #[arg(long, value_name = "ADDRESS", required_unless_present = "sms", conflicts_with = "sms")]
        mail: Option<String>,
        /// To this number, as +31612345678
        #[arg(long, value_name = "NUMBER")]
        sms: Option<String>,
    },
}
