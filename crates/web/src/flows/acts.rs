//! What people do: each act is one flow.

use super::{Flows, Here, no};
use crate::desk::*;
use florin_core::id::{Key, Kind};
use florin_core::money::Money;
use florin_core::people::{self, Action, Enrolled, Permit, Proof, Seat, SignedIn};

fn opened(signed: SignedIn) -> Opened {
    let hidden = |token: &people::Token| Hidden(token.expose().to_owned());
    Opened { session: hidden(&signed.token), device: signed.device.as_ref().map(hidden) }
}

fn moved(token: people::Token) -> Done {
    Done::Entry(Hidden(token.expose().to_owned()))
}

fn enrolled(enrolled: Enrolled) -> Done {
    let codes = enrolled.recovery_codes.into_iter().map(Hidden).collect();
    Done::Codes { session: Some(opened(enrolled.signed_in)), codes }
}

fn proof(factor: &Factor) -> Proof<'_> {
    match factor {
        Factor::Passkey { credential } => Proof::Passkey(&credential.0),
        Factor::Totp { code } => Proof::Totp(&code.0),
        Factor::Recovery { code } => Proof::Recovery(&code.0),
        Factor::Sms { code } => Proof::Sms(&code.0),
    }
}

/// Money of nothing only where the role has no limit, so it is never looked at.
fn role(role: Role, limit: Option<Money>) -> Result<people::Role, Refused> {
    people::Role::parse(role.name(), limit).ok_or(Refused::Field { name: "limit", why: "fault-limit" })
}

impl Flows {
    pub(super) async fn perform(&self, asker: &Asker, act: Act) -> Result<Done, Refused> {
        match act {
            Act::SignIn { .. }
            | Act::SignInPasskey { .. }
            | Act::Prove(_)
            | Act::SendCode
            | Act::Enrol { .. }
            | Act::EnrolFactor(_) => self.enter(asker, act).await,
            Act::Invite { .. }
            | Act::Withdraw { .. }
            | Act::SetRole { .. }
            | Act::Disable { .. }
            | Act::Enable { .. }
            | Act::Decide { .. } => self.run(asker, act).await,
            Act::SignOut
            | Act::Confirm(_)
            | Act::AddFactor(_)
            | Act::RenamePasskey { .. }
            | Act::RemovePasskey { .. }
            | Act::SetPhone { .. }
            | Act::CheckPhone { .. }
            | Act::RemovePhone
            | Act::NewCodes
            | Act::ChangePassword { .. }
            | Act::EndSession { .. }
            | Act::EndOthers => self.own(asker, act).await,
        }
    }

    /// Before there is a session.
    async fn enter(&self, asker: &Asker, act: Act) -> Result<Done, Refused> {
        let (people, visit) = (&self.people, Self::visit(asker));
        let done = match act {
            Act::SignIn { email, password } => people
                .sign_in(&visit, &email, &password.0)
                .await
                .map(|begun| Done::Entry(Hidden(begun.token.expose().to_owned()))),
            Act::SignInPasskey { credential } => {
                let ticket = asker.entry.as_ref().ok_or(Refused::Wrong)?;
                people
                    .passkey_sign_in(&visit, &ticket.0, &credential.0)
                    .await
                    .map(|signed| Done::Session(opened(signed)))
            }
            Act::Prove(factor) => {
                let signed = people.second(&visit, Self::entry(asker)?, proof(&factor)).await;
                signed.map(|signed| Done::Session(opened(signed)))
            }
            Act::SendCode => people.second_sms(Self::entry(asker)?).await.map(|()| Done::Plain),
            Act::Enrol { email, name, password } => {
                let email = email.unwrap_or_default();
                let token = Self::entry(asker)?;
                people.enrol_name(token, &name, &email, &password.0, asker.language).await.map(moved)
            }
            Act::EnrolFactor(NewFactor::Totp { code }) => {
                people.enrol_totp_done(Self::entry(asker)?, &visit, &code.0).await.map(enrolled)
            }
            Act::EnrolFactor(NewFactor::Passkey { label, credential }) => {
                people.enrol_passkey_done(Self::entry(asker)?, &visit, &credential.0, &label).await.map(enrolled)
            }
            _ => return Err(Refused::Missing),
        };
        done.map_err(no::refused)
    }

    /// Somebody's own affairs.
    async fn own(&self, asker: &Asker, act: Act) -> Result<Done, Refused> {
        let (people, token) = (&self.people, Self::session(asker)?);
        let plain = |()| Done::Plain;
        let done = match act {
            Act::SignOut => people.sign_out(token).await.map(plain),
            Act::Confirm(factor) => {
                people.step_up(token, proof(&factor)).await.map(|signed| Done::Session(opened(signed)))
            }
            Act::AddFactor(NewFactor::Totp { code }) => people.new_totp_done(token, &code.0).await.map(plain),
            Act::AddFactor(NewFactor::Passkey { label, credential }) => {
                people.new_passkey_done(token, &credential.0, &label).await.map(plain)
            }
            Act::RenamePasskey { id, label } => people.rename_passkey(token, &id, &label).await.map(plain),
            Act::RemovePasskey { id } => people.remove_passkey(token, &id).await.map(plain),
            Act::SetPhone { phone } => people.new_phone(token, &phone).await.map(plain),
            Act::CheckPhone { code } => people.new_phone_done(token, &code.0).await.map(plain),
            Act::RemovePhone => people.remove_phone(token).await.map(plain),
            Act::NewCodes => people
                .new_recovery_codes(token)
                .await
                .map(|codes| Done::Codes { session: None, codes: codes.into_iter().map(Hidden).collect() }),
            Act::ChangePassword { old, new } => people.change_password(token, &old.0, &new.0).await.map(plain),
            Act::EndSession { id } => {
                let signed = self.signed(asker).await?;
                people.revoke(&signed, self.key(Kind::Session, &id)?).await.map(plain)
            }
            Act::EndOthers => people.revoke_others(&self.signed(asker).await?).await.map(plain),
            _ => return Err(Refused::Missing),
        };
        done.map_err(no::refused)
    }

    /// The team's, each under its permit.
    async fn run(&self, asker: &Asker, act: Act) -> Result<Done, Refused> {
        let here = self.here(asker).await?;
        let people = &self.people;
        if let Act::Decide { approval, approve } = &act {
            let permit = here.permit(Action::Approve)?;
            let done = people.approve(&permit, self.key(Kind::Approval, approval)?, *approve).await;
            return done.map(|_| Done::Plain).map_err(no::refused);
        }
        let permit = here.permit(Action::EditTeam)?;
        let done = match act {
            Act::Invite { email, role: given, limit } => {
                let seat = Seat { account: self.seat(&here, given).await?, role: role(given, limit)? };
                let issued = people.invite(&permit, &email, vec![seat], asker.language).await.map_err(no::refused)?;
                let link = (!self.mails).then(|| Hidden(format!("{}/enrol/{}", self.origin, issued.token.expose())));
                return Ok(Done::Invited { link });
            }
            Act::Withdraw { id } => people.withdraw(&permit, self.key(Kind::Invitation, &id)?).await,
            Act::SetRole { member, role: given, limit } => {
                let user = self.key(Kind::User, &member)?;
                let seat = Seat { account: self.seat(&here, given).await?, role: role(given, limit)? };
                let seats = self.seats(&here, user, seat).await?;
                people.set_seats(&permit, user, &seats).await.map(|_| ())
            }
            Act::Disable { member } => people.disable(&permit, self.key(Kind::User, &member)?).await.map(|_| ()),
            Act::Enable { member } => people.enable(&permit, self.key(Kind::User, &member)?).await.map(|_| ()),
            _ => return Err(Refused::Missing),
        };
        done.map(|()| Done::Plain).map_err(no::refused)
    }

    /// Owners, and everybody where there is one account, have their role on the installation; others on the account that is looked at.
    async fn seat(&self, here: &Here, role: Role) -> Result<Option<Key>, Refused> {
        let alone = here.scope.is_none() && self.accounts(&here.signed).await?.len() < 2;
        Ok((role != Role::Owner && !alone).then_some(here.account))
    }

    /// The seats that somebody has afterwards: the new one here, and those on other accounts.
    async fn seats(&self, here: &Here, user: Key, seat: Seat) -> Result<Vec<Seat>, Refused> {
        let permit = here.permit(Action::ReadTeam)?;
        let team = self.people.team(&permit).await.map_err(no::refused)?;
        let before = team.into_iter().find(|member| member.user == user).ok_or(Refused::Missing)?.seats;
        let other = |old: &Seat| seat.account.is_some() && old.account.is_some() && old.account != seat.account;
        Ok(before.into_iter().filter(other).chain([seat]).collect())
    }
}

impl Here {
    pub(super) fn permit(&self, action: Action) -> Result<Permit, Refused> {
        self.signed.permit(action, self.scope).map_err(no::refused)
    }
    pub(super) fn may(&self, action: Action) -> bool {
        self.signed.may(action, self.scope)
    }
}
