//! Commands that need nothing: completions and the version.

use crate::cli::Cli;
use crate::fail::Outcome;
use crate::out::out;
use clap::CommandFactory;
use serde_json::json;

pub fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "florin", &mut std::io::stdout());
    Ok(0)
}

pub fn version(as_json: bool) -> Outcome {
    let florin = env!("CARGO_PKG_VERSION");
    let sqlite = florin_store::sqlite_version();
    if as_json {
        out!(
            "{}",
            json!({ "florin": florin, "sqlite": sqlite, "tls": "rustls with aws-lc-rs", "schema": florin_store::SCHEMA_VERSION })
        );
    } else {
        out!(
            "florin {florin}\nSQLite {sqlite} (bundled), schema {}\nTLS: rustls with aws-lc-rs",
            florin_store::SCHEMA_VERSION
        );
    }
    Ok(0)
}
