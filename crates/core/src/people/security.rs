//! One's own factors: passkeys, authenticator app, phone, recovery codes, password. Each change wants a fresh factor, and one factor always
//! stays. Knows nobody else's.

use super::draft::{Draft, personal};
use super::no::{Field, No};
use super::role::Action;
use super::rows::{Ended, Pending, SmsCode};
use super::session::Signed;
use super::user::{Passkey, Totp, UserPersonal, normal_name, normal_phone};
use super::{CHALLENGE_MS, MOST_PASSKEYS, People, SMS_TRIES, TotpOffer};
use crate::audit::{Action as Deed, Actor, Entry, Outcome};
use crate::flow::TRIES;
use crate::notice::Words;
use crate::time::Time;
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// What a person has, for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factors {
    pub passkeys: Vec<PasskeyInfo>,
    pub totp_added: Option<Time>,
    pub recovery_left: usize,
    pub phone: Option<String>,
    /// Whether this person may use a phone at all.
    pub sms_allowed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyInfo {
    /// The credential's id in base64url.
    pub id: String,
    pub name: String,
    pub synced: bool,
    pub added: Time,
    pub used: Option<Time>,
    pub blocked: bool,
}

fn passkey_id(id: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(id)
}

/// One factor besides the password must stay, and codes by SMS are not enough.
fn still_gets_in(person: &UserPersonal) -> Result<(), No> {
    let some = person.totp.is_some() || person.passkeys.iter().any(|key| !key.blocked);
    if some { Ok(()) } else { Err(No::LastFactor) }
}

/// Codes to phones that somebody asked for, whatever the numbers.
const ASKED: &str = "codes that a person asked for";

impl People {
    pub fn factors(&self, signed: &Signed) -> Factors {
        let info = |key: &Passkey| PasskeyInfo {
            id: passkey_id(&key.id),
            name: key.name.clone(),
            synced: key.synced,
            added: key.added,
            used: key.used,
            blocked: key.blocked,
        };
        let person = &signed.person;
        Factors {
            passkeys: person.passkeys.iter().map(info).collect(),
            totp_added: person.totp.as_ref().map(|totp| totp.added),
            recovery_left: person.recovery.len(),
            phone: person.phone.clone(),
            sms_allowed: self.sms_allowed(signed.user.body.is_owner()),
        }
    }

    /// Changes what is kept of the person behind a session; other sessions of the person end with `sweep`.
    async fn change_own(
        &self,
        token: &str,
        (deed, what, sweep): (Deed, &str, bool),
        decide: &(dyn Fn(&Signed, &mut UserPersonal) -> Result<(), No> + Sync),
    ) -> Result<(), No> {
        for _ in 0..TRIES {
            let signed = self.who(token).await?;
            signed.permit(Action::OwnSecurity, None)?;
            let mut person = signed.person.clone();
            decide(&signed, &mut person)?;
            let mut draft = Draft::default();
            let user = &signed.user;
            draft.change(self, user, user.body.clone(), personal(user.key, &person), vec![]);
            draft.tell(Entry::new(deed, Actor::User(user.key)).seen(self.seen_in(&signed)));
            if deed != Deed::PasskeyRename {
                let (what, at) = (what.to_owned(), signed.now);
                draft.mail(self, user.key, &person, Words::FactorsChanged { what, at });
            }
            if signed.kept.pending.is_some() {
                self.pending(&mut draft, &signed, None);
            }
            let mut others = if sweep { self.open_sessions(user).await? } else { vec![] };
            others.retain(|other| other.key != signed.session.key);
            let rest = others.split_off(others.len().min(super::session::MOST_SWEPT));
            for other in &others {
                self.ending(&mut draft, other, Ended::Swept);
            }
            if self.put(draft).await? {
                return self.end(&signed, &rest, Ended::Swept).await;
            }
        }
        Err(No::Contended)
    }

    /// Keeps what was begun until its second half comes.
    async fn begin_own(
        &self,
        token: &str,
        make: &(dyn Fn(&Signed) -> Result<Pending, No> + Sync),
    ) -> Result<(Signed, Pending), No> {
        for _ in 0..TRIES {
            let signed = self.who(token).await?;
            signed.permit(Action::OwnSecurity, None)?;
            let pending = make(&signed)?;
            let mut draft = Draft::default();
            self.pending(&mut draft, &signed, Some(pending.clone()));
            if self.put(draft).await? {
                return Ok((signed, pending));
            }
        }
        Err(No::Contended)
    }

    /// A new secret for an authenticator app; the old app goes on until the first code of the new one.
    pub async fn new_totp(&self, token: &str) -> Result<TotpOffer, No> {
        let secret = self.totp_secret();
        let until = self.ports.now().plus_ms(2 * CHALLENGE_MS);
        let make = |_: &Signed| Ok(Pending::Totp { secret: secret.clone(), until });
        let (signed, _) = self.begin_own(token, &make).await?;
        Ok(self.checker.totp_offer(&secret, &signed.person.email))
    }

    /// Shows the secret that was made by `new_totp` again: for a form that is shown again.
    pub fn pending_totp(&self, signed: &Signed) -> Option<TotpOffer> {
        match &signed.kept.pending {
            Some(Pending::Totp { secret, until }) if signed.now < *until => {
                Some(self.checker.totp_offer(secret, &signed.person.email))
            }
            Some(_) | None => None,
        }
    }

    pub async fn new_totp_done(&self, token: &str, code: &str) -> Result<(), No> {
        let code = super::proof::plain_code(code);
        let decide = |signed: &Signed, person: &mut UserPersonal| match &signed.kept.pending {
            Some(Pending::Totp { secret, until }) if signed.now < *until => {
                let step = self.checker.totp_step(secret, &code, signed.now).ok_or(No::Wrong)?;
                person.totp = Some(Totp { secret: secret.clone(), last_step: step, added: signed.now });
                Ok(())
            }
            Some(_) | None => Err(No::Expired),
        };
        self.change_own(token, (Deed::TotpSet, "totp", true), &decide).await
    }

    pub async fn remove_totp(&self, token: &str) -> Result<(), No> {
        let decide = |_: &Signed, person: &mut UserPersonal| {
            person.totp.take().ok_or(No::NoSuch)?;
            still_gets_in(person)
        };
        self.change_own(token, (Deed::TotpRemove, "totp", true), &decide).await
    }

    /// JSON for `navigator.credentials.create`.
    pub async fn new_passkey(&self, token: &str) -> Result<String, No> {
        let options = std::sync::Mutex::new(String::new());
        let make = |signed: &Signed| {
            let person = &signed.person;
            if person.passkeys.len() >= MOST_PASSKEYS {
                return Err(No::TooMany);
            }
            let asked = self.checker.passkey_make(signed.user.key, &person.email, &person.name, &person.passkeys)?;
            *options.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = asked.options;
            Ok(Pending::Passkey { challenge: asked.state, until: signed.now.plus_ms(CHALLENGE_MS) })
        };
        self.begin_own(token, &make).await?;
        Ok(options.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub async fn new_passkey_done(&self, token: &str, answer: &str, called: &str) -> Result<(), No> {
        let name = normal_name(called).ok_or(No::Field(Field::Name))?;
        let decide = |signed: &Signed, person: &mut UserPersonal| match &signed.kept.pending {
            Some(Pending::Passkey { challenge, until }) if signed.now < *until => {
                let made = self.checker.passkey_made(challenge, answer, signed.now)?;
                if person.passkeys.iter().any(|kept| kept.id == made.id) {
                    return Err(No::Used);
                }
                person.passkeys.push(Passkey { name: name.clone(), ..made });
                Ok(())
            }
            Some(_) | None => Err(No::Expired),
        };
        self.change_own(token, (Deed::PasskeyAdd, "passkey", false), &decide).await
    }

    /// `id` as `PasskeyInfo` gives it.
    pub async fn rename_passkey(&self, token: &str, id: &str, called: &str) -> Result<(), No> {
        let name = normal_name(called).ok_or(No::Field(Field::Name))?;
        let decide = |_: &Signed, person: &mut UserPersonal| {
            let found = person.passkeys.iter_mut().find(|key| passkey_id(&key.id) == id).ok_or(No::NoSuch)?;
            found.name = name.clone();
            Ok(())
        };
        self.change_own(token, (Deed::PasskeyRename, "passkey", false), &decide).await
    }

    pub async fn remove_passkey(&self, token: &str, id: &str) -> Result<(), No> {
        let decide = |_: &Signed, person: &mut UserPersonal| {
            let at = person.passkeys.iter().position(|key| passkey_id(&key.id) == id).ok_or(No::NoSuch)?;
            person.passkeys.remove(at);
            still_gets_in(person)
        };
        self.change_own(token, (Deed::PasskeyRemove, "passkey", true), &decide).await
    }

    /// Ten others; the old ones open nothing any more. Shown once.
    pub async fn new_recovery_codes(&self, token: &str) -> Result<Vec<String>, No> {
        let (texts, kept) = self.recovery_codes();
        let decide = |_: &Signed, person: &mut UserPersonal| {
            person.recovery = kept.clone();
            Ok(())
        };
        self.change_own(token, (Deed::RecoveryCodesMake, "recovery_codes", false), &decide).await?;
        Ok(texts)
    }

    pub async fn change_password(&self, token: &str, old: &str, new: &str) -> Result<(), No> {
        let signed = self.who(token).await?;
        signed.permit(Action::OwnSecurity, None)?;
        let counted = self.tries(super::session::SECOND, &signed.user.key.0.to_be_bytes()).await?;
        counted.may(self)?;
        let person = &signed.person;
        self.checker.judge(new, &[&person.name, &person.email])?;
        let kept = person.password.clone();
        if !self.checker.fits(old, kept.as_deref()).await.map_err(|_| No::Busy)? {
            return Err(self.wrong_password(&signed).await?);
        }
        let hash = self.checker.hash(new).await.map_err(|_| No::Busy)?;
        let decide = |_: &Signed, person: &mut UserPersonal| {
            // The password that was compared is still the one that is kept.
            if person.password != kept {
                return Err(No::Contended);
            }
            person.password = Some(hash.clone());
            Ok(())
        };
        self.change_own(token, (Deed::PasswordChange, "password", true), &decide).await
    }

    /// Counts a wrong old password, also of many guesses at once, and writes it down.
    async fn wrong_password(&self, signed: &Signed) -> Result<No, No> {
        let user = signed.user.key;
        for _ in 0..TRIES {
            let counted = self.tries(super::session::SECOND, &user.0.to_be_bytes()).await?;
            counted.may(self)?;
            let mut draft = Draft::default();
            let entry = Entry::new(Deed::PasswordChange, Actor::User(user)).outcome(Outcome::Refused);
            if counted.count(self, &mut draft, super::tries::Whose::Person) {
                draft.tell(Entry { action: Deed::Lock, ..entry.clone() });
            }
            draft.tell(entry);
            if self.put(draft).await? {
                return Ok(No::Wrong);
            }
        }
        Err(No::Contended)
    }

    /// Sends a code to a number that is to be this person's.
    pub async fn new_phone(&self, token: &str, number: &str) -> Result<(), No> {
        let number = normal_phone(number).ok_or(No::Field(Field::Phone))?;
        for _ in 0..TRIES {
            let signed = self.who(token).await?;
            signed.permit(Action::OwnSecurity, None)?;
            if !self.sms_allowed(signed.user.body.is_owner()) {
                return Err(No::NoSms);
            }
            let mut draft = Draft::default();
            let (text, code) = self.count_code(&mut draft, &number).await?;
            // Other numbers do not make it cheaper.
            let own = self.tries(ASKED, &signed.user.key.0.to_be_bytes()).await?;
            own.may(self)?;
            own.count(self, &mut draft, super::tries::Whose::Phone);
            draft.text(signed.user.key, &number, &signed.person, text);
            let entry = Entry::new(Deed::CodeSend, Actor::User(signed.user.key));
            draft.tell(entry.seen(self.seen_in(&signed)));
            self.pending(&mut draft, &signed, Some(Pending::Phone { number: number.clone(), code }));
            if self.put(draft).await? {
                return Ok(());
            }
        }
        Err(No::Contended)
    }

    pub async fn new_phone_done(&self, token: &str, code: &str) -> Result<(), No> {
        let hash = self.code_hash(super::proof::SMS, code);
        for _ in 0..TRIES {
            let signed = self.who(token).await?;
            let Some(Pending::Phone { number, code: sent }) = &signed.kept.pending else { return Err(No::Expired) };
            if signed.now >= sent.until || sent.tries >= SMS_TRIES {
                return Err(No::Expired);
            }
            if verify_slices_are_equal(&sent.hash, &hash).is_ok() {
                let decide = |signed: &Signed, person: &mut UserPersonal| match &signed.kept.pending {
                    Some(Pending::Phone { number, code }) if code.hash == hash => {
                        person.phone = Some(number.clone());
                        Ok(())
                    }
                    Some(_) | None => Err(No::Expired),
                };
                return self.change_own(token, (Deed::PhoneSet, "phone", false), &decide).await;
            }
            let mut draft = Draft::default();
            let code = SmsCode { tries: sent.tries.saturating_add(1), ..sent.clone() };
            self.pending(&mut draft, &signed, Some(Pending::Phone { number: number.clone(), code }));
            if self.put(draft).await? {
                return Err(No::Wrong);
            }
        }
        Err(No::Contended)
    }

    pub async fn remove_phone(&self, token: &str) -> Result<(), No> {
        let decide = |_: &Signed, person: &mut UserPersonal| person.phone.take().map(|_| ()).ok_or(No::NoSuch);
        self.change_own(token, (Deed::PhoneRemove, "phone", false), &decide).await
    }
}
