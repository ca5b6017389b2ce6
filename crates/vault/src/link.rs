//! The link to an acquirer as a pure state machine: sign-on, echo, many messages in flight, matching by keys, deadlines.
//! Knows no socket, no TLS, no runtime and no clock: what arrives and what time it is come in, frames and verdicts come out.

mod flight;
mod management;
mod past;
mod report;
mod types;

#[cfg(test)]
mod tests;

use crate::core::rare::{Site, rare};
use crate::core::time::Time;
use crate::core::wire::{Act, Late, NotSent, Order, Unsure, Verdict};
use flight::{Flight, Stage, Taken, Waiting};
use florin_connect::card::{Card, CardFacts};
use florin_connect::connector::{Connector, WireAnswer, WireRequest, judge};
use florin_connect::iso8583::{Class, Dialect, MatchKey, Message};
use florin_connect::journey::Hop;
use management::{Management, Step};
use past::Past;
use report::{Way, hop, silence};
pub use types::{CloseReason, Frame, LinkCounts, LinkSettings, LinkState, Moment, Ticket};

/// An order and what else is needed to read its answer. Holds nothing secret.
#[derive(Clone, Copy)]
struct Sent {
    order: Order,
    facts: CardFacts,
}

impl Sent {
    /// Whether another order asks for the very same message, be it as a repeat.
    fn same_message(&self, other: &Order) -> bool {
        let Order { account, owner, attempt, act, money, wire, .. } = self.order;
        (account, owner, attempt, act, money, wire)
            == (other.account, other.owner, other.attempt, other.act, other.money, other.wire)
    }
}

/// One acquirer. The caller connects, writes what `take_frames` gives, passes on what arrives and calls `tick` at `next_wake`.
pub struct Link {
    settings: LinkSettings,
    dialect: &'static Dialect,
    connector: &'static dyn Connector,
    state: LinkState,
    /// The latest reading of the steady clock: it never goes back, even when a caller's does.
    steady: Time,
    next_ticket: u64,
    flight: Flight,
    past: Past,
    management: Management,
    verdicts: Vec<(Ticket, Verdict)>,
    late: Vec<Late>,
    hops: Vec<Hop>,
    close: Option<CloseReason>,
    counts: LinkCounts,
}

impl Link {
    pub fn new(dialect: &'static Dialect, connector: &'static dyn Connector, settings: LinkSettings) -> Link {
        Link {
            dialect,
            connector,
            state: LinkState::Down,
            steady: Time(i64::MIN),
            next_ticket: 1,
            flight: Flight::default(),
            past: Past::new(&settings),
            management: Management::new(),
            verdicts: Vec::new(),
            late: Vec::new(),
            hops: Vec::new(),
            close: None,
            counts: LinkCounts::default(),
            settings,
        }
    }

    pub fn state(&self) -> LinkState {
        self.state
    }
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }
    /// Messages that wait to be written or answered.
    pub fn in_flight(&self) -> usize {
        self.flight.len()
    }

    /// A connection stands: signs on. Orders are refused until the other side accepts.
    pub fn connected(&mut self, now: Moment) {
        self.disconnected(now);
        self.state = LinkState::SigningOn;
        self.management.connected(self.steady);
        self.ask(now, self.settings.sign_on_code);
    }

    /// The connection is gone. What may have left is unknown; what had not been taken was not sent.
    pub fn disconnected(&mut self, now: Moment) {
        self.read_clock(now);
        self.state = LinkState::Down;
        self.close = None;
        self.management.disconnected();
        for (key, waiting) in self.flight.take_all() {
            match waiting.stage {
                Stage::Queued { .. } => self.settle(&waiting, Verdict::NotSent(NotSent::LinkDown)),
                Stage::Sent => self.give_up(key, &waiting, Unsure::LinkLost),
            }
        }
    }

    /// Whether an order would be taken now. Ask before opening what can be opened only once.
    pub fn ready(&mut self, now: Moment, order: &Order) -> Result<(), NotSent> {
        self.read_clock(now);
        if self.state != LinkState::Up || self.close.is_some() {
            return Err(NotSent::LinkDown);
        }
        if order.send_by <= now.wall {
            return Err(NotSent::TooLate);
        }
        if self.flight.len() >= self.settings.in_flight_limit_messages || rare(Site::LinkFull) {
            return Err(NotSent::Busy);
        }
        Ok(())
    }

    /// Takes an order, or says what came of it at once. The card is used only to build the message.
    pub fn submit(&mut self, now: Moment, order: &Order, card: Option<&Card>) -> Result<Ticket, Verdict> {
        const NOT_ENCODABLE: Verdict = Verdict::NotSent(NotSent::NotEncodable);
        self.ready(now, order).map_err(Verdict::NotSent)?;
        let message = match self.connector.encode(order, card, &self.settings.terms) {
            Ok(WireRequest::Iso8583(message)) => message,
            Ok(WireRequest::Http { .. }) => return Err(NOT_ENCODABLE),
            Err(why) => return Err(Verdict::NotSent(why)),
        };
        let key = MatchKey::of(&message).ok_or(NOT_ENCODABLE)?;
        if let Some(verdict) = self.sent_before(&key, order) {
            return Err(verdict);
        }
        let ticket = Ticket(self.next_ticket);
        if let Some(waiting) = self.flight.by_key(&key) {
            if !waiting.sent.same_message(order) {
                return Err(NOT_ENCODABLE);
            }
            // The same message is on its way already: both wait for the one answer.
            waiting.tickets.push(ticket);
            self.next_ticket += 1;
            return Ok(ticket);
        }
        let body = self.dialect.encode(&message).map_err(|_| NOT_ENCODABLE)?;
        let frame = self.dialect.framing.frame(&body).map_err(|_| NOT_ENCODABLE)?;
        let hop = self.settings.journey.then(|| Box::new(hop(self.dialect, &message, &Way::Out, "")));
        let wait_ms = order.send_by.since(now.wall).min(i64::from(self.settings.send_limit_ms));
        let waiting = Waiting {
            sent: Sent { order: *order, facts: card.map_or(CardFacts::NONE, Card::facts) },
            tickets: vec![ticket],
            due: self.steady.plus_ms(wait_ms),
            stage: Stage::Queued { frame, hop },
        };
        self.flight.insert(ticket.0, key, waiting);
        self.next_ticket += 1;
        Ok(ticket)
    }

    /// A trace number must not be used again, and money that was asked for once must not be asked for twice.
    fn sent_before(&self, key: &MatchKey, order: &Order) -> Option<Verdict> {
        let before = self.past.find(key)?;
        if !before.same_message(order) {
            return Some(Verdict::NotSent(NotSent::NotEncodable));
        }
        match order.act {
            Act::Sale { .. }
            | Act::Authorization { .. }
            | Act::Increment { .. }
            | Act::Refund { .. }
            | Act::Verification { .. } => Some(Verdict::Unknown(Unsure::NoAnswer)),
            Act::Completion { .. } | Act::Reversal { .. } => None,
        }
    }

    /// Frames to write now, oldest first, of about `room_bytes` together. From here on their orders may have been sent.
    pub fn take_frames(&mut self, now: Moment, room_bytes: usize) -> Vec<Frame> {
        self.expire(now);
        let mut frames = self.management.take_frames();
        let mut bytes: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        let answer_due = self.steady.plus_ms(i64::from(self.settings.answer_limit_ms));
        while self.state == LinkState::Up && self.close.is_none() && bytes < room_bytes {
            let Some(Taken { frame, hop, send_by }) = self.flight.take_oldest(answer_due) else { break };
            bytes += frame.len();
            self.counts.sent += 1;
            self.hops.extend(hop.map(|hop| *hop));
            frames.push(Frame { bytes: frame, send_by: Some(send_by) });
        }
        frames
    }

    /// Lets time pass: deadlines, echoes. Call it at `next_wake`; calling it more often does no harm.
    pub fn tick(&mut self, now: Moment) {
        self.expire(now);
        if self.close.is_some() {
            return;
        }
        match self.management.tick(self.steady, self.state, &self.settings) {
            Step::Nothing => {}
            Step::SignOn => self.ask(now, self.settings.sign_on_code),
            Step::Echo => self.ask(now, self.settings.echo_code),
            Step::Close(reason) => self.close = Some(reason),
        }
    }

    /// When `tick` is due, on the steady clock.
    pub fn next_wake(&self) -> Option<Time> {
        let management = match self.close {
            None => self.management.next_wake(self.state, &self.settings),
            Some(_) => None,
        };
        [self.flight.next_due(), management].into_iter().flatten().min()
    }

    /// The connection is of no more use: close it, report `disconnected`, make a new one.
    pub fn must_close(&self) -> Option<CloseReason> {
        self.close
    }

    pub fn take_verdicts(&mut self) -> Vec<(Ticket, Verdict)> {
        std::mem::take(&mut self.verdicts)
    }

    /// Answers to orders that have their verdict already: late ones, and second ones.
    pub fn take_late(&mut self) -> Vec<Late> {
        std::mem::take(&mut self.late)
    }

    /// What went over the wire since the last time, masked. `at_us` (Unix microseconds) is put into each.
    pub fn take_hops(&mut self, at_us: i64) -> Vec<Hop> {
        let mut hops = std::mem::take(&mut self.hops);
        for hop in &mut hops {
            hop.at_us = at_us;
        }
        hops
    }

    /// The body of one frame that arrived, on this connection or an earlier one.
    pub fn received(&mut self, now: Moment, body: &[u8]) {
        self.read_clock(now);
        self.management.heard(self.steady);
        let Ok(message) = self.dialect.decode(body) else {
            self.counts.unreadable += 1;
            return;
        };
        if message.mti.class() == Class::Network {
            return self.network_message(&message);
        }
        match MatchKey::of(&message) {
            Some(key) if message.mti.is_response() => self.answer(key, &message),
            _ => self.stray(&message),
        }
    }

    fn answer(&mut self, key: MatchKey, message: &Message) {
        if let Some(waiting) = self.flight.take_sent(&key) {
            let verdict = self.read(&waiting.sent, message);
            self.counts.answered += 1;
            self.note(message, "");
            self.settle(&waiting, verdict);
            // An answer that settles nothing may be followed by the right one.
            let answered = !matches!(verdict, Verdict::Unknown(_));
            self.past.remember(self.steady, key, waiting.sent, answered);
        } else if let Some(sent) = self.past.find(&key).copied() {
            let verdict = self.read(&sent, message);
            self.counts.late += 1;
            self.note(message, "its request has its verdict already: handed back as late");
            let Order { account, owner, attempt, wire, .. } = sent.order;
            self.late.push(Late { account, owner, attempt, wire, verdict });
        } else {
            self.stray(message);
        }
    }

    fn read(&mut self, sent: &Sent, message: &Message) -> Verdict {
        let verdict =
            judge(self.connector, &sent.order, &sent.facts, &self.settings.terms, WireAnswer::Iso8583(message));
        if verdict == Verdict::Unknown(Unsure::Mismatch) {
            self.counts.mismatched += 1;
        }
        verdict
    }

    fn stray(&mut self, message: &Message) {
        self.counts.strays += 1;
        self.note(message, "fits nothing that was sent");
    }

    /// 0800 and 0810.
    fn network_message(&mut self, message: &Message) {
        let code = message.get(70).unwrap_or_default();
        if message.mti.is_response() {
            match self.management.answered(message) {
                Some(asked) if asked == self.settings.sign_on_code => {
                    if message.get(39) == Some("00") {
                        self.state = LinkState::Up;
                    } else {
                        self.close = Some(CloseReason::SignOnRefused);
                    }
                }
                Some(_) => {}
                None => self.counts.strays += 1,
            }
            return;
        }
        let response = if code == self.settings.sign_on_code {
            self.other_side_signed_on();
            "00"
        } else if code == self.settings.sign_off_code {
            self.other_side_signed_off();
            "00"
        } else if code == self.settings.echo_code || code == management::CUT_OVER {
            "00"
        } else {
            management::NOT_SUPPORTED
        };
        if let Some(answer) = management::answer(message, response) {
            self.say(&answer);
        }
    }

    fn other_side_signed_on(&mut self) {
        if self.state == LinkState::SignedOff {
            self.state = LinkState::Up;
        }
    }

    /// What was sent may still be answered; what was not sent stays unsent.
    fn other_side_signed_off(&mut self) {
        if self.state == LinkState::Up {
            self.state = LinkState::SignedOff;
            for (_, waiting) in self.flight.take_queued() {
                self.settle(&waiting, Verdict::NotSent(NotSent::LinkDown));
            }
        }
    }

    fn ask(&mut self, now: Moment, code: &'static str) {
        let due = self.steady.plus_ms(i64::from(self.settings.management_limit_ms));
        let message = self.management.ask(now.wall, code, due);
        self.say(&message);
    }

    fn say(&mut self, message: &Message) {
        let body = self.dialect.encode(message).ok();
        let frame = body.and_then(|body| self.dialect.framing.frame(&body).ok());
        if let Some(frame) = frame
            && !self.management.queue(frame)
        {
            self.close = Some(CloseReason::Flooded);
        }
    }

    fn expire(&mut self, now: Moment) {
        self.read_clock(now);
        while let Some((key, waiting)) = self.flight.take_due(self.steady) {
            match waiting.stage {
                Stage::Queued { .. } => self.settle(&waiting, Verdict::NotSent(NotSent::TooLate)),
                Stage::Sent => self.give_up(key, &waiting, Unsure::NoAnswer),
            }
        }
    }

    fn give_up(&mut self, key: MatchKey, waiting: &Waiting, why: Unsure) {
        self.counts.unanswered += 1;
        if self.settings.journey {
            self.hops.push(silence(&waiting.sent.order, why));
        }
        self.settle(waiting, Verdict::Unknown(why));
        self.past.remember(self.steady, key, waiting.sent, false);
    }

    fn settle(&mut self, waiting: &Waiting, verdict: Verdict) {
        self.verdicts.extend(waiting.tickets.iter().map(|ticket| (*ticket, verdict)));
    }

    fn read_clock(&mut self, now: Moment) {
        self.steady = self.steady.max(now.steady);
    }

    fn note(&mut self, message: &Message, note: &str) {
        if self.settings.journey {
            self.hops.push(hop(self.dialect, message, &Way::In, note));
        }
    }
}
