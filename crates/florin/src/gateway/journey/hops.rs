//! Messages as vault and sandbox reported them, oldest first. A part that does not answer is named, not hidden.

use super::Teller;
use florin_connect::journey::Hop as Reported;
use florin_sandbox::ControlClient;
use florin_web::{Field, Hop};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where the sandbox's control calls are. Its token is another at each of its starts, so it is read from its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxAt {
    pub control: SocketAddr,
    pub token_file: PathBuf,
    pub ca: PathBuf,
}

/// A page is not kept waiting for what it can do without.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Hops shown of one payment, the newest: a page of them fits one frame to the edge.
const MOST_HOPS: usize = 200;
/// Numbers that the vault is asked for at a time.
const RRNS_AT_A_TIME: usize = 64;

/// The hops of these retrieval reference numbers, and who did not answer.
pub async fn of(teller: &Teller, rrns: &[String]) -> (Vec<Hop>, Vec<&'static str>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    if rrns.is_empty() {
        return (found, missing);
    }
    match tokio::time::timeout(ANSWER_WITHIN, reported(teller, rrns)).await {
        Ok(Some(hops)) => found.extend(hops.into_iter().map(hop)),
        Ok(None) | Err(_) => missing.push("vault"),
    }
    if let Some(at) = &teller.sandbox {
        match tokio::time::timeout(ANSWER_WITHIN, journal(at, rrns)).await {
            Ok(Some(hops)) => found.extend(hops.into_iter().map(hop)),
            Ok(None) | Err(_) => missing.push("sandbox"),
        }
    }
    (newest(found), missing)
}

/// Oldest first.
fn newest(mut found: Vec<Hop>) -> Vec<Hop> {
    found.sort_by_key(|hop| hop.at_us);
    found.drain(..found.len().saturating_sub(MOST_HOPS));
    found
}

async fn reported(teller: &Teller, rrns: &[String]) -> Option<Vec<Reported>> {
    let mut found = Vec::new();
    for some in rrns.chunks(RRNS_AT_A_TIME) {
        found.extend(teller.ports.vault.hops(some).await.ok()?);
    }
    Some(found)
}

async fn journal(at: &SandboxAt, rrns: &[String]) -> Option<Vec<Reported>> {
    let token = tokio::fs::read_to_string(&at.token_file).await.ok()?;
    let client = ControlClient::new(at.control, &token, &at.ca).ok()?;
    let mut found = Vec::new();
    for rrn in rrns {
        found.extend(client.journal(rrn).await.ok()?);
    }
    Some(found)
}

fn hop(reported: Reported) -> Hop {
    let Reported { at_us, by, from, to, title, rrn: _, fields, note } = reported;
    let fields = fields.into_iter().map(|f| Field { de: f.de, name: f.name, value: f.value }).collect();
    Hop { at_us, by, from, to, title, fields, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_hops_are_kept() {
        let hop = |at_us| Hop {
            at_us,
            by: String::new(),
            from: String::new(),
            to: String::new(),
            title: String::new(),
            fields: Vec::new(),
            note: String::new(),
        };
        let check = |times: Vec<i64>, expected: Vec<i64>| {
            let kept: Vec<i64> = newest(times.into_iter().map(hop).collect()).iter().map(|h| h.at_us).collect();
            assert_eq!(kept, expected);
        };
        check(vec![3, 1, 2], vec![1, 2, 3]);
        check((0..250).rev().collect(), (50..250).collect());
    }
}
