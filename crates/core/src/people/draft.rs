//! A change about people on its way to be one commit: rows, what the audit log says of it, messages to those it concerns.

use super::People;
use super::no::No;
use super::tries::{LOCKS_AT, Tries, Whose};
use super::user::UserPersonal;
use super::{SMS_MS, Signed, Visit};
use crate::audit::{self, Entry, Seen};
use crate::codec::Body;
use crate::commit::{Beside, Commit, EventKind, IndexEntry, Personal, Version};
use crate::flow::{self, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::notice::{self, Channel, Language, MAIL_ENDS_MS, Message, Words};
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::store::Query;
use crate::terminal::HOUSE;

/// Parents of index entries that are found by a hash: no row has these keys.
pub(super) const BY_HASH: Key = Key(3);
/// The one row of the roster.
pub(super) const ROSTER: Key = Key(5);

#[derive(Default)]
pub(super) struct Draft {
    rows: Vec<Beside>,
    entries: Vec<Entry>,
    messages: Vec<Message>,
}

impl Draft {
    /// A new row.
    pub fn make<T: Record>(
        &mut self,
        people: &People,
        key: Key,
        body: T,
        personal: Option<Personal>,
        index: Vec<IndexEntry>,
    ) -> View<T> {
        let (version, at) = (Version::NONE.next(), people.ports.now());
        let view = View { key, account: HOUSE, version, at, body, personal };
        self.rows.push(Beside { from: Version::NONE, row: record::row(&view, index), event: event(T::KIND) });
        view
    }

    /// The next version of a row; `personal` none keeps what is there.
    pub fn change<T: Record>(
        &mut self,
        people: &People,
        from: &View<T>,
        body: T,
        personal: Option<Personal>,
        index: Vec<IndexEntry>,
    ) -> View<T> {
        let personal = personal.or_else(|| from.personal.clone());
        let view = View { version: from.version.next(), at: people.ports.now(), body, personal, ..from.clone() };
        self.rows.push(Beside { from: from.version, row: record::row(&view, index), event: event(T::KIND) });
        view
    }

    /// What the audit log says of it, in the same commit.
    pub fn tell(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Mail to somebody, where mail is set up.
    pub fn mail(&mut self, people: &People, user: Key, person: &UserPersonal, words: Words) {
        if people.rules.mail && !person.email.is_empty() {
            let (to, language) = (person.email.clone(), language(&person.language));
            let (user, channel, lives_ms) = (Some(user), Channel::Mail, MAIL_ENDS_MS);
            self.messages.push(Message { channel, user, to, language, words, lives_ms });
        }
    }

    /// A code to a phone.
    pub fn text(&mut self, user: Key, to: &str, person: &UserPersonal, code: String) {
        let minutes = u16::try_from(SMS_MS / 60_000).unwrap_or(5);
        let (to, words, language) = (to.to_owned(), Words::Code { code, minutes }, language(&person.language));
        let message = Message { channel: Channel::Sms, user: Some(user), to, language, words, lives_ms: SMS_MS };
        self.messages.push(message);
    }

    /// The next version of a row that may not be there yet.
    pub fn put<T: Record>(&mut self, people: &People, key: Key, from: Option<&View<T>>, body: T) -> View<T> {
        match from {
            Some(view) => self.change(people, view, body, None, vec![]),
            None => self.make(people, key, body, None, vec![]),
        }
    }
}

pub(super) fn personal(subject: Key, body: &impl Body) -> Option<Personal> {
    Some(Personal { subject, body: body.encode() })
}

/// The event that tells of a change of such a row.
#[allow(clippy::wildcard_enum_match_arm)]
const fn event(kind: Kind) -> EventKind {
    match kind {
        Kind::UserName => EventKind::UserNamed,
        Kind::Session => EventKind::SessionChanged,
        Kind::SignIn => EventKind::SignInChanged,
        Kind::Invitation => EventKind::InvitationChanged,
        Kind::Approval => EventKind::ApprovalChanged,
        Kind::Tries => EventKind::TriesCounted,
        Kind::Spent => EventKind::TicketSpent,
        Kind::Roster => EventKind::RosterChanged,
        _ => EventKind::UserChanged,
    }
}

pub(super) fn language(text: &str) -> Language {
    match text {
        "ko" => Language::Korean,
        "zh" => Language::Chinese,
        _ => Language::English,
    }
}

impl People {
    /// From where somebody asks, for the audit log: under the key of the person `of`.
    pub(super) fn seen(&self, of: Option<Key>, visit: &Visit) -> Option<Seen> {
        let (address, device) = (Some(visit.address.to_string()), Some(visit.agent.clone()));
        Some(Seen { of, salt: self.checker.random(), address, device })
    }

    /// The same of somebody who is signed in.
    pub(super) fn seen_in(&self, signed: &Signed) -> Option<Seen> {
        let (address, device) = (Some(signed.kept.address.clone()), Some(signed.kept.label.clone()));
        Some(Seen { of: Some(signed.user.key), salt: self.checker.random(), address, device })
    }

    /// True: done. False: somebody else was faster, nothing was changed.
    pub(super) async fn put(&self, draft: Draft) -> Result<bool, No> {
        let mut commit = Commit::default();
        commit.with(draft.rows, &|| self.ports.fresh_key());
        if !draft.entries.is_empty() {
            let mut head = audit::head(self.ports.store()).await?;
            audit::add(&mut commit, &mut head, &*self.ports, draft.entries);
        }
        let tells = !draft.messages.is_empty();
        for message in draft.messages {
            notice::add(&mut commit, &*self.ports, message);
        }
        match flow::commit(self.ports.store(), commit, None).await? {
            Met::Applied => {
                if tells {
                    flow::nudge(&*self.ports);
                }
                Ok(true)
            }
            Met::Conflict | Met::Replay(_) | Met::Guard => Ok(false),
        }
    }

    pub(super) async fn load<T: Record>(&self, key: Key) -> Result<View<T>, No> {
        Ok(flow::load(self.ports.store(), HOUSE, T::KIND, key).await?)
    }

    /// None where there is none.
    pub(super) async fn look<T: Record>(&self, key: Key) -> Result<Option<View<T>>, No> {
        match flow::load(self.ports.store(), HOUSE, T::KIND, key).await {
            Ok(view) => Ok(Some(view)),
            Err(Failure::Refused(Refusal::NoSuch(_))) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The row that is found by a hash; the caller compares the whole of it.
    pub(super) async fn held<T: Record>(&self, hash: &[u8; 32]) -> Result<Option<View<T>>, No> {
        let query = Query::Holder { under: BY_HASH, kind: T::KIND, key: crate::id::place(hash) };
        let rows = self.ports.store().find(query).await?.rows();
        rows.first().map(flow::read).transpose().map_err(No::from)
    }

    pub(super) async fn roster(&self) -> Result<Option<View<super::Roster>>, No> {
        self.look(ROSTER).await
    }

    /// How often somebody guessed wrong.
    pub(super) async fn tries(&self, whose: &str, value: &[u8]) -> Result<Counted, No> {
        let key = self.place(whose, value);
        Ok(Counted { key, view: self.look::<Tries>(key).await? })
    }
}

/// A count of tries, as it was when it was looked at.
pub(super) struct Counted {
    key: Key,
    view: Option<View<Tries>>,
}

impl Counted {
    pub fn tries(&self) -> Tries {
        self.view.as_ref().map(|view| view.body).unwrap_or_default()
    }
    pub fn may(&self, people: &People) -> Result<(), No> {
        self.tries().may(people.ports.now()).map_err(No::Wait)
    }
    /// True: that was one too many, and a lock of half an hour begins.
    pub fn count(&self, people: &People, draft: &mut Draft, whose: Whose) -> bool {
        let next = self.tries().after(whose, people.ports.now());
        draft.put(people, self.key, self.view.as_ref(), next);
        whose == Whose::Person && next.wrong >= LOCKS_AT
    }
    /// Back to none; whoever guessed meanwhile makes the commit begin anew.
    pub fn clear(&self, people: &People, draft: &mut Draft) {
        if let Some(view) = self.view.as_ref().filter(|view| view.body != Tries::default()) {
            draft.change(people, view, Tries::default(), None, vec![]);
        }
    }
}

/// An index entry by which a row is found by a hash.
pub(super) fn by_hash(kind: Kind, hash: &[u8; 32]) -> IndexEntry {
    IndexEntry { under: BY_HASH, kind, key: crate::id::place(hash) }
}
