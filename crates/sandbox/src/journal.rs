//! What acquirer, network and issuer report of each message, masked, with microseconds. Decides nothing.

use crate::answer;
use crate::entry::Entry;
use crate::misbehave::Fault;
use florin_connect::core::wire::Network;
use florin_connect::iso8583::{Dialect, Message, title};
use florin_connect::journey::Hop;
use std::collections::VecDeque;

const GATEWAY: &str = "vault";
const ACQUIRER: &str = "acquirer";
const ISSUER: &str = "issuer";

/// Collects the hops of one message.
pub(crate) struct Notes<'a> {
    dialect: &'static Dialect,
    on: bool,
    clock_us: &'a mut dyn FnMut() -> i64,
    hops: &'a mut VecDeque<Hop>,
}

/// How far a request went before it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// The acquirer refused it, or had answered it before.
    Acquirer,
    /// The network stood in for its issuer.
    Network,
    Issuer,
}

impl<'a> Notes<'a> {
    pub fn new(
        dialect: &'static Dialect,
        on: bool,
        clock_us: &'a mut dyn FnMut() -> i64,
        hops: &'a mut VecDeque<Hop>,
    ) -> Notes<'a> {
        Notes { dialect, on, clock_us, hops }
    }

    pub fn received(&mut self, message: &Message) {
        self.hop(ACQUIRER, GATEWAY, ACQUIRER, message, "");
    }

    /// The acquirer found nothing wrong: network and issuer get the request.
    pub fn passed_on(&mut self, message: &Message, network: Option<Network>, reached: Reached) {
        let network = name(network);
        match reached {
            Reached::Acquirer => {}
            Reached::Network => {
                self.hop(ACQUIRER, ACQUIRER, network, message, "");
                self.hop(
                    network,
                    network,
                    ISSUER,
                    message,
                    "the issuer does not answer: the network decides in its place",
                );
            }
            Reached::Issuer => {
                self.hop(ACQUIRER, ACQUIRER, network, message, "");
                self.hop(network, network, ISSUER, message, "");
            }
        }
    }

    /// Builds the answer step by step, as it passes issuer, network and acquirer.
    pub fn answered(&mut self, request: &Message, entry: &Entry, reached: Reached, note: &str) -> Option<Message> {
        let mut answer = answer::from_issuer(self.dialect, request, entry)?;
        let network = name(entry.network);
        if reached == Reached::Issuer {
            self.hop(ISSUER, ISSUER, network, &answer, note);
        }
        answer::from_network(&mut answer, entry);
        if reached != Reached::Acquirer {
            self.hop(network, network, ACQUIRER, &answer, "");
        }
        let own_note = if reached == Reached::Acquirer { note } else { "" };
        self.hop(ACQUIRER, ACQUIRER, GATEWAY, &answer, own_note);
        Some(answer)
    }

    /// An answer that the acquirer gives by itself and that is not in the books.
    pub fn refused(&mut self, request: &Message, response: &str, note: &str) -> Option<Message> {
        let answer = answer::refusal(self.dialect, request, response)?;
        self.hop(ACQUIRER, ACQUIRER, GATEWAY, &answer, note);
        Some(answer)
    }

    /// What went wrong with the answer that was reported last.
    pub fn spoilt(&mut self, fault: Fault) {
        if let Some(last) = self.hops.back_mut().filter(|_| self.on) {
            last.note = fault.words().to_owned();
        }
    }

    /// No answer is given.
    pub fn silent(&mut self, note: &str) {
        if let Some(last) = self.hops.back_mut().filter(|_| self.on) {
            last.note = note.to_owned();
        }
    }

    /// 0120: a stand-in decision, told to the issuer afterwards.
    pub fn told(&mut self, told: &Entry) {
        if self.on {
            let advice = answer::advice(told);
            self.hop(name(told.network), name(told.network), ISSUER, &advice, "decided by the network before");
        }
    }

    fn hop(&mut self, by: &str, from: &str, to: &str, message: &Message, note: &str) {
        if !self.on {
            return;
        }
        self.hops.push_back(Hop {
            at_us: (self.clock_us)(),
            by: by.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            title: title(message),
            rrn: message.get(37).unwrap_or("").to_owned(),
            fields: self.dialect.masked(message),
            note: note.to_owned(),
        });
    }
}

fn name(network: Option<Network>) -> &'static str {
    network.map_or("network", Network::as_str)
}
