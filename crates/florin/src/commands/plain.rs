//! Commands that need nothing: completions and the version.

use crate::built;
use crate::cli::Cli;
use crate::fail::Outcome;
use crate::out::out;
use clap::CommandFactory;
use serde_json::Value;

pub fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "florin", &mut std::io::stdout());
    Ok(0)
}

pub fn version(as_json: bool, sbom: bool) -> Outcome {
    if sbom {
        out!("{}", built::SBOM.trim_end());
        return Ok(0);
    }
    let told = built::inputs();
    if as_json {
        out!("{told}");
        return Ok(0);
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    out!(
        "florin {}\nSQLite {} (bundled), schema {}\nTLS: {}\ncommit {}\nrustc {}, {}, {}",
        text(&told["florin"]),
        text(&told["sqlite"]),
        text(&told["schema"]),
        text(&told["tls"]),
        text(&told["commit"]),
        text(&told["rustc"]),
        text(&told["target"]),
        text(&told["profile"])
    );
    Ok(0)
}
