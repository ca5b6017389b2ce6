//! What a crash loop did and found, as a table and as JSON.

use super::killer::Killed;
use super::reconcile::Found;
use crate::out::out;
use serde_json::{Value, json};

pub struct Report {
    pub seed: u64,
    pub seconds: f64,
    pub stories: u64,
    pub killed: Killed,
    /// (requests, answered, connections cut, asked again)
    pub asked: [u64; 4],
    /// From the moment the processes were back to the last outcome that was not known, milliseconds.
    pub settled_ms: u64,
    pub settled_limit_ms: u64,
    pub found: Found,
    pub trouble: Vec<String>,
}

impl Report {
    pub fn proved(&self) -> bool {
        let found = &self.found;
        let none = found.lost + found.double + found.differ == 0 && self.trouble.is_empty();
        // An empty side of a comparison agrees with everything.
        let sides = ["payments", "events", "webhook deliveries", "entries of the issuers' books", "replayed answers"];
        let some = sides.iter().all(|side| found.compared.get(side).is_some_and(|n| *n > 0));
        none && some && self.settled_ms <= self.settled_limit_ms
    }

    fn outages(&self) -> (u64, u64) {
        let mut all = self.killed.outages_ms.clone();
        all.sort_unstable();
        (all.get(all.len() / 2).copied().unwrap_or(0), all.last().copied().unwrap_or(0))
    }

    pub fn json(&self) -> Value {
        let (median, longest) = self.outages();
        let [requests, answered, cut, again] = self.asked;
        json!({
            "proved": self.proved(), "seed": self.seed, "seconds": self.seconds, "stories": self.stories,
            "kills": self.killed.by.values().sum::<u64>(), "killed": self.killed.by,
            "requests": requests, "answered": answered, "connections_cut": cut, "asked_again": again,
            "outage_ms": { "median": median, "longest": longest },
            "settled_ms": self.settled_ms, "compared": self.found.compared,
            "lost": self.found.lost, "double": self.found.double, "differing": self.found.differ,
            "differences": self.found.named, "trouble": self.trouble,
        })
    }

    pub fn print(&self) {
        let row = |name: &str, n: u64| out!("  {name:<32} {n:>9}");
        out!("Seed {}, {:.0} s, {} stories", self.seed, self.seconds, self.stories);
        out!("Killed with -9:");
        self.killed.by.iter().for_each(|(who, n)| row(who, *n));
        out!("Asked over TLS:");
        for (name, n) in ["requests", "answers", "connections cut", "asked again"].iter().zip(self.asked) {
            row(name, n);
        }
        let (median, longest) = self.outages();
        out!("Back after a kill: {median} ms (median), {longest} ms (longest)");
        let limit = self.settled_limit_ms / 1_000;
        let settled = self.settled_ms as f64 / 1_000.0;
        out!("Last unknown outcome settled {settled:.1} s after the processes were back (at most {limit} s)");
        out!("Compared:");
        self.found.compared.iter().for_each(|(name, n)| row(name, *n));
        out!("Found:");
        row("lost", self.found.lost);
        row("done twice", self.found.double);
        row("differing", self.found.differ);
        row("requests that went wrong", self.trouble.len() as u64);
        self.found.named.iter().chain(&self.trouble).for_each(|line| out!("  - {line}"));
        if self.proved() {
            out!("Everything acknowledged is there, once, and all books agree.");
        } else {
            out!("Run again with --seed {} for the same load.", self.seed);
        }
    }
}
