//! Connections between vaults and the host, and what a bad network and a bad host make of the frames on them.
//! Knows message types only to spoil answers.

use crate::exec::Sim;
use crate::faults::Fault;
use crate::rng::Rng;
use crate::world::{Event, World};
use florin_connect::iso8583::{Class, Dialect, MatchKey, Message};
use florin_sandbox::{Fault as Trick, NetworkName, Reply, ReplyKind, Rule};
use std::collections::BTreeMap;

/// One connection; numbers are never used again.
pub type LinkId = u64;

#[derive(Default)]
struct Line {
    vault: usize,
    open: bool,
    half_open: bool,
    /// When the latest frame so far arrives, in each direction: an earlier arrival overtakes.
    latest: [i64; 2],
}

#[derive(Default)]
pub struct Net {
    lines: BTreeMap<LinkId, Line>,
    next: LinkId,
    peer_down_until: i64,
    /// Frames of payments that have not arrived yet.
    in_flight: u32,
    /// Messages that were refused unseen keep that answer: DE 39.
    refused: BTreeMap<MatchKey, &'static str>,
}

#[derive(Clone, Copy)]
enum Way {
    Out,
    Back,
}

impl Net {
    pub fn half_open(&mut self, link: LinkId) {
        if let Some(line) = self.lines.get_mut(&link) {
            line.half_open = true;
        }
    }
    pub fn close(&mut self, link: LinkId) {
        if let Some(line) = self.lines.get_mut(&link) {
            line.open = false;
        }
    }
    pub fn peer_up(&mut self) {
        self.peer_down_until = 0;
    }
    pub fn is_quiet(&self) -> bool {
        self.in_flight == 0
    }
    fn passes(&self, link: LinkId) -> Option<usize> {
        self.lines.get(&link).filter(|line| line.open && !line.half_open).map(|line| line.vault)
    }
    fn some_open(&self, rng: &mut Rng) -> Option<LinkId> {
        let open: Vec<LinkId> = self.lines.iter().filter(|(_, line)| line.open).map(|(id, _)| *id).collect();
        (!open.is_empty()).then(|| rng.pick(&open))
    }
}

impl World {
    /// A new connection, unless nobody is there.
    pub fn dial(&mut self, vault: usize) -> Option<LinkId> {
        if self.now < self.net.peer_down_until || self.host.is_down(self.true_time()) {
            return None;
        }
        self.net.next += 1;
        let line = Line { vault, open: true, ..Line::default() };
        self.net.lines.insert(self.net.next, line);
        Some(self.net.next)
    }

    pub fn send_to_host(&mut self, link: LinkId, body: &[u8]) {
        self.carry(link, Way::Out, body, 0);
    }

    /// One frame on its way: lost, doubled, delayed, or simply carried.
    fn carry(&mut self, link: LinkId, way: Way, body: &[u8], after_ms: i64) {
        let payment = !is_management(body);
        if !payment && self.weather.forgetful {
            // Without echoes the connection would be given up, and late answers with it.
            return self.dispatch(link, way, body, after_ms);
        }
        let (lost, fault) = match way {
            Way::Out => (self.weather.request_lost, Fault::RequestLost),
            Way::Back => (self.weather.answer_lost, Fault::AnswerLost),
        };
        if self.rng.chance(lost) {
            return self.note(fault);
        }
        let copies = if self.rng.chance(self.weather.doubled) { 2 } else { 1 };
        if copies == 2 {
            self.note(Fault::FrameDoubled);
        }
        for _ in 0..copies {
            let delay = self.delay();
            let when = self.now + after_ms + delay;
            let Some(line) = self.net.lines.get_mut(&link) else { return };
            let latest = &mut line.latest[way as usize];
            let overtakes = when < *latest;
            *latest = when.max(*latest);
            if overtakes {
                self.note(Fault::FrameReordered);
            }
            self.dispatch(link, way, body, when - self.now);
        }
    }

    fn dispatch(&mut self, link: LinkId, way: Way, body: &[u8], after_ms: i64) {
        self.net.in_flight += u32::from(!is_management(body));
        let body = body.to_vec();
        self.after(
            after_ms,
            match way {
                Way::Out => Event::ToHost { link, body },
                Way::Back => Event::ToVault { link, body },
            },
        );
    }

    fn arrived(&mut self, body: &[u8]) {
        self.net.in_flight -= u32::from(!is_management(body));
        self.trace.mix_bytes(body);
    }

    fn delay(&mut self) -> i64 {
        if self.rng.chance(self.weather.delayed) {
            let delay = self.rng.spread(50, self.weather.longest_delay_ms);
            if delay > 1_000 {
                self.note(Fault::FrameDelayed);
            }
            return delay;
        }
        self.rng.between(1, 30)
    }

    /// What had left before its connection broke may still arrive; what comes to a silent or absent host does not.
    pub fn reaches_host(&mut self, link: LinkId, body: &[u8]) {
        self.arrived(body);
        let Some(line) = self.net.lines.get(&link) else { return };
        let (open, half_open) = (line.open, line.half_open);
        if half_open || self.now < self.net.peer_down_until || (!open && self.rng.chance(500)) {
            return;
        }
        let dialect = Dialect::link();
        let Ok(message) = dialect.decode(body) else { return };
        if let Some(answer) = self.answered_for_host(&message) {
            let body = dialect.encode(&answer).map(|b| b.to_vec()).unwrap_or_default();
            return self.carry(link, Way::Back, &body, 0);
        }
        let spoiled = self.host.counts().faults;
        let replies = self.host.receive(self.true_time(), body);
        if self.host.counts().faults > spoiled {
            self.note(Fault::Script);
        }
        self.witness(&message);
        for reply in replies {
            self.reply(link, &message, reply);
        }
    }

    fn reply(&mut self, link: LinkId, request: &Message, reply: Reply) {
        let after = i64::from(reply.after_ms);
        match reply.kind {
            ReplyKind::Frame(body) => {
                let body = self.spoil(request, body);
                self.carry(link, Way::Back, &body, after);
            }
            ReplyKind::Slowly { body, ms_per_byte } => {
                let took = body.len() as i64 * i64::from(ms_per_byte);
                self.carry(link, Way::Back, &body, after + took);
            }
            // Half a frame never becomes one: the silence after it is what the vault notices.
            ReplyKind::Raw(_) => {}
            ReplyKind::HalfOpen => self.after(after, Event::HalfOpen { link }),
            ReplyKind::Close => self.after(after, Event::Closed { link }),
        }
    }

    /// Some messages are answered by a host in trouble before anybody looks at them.
    fn answered_for_host(&mut self, message: &Message) -> Option<Message> {
        let key = MatchKey::of(message).filter(|_| message.mti.class() != Class::Network)?;
        let known = self.net.refused.get(&key).copied();
        let first = message.mti.class() != Class::Reversal && !message.mti.is_repeat();
        let code = match known {
            Some(code) => code,
            None if self.rng.chance(self.weather.malfunction) => {
                self.note(Fault::Malfunction);
                "96"
            }
            None if first && self.rng.chance(self.weather.refused) && !self.host_knows(message) => {
                self.note(Fault::RefusedUnseen);
                let code = self.rng.pick(&["30", "12", "05"]);
                self.net.refused.insert(key, code);
                code
            }
            None => return None,
        };
        self.tell_of(message, || format!("the host answers {code} and does nothing"));
        let mut answer = Dialect::link().reply(message)?;
        answer.set(39, code);
        Some(answer)
    }

    /// A copy of this message was worked on before: its answer stands.
    fn host_knows(&self, message: &Message) -> bool {
        let stan = message.get(11).and_then(|v| v.parse().ok());
        let de7 = message.get(7).and_then(|v| v.parse().ok());
        let terminal = message.get(41).and_then(florin_sandbox::Text::parse);
        let query = florin_sandbox::Query { rrn: None, stan, de7, terminal, after: 0 };
        !self.host.books().find(&query, 1).is_empty()
    }

    /// An answer that says something else than the host did.
    fn spoil(&mut self, request: &Message, body: Vec<u8>) -> Vec<u8> {
        if request.mti.class() == Class::Network {
            return body;
        }
        let weather = &self.weather;
        let odds = [
            (weather.amount_altered, Fault::AmountAltered),
            (weather.stan_altered, Fault::StanAltered),
            (weather.rrn_altered, Fault::RrnAltered),
            (weather.garbage, Fault::Garbage),
            (weather.malfunction_after_work, Fault::MalfunctionAfterWork),
        ];
        let Some((_, fault)) = odds.into_iter().find(|(odds, _)| self.rng.chance(*odds)) else { return body };
        let dialect = Dialect::link();
        let Ok(mut answer) = dialect.decode(&body) else { return body };
        match fault {
            Fault::AmountAltered => change_last(&mut answer, 4),
            Fault::StanAltered => change_last(&mut answer, 11),
            Fault::RrnAltered => change_last(&mut answer, 37),
            Fault::MalfunctionAfterWork => {
                answer.remove(38);
                answer.set(39, "96");
            }
            _ => {
                self.note(fault);
                return vec![0xff; 24];
            }
        }
        self.note(fault);
        self.tell_of(request, || format!("the answer is spoilt: {}", fault.as_str()));
        dialect.encode(&answer).map(|b| b.to_vec()).unwrap_or(body)
    }

    pub fn drop_some_link(&mut self, sim: &Sim) {
        if let Some(link) = self.net.some_open(&mut self.rng) {
            self.note(Fault::LinkDropped);
            self.link_closed(sim, link);
        }
    }

    pub fn half_open_some_link(&mut self) {
        if let Some(link) = self.net.some_open(&mut self.rng) {
            self.note(Fault::LinkHalfOpen);
            self.net.half_open(link);
            self.tell(None, || format!("connection {link} is half open: nothing passes"));
        }
    }

    pub fn peer_down(&mut self, sim: &Sim) {
        let ms = self.rng.spread(1_000, 600_000);
        self.note(Fault::PeerDown);
        self.net.peer_down_until = self.now + ms;
        self.tell(None, || format!("the acquirer is down for {ms} ms"));
        let open: Vec<LinkId> = self.net.lines.iter().filter(|(_, l)| l.open).map(|(id, _)| *id).collect();
        open.into_iter().for_each(|link| self.link_closed(sim, link));
    }

    pub fn issuer_down(&mut self) {
        let ms = u32::try_from(self.rng.spread(1_000, 300_000)).unwrap_or(1_000);
        let network = self.rng.pick(&[None, Some(NetworkName::Visa), Some(NetworkName::Mastercard)]);
        let now = self.true_time();
        if self.host.misbehave(now, Rule::new(Trick::IssuerDown { network, ms })).is_ok() {
            self.note(Fault::IssuerDown);
        }
    }

    /// The sandbox's own script, in the seeds that have one.
    pub fn script_host(&mut self) {
        if !self.weather.script {
            return;
        }
        let trick = self.rng.pick(&[
            Trick::Lost,
            Trick::Drop,
            Trick::Late { ms: 20_000 },
            Trick::Doubled { ms: 300 },
            Trick::AlteredAmount,
            Trick::Slow { ms_per_byte: 40 },
            Trick::HalfOpen,
            Trick::Close,
            Trick::Reorder { ms: 2_000 },
            Trick::PartialFrame,
            Trick::UnknownMti,
        ]);
        let percent = u8::try_from(self.rng.between(1, 20)).unwrap_or(1);
        let seed = self.rng.draw();
        let now = self.true_time();
        let types = self.rng.pick(&[None, Some("02"), Some("01"), Some("04")]);
        let rule = Rule::new(trick).percent(percent, seed);
        let rule = types.map_or(rule.clone(), |mti| rule.mti(mti));
        // A rule that the host does not take is simply absent.
        let _: Result<(), _> = self.host.misbehave(now, rule);
    }

    pub fn reaches_vault(&mut self, sim: &Sim, link: LinkId, body: &[u8]) {
        self.arrived(body);
        if let Some(vault) = self.net.passes(link) {
            self.vault_received(sim, vault, link, body);
        }
    }
}

/// Sign-on, echo and their answers: 08xx.
fn is_management(body: &[u8]) -> bool {
    body.starts_with(b"08")
}

/// Another last digit, so that the element still has its form.
fn change_last(answer: &mut Message, de: u8) {
    let Some(text) = answer.get(de).map(str::to_owned) else { return };
    let other = if text.ends_with('0') { '1' } else { '0' };
    let changed: String = text.chars().take(text.len().saturating_sub(1)).chain([other]).collect();
    answer.set(de, &changed);
}
