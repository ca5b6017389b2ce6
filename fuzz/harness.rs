//! Fuzzing without a nightly compiler: kept inputs, then seeded mutations of them, guided by what each input came to. Included by the crates
//! whose parsers are the targets (`#[path]`), so it knows none of them. `cargo xtask fuzz --minutes N` runs all targets for long.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Mutations of one target in an ordinary test run.
const MUTATIONS: u64 = 30_000;
const LONGEST_INPUT_BYTES: usize = 8 * 1024;
/// Inputs that came to something new and are mutated further.
const MOST_INPUTS: usize = 4_096;

/// SplitMix64: the same inputs at every run, on every machine. `FLORIN_FUZZ_SEED` gives others.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Files of `fuzz/corpus/<target>`, in the order of their names.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no input", folder.display());
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// One to four changes: bits, bytes, cuts, repeats, words of the language, and parts of other inputs.
fn mutate(chance: &mut Chance, input: &mut Vec<u8>, words: &[&[u8]], other: &[u8]) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(input.len() + 1);
        let end = (at + 1 + chance.below(16)).min(input.len());
        match chance.below(9) {
            0 if at < input.len() => input[at] ^= 1 << chance.below(8),
            1 if at < input.len() => input[at] = chance.next().to_le_bytes()[0],
            2 => input.truncate(at),
            3 if at < end => drop(input.drain(at..end)),
            4 if at < end => {
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            5 if !words.is_empty() => {
                let word = words[chance.below(words.len())];
                input.splice(at..at, word.iter().copied());
            }
            6 if !words.is_empty() && at < end => {
                let word = words[chance.below(words.len())];
                input.splice(at..end, word.iter().copied());
            }
            7 if !other.is_empty() => {
                let from = chance.below(other.len());
                let to = (from + 1 + chance.below(64)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => input.insert(at, b"0123456789%&=[]{}\":,\\ \r\n\0\xff"[chance.below(26)]),
        }
    }
    input.truncate(LONGEST_INPUT_BYTES);
}

/// A small number for what an input came to: whatever a target tells apart (which error, how many fields).
pub fn kind(what: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Holds `check` against the kept inputs of a target and mutations of them. It panics where something is wrong and says what an input came
/// to otherwise: inputs that came to something new are mutated further. A failing input is written out as hex; put it into the corpus.
pub fn run(target: &str, words: &[&[u8]], check: impl Fn(&[u8]) -> u64) {
    struct Shown<'a>(&'a str, Vec<u8>);
    impl Drop for Shown<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                let hex: String = self.1.iter().map(|byte| format!("{byte:02x}")).collect();
                eprintln!("fuzz target {}: the input that fails, as hex: {hex}", self.0);
            }
        }
    }
    let mut inputs = kept(target);
    let mut known = BTreeSet::new();
    let mut shown = Shown(target, vec![]);
    for input in &inputs {
        shown.1.clone_from(input);
        known.insert(check(input));
    }
    let mut chance = Chance(number("FLORIN_FUZZ_SEED").unwrap_or(20_261_122));
    let until = number("FLORIN_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut done = 0u64;
    while until.map_or(done < MUTATIONS, |until| Instant::now() < until) {
        let mut input = inputs[chance.below(inputs.len())].clone();
        let other = &inputs[chance.below(inputs.len())];
        mutate(&mut chance, &mut input, words, other);
        shown.1.clone_from(&input);
        if known.insert(check(&input)) && inputs.len() < MOST_INPUTS {
            inputs.push(input);
        }
        done += 1;
    }
    println!("fuzz target {target}: {done} mutations, {} kinds of outcome, no failure", known.len());
}
