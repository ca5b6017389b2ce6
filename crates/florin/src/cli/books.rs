//! The words for ledger, settlement and restored installations. Does nothing itself.

use clap::Subcommand;

#[derive(Subcommand)]
pub enum LedgerAsk {
    /// Add up every balance anew, walk the ledger's chain and the events' chains, compare every row with its commitment (nothing may
    /// run on the folder)
    Verify,
}

#[derive(Subcommand)]
pub enum SettlementAsk {
    /// List the reports that were applied, newest first
    Reports {
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// List open breaks: missing_at_acquirer, unknown_to_us, amount_differs, currency_differs, duplicate
    Breaks {
        /// Resolved ones too (late ones among them)
        #[arg(long)]
        all: bool,
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Fetch and apply new reports now
    Pull,
}

#[derive(Subcommand)]
pub enum RestoreAsk {
    /// Compare with the acquirer's journal, book or reverse what was lost, then take payments again
    Reconcile {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Open although differences remain
        #[arg(long)]
        accept: bool,
        /// Begin so many minutes before the backup
        #[arg(long, default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=100_000))]
        margin: u32,
    },
    /// Open without a comparison, for an acquirer that gives no journal
    Release {
        /// Say that what the acquirer has was compared by hand
        #[arg(long)]
        without_comparing: bool,
    },
    /// List payments that were found at the acquirer alone
    Orphans {
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
}
