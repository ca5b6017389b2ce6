//! The host's journal as a gateway reads it. Decides nothing.

use super::ports::Bank;
use florin_connect::acquirer::responses::{self, Outcome};
use florin_connect::amount::from_wire;
use florin_connect::bins::network_by_name;
use florin_core::money::{Currency, Money};
use florin_core::restore::{Entry, Journal, Page, Standing, What};
use florin_core::settlement::Unavailable;
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_core::wire::{
    Approval, ApprovalCode, Check, Checks, Decline, NetworkId, ResponseCode, Rrn, Terminal, Verdict, WireId,
};
use florin_sandbox::JournalEntry;
use std::sync::Arc;

pub(super) struct Service<'a>(pub &'a Arc<Bank>);

fn money(minor: i64, code: &str) -> Option<Money> {
    from_wire(&format!("{minor:012}"), Currency::parse(code)?).ok()
}

fn rrn(text: &str, near: Time) -> Option<Rrn> {
    Rrn::read(text.as_bytes().try_into().ok()?, near)
}

/// None for what this world never sends.
pub(super) fn entry(told: &JournalEntry) -> Option<Entry> {
    let near = Time(told.at);
    let what = match (told.mti.as_str(), told.processing_code.starts_with("20")) {
        ("0100", _) => What::Hold,
        ("0200", false) => What::Sale,
        ("0200", true) => What::Refund,
        ("0220", _) => What::Completion,
        _ => What::Reversal,
    };
    let terminal = Terminal(told.terminal.strip_prefix("FL")?.parse().ok()?);
    let at = Time::of_de7(told.de7.as_bytes().try_into().ok()?, near)?;
    let wire = WireId { terminal, stan: told.stan.parse().ok()?, at, rrn: rrn(&told.rrn, near)? };
    let minor = |n: i64| money(n, &told.currency).map(|m| m.minor);
    let standing = match told.standing {
        Some(s) => Some(Standing {
            held: minor(s.held)?,
            captured: minor(s.captured)?,
            refunded: minor(s.refunded)?,
            reversed: minor(s.reversed)?,
        }),
        None => None,
    };
    let original = told.original.as_ref().and_then(|o| rrn(o.rrn.as_deref()?, near));
    let money = money(told.amount, &told.currency)?;
    Some(Entry { id: told.id, what, wire, money, answer: verdict(told)?, original, standing })
}

fn verdict(told: &JournalEntry) -> Option<Verdict> {
    let response = ResponseCode(told.response.as_bytes().try_into().ok()?);
    let network = told.network.as_deref().and_then(network_by_name);
    let network_id = told.network_id.as_deref().and_then(|id| id.parse().ok()).map(NetworkId);
    let checks = Checks::default();
    Some(match responses::outcome(response, network, told.amount == 0, Check::Unavailable) {
        Outcome::Approved => {
            let code = told.approval.as_deref().and_then(|code| code.as_bytes().try_into().ok()).map(ApprovalCode);
            Verdict::Approved(Approval { response, code, network_id, checks })
        }
        Outcome::Partial | Outcome::Declined { .. } | Outcome::Unsure { .. } => {
            let (code, retry) = match responses::outcome(response, network, false, Check::Unavailable) {
                Outcome::Declined { code, retry } | Outcome::Unsure { code, retry } => (code, retry),
                Outcome::Approved | Outcome::Partial => return None,
            };
            Verdict::Declined(Decline { code, response, advice: None, retry, checks, network_id })
        }
    })
}

impl Journal for Service<'_> {
    fn page<'a>(&'a self, since: Time, after: u64) -> Wait<'a, Result<Page, Unavailable>> {
        let world = self.0.lock();
        let told = world.host.journal(since, after, world.now);
        let entries: Option<Vec<Entry>> = told.entries.iter().map(entry).collect();
        let page = entries.ok_or_else(|| Unavailable("does not read".to_owned()));
        let page = page.map(|entries| Page { entries, strangers: 0, next: told.next, of: told.of });
        Box::pin(std::future::ready(page))
    }
}
