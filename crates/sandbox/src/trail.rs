//! The acquirer's journal: every message that it had from a gateway and answered, in order, with what stands of it now. Pure; read by
//! those whose database came back from a backup. Knows the books and no card number.

use crate::books::Books;
use crate::entry::{Class, Entry, EntryId, Kind, Trace};
use crate::request::REFUND;
use crate::views::{StandingView, currency_code};
use florin_connect::core::time::Time;
use serde::{Deserialize, Serialize};

/// Messages in one answer.
pub(crate) const MESSAGES_LIMIT: usize = 200;

/// One message and its answer. Amounts are minor units of ISO 4217.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Rises from message to message; not without gaps.
    pub id: u64,
    /// When it was answered, Unix milliseconds.
    pub at: i64,
    /// Its message type; that of the first try when it was repeated.
    pub mti: String,
    /// hold, sale, completion, refund, reversal, decline, verification
    pub kind: String,
    /// DE 11, DE 7 (MMDDhhmmss), DE 41, DE 37, DE 3.
    pub stan: String,
    pub de7: String,
    pub terminal: String,
    pub rrn: String,
    pub processing_code: String,
    pub network: Option<String>,
    /// DE 4 and DE 49 (three lower-case letters).
    pub amount: i64,
    pub currency: String,
    /// DE 39, DE 38, DE 62, DE 48.84.
    pub response: String,
    pub approval: Option<String>,
    pub network_id: Option<String>,
    pub advice: Option<String>,
    /// Positions 2 and 10 of DE 44; a space is none.
    pub avs: char,
    pub cvc: char,
    /// What it refers to: DE 90, and the RRN of the message that was found by it or by DE 62.
    pub original: Option<JournalOriginal>,
    /// Of a hold, sale or refund: what stands of it at the time of the answer to this call.
    pub standing: Option<StandingView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalOriginal {
    pub stan: String,
    pub de7: String,
    /// None when nothing was found.
    pub rrn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    pub entries: Vec<JournalEntry>,
    /// Behind which entry the next page begins; none after the last.
    pub next: Option<u64>,
    /// Messages in all pages.
    pub of: u64,
    /// The acquirer's clock, Unix milliseconds.
    pub now: i64,
}

fn mti(entry: &Entry) -> &'static str {
    let completion = entry.kind == Kind::Completion || entry.target.is_some();
    match entry.trace.class {
        Class::Authorization => "0100",
        Class::Financial if completion && entry.processing / 10_000 != REFUND => "0220",
        Class::Financial => "0200",
        Class::Reversal => "0400",
    }
}

fn original(books: &Books, entry: &Entry) -> Option<JournalOriginal> {
    let found = entry.original.and_then(|id| books.entry(id));
    let Trace { stan, de7, .. } = found.map(|e| e.trace).or(entry.target)?;
    let rrn = found.map(|e| e.rrn.to_string());
    Some(JournalOriginal { stan: format!("{stan:06}"), de7: format!("{de7:010}"), rrn })
}

fn message(books: &Books, e: &Entry) -> JournalEntry {
    let kind = match e.kind {
        // A check of a card moves nothing, whatever came of it.
        Kind::Decline if e.asked == 0 && e.trace.class == Class::Authorization => Kind::Verification,
        kind => kind,
    };
    let standing = books.standing(e.id);
    JournalEntry {
        id: e.id,
        at: e.at.0,
        mti: mti(e).to_owned(),
        kind: kind.as_str().to_owned(),
        stan: format!("{:06}", e.trace.stan),
        de7: format!("{:010}", e.trace.de7),
        terminal: e.trace.terminal.to_string(),
        rrn: e.rrn.to_string(),
        processing_code: format!("{:06}", e.processing),
        network: e.network.map(|n| n.as_str().to_owned()),
        amount: e.asked,
        currency: currency_code(e.currency),
        response: e.response.to_string(),
        approval: e.approval.map(|a| a.to_string()),
        network_id: (e.network_id != 0).then(|| format!("{:015}", e.network_id)),
        advice: e.advice.map(|a| a.to_string()),
        avs: char::from(e.avs),
        cvc: char::from(e.cvc),
        original: original(books, e),
        standing: standing.map(|s| StandingView {
            held: s.held,
            captured: s.captured,
            refunded: s.refunded,
            reversed: s.reversed,
        }),
    }
}

/// Messages of this acquirer id that came at or after `since`, behind entry `after`.
pub(crate) fn page(books: &Books, acquirer: u64, since: Time, after: EntryId, now: Time) -> JournalPage {
    // What the network tells an issuer was never a gateway's.
    let asked = |e: &&Entry| e.at >= since && e.kind != Kind::Advice && e.trace.acquirer == acquirer;
    let behind = usize::try_from(after).unwrap_or(usize::MAX);
    let mut found = books.entries().iter().skip(behind).filter(asked);
    let entries: Vec<JournalEntry> = found.by_ref().take(MESSAGES_LIMIT).map(|e| message(books, e)).collect();
    let next = found.next().and_then(|_| entries.last()).map(|last| last.id);
    let of = books.entries().iter().filter(asked).count() as u64;
    JournalPage { entries, next, of, now: now.0 }
}
