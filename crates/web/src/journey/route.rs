//! The way in one line: who was asked, what each of them sees of the card, and where the time went.

use super::clock;
use crate::told::{Hop, Told};
use crate::words::Words;
use florin_core::wire::Network;

/// Who takes part, in the order of the way there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Shop,
    Form,
    Vault,
    Gateway,
    Acquirer,
    Network,
    Issuer,
}

impl Role {
    pub const ALL: [Role; 7] =
        [Role::Shop, Role::Form, Role::Vault, Role::Gateway, Role::Acquirer, Role::Network, Role::Issuer];

    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Shop => "shop",
            Role::Form => "form",
            Role::Vault => "vault",
            Role::Gateway => "gateway",
            Role::Acquirer => "acquirer",
            Role::Network => "network",
            Role::Issuer => "issuer",
        }
    }

    /// A hop's party. Networks go by their names.
    pub fn of(party: &str) -> Role {
        match party {
            "vault" => Role::Vault,
            "gateway" => Role::Gateway,
            "acquirer" => Role::Acquirer,
            "issuer" => Role::Issuer,
            _ => Role::Network,
        }
    }
}

/// A party as people call it.
pub fn name(party: &str, words: Words) -> String {
    let network = Network::ALL.into_iter().find(|n| n.as_str() == party);
    network.map_or_else(|| words.of("party", party), |network| network.name().to_owned())
}

pub struct Station {
    pub role: &'static str,
    pub name: String,
    /// What it sees of the card.
    pub sees: String,
    /// Class: it took part (`reached`), it was not reached, or it reports nothing here.
    pub state: &'static str,
    pub state_says: String,
}

pub fn stations(told: &Told, words: Words) -> Vec<Station> {
    let reported = |role: Role| told.hops.iter().any(|hop| Role::of(&hop.by) == role);
    // A real acquirer tells us nothing of what happens behind it.
    let inside = [Role::Acquirer, Role::Network, Role::Issuer].into_iter().any(reported);
    let sent = reported(Role::Vault);
    let state = |role: Role| match role {
        Role::Shop | Role::Gateway => "reached",
        // A refund goes to the card that the vault has already.
        Role::Form if told.subject.is_refund() => "not-reached",
        Role::Form | Role::Vault if told.card.is_some() => "reached",
        Role::Form | Role::Vault => "not-reached",
        Role::Acquirer | Role::Network | Role::Issuer if reported(role) => "reached",
        Role::Acquirer | Role::Network | Role::Issuer if inside || !sent => "not-reached",
        Role::Acquirer | Role::Network | Role::Issuer => "silent",
    };
    let station = |role: Role| {
        let state = state(role);
        let network = told.card.as_ref().filter(|_| role == Role::Network).map(|card| card.network.name().to_owned());
        Station {
            role: role.as_str(),
            name: network.unwrap_or_else(|| words.of("party", role.as_str())),
            sees: words.of("sees", role.as_str()),
            state,
            state_says: words.of("station", state),
        }
    };
    Role::ALL.into_iter().map(station).collect()
}

/// A part of the time, for the bar: thousandths of its length.
pub struct Leg {
    pub class: &'static str,
    pub x: i64,
    pub width: i64,
    pub name: String,
    pub took: String,
}

/// Where the time of the last message went.
pub struct Split {
    pub total: String,
    pub legs: Vec<Leg>,
}

/// The smallest part that can still be seen.
const LEAST_WIDTH: i64 = 8;
const WHOLE_WIDTH: i64 = 1_000;

pub fn split(told: &Told, words: Words) -> Option<Split> {
    let start = told.steps.iter().rev().find(|s| s.word == crate::told::Word::Sending)?.at.0.checked_mul(1_000)?;
    let by_vault = |h: &&Hop| Role::of(&h.by) == Role::Vault && h.at_us >= start;
    let out = told.hops.iter().filter(by_vault).find(|h| Role::of(&h.from) == Role::Vault)?.at_us;
    let back = told.hops.iter().filter(by_vault).find(|h| Role::of(&h.to) == Role::Vault && h.at_us >= out)?.at_us;
    let done = told.steps.iter().find(|s| s.at.0.saturating_mul(1_000) + 999 >= back && !s.word.is_before_wire())?;
    let done = done.at.0.saturating_mul(1_000).max(back);
    let spans = [("before", out - start), ("outside", back - out), ("after", done - back)];
    let total: i64 = spans.iter().map(|(_, us)| *us).sum();
    let free = WHOLE_WIDTH - LEAST_WIDTH * i64::try_from(spans.len()).unwrap_or(0);
    let mut x = 0;
    let mut legs = Vec::new();
    for (class, us) in spans {
        let width = LEAST_WIDTH + us.saturating_mul(free) / total.max(1);
        legs.push(Leg { class, x, width, name: words.of("leg", class), took: clock::span(us, words) });
        x += width;
    }
    Some(Split { total: clock::span(total, words), legs })
}
