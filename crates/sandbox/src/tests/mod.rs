//! Tables of messages in, messages out and books, through `Host::receive` alone.

mod codes;
mod contract;
mod faults;
mod files;
mod links;
mod money;
mod settlement;

use crate::{Fault, Host, HostSettings, Reply, ReplyKind, Rule, Standing};
use florin_connect::core::time::Time;
use florin_connect::iso8583::{Dialect, Message, Mti, tlv};

/// Canary numbers: they approve.
pub const VISA: &str = "4929123456000009";
pub const NOON: Time = Time(1_795_262_400_000);

/// A gateway's end of the wire, as small as can be.
pub struct World {
    pub host: Host,
    pub now: Time,
    stan: u32,
}

/// A request that can be sent, repeated and referred to.
pub struct Sent {
    pub message: Message,
}

impl Sent {
    pub fn with(mut self, de: u8, value: &str) -> Sent {
        self.message.set(de, value);
        self
    }
    pub fn without(mut self, de: u8) -> Sent {
        self.message.remove(de);
        self
    }
    pub fn repeat(&self) -> Sent {
        let mut message = self.message.duplicate();
        message.mti = message.mti.repeat();
        Sent { message }
    }
    fn de90(&self) -> String {
        let get = |de| self.message.get(de).unwrap();
        format!("{}{}{}{:0>11}{:0>11}", self.message.mti, get(11), get(7), get(32), "")
    }
}

pub fn settings() -> HostSettings {
    HostSettings { records: true, hops: true, ..HostSettings::new([7; 32]) }
}

impl World {
    pub fn new() -> World {
        World::with(settings())
    }
    pub fn with(settings: HostSettings) -> World {
        World { host: Host::new(settings), now: NOON, stan: 0 }
    }
    pub fn message(&mut self, mti: &str, fields: &[(u8, &str)]) -> Sent {
        self.stan += 1;
        let mut message = Message::new(Mti::parse(mti).unwrap());
        let at = self.now.civil();
        let de7 = format!("{:02}{:02}{:02}{:02}{:02}", at.month, at.day, at.hour, at.minute, at.second);
        message.set(7, &de7).set(11, &format!("{:06}", self.stan)).set(32, "400001");
        message.set(37, &format!("6325{:08}", self.stan)).set(41, "FL000001").set(42, "FLORINTEST00001");
        for (de, value) in fields {
            message.set(*de, value);
        }
        Sent { message }
    }
    fn purchase(&mut self, mti: &str, card: &str, amount: i64) -> Sent {
        let sent =
            self.message(mti, &[(2, card), (3, "000000"), (12, "120000"), (13, "1121"), (14, "3412"), (18, "5999")]);
        sent.with(4, &format!("{amount:012}")).with(22, "812").with(25, "59").with(49, "840")
    }
    pub fn hold(&mut self, card: &str, amount: i64) -> Sent {
        self.purchase("0100", card, amount)
    }
    pub fn sale(&mut self, card: &str, amount: i64) -> Sent {
        self.purchase("0200", card, amount)
    }
    fn about(&mut self, mti: &str, original: &Sent, amount: i64) -> Sent {
        let mut sent = self.message(mti, &[(4, &format!("{amount:012}")), (90, &original.de90())]);
        for de in [2, 3, 37, 41, 42, 49] {
            sent.message.set(de, original.message.get(de).unwrap());
        }
        sent
    }
    pub fn reversal(&mut self, original: &Sent) -> Sent {
        let amount = original.message.get(4).unwrap().parse().unwrap();
        self.about("0400", original, amount)
    }
    pub fn completion(&mut self, original: &Sent, answer: &Message, amount: i64) -> Sent {
        self.about("0220", original, amount).with(38, answer.get(38).unwrap_or("000000"))
    }
    pub fn refund(&mut self, sale: &Sent, answer: &Message, amount: i64) -> Sent {
        let card = sale.message.get(2).unwrap().to_owned();
        self.purchase("0200", &card, amount).with(3, "200000").with(62, answer.get(62).unwrap_or("000000000000000"))
    }
    pub fn replies(&mut self, sent: &Sent) -> Vec<Reply> {
        let body = Dialect::link().encode(&sent.message).unwrap();
        self.host.receive(self.now, &body)
    }
    /// The one answer to a message.
    pub fn answer(&mut self, sent: &Sent) -> Message {
        match self.replies(sent).as_slice() {
            [Reply { after_ms: 0, kind: ReplyKind::Frame(body) }] => Dialect::link().decode(body).unwrap(),
            other => panic!("not one answer: {other:?}"),
        }
    }
    pub fn code(&mut self, sent: &Sent) -> String {
        self.answer(sent).get(39).unwrap().to_owned()
    }
    pub fn later(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
    }
    pub fn fault(&mut self, fault: Fault) {
        self.host.misbehave(self.now, Rule::new(fault).next(1)).unwrap();
    }
    /// held, captured, refunded, reversed of the newest original with this RRN.
    pub fn stands(&self, sent: &Sent) -> Option<[i64; 4]> {
        let rrn = sent.message.get(37).unwrap();
        let standing = self.host.books().standings().filter(|s| s.rrn.as_str() == rrn).last()?;
        let Standing { held, captured, refunded, reversed, .. } = *standing;
        Some([held, captured, refunded, reversed])
    }
    /// What the account of this card holds and owes, in US dollars.
    pub fn account(&self, card: &str) -> [i64; 2] {
        let account = self.host.issuers().account(self.host.card_hash(card), 840);
        [account.held, account.owed]
    }
}

pub fn subfields(parts: &[(u8, &str)]) -> String {
    tlv::write(parts).unwrap().to_string()
}
