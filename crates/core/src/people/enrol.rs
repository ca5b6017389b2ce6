//! Getting in for the first time, or anew: a link that works once, then name and password, then a second factor that cannot be skipped. No
//! user exists before the factor does, and everything is one commit then.

use super::draft::{Draft, ROSTER, by_hash, personal};
use super::no::{Field, No};
use super::role::{Action, Role, Seat};
use super::rows::{Ended, Invitation, InvitationPersonal, InvitationState, Method, Purpose, UserName};
use super::session::SignedIn;
use super::token::is_token;
use super::user::{Passkey, Totp, User, UserPersonal, UserState, normal_email, normal_name};
use super::{CHALLENGE_MS, LINK_OPENS_MS, MOST_USERS, People, Token, TotpOffer, Visit};
use crate::audit::{Action as Deed, Actor, Entry};
use crate::flow::{TRIES, View, read};
use crate::id::{self, Key, Kind};
use crate::notice::Words;
use crate::store::Query;
use crate::time::Time;
use aws_lc_rs::constant_time::verify_slices_are_equal;

pub(super) const EMAIL: &str = "address of mail";
const LINK: &str = "link of an invitation";
/// Open invitations at a time.
pub(super) const MOST_INVITATIONS: u32 = 200;

/// A link, which nobody can read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// For the link's path: `/enrol/<token>`.
    pub token: Token,
    pub invitation: Key,
    pub until: Time,
}

/// What a link opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub purpose: Purpose,
    /// Given by whoever invited; empty for the first owner.
    pub email: String,
    pub name: String,
    /// Name and password are given: the second factor is next.
    pub named: bool,
    pub until: Time,
}

/// Somebody is in for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    pub signed_in: SignedIn,
    /// Shown once.
    pub recovery_codes: Vec<String>,
}

/// The factor that ends an enrolment.
enum Factor {
    Totp { step: i64, secret: Vec<u8> },
    Passkey(Passkey),
}

impl People {
    /// A link for the first owner; none when there is an owner. Links that were made before open nothing any more.
    pub async fn first_link(&self) -> Result<Option<Issued>, No> {
        for _ in 0..TRIES {
            if self.roster().await?.is_some_and(|roster| !roster.body.owners.is_empty()) {
                return Ok(None);
            }
            let mut draft = Draft::default();
            for old in self.open_invitations().await? {
                if old.body.purpose == Purpose::FirstOwner {
                    self.withdrawing(&mut draft, &old);
                }
            }
            let user = self.ports.fresh_key();
            let issued = self.issue(&mut draft, Purpose::FirstOwner, user, InvitationPersonal::default(), None);
            draft.tell(Entry::new(Deed::EnrolLinkMake, Actor::System).subject(Kind::Invitation, issued.invitation));
            if self.put(draft).await? {
                return Ok(Some(issued));
            }
        }
        Err(No::Contended)
    }

    pub(super) fn issue(
        &self,
        draft: &mut Draft,
        purpose: Purpose,
        user: Key,
        kept: InvitationPersonal,
        by: Option<Key>,
    ) -> Issued {
        let (token, invitation) = (self.fresh_token(), self.ports.fresh_key());
        let until = self.ports.now().plus_ms(LINK_OPENS_MS);
        let hash = self.token_hash(LINK, token.expose());
        let body = Invitation { purpose, user, hash, until, by, state: InvitationState::Open };
        draft.make(self, invitation, body, personal(user, &kept), vec![by_hash(Kind::Invitation, &hash)]);
        Issued { token, invitation, until }
    }

    pub(super) async fn open_invitations(&self) -> Result<Vec<View<Invitation>>, No> {
        let (mut open, mut before) = (vec![], None);
        // Older ones open nothing any more, whatever their state.
        let oldest = self.ports.now().0.saturating_sub(LINK_OPENS_MS);
        loop {
            let (under, kind, limit) = (crate::terminal::HOUSE, Kind::Invitation, MOST_INVITATIONS);
            let rows = self.ports.store().find(Query::List { under, kind, before, limit }).await?.rows();
            for row in &rows {
                let view: View<Invitation> = read(row)?;
                if matches!(view.body.state, InvitationState::Open | InvitationState::Named)
                    && self.ports.now() < view.body.until
                {
                    open.push(view);
                }
            }
            match rows.last() {
                Some(last) if rows.len() == limit as usize && last.key.time().0 >= oldest => before = Some(last.key),
                Some(_) | None => return Ok(open),
            }
        }
    }

    pub(super) fn withdrawing(&self, draft: &mut Draft, old: &View<Invitation>) {
        let state = InvitationState::Withdrawn { at: self.ports.now() };
        let body = Invitation { state, ..old.body.clone() };
        draft.change(self, old, body, personal(old.body.user, &InvitationPersonal::default()), vec![]);
    }

    async fn invited(&self, token: &str) -> Result<(View<Invitation>, InvitationPersonal), No> {
        if !is_token(token) {
            return Err(No::NoLink);
        }
        let hash = self.token_hash(LINK, token);
        let view = self.held::<Invitation>(&hash).await?.ok_or(No::NoLink)?;
        // A link that led on to another token: somebody has been here.
        verify_slices_are_equal(&view.body.hash, &hash).map_err(|_| No::Used)?;
        match view.body.state {
            InvitationState::Used { .. } => Err(No::Used),
            InvitationState::Withdrawn { .. } => Err(No::NoLink),
            InvitationState::Open | InvitationState::Named if self.ports.now() >= view.body.until => Err(No::Expired),
            InvitationState::Open | InvitationState::Named => {
                let kept = view.personal()?;
                Ok((view, kept))
            }
        }
    }

    /// Looks at what a link opens. Nothing is used up by it.
    pub async fn open_link(&self, token: &str) -> Result<Opening, No> {
        let (view, kept) = self.invited(token).await?;
        let named = view.body.state == InvitationState::Named;
        let Invitation { purpose, until, .. } = view.body;
        Ok(Opening { purpose, email: kept.email, name: kept.name, named, until })
    }

    /// Name, address and password; may be said again until the second factor is there. Where the invitation names an address, that one
    /// counts; with a reset the name stays, too. What comes next is behind another token, which only the browser has that said this: whoever
    /// opened the link before knows neither the password nor the factor of who enrols.
    pub async fn enrol_name(
        &self,
        token: &str,
        name: &str,
        email: &str,
        password: &str,
        language: &str,
    ) -> Result<Token, No> {
        let (view, kept) = self.invited(token).await?;
        let fixed = !matches!(view.body.purpose, Purpose::FirstOwner);
        let email = if fixed { kept.email.clone() } else { normal_email(email).ok_or(No::Field(Field::Email))? };
        let name = match view.body.purpose {
            Purpose::Reset => kept.name.clone(),
            Purpose::FirstOwner | Purpose::Join { .. } => normal_name(name).ok_or(No::Field(Field::Name))?,
        };
        self.checker.judge(password, &[&name, &email])?;
        let hash = self.checker.hash(password).await.map_err(|_| No::Busy)?;
        let language: String = language.chars().filter(char::is_ascii_alphabetic).take(8).collect();
        for _ in 0..TRIES {
            let (view, _) = self.invited(token).await?;
            let taken = self.name_of(&email).await?.and_then(|found| found.body.user);
            if taken.is_some_and(|user| user != view.body.user) {
                return Err(No::EmailTaken);
            }
            let kept = InvitationPersonal {
                name: name.clone(),
                email: email.clone(),
                password: Some(hash.clone()),
                language: language.clone(),
                totp: None,
                challenge: None,
            };
            let mut draft = Draft::default();
            let moved = self.fresh_token();
            let hash = self.token_hash(LINK, moved.expose());
            let body = Invitation { hash, state: InvitationState::Named, ..view.body.clone() };
            let index = vec![by_hash(Kind::Invitation, &hash)];
            draft.change(self, &view, body, personal(view.body.user, &kept), index);
            if self.put(draft).await? {
                return Ok(moved);
            }
        }
        Err(No::Contended)
    }

    /// Makes the secret of an authenticator app, or shows the one that was made.
    pub async fn enrol_totp(&self, token: &str) -> Result<TotpOffer, No> {
        for _ in 0..TRIES {
            let (view, kept) = self.named(token).await?;
            if let Some(secret) = &kept.totp {
                return Ok(self.checker.totp_offer(secret, &kept.email));
            }
            let secret = self.totp_secret();
            let kept = InvitationPersonal { totp: Some(secret), ..kept };
            let mut draft = Draft::default();
            draft.change(self, &view, view.body.clone(), personal(view.body.user, &kept), vec![]);
            self.put(draft).await?;
        }
        Err(No::Contended)
    }

    pub(super) fn totp_secret(&self) -> Vec<u8> {
        self.checker.random().get(..20).map(<[u8]>::to_vec).unwrap_or_default()
    }

    /// The first code of the app ends the enrolment.
    pub async fn enrol_totp_done(&self, token: &str, visit: &Visit, code: &str) -> Result<Enrolled, No> {
        let (_, kept) = self.named(token).await?;
        let secret = kept.totp.ok_or(No::Expired)?;
        let code = super::proof::plain_code(code);
        let step = self.checker.totp_step(&secret, &code, self.ports.now()).ok_or(No::Wrong)?;
        self.enrol(token, visit, &Factor::Totp { step, secret }).await
    }

    /// Asks the browser for a passkey: JSON for `navigator.credentials.create`.
    pub async fn enrol_passkey(&self, token: &str) -> Result<String, No> {
        for _ in 0..TRIES {
            let (view, kept) = self.named(token).await?;
            let asked = self.checker.passkey_make(view.body.user, &kept.email, &kept.name, &[])?;
            let challenge = Some((asked.state, self.ports.now().plus_ms(CHALLENGE_MS)));
            let kept = InvitationPersonal { challenge, ..kept };
            let mut draft = Draft::default();
            draft.change(self, &view, view.body.clone(), personal(view.body.user, &kept), vec![]);
            if self.put(draft).await? {
                return Ok(asked.options);
            }
        }
        Err(No::Contended)
    }

    /// The passkey ends the enrolment. `called`: what its owner calls it.
    pub async fn enrol_passkey_done(
        &self,
        token: &str,
        visit: &Visit,
        answer: &str,
        called: &str,
    ) -> Result<Enrolled, No> {
        let (_, kept) = self.named(token).await?;
        let now = self.ports.now();
        let (state, _) = kept.challenge.filter(|(_, until)| now < *until).ok_or(No::Expired)?;
        let made = self.checker.passkey_made(&state, answer, now)?;
        let name = normal_name(called).unwrap_or_else(|| "Passkey".to_owned());
        self.enrol(token, visit, &Factor::Passkey(Passkey { name, ..made })).await
    }

    async fn named(&self, token: &str) -> Result<(View<Invitation>, InvitationPersonal), No> {
        let (view, kept) = self.invited(token).await?;
        match view.body.state {
            InvitationState::Named if kept.password.is_some() => Ok((view, kept)),
            InvitationState::Open
            | InvitationState::Named
            | InvitationState::Used { .. }
            | InvitationState::Withdrawn { .. } => Err(No::Field(Field::Password)),
        }
    }

    /// One commit: the user, whose address it is, the roster, the link that is used now, and the first session.
    async fn enrol(&self, token: &str, visit: &Visit, factor: &Factor) -> Result<Enrolled, No> {
        let (recovery_codes, recovery) = self.recovery_codes();
        for _ in 0..TRIES {
            let (view, kept) = self.named(token).await?;
            let (user, now) = (view.body.user, self.ports.now());
            let mut person = UserPersonal {
                name: kept.name.clone(),
                email: kept.email.clone(),
                password: kept.password.clone(),
                recovery: recovery.clone(),
                language: kept.language.clone(),
                ..UserPersonal::default()
            };
            match factor {
                Factor::Totp { step, secret } => {
                    // The secret that the code was of, not one that was made meanwhile.
                    if kept.totp.as_ref() != Some(secret) {
                        return Err(No::Expired);
                    }
                    person.totp = Some(Totp { secret: secret.clone(), last_step: *step, added: now });
                }
                Factor::Passkey(made) => person.passkeys.push(made.clone()),
            }
            let mut draft = Draft::default();
            let signed_in = self.open_session(&mut draft, user, &mut person, visit, Method::Enrolment);
            match &view.body.purpose {
                Purpose::Reset => {
                    draft.tell(Entry::new(Deed::FactorsReset, Actor::User(user)));
                    self.anew(&mut draft, user, person, now).await?;
                }
                Purpose::FirstOwner => {
                    let seats = vec![Seat { account: None, role: Role::Owner }];
                    draft.tell(Entry::new(Deed::Enrol, Actor::User(user)));
                    self.joins(&mut draft, user, person, seats, true).await?;
                }
                Purpose::Join { seats } => {
                    self.still_invites(view.body.by, seats).await?;
                    draft.tell(
                        Entry::new(Deed::InvitationAccept, Actor::User(user)).subject(Kind::Invitation, view.key),
                    );
                    self.joins(&mut draft, user, person, seats.clone(), false).await?;
                }
            }
            let body = Invitation { state: InvitationState::Used { at: now }, ..view.body.clone() };
            draft.change(self, &view, body, personal(user, &InvitationPersonal::default()), vec![]);
            if self.put(draft).await? {
                return Ok(Enrolled { signed_in, recovery_codes });
            }
        }
        Err(No::Contended)
    }

    /// Whether whoever invited may still do so: rights that were taken away are not left behind in links.
    async fn still_invites(&self, by: Option<Key>, seats: &[Seat]) -> Result<(), No> {
        let Some(by) = by else { return Ok(()) };
        let inviter = self.load::<User>(by).await?.body;
        let owner = seats.iter().any(|seat| seat.role == Role::Owner);
        let reaches = |own: &Seat| own.account.is_none() || seats.iter().all(|seat| seat.account == own.account);
        let gives = inviter.seats.iter().any(|own| Action::EditTeam.allows(own.role) && reaches(own));
        if inviter.is_active() && gives && (!owner || inviter.is_owner()) { Ok(()) } else { Err(No::NoLink) }
    }

    /// A new user. `first`: only while there is no owner.
    async fn joins(
        &self,
        draft: &mut Draft,
        key: Key,
        person: UserPersonal,
        seats: Vec<Seat>,
        first: bool,
    ) -> Result<(), No> {
        let roster = self.roster().await?;
        let mut next = roster.as_ref().map(|view| view.body.clone()).unwrap_or_default();
        if first && !next.owners.is_empty() {
            return Err(No::Used);
        }
        if next.people >= MOST_USERS {
            return Err(No::TooMany);
        }
        let body = User { state: UserState::Active, seats, sessions_from: self.ports.now() };
        next.people += 1;
        if body.is_owner() {
            next.owners.push(key);
        }
        let hash = self.mac(EMAIL, &[person.email.as_bytes()]);
        let name = self.look::<UserName>(id::place(&hash)).await?;
        if name.as_ref().is_some_and(|found| found.body.user.is_some()) {
            return Err(No::EmailTaken);
        }
        draft.put(self, id::place(&hash), name.as_ref(), UserName { hash, user: Some(key) });
        draft.put(self, ROSTER, roster.as_ref(), next);
        draft.make::<User>(self, key, body, personal(key, &person), vec![]);
        Ok(())
    }

    /// The same user with other factors: what opened before opens nothing any more.
    async fn anew(&self, draft: &mut Draft, key: Key, person: UserPersonal, from: Time) -> Result<(), No> {
        let user = self.load::<User>(key).await?;
        if !user.body.is_active() {
            return Err(No::NoLink);
        }
        let before: UserPersonal = user.personal()?;
        let person = UserPersonal { name: before.name, email: before.email, ..person };
        for session in self.open_sessions(&user).await?.into_iter().take(super::session::MOST_SWEPT) {
            self.ending(draft, &session, Ended::Swept);
        }
        // However many there are.
        let body = User { sessions_from: from, ..user.body.clone() };
        draft.change::<User>(self, &user, body, personal(key, &person), vec![]);
        draft.mail(self, key, &person, Words::FactorsChanged { what: "password".to_owned(), at: self.ports.now() });
        Ok(())
    }
}
