//! `florin bench`: what a machine can do. Measures and asserts nothing.

mod api;
mod cpu;
mod load;
mod parts;

use crate::cli::Bench;
use crate::fail::{Fail, Outcome, io};
use crate::out::out;
use serde_json::Value;
use std::path::Path;

/// Payments through the public API, or with `--parts` what they are made of.
pub fn run(args: &Bench, as_json: bool) -> Outcome {
    let folder = std::env::temp_dir().join(format!("florin-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| io("make", &folder, &e))?;
    let measured = measure(&folder, args, as_json);
    let _ = std::fs::remove_dir_all(&folder);
    let all = measured?;
    if as_json {
        out!("{all}");
    }
    Ok(0)
}

fn measure(folder: &Path, args: &Bench, as_json: bool) -> Result<Value, Fail> {
    let say = |line: String| {
        if !as_json {
            out!("{line}");
        }
    };
    if args.parts { parts::measure(folder, args.quick, &say) } else { api::measure(folder, args, &say) }
}
