//! The port: what an event looks like to an endpoint, and the way there. Knows no HTTP library.

use super::record::{Delivery, Outcome, Try};
use super::{KEPT_BYTES, signed};
use crate::endpoint::Endpoint;
use crate::flow::{Failure, View};
use crate::id::Key;
use crate::store::{SequencedEvent, Wait};
use crate::time::Time;

/// The event as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The event's public id.
    pub id: String,
    pub body: Vec<u8>,
}

/// One POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub endpoint: Key,
    pub live: bool,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub outcome: Outcome,
    pub took_ms: u32,
    /// The answer's body, as much as was read.
    pub body: Vec<u8>,
}

pub trait Post: Send + Sync {
    /// The event for this endpoint; none when it is nothing that the API shows, or of the other mode.
    fn compose<'a>(
        &'a self,
        event: &'a SequencedEvent,
        endpoint: &'a View<Endpoint>,
    ) -> Wait<'a, Result<Option<Composed>, Failure>>;
    /// Sends and waits for the answer. Never fails: what went wrong is the outcome.
    fn send<'a>(&'a self, letter: Letter) -> Wait<'a, Reply>;
}

/// The letter, signed anew: a repeated one has the event's id and a time of its own.
pub(super) fn letter(endpoint: &View<Endpoint>, composed: Composed, now: Time) -> Letter {
    let Composed { id, body } = composed;
    let signed = signed(&id, &body, now, endpoint.body.secrets_at(now));
    let headers = vec![
        ("content-type", "application/json; charset=utf-8".to_owned()),
        ("user-agent", "Florin/1.0 (+webhooks)".to_owned()),
        ("stripe-signature", signed.stripe),
        ("webhook-id", id),
        ("webhook-timestamp", signed.timestamp),
        ("webhook-signature", signed.standard),
    ];
    Letter { endpoint: endpoint.key, live: endpoint.body.live, url: endpoint.body.url.clone(), headers, body }
}

/// What is kept of a try.
pub(super) fn kept(reply: Reply, at: Time) -> Try {
    let answer: String = String::from_utf8_lossy(reply.body.get(..KEPT_BYTES).unwrap_or(&reply.body)).into_owned();
    Try { at, took_ms: reply.took_ms, outcome: reply.outcome, answer: masked(&answer) }
}

/// Numbers that are as long as a card's are nobody's to keep: twelve digits or more, spaces and dashes between them or not.
fn masked(text: &str) -> String {
    let mut out: Vec<char> = text.chars().collect();
    let (mut run, mut from) = (0, 0);
    let hide = |out: &mut Vec<char>, from: usize, to: usize, run: usize| {
        if run >= 12 {
            out.iter_mut().take(to).skip(from).filter(|c| c.is_ascii_digit()).for_each(|c| *c = '*');
        }
    };
    for at in 0..out.len() {
        let Some(c) = out.get(at).copied() else { break };
        if c.is_ascii_digit() {
            from = if run == 0 { at } else { from };
            run += 1;
        } else if !(run > 0 && matches!(c, ' ' | '-')) {
            hide(&mut out, from, at, run);
            run = 0;
        }
    }
    let end = out.len();
    hide(&mut out, from, end, run);
    out.into_iter().collect()
}

impl Delivery {
    pub fn succeeded(&self) -> bool {
        self.last.as_ref().is_some_and(|t| t.outcome.is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_masked() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(masked(text), expected);
        }
        check("ok", "ok");
        check("order 12345678901", "order 12345678901");
        check("n=123456789012;", "n=************;");
        check("1234 5678-9012 34x", "**** ****-**** **x");
        check("12345678901 2", "*********** *");
        check("", "");
        check("été 1234567890123", "été *************");
    }
}
