//! A proof that one entry is in the log, for somebody who has neither the database nor trust in it (c2sp.org/tlog-proof@v1): the entry,
//! the way from it to the root, and a checkpoint that was signed over that root.

use super::entry::Recorded;
use super::note::{BadNote, Checkpoint, Verifier};
use super::tree::{self, Hash};
use crate::codec::Body;
use data_encoding::BASE64;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// Of a proof, in bytes.
pub const LONGEST_PROOF_BYTES: usize = 64 * 1024;
/// Hashes on the way to the root: a tree of 2^63 has no more.
const MOST_HASHES: usize = 63;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadProof {
    Malformed,
    Checkpoint(BadNote),
    /// The entry is not the one that was signed over.
    NotIncluded,
}

impl BadProof {
    pub const fn as_str(self) -> &'static str {
        match self {
            BadProof::Malformed => "is not a proof (c2sp.org/tlog-proof@v1)",
            BadProof::Checkpoint(BadNote::Malformed) => "has no checkpoint",
            BadProof::Checkpoint(BadNote::NotSigned) => "has a checkpoint that this key did not sign",
            BadProof::Checkpoint(BadNote::BadSignature) => "has a checkpoint that was changed after it was signed",
            BadProof::Checkpoint(BadNote::AnotherLog) => "has a checkpoint of another log",
            BadProof::NotIncluded => "does not hold: the entry is not in the log that was signed",
        }
    }
}

/// The text of a proof. `checkpoint` is the signed note over the tree that `hashes` lead through.
pub fn write(number: u64, body: &[u8], hashes: &[Hash], checkpoint: &str) -> String {
    let way: String = hashes.iter().map(|h| BASE64.encode(h) + "\n").collect();
    let index = number.saturating_sub(1);
    format!("{FIRST_LINE}\nextra {}\nindex {index}\n{way}\n{checkpoint}", BASE64.encode(body))
}

/// What a proof proves: this entry, in the log as it was signed.
pub fn check(text: &str, key: &Verifier) -> Result<(Recorded, Checkpoint), BadProof> {
    let (number, body, hashes, note) =
        read(text).filter(|_| text.len() <= LONGEST_PROOF_BYTES).ok_or(BadProof::Malformed)?;
    let checkpoint = key.open(note).map_err(BadProof::Checkpoint)?;
    let recorded = Recorded::decode(&body).map_err(|_| BadProof::Malformed)?;
    let included = tree::proves(&body, number, &hashes, checkpoint.size, &checkpoint.root);
    // The entry says its own number, too.
    if included && recorded.number == number { Ok((recorded, checkpoint)) } else { Err(BadProof::NotIncluded) }
}

fn read(text: &str) -> Option<(u64, Vec<u8>, Vec<Hash>, &str)> {
    let (head, note) = text.split_once("\n\n")?;
    let mut lines = head.split('\n');
    lines.next().filter(|line| *line == FIRST_LINE)?;
    let body = BASE64.decode(lines.next()?.strip_prefix("extra ")?.as_bytes()).ok()?;
    let index: u64 = lines.next()?.strip_prefix("index ")?.parse().ok()?;
    let hash = |line: &str| BASE64.decode(line.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    let hashes: Vec<Hash> = lines.map(hash).collect::<Option<_>>()?;
    (hashes.len() <= MOST_HASHES).then_some((index.checked_add(1)?, body, hashes, note))
}
