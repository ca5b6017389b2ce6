//! What pages show of people: read by flows, put into plain words.

use super::{Flows, Here, no};
use crate::desk::*;
use florin_core::id::Kind;
use florin_core::people::{self, Action, ApprovalState as Is, Factors, Offers, UserState, Wish};
use florin_core::store::Query;

/// Recovery codes below which new ones are advised.
const FEW_CODES: usize = 4;

fn ways(offers: Offers) -> Ways {
    let sms = offers.sms.map(|[tens, ones]| format!("···· {tens}{ones}"));
    Ways { passkey: offers.passkey, totp: offers.totp, recovery: offers.recovery, sms }
}

/// A number without what lies between its country and its last two digits.
fn masked(phone: &str) -> String {
    let chars: Vec<char> = phone.chars().collect();
    let head: String = chars.iter().take(3).collect();
    let tail: String = chars.iter().skip(chars.len().saturating_sub(2).max(3)).collect();
    format!("{head} ··· ··· {tail}")
}

pub fn security(factors: &Factors) -> Security {
    let passkey = |key: &people::Factors| -> Vec<Passkey> {
        let shown = key.passkeys.iter().map(|key| Passkey {
            id: key.id.clone(),
            label: key.name.clone(),
            added: key.added,
            used: key.used,
            blocked: key.blocked,
        });
        shown.collect()
    };
    Security {
        passkeys: passkey(factors),
        totp: factors.totp_added,
        phone: factors.phone.as_deref().map(masked),
        may_phone: factors.sms_allowed,
        codes_left: u8::try_from(factors.recovery_left).unwrap_or(u8::MAX),
        password_changed: None,
    }
}

fn offer(offer: &people::TotpOffer) -> NewTotp {
    NewTotp { key: Hidden(offer.text.clone()), uri: Hidden(offer.uri.clone()), qr: qr(&offer.qr_svg) }
}

/// Side and path of the one path in an SVG picture of a QR code; an empty picture if it is none. Nothing of it is markup in a page.
fn qr(svg: &str) -> Qr {
    let attribute = |name: &str| {
        let from = svg.split(&format!(" {name}=\"")).nth(1)?;
        from.split('"').next()
    };
    let side =
        attribute("viewBox").and_then(|view| view.split(' ').nth(2)).and_then(|side| side.parse().ok()).unwrap_or(0);
    let known = |c: char| {
        c.is_ascii_digit()
            || matches!(c, 'M' | 'm' | 'h' | 'v' | 'H' | 'V' | 'l' | 'L' | 'z' | 'Z' | ' ' | ',' | '-' | '.')
    };
    let path = attribute("d").filter(|path| path.chars().all(known)).unwrap_or_default();
    Qr { side, path: Hidden(path.to_owned()) }
}

impl Flows {
    pub(super) async fn person(&self, asker: &Asker) -> Result<Person, Refused> {
        let here = self.here(asker).await?;
        let signed = &here.signed;
        let account = |(key, name): &(florin_core::id::Key, String)| Account {
            id: self.ids.encode(Kind::Account, *key),
            name: name.clone(),
        };
        let accounts: Vec<Account> = self.accounts(signed).await?.iter().map(account).collect();
        let current = self.ids.encode(Kind::Account, here.account);
        let seat = signed.seats().iter().find(|seat| seat.account.is_none_or(|own| own == here.account));
        let rights = [
            (Right::SeeTeam, Action::ReadTeam),
            (Right::ChangeTeam, Action::EditTeam),
            (Right::Approve, Action::Approve),
            (Right::SeeAudit, Action::ReadAudit),
        ];
        let fresh_until = signed.fresh_until();
        // Wishes are shown to a fresh factor alone.
        let waiting = match here.permit(Action::Approve) {
            Ok(permit) => self.people.wishes(&permit).await.map_err(no::refused)?,
            Err(_) => vec![],
        };
        let waits = |asked: &&people::Asked| {
            matches!(asked.state, Is::Waiting) && signed.now < asked.until && asked.by != Some(signed.user.key)
        };
        Ok(Person {
            name: signed.person.name.clone(),
            email: signed.person.email.clone(),
            role: seat.map_or(Role::Analyst, |seat| no::role(seat.role)),
            account: accounts.iter().find(|own| own.id == current).cloned().ok_or(Refused::Missing)?,
            accounts,
            may: rights.into_iter().filter(|(_, action)| here.may(*action)).map(|(right, _)| right).collect(),
            fresh_until,
            waiting: waiting.iter().filter(waits).count(),
            tasks: self.tasks(&here).await?,
        })
    }

    async fn tasks(&self, here: &Here) -> Result<Vec<(Task, bool)>, Refused> {
        let factors = self.people.factors(&here.signed);
        let mut tasks =
            vec![(Task::Passkey, !factors.passkeys.is_empty()), (Task::Codes, factors.recovery_left >= FEW_CODES)];
        if here.may(Action::EditTeam) {
            let team = self.people.team(&here.permit(Action::ReadTeam)?).await.map_err(no::refused)?;
            let decides = |member: &&people::Member| {
                member.state == UserState::Active && member.seats.iter().any(|seat| Action::Approve.allows(seat.role))
            };
            tasks.push((Task::SecondPerson, team.iter().filter(decides).count() > 1));
        }
        let query = Query::List { under: here.account, kind: Kind::Payment, before: None, limit: 1 };
        let found = self.ports.store().find(query).await.map_err(|_| Refused::Trouble)?;
        tasks.push((Task::Payment, !found.rows().is_empty()));
        Ok(tasks)
    }

    pub(super) async fn standing(&self, asker: &Asker) -> Result<Stage, Refused> {
        let token = Self::entry(asker)?;
        let opening = match self.people.open_link(token).await {
            Ok(opening) => opening,
            Err(people::No::NoLink) => {
                let offers = self.people.second_offers(token).await;
                return offers.map(|offers| Stage::Second(ways(offers))).map_err(|no| match no::refused(no) {
                    // A sign-in that nobody knows any more is over for whoever began it.
                    Refused::Expired => Refused::Unknown,
                    other => other,
                });
            }
            Err(other) => return Err(no::refused(other)),
        };
        if opening.named {
            return Ok(Stage::Factor { email: opening.email, done: false });
        }
        let (role, account) = match &opening.purpose {
            people::Purpose::FirstOwner => (Role::Owner, None),
            people::Purpose::Join { seats } => {
                let seat = seats.first();
                let account = match seat.and_then(|seat| seat.account) {
                    Some(key) => {
                        Some(florin_core::account::load(&*self.ports, key).await.map_err(no::failed)?.body.name)
                    }
                    None => None,
                };
                (seat.map_or(Role::Analyst, |seat| no::role(seat.role)), account)
            }
            people::Purpose::Reset => (Role::Analyst, None),
        };
        let email = Some(opening.email).filter(|email| !email.is_empty());
        Ok(Stage::Invited(Invited { email, role, account, by: None, expires: opening.until }))
    }

    pub(super) async fn ask(&self, asker: &Asker, purpose: Purpose) -> Result<Options, Refused> {
        let people = &self.people;
        let json = match purpose {
            Purpose::SignIn => {
                let asked = people.passkey_ask().map_err(no::refused)?;
                return Ok(Options { entry: Some(Hidden(asked.ticket)), json: asked.options });
            }
            Purpose::Prove => people.second_challenge(Self::entry(asker)?).await,
            Purpose::Enrol => people.enrol_passkey(Self::entry(asker)?).await,
            Purpose::Add => people.new_passkey(Self::session(asker)?).await,
            Purpose::Confirm => people.step_up_challenge(Self::session(asker)?).await,
        };
        Ok(Options { entry: None, json: json.map_err(no::refused)? })
    }

    /// Of whoever is signed in if they are, else of the enrolment.
    pub(super) async fn totp(&self, asker: &Asker) -> Result<NewTotp, Refused> {
        let made = match self.signed(asker).await {
            Ok(signed) => match self.people.pending_totp(&signed) {
                Some(pending) => Ok(pending),
                None => self.people.new_totp(Self::session(asker)?).await,
            },
            Err(Refused::SignedOut) => self.people.enrol_totp(Self::entry(asker)?).await,
            Err(why) => return Err(why),
        };
        made.map(|made| offer(&made)).map_err(no::refused)
    }

    pub(super) async fn own_sessions(&self, asker: &Asker) -> Result<Vec<SessionRow>, Refused> {
        let signed = self.signed(asker).await?;
        let all = self.people.sessions(&signed).await.map_err(no::refused)?;
        let row = |info: people::SessionInfo| SessionRow {
            id: self.ids.encode(Kind::Session, info.session),
            device: info.label,
            address: info.address,
            began: info.began,
            seen: info.seen,
            here: info.current,
        };
        Ok(all.into_iter().map(row).collect())
    }

    pub(super) async fn members(&self, asker: &Asker) -> Result<Team, Refused> {
        let here = self.here(asker).await?;
        let permit = here.permit(Action::ReadTeam)?;
        let team = self.people.team(&permit).await.map_err(no::refused)?;
        let invited = self.people.invitations(&permit).await.map_err(no::refused)?;
        let here_seat = |seats: &[people::Seat]| {
            seats.iter().find(|seat| seat.account.is_none_or(|own| own == here.account)).or(seats.first()).copied()
        };
        let limit = |seat: Option<people::Seat>| match seat.map(|seat| seat.role) {
            Some(people::Role::Support { refund_limit }) => Some(refund_limit),
            Some(_) | None => None,
        };
        let row = |m: people::Member| {
            let seat = here_seat(&m.seats);
            let state = if m.state == UserState::Active { MemberState::Active } else { MemberState::Disabled };
            Member {
                id: self.ids.encode(Kind::User, m.user),
                name: m.name,
                email: m.email,
                role: seat.map_or(Role::Analyst, |seat| no::role(seat.role)),
                limit: limit(seat),
                state,
                seen: m.last_in,
                you: m.user == here.signed.user.key,
            }
        };
        let waiting = |w: people::Waiting| match w.purpose {
            people::Purpose::Join { seats } => {
                let seat = here_seat(&seats);
                Some(Member {
                    id: self.ids.encode(Kind::Invitation, w.invitation),
                    name: String::new(),
                    email: w.email,
                    role: seat.map_or(Role::Analyst, |seat| no::role(seat.role)),
                    limit: limit(seat),
                    state: MemberState::Invited,
                    seen: None,
                    you: false,
                })
            }
            people::Purpose::FirstOwner | people::Purpose::Reset => None,
        };
        let known = team.into_iter().filter(|m| !matches!(m.state, UserState::Erased { .. })).map(row);
        let members = known.chain(invited.into_iter().filter_map(waiting)).collect();
        let owner = here.signed.seats().iter().any(|seat| seat.role == people::Role::Owner);
        Ok(Team { members, gives: Role::ALL.into_iter().filter(|role| owner || *role != Role::Owner).collect() })
    }

    pub(super) async fn wishes(&self, asker: &Asker) -> Result<Vec<Approval>, Refused> {
        let here = self.here(asker).await?;
        let all = self.people.wishes(&here.permit(Action::Approve)?).await.map_err(no::refused)?;
        let mut shown = vec![];
        for asked in all {
            let by = match asked.by {
                Some(user) => self.people.name(user).await.map_err(no::refused)?,
                None => Some("florin".to_owned()),
            };
            let state = match asked.state {
                Is::Waiting if here.signed.now < asked.until => ApprovalState::Waiting,
                Is::Waiting => ApprovalState::Expired,
                Is::Approved { .. } | Is::Done { .. } => ApprovalState::Approved,
                Is::Refused { .. } => ApprovalState::Refused,
            };
            let (what, details) = self.wish(&asked.wish).await?;
            shown.push(Approval {
                id: self.ids.encode(Kind::Approval, asked.approval),
                what,
                details,
                by: by.unwrap_or_else(|| "—".to_owned()),
                asked: asked.asked,
                expires: asked.until,
                state,
                yours: asked.by == Some(here.signed.user.key),
            });
        }
        Ok(shown)
    }

    /// What is wished, in the words of its page.
    async fn wish(&self, wish: &Wish) -> Result<(&'static str, Vec<Fact>), Refused> {
        let account = |key| ("fact-account", self.ids.encode(Kind::Account, key));
        let digest = |details: &[u8; 32]| {
            ("fact-details", details.iter().take(8).map(|b| format!("{b:02x}")).collect::<String>())
        };
        Ok(match wish {
            Wish::ResetFactors { user } => {
                let name = self.people.name(*user).await.map_err(no::refused)?;
                ("approve-reset", vec![("fact-name", name.unwrap_or_else(|| "—".to_owned()))])
            }
            Wish::EditPayout { account: of, details } => ("approve-payout", vec![account(*of), digest(details)]),
            Wish::RefundBig { account: of, payment, money } => {
                let payment = self.ids.encode(Kind::Payment, *payment);
                ("approve-refund", vec![account(*of), ("fact-payment", payment), ("fact-amount", money.to_string())])
            }
            Wish::LiveKey { account: of, details } => ("approve-key", vec![account(*of), digest(details)]),
            Wish::RotateKek => ("approve-kek", vec![]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_shown_by_their_ends() {
        assert_eq!(masked("+4915123456789"), "+49 ··· ··· 89");
        assert_eq!(masked("+1"), "+1 ··· ··· ");
    }

    #[test]
    fn a_picture_becomes_its_path() {
        let svg = "<?xml version=\"1.0\"?><svg xmlns=\"x\" width=\"37\" viewBox=\"0 0 37 37\"><rect/><path fill=\"#000\" d=\"M4 4h7v7H4V4\"/></svg>";
        assert_eq!(qr(svg), Qr { side: 37, path: Hidden("M4 4h7v7H4V4".to_owned()) });
        assert_eq!(qr("<svg viewBox=\"0 0 1 1\"><path d=\"<script>\"/>"), Qr { side: 1, path: Hidden(String::new()) });
        assert_eq!(qr(""), Qr { side: 0, path: Hidden(String::new()) });
    }
}
