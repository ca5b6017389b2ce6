//! Sessions: who is signed in, until when, and where else. A browser holds a random token; here is a keyed hash of it, another after each
//! step-up. Knows no cookie.

use super::draft::{Draft, by_hash, personal};
use super::no::No;
use super::role::{Action, By, Permit, Seat};
use super::rows::{Ended, Method, Session, SessionPersonal, SessionState};
use super::token::is_token;
use super::user::{Device, User, UserPersonal};
use super::{FRESH_MS, IDLE_MS, LONGEST_NAME, MOST_DEVICES, People, SEEN_EVERY_MS, SESSION_MS, Token, Visit};
use crate::audit::{Action as Deed, Actor, Entry};
use crate::commit::IndexEntry;
use crate::flow::{TRIES, View, read};
use crate::id::{Key, Kind};
use crate::notice::Words;
use crate::store::Query;
use crate::time::Time;
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Sessions of one person that are looked at.
const MOST_SESSIONS: u32 = 200;
/// Sessions that end in one commit.
pub(super) const MOST_SWEPT: usize = 50;
pub(super) const SESSION_TOKEN: &str = "token of a session";
const DEVICE_TOKEN: &str = "token of a device";

/// What a browser is given when somebody got in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The session's cookie from now on: what the browser held before opens nothing.
    pub token: Token,
    /// To be kept by the browser for long, so that it is known again. None: it has one.
    pub device: Option<Token>,
    pub user: Key,
    pub session: Key,
    pub method: Method,
    /// Recovery codes that are left.
    pub recovery_left: usize,
}

/// Somebody who is signed in now.
#[derive(Clone, Debug)]
pub struct Signed {
    pub session: View<Session>,
    pub user: View<User>,
    pub person: UserPersonal,
    pub(super) kept: SessionPersonal,
    /// When that was looked at.
    pub now: Time,
}

impl Signed {
    /// Until when dangerous things are open; none: a fresh factor is needed first.
    pub fn fresh_until(&self) -> Option<Time> {
        let until = self.session.body.fresh?.plus_ms(FRESH_MS);
        (self.now < until && self.now >= until.plus_ms(-FRESH_MS)).then_some(until)
    }
    /// What lets a flow do `action` for this person. `account`: the one that is meant; none for the installation.
    pub fn permit(&self, action: Action, account: Option<Key>) -> Result<Permit, No> {
        let by = By::User { user: self.user.key, session: self.session.key };
        Permit::of(&self.user.body.seats, self.fresh_until().is_some(), (action, account), by)
    }
    /// Whether the role would do, whatever else is needed: for menus.
    pub fn may(&self, action: Action, account: Option<Key>) -> bool {
        !matches!(self.permit(action, account), Err(No::Denied { .. }))
    }
    pub fn seats(&self) -> &[Seat] {
        &self.user.body.seats
    }
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    pub session: Key,
    pub label: String,
    pub address: String,
    pub began: Time,
    pub seen: Time,
    pub method: Method,
    /// The one that asks.
    pub current: bool,
}

/// Whether a session opens nothing any more.
fn is_over(session: &Session, user: &User, now: Time) -> bool {
    session.state != SessionState::Open
        || !user.is_active()
        || session.began < user.sessions_from
        || now >= session.began.plus_ms(SESSION_MS)
        || now >= session.seen.plus_ms(IDLE_MS)
}

impl People {
    /// Who holds a session's token. Writes down that the session was seen, at most once a minute.
    pub async fn who(&self, token: &str) -> Result<Signed, No> {
        let signed = self.holder(token).await?;
        if signed.now.since(signed.session.body.seen) >= SEEN_EVERY_MS {
            let mut draft = Draft::default();
            let body = Session { seen: signed.now, ..signed.session.body.clone() };
            let session = draft.change(self, &signed.session, body, None, vec![]);
            // Somebody else may have been faster: then it is written down already.
            if self.put(draft).await? {
                return Ok(Signed { session, ..signed });
            }
            return self.holder(token).await;
        }
        Ok(signed)
    }

    pub(super) async fn holder(&self, token: &str) -> Result<Signed, No> {
        if !is_token(token) {
            return Err(No::SignedOut);
        }
        let hash = self.token_hash(SESSION_TOKEN, token);
        let session = self.held::<Session>(&hash).await?.ok_or(No::SignedOut)?;
        verify_slices_are_equal(&session.body.hash, &hash).map_err(|_| No::SignedOut)?;
        let user = self.load::<User>(session.body.user).await?;
        let now = self.ports.now();
        if is_over(&session.body, &user.body, now) {
            return Err(No::SignedOut);
        }
        let (person, kept) = (user.personal()?, session.personal()?);
        Ok(Signed { session, user, person, kept, now })
    }

    /// A fresh session in the commit that proves who it is for. Remembers the browser in `person`.
    pub(super) fn open_session(
        &self,
        draft: &mut Draft,
        user: Key,
        person: &mut UserPersonal,
        visit: &Visit,
        method: Method,
    ) -> SignedIn {
        let (now, token, key) = (self.ports.now(), self.fresh_token(), self.ports.fresh_key());
        let label: String = visit.agent.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        let device = self.remember(person, visit.device.as_deref(), &label);
        let hash = self.token_hash(SESSION_TOKEN, token.expose());
        // A code by SMS and a recovery code let in; the weakest opens nothing dangerous.
        let fresh = (method != Method::Sms).then_some(now);
        let state = SessionState::Open;
        let body = Session { user, hash, began: now, seen: now, fresh, method, state };
        let kept = SessionPersonal { address: visit.address.to_string(), label, pending: None };
        let index = vec![by_hash(Kind::Session, &hash), IndexEntry { under: user, kind: Kind::Session, key }];
        draft.make(self, key, body, personal(user, &kept), index);
        draft
            .tell(Entry::new(Deed::SignIn, Actor::User(user)).detail(method.name()).seen(self.seen(Some(user), visit)));
        if device.is_some() && method != Method::Enrolment {
            let (device, address) = (kept.label.clone(), kept.address.clone());
            draft.mail(self, user, person, Words::NewDevice { device, address, at: now });
        }
        SignedIn { token, device, user, session: key, method, recovery_left: person.recovery.len() }
    }

    /// The token for a browser that was not seen before.
    fn remember(&self, person: &mut UserPersonal, held: Option<&str>, label: &str) -> Option<Token> {
        let now = self.ports.now();
        let mark = held.filter(|text| is_token(text)).map(|text| self.token_hash(DEVICE_TOKEN, text));
        if let Some(known) = person.devices.iter_mut().find(|device| Some(device.mark) == mark) {
            known.last = now;
            return None;
        }
        let token = self.fresh_token();
        let mark = self.token_hash(DEVICE_TOKEN, token.expose());
        if person.devices.len() >= MOST_DEVICES
            && let Some(oldest) = person.devices.iter().enumerate().min_by_key(|(_, d)| d.last).map(|(at, _)| at)
        {
            person.devices.remove(oldest);
        }
        person.devices.push(Device { mark, label: label.to_owned(), first: now, last: now });
        Some(token)
    }

    /// Ends a session. Without effect when it is over already.
    pub async fn sign_out(&self, token: &str) -> Result<(), No> {
        match self.holder(token).await {
            Ok(signed) => self.end(&signed, std::slice::from_ref(&signed.session), Ended::SignedOut).await,
            Err(No::SignedOut) => Ok(()),
            Err(no) => Err(no),
        }
    }

    /// Where this person is signed in, newest first.
    pub async fn sessions(&self, signed: &Signed) -> Result<Vec<SessionInfo>, No> {
        let mut all = vec![];
        for view in self.open_sessions(&signed.user).await? {
            let kept: SessionPersonal = view.personal()?;
            all.push(SessionInfo {
                session: view.key,
                label: kept.label,
                address: kept.address,
                began: view.body.began,
                seen: view.body.seen,
                method: view.body.method,
                current: view.key == signed.session.key,
            });
        }
        Ok(all)
    }

    pub(super) async fn open_sessions(&self, user: &View<User>) -> Result<Vec<View<Session>>, No> {
        let (mut open, mut before) = (vec![], None);
        let oldest = self.ports.now().0.saturating_sub(SESSION_MS);
        loop {
            let (under, kind, limit) = (user.key, Kind::Session, MOST_SESSIONS);
            let rows = self.ports.store().find(Query::List { under, kind, before, limit }).await?.rows();
            for row in &rows {
                let view: View<Session> = read(row)?;
                if !is_over(&view.body, &user.body, self.ports.now()) {
                    open.push(view);
                }
            }
            // However many were begun since: what is older is over.
            match rows.last() {
                Some(last) if rows.len() == limit as usize && last.key.time().0 >= oldest => before = Some(last.key),
                Some(_) | None => return Ok(open),
            }
        }
    }

    /// Ends one of the person's own sessions.
    pub async fn revoke(&self, signed: &Signed, session: Key) -> Result<(), No> {
        let open = self.open_sessions(&signed.user).await?;
        let found: Vec<View<Session>> = open.into_iter().filter(|view| view.key == session).collect();
        if found.is_empty() {
            return Err(No::NoSuch);
        }
        self.end(signed, &found, Ended::Revoked).await
    }

    /// Ends all of the person's sessions but the one that asks.
    pub async fn revoke_others(&self, signed: &Signed) -> Result<(), No> {
        let mut open = self.open_sessions(&signed.user).await?;
        open.retain(|view| view.key != signed.session.key);
        self.end(signed, &open, Ended::Revoked).await
    }

    pub(super) async fn end(&self, signed: &Signed, sessions: &[View<Session>], why: Ended) -> Result<(), No> {
        for session in sessions {
            let mut current = session.clone();
            for _ in 0..TRIES {
                if current.body.state != SessionState::Open {
                    break;
                }
                let mut draft = Draft::default();
                self.ending(&mut draft, &current, why);
                let deed = if why == Ended::SignedOut { Deed::SignOut } else { Deed::SessionRevoke };
                let entry = Entry::new(deed, Actor::User(signed.user.key)).subject(Kind::Session, session.key);
                draft.tell(entry.seen(self.seen_in(signed)));
                if self.put(draft).await? {
                    break;
                }
                current = self.load(session.key).await?;
            }
        }
        Ok(())
    }

    pub(super) fn ending(&self, draft: &mut Draft, session: &View<Session>, why: Ended) {
        let state = SessionState::Ended { at: self.ports.now(), why };
        let gone = SessionPersonal { pending: None, ..session.personal().unwrap_or_default() };
        let body = Session { state, ..session.body.clone() };
        draft.change(self, session, body, personal(session.body.user, &gone), vec![]);
    }
}

/// Wrong second factors of a person, however many sign-ins they are spread over.
pub(super) const SECOND: &str = "tries of second factors";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::UserState;

    #[test]
    fn when_a_session_is_over() {
        let session = Session {
            user: Key(1),
            hash: [0; 32],
            began: Time(0),
            seen: Time(1_000_000),
            fresh: None,
            method: Method::Totp,
            state: SessionState::Open,
        };
        let user = User { state: UserState::Active, seats: vec![], sessions_from: Time(0) };
        let check = |change: &dyn Fn(&mut Session, &mut User), now: i64, over: bool| {
            let (mut session, mut user) = (session.clone(), user.clone());
            change(&mut session, &mut user);
            assert_eq!(is_over(&session, &user, Time(now)), over, "{session:?} {user:?} {now}");
        };
        check(&|_, _| {}, 1_899_999, false);
        check(&|_, _| {}, 1_900_000, true);
        check(&|s, _| s.seen = Time(43_100_000), 43_199_999, false);
        check(&|s, _| s.seen = Time(43_100_000), 43_200_000, true);
        check(&|s, _| s.state = SessionState::Ended { at: Time(5), why: Ended::SignedOut }, 1_000_000, true);
        check(&|_, u| u.sessions_from = Time(1), 1_000_000, true);
        check(&|_, u| u.state = UserState::Disabled { at: Time(5) }, 1_000_000, true);
    }
}
