//! The words of `florin backup`: places, who reads, when. Does nothing itself.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Backup {
    /// Make an age identity: the file opens backups, its recipient (age1…) is what they are made for
    Keygen {
        /// The file; never overwritten
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Make a backup: what changed since the newest one, or all
    Create {
        #[command(flatten)]
        making: Making,
    },
    /// Make backups all the time, until stopped
    Schedule {
        #[command(flatten)]
        making: Making,
        /// Between two looks at what changed, for example 10s, 5m
        #[arg(long, default_value = "10s", value_name = "TIME", value_parser = seconds)]
        every: u32,
        /// Between two whole ones, for example 24h
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = seconds)]
        whole_every: u32,
    },
    /// List backups, newest first
    List {
        #[command(flatten)]
        place: Place,
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Bring a backup back beside the data, look through all of it, and throw it away again
    Verify {
        /// [default: the newest]
        id: Option<String>,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        opening: Opening,
    },
    /// Bring a backup back into a data folder that holds no data; what runs on it is fenced
    Restore(Restoring),
}

#[derive(Args)]
pub struct Restoring {
    /// [default: the newest]
    pub id: Option<String>,
    /// The newest one made then or before, for example 2026-11-22T06:45:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    pub at: Option<String>,
    /// The folder [default: the data folder]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Folder with gateway.root and vault.kek, which are in no backup [default: `keys` of the data folder, and vault.kek of the settings]
    #[arg(long, value_name = "DIR")]
    pub keys: Option<PathBuf>,
    /// Even if ledger, rows or cards in it do not hold together
    #[arg(long)]
    pub damaged: bool,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub opening: Opening,
}

#[derive(Args)]
pub struct Place {
    /// Where backups lie: a folder, or s3://bucket/prefix [default: backup.place]
    #[arg(long, value_name = "PLACE")]
    pub place: Option<String>,
}

#[derive(Args)]
pub struct Making {
    #[command(flatten)]
    pub place: Place,
    /// Who can read it: age1…; may be repeated [default: backup.recipients]
    #[arg(long = "recipient", value_name = "AGE1")]
    pub recipients: Vec<String>,
    /// Instead: whoever knows the passphrase in this file
    #[arg(long, value_name = "FILE", conflicts_with = "recipients")]
    pub passphrase_file: Option<PathBuf>,
    /// All of it, not what changed; of a schedule: the first one
    #[arg(long)]
    pub whole: bool,
}

#[derive(Args)]
pub struct Opening {
    /// The identity file that opens it
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The file with the passphrase that opens it
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub passphrase_file: Option<PathBuf>,
}

/// `10`, `10s`, `5m`, `24h`, `7d`: one second at least, a year at most.
fn seconds(text: &str) -> Result<u32, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    let seconds = digits.parse::<u32>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| (1..=31_536_000).contains(n));
    seconds.ok_or_else(|| "a time is like 10s, 5m, 24h or 7d".to_owned())
}
