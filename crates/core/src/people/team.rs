//! Teams: who is there, on which accounts, in which role; inviting, changing, keeping out. Who may is said by the permit that each flow
//! demands.

use super::approve::Wish;
use super::draft::{Draft, ROSTER, personal};
use super::enrol::{Issued, MOST_INVITATIONS};
use super::no::{Field, No};
use super::role::{Action, Permit, Role, Seat};
use super::rows::{Ended, Invitation, InvitationPersonal, Purpose, UserName};
use super::user::{User, UserPersonal, UserState, normal_email};
use super::{MOST_USERS, People};
use crate::audit::{Action as Deed, Entry};
use crate::flow::{TRIES, View, read};
use crate::id::{self, Key, Kind};
use crate::notice::Words;
use crate::store::Query;
use crate::time::Time;

/// Seats of one user.
const MOST_SEATS: usize = 100;

/// Somebody on the team, as the team sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: Key,
    pub name: String,
    pub email: String,
    pub seats: Vec<Seat>,
    pub state: UserState,
    pub passkeys: usize,
    pub totp: bool,
    pub phone: bool,
    pub recovery_left: usize,
    /// When this person was last here, from any browser that is remembered.
    pub last_in: Option<Time>,
}

/// An invitation that nobody used yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub invitation: Key,
    pub email: String,
    pub purpose: Purpose,
    pub until: Time,
    pub by: Option<Key>,
}

impl People {
    /// Everybody, oldest first. With a permit for one account: those who have a seat there.
    pub async fn team(&self, permit: &Permit) -> Result<Vec<Member>, No> {
        permit.must(Action::ReadTeam)?;
        let mut members = vec![];
        for user in self.users().await? {
            let here = |seat: &Seat| seat.account.is_none() || seat.account == permit.account();
            let erased = matches!(user.body.state, UserState::Erased { .. });
            if !erased && (permit.account().is_none() || user.body.seats.iter().any(here)) {
                members.push(member(&user)?);
            }
        }
        Ok(members)
    }

    /// Anybody's name, for logs and approvals; none when it was erased.
    pub async fn name(&self, user: Key) -> Result<Option<String>, No> {
        let Some(view) = self.look::<User>(user).await? else { return Ok(None) };
        let person: UserPersonal = view.personal()?;
        Ok(Some(person.name).filter(|name| !name.is_empty()))
    }

    pub(super) async fn users(&self) -> Result<Vec<View<User>>, No> {
        let query = Query::List { under: crate::terminal::HOUSE, kind: Kind::User, before: None, limit: MOST_USERS };
        let rows = self.ports.store().find(query).await?.rows();
        Ok(rows.iter().rev().map(read).collect::<Result<Vec<View<User>>, _>>()?)
    }

    /// A link for somebody new. It is told once, and goes by mail where mail is set up.
    pub async fn invite(&self, permit: &Permit, email: &str, seats: Vec<Seat>, language: &str) -> Result<Issued, No> {
        permit.must(Action::EditTeam)?;
        let email = normal_email(email).ok_or(No::Field(Field::Email))?;
        fits(permit, &seats)?;
        for _ in 0..TRIES {
            if self.name_of(&email).await?.is_some_and(|found| found.body.user.is_some()) {
                return Err(No::EmailTaken);
            }
            let open = self.open_invitations().await?;
            if open.len() >= MOST_INVITATIONS as usize / 2 {
                return Err(No::TooMany);
            }
            let mut draft = Draft::default();
            for old in &open {
                // One link for one person: the newest.
                let kept: InvitationPersonal = old.personal()?;
                if kept.email == email && matches!(old.body.purpose, Purpose::Join { .. }) {
                    self.withdrawing(&mut draft, old);
                }
            }
            let language: String = language.chars().filter(char::is_ascii_alphabetic).take(8).collect();
            let kept = InvitationPersonal {
                email: email.clone(),
                language: language.clone(),
                ..InvitationPersonal::default()
            };
            let purpose = Purpose::Join { seats: seats.clone() };
            let user = self.ports.fresh_key();
            let issued = self.issue(&mut draft, purpose, user, kept, permit.user());
            draft.tell(entry(permit, Deed::UserInvite).subject(Kind::Invitation, issued.invitation));
            let by = match permit.user() {
                Some(user) => self.name(user).await?.unwrap_or_default(),
                None => String::new(),
            };
            let person = UserPersonal { email: email.clone(), language, ..UserPersonal::default() };
            let hours = u16::try_from(super::LINK_OPENS_MS / 3_600_000).unwrap_or(24);
            draft.mail(self, user, &person, Words::Invitation { by, link: self.link(&issued.token), hours });
            if self.put(draft).await? {
                return Ok(issued);
            }
        }
        Err(No::Contended)
    }

    pub async fn invitations(&self, permit: &Permit) -> Result<Vec<Waiting>, No> {
        permit.must(Action::ReadTeam)?;
        let mut waiting = vec![];
        for view in self.open_invitations().await? {
            let within = match (&view.body.purpose, permit.account()) {
                (_, None) => true,
                (Purpose::Join { seats }, Some(account)) => seats.iter().all(|seat| seat.account == Some(account)),
                (Purpose::FirstOwner | Purpose::Reset, Some(_)) => false,
            };
            if !within {
                continue;
            }
            let kept: InvitationPersonal = view.personal()?;
            let Invitation { purpose, until, by, .. } = view.body;
            waiting.push(Waiting { invitation: view.key, email: kept.email, purpose, until, by });
        }
        Ok(waiting)
    }

    pub async fn withdraw(&self, permit: &Permit, invitation: Key) -> Result<(), No> {
        permit.must(Action::EditTeam)?;
        for _ in 0..TRIES {
            let open = self.open_invitations().await?;
            let found = open.iter().find(|view| view.key == invitation).ok_or(No::NoSuch)?;
            if let Purpose::Join { seats } = &found.body.purpose {
                fits(permit, seats)?;
            } else if permit.account().is_some() {
                return Err(No::NoSuch);
            }
            let mut draft = Draft::default();
            self.withdrawing(&mut draft, found);
            draft.tell(entry(permit, Deed::InvitationRevoke).subject(Kind::Invitation, invitation));
            if self.put(draft).await? {
                return Ok(());
            }
        }
        Err(No::Contended)
    }

    /// Other seats for somebody. With a permit for one account: the seats there.
    pub async fn set_seats(&self, permit: &Permit, user: Key, seats: &[Seat]) -> Result<Member, No> {
        permit.must(Action::EditTeam)?;
        fits(permit, seats)?;
        self.change_user((permit, Deed::RoleChange), user, &|from| {
            let mut kept = from.clone();
            match permit.account() {
                None => kept.seats = seats.to_vec(),
                Some(account) => {
                    kept.seats.retain(|seat| seat.account != Some(account));
                    kept.seats.extend_from_slice(seats);
                }
            }
            Ok(kept)
        })
        .await
    }

    /// Keeps somebody out: every session is over, and no factor opens one.
    pub async fn disable(&self, permit: &Permit, user: Key) -> Result<Member, No> {
        permit.must(Action::EditTeam)?;
        let at = self.ports.now();
        let decide = |from: &User| match from.state {
            _ if !sits_within(permit, from) => Err(No::NoSuch),
            UserState::Active => Ok(User { state: UserState::Disabled { at }, ..from.clone() }),
            UserState::Disabled { .. } => Ok(from.clone()),
            UserState::Erased { .. } => Err(No::NoSuch),
        };
        self.change_user((permit, Deed::UserDisable), user, &decide).await
    }

    /// Lets somebody in again who was kept out.
    pub async fn enable(&self, permit: &Permit, user: Key) -> Result<Member, No> {
        permit.must(Action::EditTeam)?;
        let now = self.ports.now();
        let decide = |from: &User| match from.state {
            _ if !sits_within(permit, from) => Err(No::NoSuch),
            UserState::Active => Ok(from.clone()),
            UserState::Disabled { .. } => Ok(User { state: UserState::Active, sessions_from: now, ..from.clone() }),
            UserState::Erased { .. } => Err(No::NoSuch),
        };
        self.change_user((permit, Deed::UserEnable), user, &decide).await
    }

    /// One commit: the user, and the roster when an owner comes or goes. Nobody changes their own place, so that the last one who may is
    /// never the one who cannot undo it.
    async fn change_user(
        &self,
        (permit, deed): (&Permit, Deed),
        key: Key,
        decide: &(dyn Fn(&User) -> Result<User, No> + Sync),
    ) -> Result<Member, No> {
        if permit.user() == Some(key) {
            return Err(No::Oneself);
        }
        for _ in 0..TRIES {
            let user = self.load::<User>(key).await?;
            let next = decide(&user.body)?;
            touches(permit, &user.body)?;
            touches(permit, &next)?;
            let mut draft = Draft::default();
            let owner = |user: &User| user.is_active() && user.is_owner();
            let view = draft.change(self, &user, next.clone(), None, vec![]);
            let mut told = entry(permit, deed).subject(Kind::User, key);
            if deed == Deed::RoleChange {
                let names: Vec<&str> = next.seats.iter().map(|seat| seat.role.name()).collect();
                told = told.detail(&names.join("."));
            }
            draft.tell(told);
            if owner(&user.body) != owner(&next) {
                let roster = self.roster().await?.ok_or(No::NoSuch)?;
                let mut body = roster.body.clone();
                body.owners.retain(|other| *other != key);
                if owner(&next) {
                    body.owners.push(key);
                }
                if body.owners.is_empty() {
                    return Err(No::LastOwner);
                }
                draft.change(self, &roster, body, None, vec![]);
            }
            if !next.is_active() {
                for session in self.open_sessions(&user).await?.into_iter().take(super::session::MOST_SWEPT) {
                    self.ending(&mut draft, &session, Ended::Swept);
                }
            }
            if self.put(draft).await? {
                return member(&view);
            }
        }
        Err(No::Contended)
    }

    /// A link with which somebody makes other factors, once a second person approved. What opened before goes on until the link is used.
    pub async fn reset(&self, permit: &Permit, approval: Key) -> Result<Issued, No> {
        permit.must(Action::EditTeam)?;
        for _ in 0..TRIES {
            let mut draft = Draft::default();
            let user = match self.taking(&mut draft, approval).await? {
                Wish::ResetFactors { user } => user,
                Wish::EditPayout { .. } | Wish::RefundBig { .. } | Wish::LiveKey { .. } | Wish::RotateKek => {
                    return Err(No::NoSuch);
                }
            };
            let found = self.load::<User>(user).await?;
            touches(permit, &found.body)?;
            let person: UserPersonal = found.personal()?;
            for old in self.open_invitations().await? {
                if old.body.user == user {
                    self.withdrawing(&mut draft, &old);
                }
            }
            let kept = InvitationPersonal {
                name: person.name,
                email: person.email,
                language: person.language,
                ..InvitationPersonal::default()
            };
            let issued = self.issue(&mut draft, Purpose::Reset, user, kept, permit.user());
            draft.tell(entry(permit, Deed::ApprovalPerform).subject(Kind::User, user).detail("reset_factors"));
            if self.put(draft).await? {
                return Ok(issued);
            }
        }
        Err(No::Contended)
    }

    /// Forgets who somebody was, for good. The caller destroys the keys of what is personal: `Forget` with the user's key.
    pub async fn erase(&self, permit: &Permit, key: Key) -> Result<(), No> {
        permit.must(Action::EditTeam)?;
        if matches!(self.load::<User>(key).await?.body.state, UserState::Erased { .. }) {
            // The keys are still to be destroyed, perhaps: the caller does it again.
            return Ok(());
        }
        self.disable(permit, key).await?;
        for _ in 0..TRIES {
            let user = self.load::<User>(key).await?;
            if user.body.is_active() {
                // Let in again meanwhile.
                return Err(No::Contended);
            }
            let person: UserPersonal = user.personal()?;
            let mut draft = Draft::default();
            let hash = self.mac(super::enrol::EMAIL, &[person.email.as_bytes()]);
            if let Some(name) = self.look::<UserName>(id::place(&hash)).await?
                && name.body.user == Some(key)
            {
                draft.change(self, &name, UserName { hash, user: None }, None, vec![]);
            }
            draft.tell(entry(permit, Deed::UserErase).subject(Kind::User, key));
            let state = UserState::Erased { at: self.ports.now() };
            let body = User { state, seats: vec![], ..user.body.clone() };
            draft.change(self, &user, body, personal(key, &UserPersonal::default()), vec![]);
            if let Some(roster) = self.roster().await? {
                let mut next = roster.body.clone();
                next.people = next.people.saturating_sub(1);
                draft.put(self, ROSTER, Some(&roster), next);
            }
            if self.put(draft).await? {
                return Ok(());
            }
        }
        Err(No::Contended)
    }
}

fn entry(permit: &Permit, deed: Deed) -> Entry {
    Entry { account: permit.account(), ..Entry::new(deed, permit.actor()) }
}

fn member(user: &View<User>) -> Result<Member, No> {
    let person: UserPersonal = user.personal()?;
    Ok(Member {
        user: user.key,
        seats: user.body.seats.clone(),
        state: user.body.state,
        passkeys: person.passkeys.iter().filter(|key| !key.blocked).count(),
        totp: person.totp.is_some(),
        phone: person.phone.is_some(),
        recovery_left: person.recovery.len(),
        last_in: person.devices.iter().map(|device| device.last).max(),
        name: person.name,
        email: person.email,
    })
}

/// Whether a permit may give these seats: owners are made by owners, for all accounts; a permit for one account gives seats there.
fn fits(permit: &Permit, seats: &[Seat]) -> Result<(), No> {
    if seats.len() > MOST_SEATS || (seats.is_empty() && permit.account().is_none()) {
        return Err(No::Field(Field::Role));
    }
    for seat in seats {
        let owner = seat.role == Role::Owner;
        if (owner && seat.account.is_some()) || (permit.account().is_some() && seat.account != permit.account()) {
            return Err(No::Field(Field::Role));
        }
        if owner && permit.role() != Role::Owner {
            return Err(No::Denied { action: Action::EditTeam, who: vec![Role::Owner] });
        }
        if let Role::Support { refund_limit } = seat.role
            && refund_limit.minor < 0
        {
            return Err(No::Field(Field::RefundLimit));
        }
    }
    Ok(())
}

/// Whether somebody's every seat is where the permit reaches: only then is letting in and keeping out its affair.
fn sits_within(permit: &Permit, user: &User) -> bool {
    let Some(account) = permit.account() else { return true };
    !user.seats.is_empty() && user.seats.iter().all(|seat| seat.account == Some(account))
}

/// Owners are changed by owners alone, and a permit for one account changes nobody who sits on all.
fn touches(permit: &Permit, user: &User) -> Result<(), No> {
    let everywhere = user.seats.iter().any(|seat| seat.account.is_none());
    if (user.is_owner() && permit.role() != Role::Owner) || (everywhere && permit.account().is_some()) {
        return Err(No::Denied { action: Action::EditTeam, who: vec![Role::Owner] });
    }
    Ok(())
}
