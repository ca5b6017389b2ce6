//! The head of the page: what it is, how it stands, in one look; its attempts; what belongs to it.

use super::clock;
use crate::link::{Link, Links};
use crate::told::Told;
use crate::words::Words;

pub struct Top {
    pub id: String,
    pub amount: String,
    /// Class of the badge: good, wait, bad or nothing.
    pub tone: &'static str,
    pub status: String,
    /// One sentence that tells it.
    pub says: String,
    pub created: String,
    pub card: Option<String>,
}

pub fn top(told: &Told, words: Words, links: &Links) -> Top {
    let refund = told.subject.is_refund();
    let group = if refund { "refund" } else { "payment" };
    let card = told.card.as_ref().map(|c| format!("{} ···· {}", c.network.name(), c.last4));
    Top {
        id: links.id(told.subject),
        amount: told.money.to_string(),
        tone: tone(told),
        status: words.of("status", status(told)),
        says: says(told, group, words),
        created: clock::moment(told.created),
        card,
    }
}

/// Stripe's word, but a payment that failed and may be tried again says so.
fn status(told: &Told) -> &'static str {
    match told.status {
        "requires_payment_method" if told.failure.is_some() => "failed",
        other => other,
    }
}

fn tone(told: &Told) -> &'static str {
    match status(told) {
        "succeeded" => "good",
        "failed" => "bad",
        "canceled" => "",
        _ => "wait",
    }
}

/// A sentence for each state; a refusal with the issuer's reason in words.
fn says(told: &Told, group: &str, words: Words) -> String {
    let sentence = words.of(&format!("say-{group}"), status(told));
    let Some(failure) = &told.failure else { return sentence };
    let why = match &failure.response {
        Some(response) => {
            let meaning = words.of("rc", response);
            words.put("failure-response", &[("code", response), ("meaning", &meaning)])
        }
        None => words.known("failure", &failure.code).unwrap_or_default(),
    };
    format!("{sentence} {why}").trim_end().to_owned()
}

pub struct AttemptRow {
    pub operation: String,
    pub tone: &'static str,
    pub state: String,
    pub amount: String,
    pub stan: String,
    pub rrn: String,
    pub terminal: String,
    pub approval: Option<String>,
    pub response: Option<String>,
}

pub fn attempts(told: &Told, words: Words) -> Vec<AttemptRow> {
    let row = |a: &crate::told::Attempt| AttemptRow {
        operation: words.of("operation", a.operation),
        tone: match a.state {
            "approved" => "good",
            "declined" => "bad",
            "not_sent" | "reversed" | "unanswered" => "",
            _ => "wait",
        },
        state: words.of("attempt", a.state),
        amount: a.money.to_string(),
        stan: format!("{:06}", a.stan),
        rrn: a.rrn.clone(),
        terminal: a.terminal.clone(),
        approval: a.approval.clone(),
        response: a.response.as_ref().map(|code| format!("{code} · {}", words.of("rc", code))),
    };
    told.attempts.iter().map(row).collect()
}

pub struct RelatedRow {
    pub refund: bool,
    pub amount: String,
    pub status: String,
    /// Path of its own page, as long as this one's link is good.
    pub path: String,
}

pub fn related(told: &Told, words: Words, link: &Link, links: &Links) -> Vec<RelatedRow> {
    let row = |r: &crate::told::Related| RelatedRow {
        refund: r.subject.is_refund(),
        amount: r.money.to_string(),
        status: words.of("status", r.status),
        path: links.path(&Link { subject: r.subject, ..*link }),
    };
    told.related.iter().map(row).collect()
}
