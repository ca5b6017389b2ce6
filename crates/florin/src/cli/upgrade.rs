//! The words of updates. Does nothing itself.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub enum Upgrade {
    /// Say whether a newer release is there (exit code 10), signed by a key that upgrade.keys names
    Check {
        /// A release's folder, or its https:// address [default: upgrade.from]
        #[arg(long, value_name = "DIR|URL")]
        from: Option<String>,
    },
    /// Bring a release here and verify it
    Fetch {
        /// A release's folder, or its https:// address [default: upgrade.from]
        #[arg(long, value_name = "DIR|URL")]
        from: Option<String>,
        /// A folder that is made
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Verify a release in a folder: who signed it, that no byte is another, that it follows this one
    Verify { dir: PathBuf },
    /// Verify a release and put it in the program's place; the program before stays beside it as .previous
    Apply {
        dir: PathBuf,
        /// The program that is replaced [default: this one]
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
}
