//! People over the memory store: a checker whose answers can be read, a clock that is set, and helpers to get in. Knows no cryptography.

mod enrol;
mod races;
mod security;
mod sessions;
mod sign_in;
mod team;

use crate::gate::Gate;
use crate::world::{Process, World};
use florin_core::audit;
use florin_core::id::{Key, Kind};
use florin_core::notice::{Notice, NoticePersonal};
use florin_core::people::*;
use florin_core::seal::Secret;
use florin_core::store::{Query, Store, Wait};
use florin_core::terminal::HOUSE;
use florin_core::time::Time;
use florin_store::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

pub const PASSWORD: &str = "a quiet lake in may";
pub const EMAIL: &str = "kim@example.com";

/// Hashes are the text itself behind `h:`, a TOTP code is the step's last six digits, and a passkey answers with `question|id|counter|user`.
pub struct Toy {
    chance: AtomicU8,
}

impl Checker for Toy {
    fn random(&self) -> [u8; 32] {
        [self.chance.fetch_add(1, Ordering::Relaxed); 32]
    }
    fn judge(&self, password: &str, _: &[&str]) -> Result<(), BadPassword> {
        if password.chars().count() < 15 { Err(BadPassword::TooShort) } else { Ok(()) }
    }
    fn hash<'a>(&'a self, password: &'a str) -> Wait<'a, Result<String, Busy>> {
        Box::pin(std::future::ready(Ok(format!("h:{password}"))))
    }
    fn fits<'a>(&'a self, password: &'a str, kept: Option<&'a str>) -> Wait<'a, Result<bool, Busy>> {
        Box::pin(std::future::ready(Ok(kept.is_some_and(|kept| kept == format!("h:{password}")))))
    }
    fn totp_step(&self, _: &[u8], code: &str, now: Time) -> Option<i64> {
        let this = now.seconds() / 30;
        (this - 1..=this + 1).find(|step| totp_of(*step) == code)
    }
    fn totp_offer(&self, secret: &[u8], email: &str) -> TotpOffer {
        TotpOffer { text: format!("{secret:?}"), uri: format!("otpauth:{email}"), qr_svg: "<svg/>".to_owned() }
    }
    fn passkey_make(&self, user: Key, _: &str, _: &str, _: &[Passkey]) -> Result<Challenge, BadPasskey> {
        let state = format!("make {} {}", user.0, self.random()[0]);
        Ok(Challenge { options: state.clone(), state })
    }
    fn passkey_made(&self, state: &str, answer: &str, now: Time) -> Result<Passkey, BadPasskey> {
        let (id, counter, _) = read(state, answer)?;
        let (data, name) = (counter.to_string(), String::new());
        Ok(Passkey { id, data, name, synced: false, added: now, used: None, blocked: false })
    }
    fn passkey_ask(&self, _: Option<&[Passkey]>) -> Result<Challenge, BadPasskey> {
        let state = format!("ask {}", self.random()[0]);
        Ok(Challenge { options: state.clone(), state })
    }
    fn passkey_named(&self, answer: &str) -> Option<NamedPasskey> {
        let parts: Vec<&str> = answer.split('|').collect();
        let user = parts.get(3).and_then(|user| user.parse().ok()).map(Key);
        Some(NamedPasskey { user, id: parts.get(1)?.as_bytes().to_vec() })
    }
    fn passkey_used(&self, state: &str, answer: &str, known: &[Passkey], now: Time) -> Result<Passkey, BadPasskey> {
        let (id, counter, _) = read(state, answer)?;
        let found = known.iter().find(|key| key.id == id).ok_or(BadPasskey::Unknown)?;
        if counter <= found.data.parse().unwrap() {
            return Err(BadPasskey::Cloned);
        }
        Ok(Passkey { data: counter.to_string(), used: Some(now), ..found.clone() })
    }
}

fn read(state: &str, answer: &str) -> Result<(Vec<u8>, u32, Option<Key>), BadPasskey> {
    let parts: Vec<&str> = answer.split('|').collect();
    let [question, id, counter, ..] = parts.as_slice() else { return Err(BadPasskey::Unfit) };
    if *question != state {
        return Err(BadPasskey::Refused);
    }
    let user = parts.get(3).and_then(|user| user.parse().ok()).map(Key);
    Ok((id.as_bytes().to_vec(), counter.parse().map_err(|_| BadPasskey::Unfit)?, user))
}

pub fn totp_of(step: i64) -> String {
    format!("{:06}", step % 1_000_000)
}

/// A world with people.
pub struct House {
    pub world: Arc<World>,
    pub people: People,
}

pub fn rules() -> Rules {
    Rules { sms: true, sms_for_owners: false, mail: true, origin: "https://pay.example.com".to_owned() }
}

pub fn house() -> House {
    let world = World::new();
    let people = people(&world, Gate::open(), 1);
    House { world, people }
}

/// Another process on the same world.
pub fn people(world: &Arc<World>, gate: Arc<Gate>, chance: u8) -> People {
    let process = Arc::new(Process::new(world, gate, &[]));
    let checker = Arc::new(Toy { chance: AtomicU8::new(chance) });
    People::new(process, checker, &Secret::new([9; 32]), rules())
}

pub fn visit() -> Visit {
    Visit { address: "192.0.2.7".parse().unwrap(), agent: "Firefox on Linux".to_owned(), device: None }
}

impl House {
    pub fn now(&self) -> Time {
        self.world.now()
    }
    pub fn pass(&self, ms: i64) {
        let mut moving = self.world.lock();
        moving.now = moving.now.plus_ms(ms);
    }
    /// The code that an authenticator app shows now.
    pub fn code(&self) -> String {
        totp_of(self.now().seconds() / 30)
    }
    /// Half a minute later, and its code.
    pub fn next_code(&self) -> String {
        self.pass(30_000);
        self.code()
    }
    /// The first owner, with an authenticator app.
    pub fn owner(&self) -> Enrolled {
        let link = block_on(self.people.first_link()).unwrap().unwrap();
        self.enrolled(link.token.expose(), "Kim Lee", EMAIL)
    }
    pub fn enrolled(&self, link: &str, name: &str, email: &str) -> Enrolled {
        let own = block_on(self.people.enrol_name(link, name, email, PASSWORD, "en")).unwrap();
        block_on(self.people.enrol_totp(own.expose())).unwrap();
        block_on(self.people.enrol_totp_done(own.expose(), &visit(), &self.code())).unwrap()
    }
    pub fn who(&self, signed: &SignedIn) -> Result<Signed, No> {
        block_on(self.people.who(signed.token.expose()))
    }
    /// Somebody invited by the owner.
    pub fn join(&self, owner: &SignedIn, email: &str, role: Role) -> Enrolled {
        let permit = self.who(owner).unwrap().permit(Action::EditTeam, None).unwrap();
        let seats = vec![Seat { account: None, role }];
        let issued = block_on(self.people.invite(&permit, email, seats, "ko")).unwrap();
        self.enrolled(issued.token.expose(), "Park", email)
    }
    /// First and second factor with the app.
    pub fn sign_in(&self, email: &str) -> Result<SignedIn, No> {
        let begun = block_on(self.people.sign_in(&visit(), email, PASSWORD))?;
        block_on(self.people.second(&visit(), begun.token.expose(), Proof::Totp(&self.next_code())))
    }
    /// The audit log in words, oldest first.
    pub fn log(&self) -> Vec<String> {
        let entries = block_on(audit::list(&self.world.store, None, 1_000)).unwrap();
        let line = |view: &florin_core::flow::View<audit::Recorded>| {
            let e = &view.body;
            let detail = e.detail.as_ref().map_or(String::new(), |word| format!(" {}", word.as_str()));
            format!("{} {} {}{detail}", e.actor.as_str(), e.action.as_str(), e.outcome.as_str())
        };
        entries.iter().rev().map(line).collect()
    }
    /// What people were told, oldest first.
    pub fn messages(&self) -> Vec<String> {
        let query = Query::List { under: HOUSE, kind: Kind::Notice, before: None, limit: 1_000 };
        let rows = block_on(self.world.store.find(query)).unwrap().rows();
        let line = |row: &florin_core::commit::Row| {
            let view = florin_core::flow::read::<Notice>(row).unwrap();
            let kept: NoticePersonal = view.personal().unwrap();
            format!("{} {} {:?}", view.body.channel.as_str(), kept.to, kept.words.unwrap())
        };
        rows.iter().rev().map(line).collect()
    }
    /// The code of the newest message.
    pub fn sent_code(&self) -> String {
        let query = Query::List { under: HOUSE, kind: Kind::Notice, before: None, limit: 1 };
        let rows = block_on(self.world.store.find(query)).unwrap().rows();
        let kept: NoticePersonal = florin_core::flow::read::<Notice>(&rows[0]).unwrap().personal().unwrap();
        match kept.words {
            Some(florin_core::notice::Words::Code { code, .. }) => code,
            other => panic!("{other:?} has no code"),
        }
    }
}
