//! The words of `florin prove` and of `florin bench`. Does nothing itself.

use clap::{Args, Subcommand};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Prove {
    #[command(subcommand)]
    pub what: Option<ProveWhat>,
    /// How many histories to run
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Threads [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

#[derive(Subcommand)]
pub enum ProveWhat {
    /// Send cards in every way, then look for them in the memory of vault and gateway, in files and in answers
    Memory {
        /// How many cards
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(16..=8_000))]
        cards: u16,
    },
    /// Kill the processes of a demo with -9 under load, then compare what was acknowledged with all books
    Crash(Crash),
    /// Race refunds, captures and cancellations over one payment each, and requests under one idempotency key, on a store of its own
    Races(Races),
}

#[derive(Args)]
pub struct Races {
    /// Payments that are raced over
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub races: u32,
    /// Requests about one payment at the same moment
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub racers: u32,
    /// Idempotency keys that are raced over
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub keys: u32,
    /// Requests under one key at the same moment
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub key_racers: u32,
}

#[derive(Args)]
pub struct Crash {
    /// How many kills
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub kills: u32,
    /// How long the load lasts at least [default: as long as the kills take, two seconds each]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub seconds: u64,
    /// The same seed makes the same load and the same choice of victims, though not the same moments
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stories (payments with what follows them) begun each second
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(1..=2_000))]
    pub rate: u16,
    /// Requests at a time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub connections: u16,
    /// Instead of killing: so many races of refunds, captures and cancellations over one payment each
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub races: Option<u32>,
    /// Keep the data folder when all is well; after a difference it is kept anyway
    #[arg(long)]
    pub keep: bool,
}

#[derive(Args)]
pub struct Bench {
    /// How long payments are measured at each number of connections
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=3_600))]
    pub seconds: u16,
    /// Connections at a time; may be repeated [default: 1, 8, 64 and 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub connections: Vec<u32>,
    /// Measure the store, the link and the terminal's door instead
    #[arg(long)]
    pub parts: bool,
    /// With --parts: small numbers
    #[arg(long, requires = "parts")]
    pub quick: bool,
}
