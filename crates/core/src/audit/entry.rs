//! One entry of the audit log: what a caller tells, and what is stored of it. Personal data lies under the person's own key; the entry
//! has a commitment to it, so erasing a person leaves chain and tree as they were.

use super::action::Action;
use crate::codec::Body;
use crate::flow::{self, Failure, View};
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::store::Store;
use crate::time::Time;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// Of an address and of a device's name, in characters.
const LONGEST_SEEN: usize = 200;
/// Of a word, in bytes.
const LONGEST_WORD: usize = 64;

/// Who did it. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// Somebody who is signed in.
    User(Key),
    /// Whoever holds this API key.
    ApiKey(Key),
    /// Whoever may run `florin` on this machine's data.
    Local,
    /// The gateway by itself.
    System,
    /// Somebody who was not signed in: a try, an opened link.
    Nobody,
}

impl Actor {
    pub const fn as_str(self) -> &'static str {
        match self {
            Actor::User(_) => "user",
            Actor::ApiKey(_) => "api_key",
            Actor::Local => "local",
            Actor::System => "system",
            Actor::Nobody => "nobody",
        }
    }
}

/// What came of it. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    /// It was not allowed, or what was shown was wrong.
    Refused,
    /// It was allowed and did not work out.
    Failed,
    /// It was begun; a later entry or nothing at all tells of its end.
    Begun,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
            Outcome::Begun => "begun",
        }
    }
}

/// A detail that is neither personal nor secret, of lower-case letters, digits and `_.:-`, at most 64 bytes: `role:support`,
/// `eur:1999`. So it breaks no log and no terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word(String);

impl Word {
    /// What does not fit is replaced by `_`, and what is too long is cut.
    pub fn new(text: &str) -> Word {
        let kept = |c: char| match c {
            'a'..='z' | '0'..='9' | '_' | '.' | ':' | '-' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '_',
        };
        Word(text.chars().take(LONGEST_WORD).map(kept).collect())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// From where it was done: personal data, sealed under `of`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose it is: the user's key, so that erasing the user erases it. None: the entry's own.
    pub of: Option<Key>,
    /// 32 random bytes, fresh for each entry: nobody finds the address by trying all of them.
    pub salt: [u8; 32],
    pub address: Option<String>,
    /// The browser and system as people call them.
    pub device: Option<String>,
}

/// What a caller tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub action: Action,
    pub actor: Actor,
    pub outcome: Outcome,
    /// The merchant's account that it concerns; none for the installation.
    pub account: Option<Key>,
    pub subject: Option<(Kind, Key)>,
    pub detail: Option<Word>,
    pub seen: Option<Seen>,
}

impl Entry {
    /// Something that was done.
    pub const fn new(action: Action, actor: Actor) -> Entry {
        let outcome = Outcome::Done;
        Entry { action, actor, outcome, account: None, subject: None, detail: None, seen: None }
    }
    pub fn outcome(self, outcome: Outcome) -> Entry {
        Entry { outcome, ..self }
    }
    pub fn account(self, account: Key) -> Entry {
        Entry { account: Some(account), ..self }
    }
    pub fn subject(self, kind: Kind, key: Key) -> Entry {
        Entry { subject: Some((kind, key)), ..self }
    }
    pub fn detail(self, word: &str) -> Entry {
        Entry { detail: Some(Word::new(word)), ..self }
    }
    pub fn seen(self, seen: Option<Seen>) -> Entry {
        Entry { seen, ..self }
    }
}

/// Who asks for something, for those who write entries about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    pub actor: Actor,
    pub seen: Option<Seen>,
}

impl By {
    pub const LOCAL: By = By::of(Actor::Local);
    pub const SYSTEM: By = By::of(Actor::System);

    pub const fn of(actor: Actor) -> By {
        By { actor, seen: None }
    }
    /// An entry about something that this one did.
    pub fn did(&self, action: Action) -> Entry {
        Entry { seen: self.seen.clone(), ..Entry::new(action, self.actor) }
    }
}

/// What is stored, and what the chain and the tree run over: exactly the bytes of this body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1, without gaps.
    pub number: u64,
    /// Hash of the entry before; zeros for the first.
    pub before: [u8; 32],
    pub at: Time,
    pub action: Action,
    pub actor: Actor,
    pub outcome: Outcome,
    pub account: Option<Key>,
    /// The kind's number (`Kind::from_u8`) and the key.
    pub subject: Option<(u8, Key)>,
    pub detail: Option<Word>,
    /// SHA-256 over the body of `SeenPersonal`, which begins with random bytes.
    pub seen: Option<[u8; 32]>,
}

impl Body for Recorded {
    const FORMAT: u8 = 1;
}

impl Record for Recorded {
    const KIND: Kind = Kind::AuditEntry;
}

impl Recorded {
    /// The hash that the next entry carries.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.encode())
    }
    /// The kind and key of what it is about; none for a kind of a later Florin.
    pub fn about(&self) -> Option<(Kind, Key)> {
        self.subject.and_then(|(kind, key)| Kind::from_u8(kind).map(|kind| (kind, key)))
    }
}

/// SHA-256 over an entry's bytes.
pub(super) fn hash(body: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"florin audit 1");
    context.update(body);
    out(context)
}

fn out(context: digest::Context) -> [u8; 32] {
    context.finish().as_ref().try_into().unwrap_or([0; 32])
}

/// Where an entry came from, as it is stored under the key of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPersonal {
    pub salt: [u8; 32],
    pub address: Option<String>,
    pub device: Option<String>,
}

impl Body for SeenPersonal {
    const FORMAT: u8 = 1;
}

impl SeenPersonal {
    pub(super) fn of(seen: &Seen) -> SeenPersonal {
        let short = |text: &Option<String>| text.as_ref().map(|t| t.chars().take(LONGEST_SEEN).collect());
        SeenPersonal { salt: seen.salt, address: short(&seen.address), device: short(&seen.device) }
    }
    pub(super) fn commitment(body: &[u8]) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"florin audit personal 1");
        context.update(body);
        out(context)
    }
}

/// The entry of this number with where it came from, if that was not erased.
pub async fn read_entry(store: &dyn Store, number: u64) -> Result<(View<Recorded>, SeenPersonal), Failure> {
    let house = crate::terminal::HOUSE;
    let view: View<Recorded> = flow::load(store, house, Kind::AuditEntry, super::key_of(number)).await?;
    let seen = view.personal()?;
    Ok((view, seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_break_nothing() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Word::new(text).as_str(), expected);
        }
        check("role:support", "role:support");
        check("Role Support\r\n{\"x\":1}", "role_support____x_:1_");
        check("\u{1b}[31m\u{202e}é", "__31m__");
        check(&"a".repeat(70), &"a".repeat(64));
        check("", "");
    }
}
