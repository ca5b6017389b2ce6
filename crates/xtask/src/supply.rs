//! What an update is made of, and whether it may be trusted: bill of materials, rules for dependencies, builds that come out the same, signed
//! releases. Knows cargo and files; the program's own side is `florin upgrade`.

mod bill;
mod packages;
pub mod release;
pub mod reproduce;

use crate::report::Tally;
use std::collections::BTreeSet;
use std::path::Path;

/// In the repository, and by `include_str!` in the program.
pub const BILL: &str = "crates/florin/sbom.cdx.json";

/// Writes the bill of materials.
pub fn write_bill(root: &Path) -> Result<(), String> {
    let text = bill::text(&packages::read(root)?);
    std::fs::write(root.join(BILL), &text).map_err(|e| format!("{BILL}: {e}"))?;
    println!("{BILL}: {} components", bill::names(&text)?.len());
    Ok(())
}

/// Holds the bill in the repository against the packages, and against what cargo compiles for the program on this machine.
pub fn check_bill(root: &Path) -> Result<Tally, String> {
    let kept = std::fs::read_to_string(root.join(BILL)).map_err(|e| format!("{BILL}: {e}"))?;
    let packages = packages::read(root)?;
    let mut tally = Tally::default();
    let mut one = |right: bool, what: &str, why: String| {
        println!("  {} {what}", if right { "ok    " } else { "FAILED" });
        tally.add(if right { Tally::passed() } else { Tally::failed(why) });
    };
    let fresh = bill::text(&packages);
    let difference = differ(&bill::names(&kept)?, &bill::names(&fresh)?);
    one(
        kept == fresh,
        "the bill of materials is that of Cargo.lock",
        format!("{BILL} is not what `cargo xtask sbom` writes: run it, and look at what changed{difference}"),
    );
    let compiled = packages::compiled(root)?;
    let here: BTreeSet<String> = packages.iter().filter(|package| package.here).map(packages::Package::label).collect();
    let difference = differ(&here, &compiled);
    one(
        here == compiled,
        "it lists what cargo compiles, and nothing else",
        format!("{BILL} and what is compiled are not the same packages{difference}"),
    );
    let faults = bill::faults(&kept);
    one(faults.is_empty(), "it keeps the rules of CycloneDX 1.6", faults.join("; "));
    Ok(tally)
}

/// What stands in one and not in the other, for people.
fn differ(kept: &BTreeSet<String>, right: &BTreeSet<String>) -> String {
    const SHOWN: usize = 10;
    let list = |word: &str, from: &BTreeSet<String>, to: &BTreeSet<String>| {
        let names: Vec<&str> = from.difference(to).take(SHOWN).map(String::as_str).collect();
        if names.is_empty() { String::new() } else { format!("; {word}: {}", names.join(", ")) }
    };
    format!("{}{}", list("missing", right, kept), list("too much", kept, right))
}
