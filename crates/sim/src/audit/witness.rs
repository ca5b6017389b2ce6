//! Looks at the issuers' books after every message that reached the host: at no moment are two holds or captures live for a payment.

use crate::words;
use crate::world::World;
use florin_connect::iso8583::Message;
use florin_core::attempt::State;
use florin_core::id::Key;
use florin_sandbox::{Entry, Kind};

impl World {
    /// What the host has just done with this message.
    pub fn witness(&mut self, message: &Message) {
        let new: Vec<Entry> = self.host.books().entries().get(self.audit.read..).unwrap_or_default().to_vec();
        self.audit.read += new.len();
        if new.is_empty() && message.has(37) {
            self.tell_of(message, || "the host has this message already: it repeats its answer".into());
        }
        for entry in new {
            self.trace.mix(entry.id.cast_signed() ^ entry.amount);
            self.entered(&entry);
        }
    }

    fn entered(&mut self, entry: &Entry) {
        let attempt = self.audit.rrns.get(entry.rrn.as_str()).copied();
        let owner = attempt.and_then(|a| self.audit.owners.get(&a)).copied();
        self.tell(owner, || {
            let (kind, response) = (entry.kind.as_str(), entry.response.as_str());
            let amount = words::on_wire(entry.amount, entry.currency);
            format!("the host books: {kind} of {amount}, STAN {:06}, answers {response}", entry.trace.stan)
        });
        let Some(owner) = owner else {
            if entry.amount > 0 {
                let rrn = entry.rrn.as_str().to_owned();
                self.audit.broken("an attempt is durable before its message leaves", None, || {
                    format!("the host booked RRN {rrn}, which belongs to nothing durable")
                });
            }
            return;
        };
        if matches!(entry.kind, Kind::Hold | Kind::Sale) && entry.original.is_none() {
            self.audit.originals.entry(owner).or_default().push(entry.id);
            self.one_live(owner);
        }
    }

    fn one_live(&mut self, payment: Key) {
        let (mut live, mut kept) = (0, 0);
        for id in self.audit.originals.get(&payment).into_iter().flatten() {
            let Some(standing) = self.host.books().standing(*id) else { continue };
            if standing.held + standing.captured == 0 {
                continue;
            }
            live += 1;
            let attempt = self.audit.rrns.get(standing.rrn.as_str()).and_then(|key| self.audit.attempt(*key));
            kept += i32::from(attempt.is_some_and(|a| !is_given_up(&a.state)));
        }
        let too_many = if self.audit.forgetful { kept > 1 } else { live > 1 };
        if too_many {
            self.audit.broken("one live hold or capture a payment", Some(payment), || {
                format!("{live} are live at the issuer, {kept} of them are not being taken back")
            });
        }
    }

    /// Tells something of the thing that a message is about.
    pub fn tell_of(&mut self, message: &Message, text: impl FnOnce() -> String) {
        let attempt = message.get(37).and_then(|rrn| self.audit.rrns.get(rrn));
        let owner = attempt.and_then(|a| self.audit.owners.get(a)).copied();
        if owner.is_some() {
            let mti = message.mti;
            self.tell(owner, || format!("{}: {}", mti.as_str(), text()));
        }
    }
}

fn is_given_up(state: &State) -> bool {
    match state {
        State::Reversing { .. }
        | State::Reversed { .. }
        | State::Declined { .. }
        | State::NotSent { .. }
        | State::Unanswered { .. } => true,
        State::Sent | State::Approved { .. } | State::Repeating { .. } => false,
    }
}
