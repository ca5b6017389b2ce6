//! Landlock: which paths can be opened, which TCP ports can be connected to and opened. Asks for everything the kernel can refuse.

use super::Reach;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::path::Path;

/// The newest set of rights that is asked for; the oldest that counts as holding is the one with TCP ports (Linux 6.7).
const ASKED: ABI = ABI::V6;
const NEEDED: ABI = ABI::V4;

/// What names are looked up with, and what chance comes from.
const SYSTEM: [&str; 8] = [
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/dev/urandom",
    "/dev/null",
];

/// True when the kernel refuses everything that is not named.
pub fn restrict(reach: &Reach) -> bool {
    ruleset(reach).is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

fn ruleset(reach: &Reach) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        // An older kernel holds nothing: that is told as such rather than half of it taken for all.
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .handle_access(AccessNet::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?;
    for own in &reach.own {
        rules = beneath(rules, own, AccessFs::from_all(ASKED) & !(AccessFs::Execute | AccessFs::MakeChar))?;
    }
    for folder in &reach.sockets {
        rules = beneath(rules, folder, AccessFs::MakeSock | AccessFs::RemoveFile)?;
    }
    for path in reach.read.iter().map(|path| path.as_path()).chain(SYSTEM.iter().map(Path::new)) {
        rules = beneath(rules, path, read)?;
    }
    for port in &reach.connect {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for port in &reach.bind {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// A path that does not exist needs no rule.
fn beneath(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ASKED) };
    rules.add_rule(PathBeneath::new(opened, access))
}
