//! Whether what somebody shows proves who they are, and what is kept of them afterwards. One place for sign-in and step-up; nothing is
//! performed here.

use super::checker::Checker;
use super::no::No;
use super::rows::{Method, SmsCode};
use super::user::UserPersonal;
use super::{People, SMS_TRIES};
use crate::time::Time;
use aws_lc_rs::constant_time::verify_slices_are_equal;

/// What somebody shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof<'a> {
    /// Six digits of an authenticator app.
    Totp(&'a str),
    /// One of ten codes; dashes, spaces and capitals do not matter.
    Recovery(&'a str),
    /// Six digits that were sent to the phone.
    Sms(&'a str),
    /// The browser's answer, as JSON.
    Passkey(&'a str),
}

impl Proof<'_> {
    pub const fn name(&self) -> &'static str {
        match self {
            Proof::Totp(_) => "totp",
            Proof::Recovery(_) => "recovery",
            Proof::Sms(_) => "sms",
            Proof::Passkey(_) => "passkey",
        }
    }
}

/// What a person can show as the second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    pub passkey: bool,
    pub totp: bool,
    pub recovery: bool,
    /// The weakest; the last digits of the number tell which phone.
    pub sms: Option<[char; 2]>,
}

/// What waits for an answer.
#[derive(Clone, Copy, Default)]
pub(super) struct Awaited<'a> {
    pub challenge: Option<&'a (String, Time)>,
    pub sms: Option<&'a SmsCode>,
}

pub(super) fn plain_code(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect()
}

impl People {
    pub(super) fn code_hash(&self, purpose: &str, code: &str) -> [u8; 32] {
        self.mac(purpose, &[plain_code(code).as_bytes()])
    }

    /// The person as it is kept once the proof is taken. `Wrong` counts as a try; a challenge that is over does not.
    pub(super) fn proved(
        &self,
        from: &UserPersonal,
        proof: Proof<'_>,
        awaited: Awaited<'_>,
    ) -> Result<(Method, UserPersonal), No> {
        let now = self.ports.now();
        let mut person = from.clone();
        match proof {
            Proof::Totp(code) => {
                let totp = person.totp.as_mut().ok_or(No::Wrong)?;
                let code = plain_code(code);
                let step = self.checker.totp_step(&totp.secret, &code, now).ok_or(No::Wrong)?;
                if step <= totp.last_step {
                    return Err(No::Used);
                }
                totp.last_step = step;
                Ok((Method::Totp, person))
            }
            Proof::Recovery(code) => {
                let hash = self.code_hash(RECOVERY, code);
                let at = person.recovery.iter().position(|kept| verify_slices_are_equal(&kept.0, &hash).is_ok());
                person.recovery.remove(at.ok_or(No::Wrong)?);
                Ok((Method::Recovery, person))
            }
            Proof::Sms(code) => {
                let sent = awaited.sms.filter(|sent| sent.tries < SMS_TRIES).ok_or(No::Expired)?;
                if now >= sent.until {
                    return Err(No::Expired);
                }
                let hash = self.code_hash(SMS, code);
                verify_slices_are_equal(&sent.hash, &hash).map_err(|_| No::Wrong)?;
                Ok((Method::Sms, person))
            }
            Proof::Passkey(answer) => {
                let (state, until) = awaited.challenge.ok_or(No::Expired)?;
                if now >= *until {
                    return Err(No::Expired);
                }
                self.passkey_proved(&mut person, state, answer)?;
                Ok((Method::Passkey, person))
            }
        }
    }

    /// Takes a passkey's answer into what is kept of the person.
    pub(super) fn passkey_proved(&self, person: &mut UserPersonal, state: &str, answer: &str) -> Result<(), No> {
        let checker: &dyn Checker = &*self.checker;
        let now = self.ports.now();
        let used = checker.passkey_used(state, answer, &person.good_passkeys(), now)?;
        match person.passkeys.iter_mut().find(|kept| kept.id == used.id) {
            Some(kept) => {
                *kept = super::Passkey { name: kept.name.clone(), added: kept.added, used: Some(now), ..used }
            }
            None => return Err(No::Passkey(super::BadPasskey::Unknown)),
        }
        Ok(())
    }

    /// What this person may show as a second factor.
    pub(super) fn offers(&self, person: &UserPersonal, owner: bool) -> Offers {
        let sms = person.phone.as_ref().filter(|_| self.sms_allowed(owner)).and_then(|phone| {
            let mut last = phone.chars().rev();
            Some([last.next()?, last.next()?]).map(|[b, a]| [a, b])
        });
        Offers {
            passkey: person.passkeys.iter().any(|key| !key.blocked),
            totp: person.totp.is_some(),
            recovery: !person.recovery.is_empty(),
            sms,
        }
    }

    pub(super) fn sms_allowed(&self, owner: bool) -> bool {
        self.rules.sms && (self.rules.sms_for_owners || !owner)
    }

    /// Ten codes of 80 bits in four groups, and what is kept of them.
    pub(super) fn recovery_codes(&self) -> (Vec<String>, Vec<super::RecoveryCode>) {
        let texts: Vec<String> = (0..super::RECOVERY_CODES)
            .map(|_| {
                let random = self.checker.random();
                let text = data_encoding::BASE32_NOPAD.encode(random.get(..10).unwrap_or(&[]));
                let groups: Vec<&str> = (0..4).filter_map(|n| text.get(n * 4..n * 4 + 4)).collect();
                groups.join("-")
            })
            .collect();
        let kept = texts.iter().map(|text| super::RecoveryCode(self.code_hash(RECOVERY, text))).collect();
        (texts, kept)
    }

    /// Six digits, and what is kept of them.
    pub(super) fn sms_code(&self) -> (String, SmsCode) {
        let random = self.checker.random();
        // 2^64 is so much more than a million that no digit is likelier than another.
        let number = random.first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b)) % 1_000_000;
        let text = format!("{number:06}");
        let until = self.ports.now().plus_ms(super::SMS_MS);
        let kept = SmsCode { hash: self.code_hash(SMS, &text), until, tries: 0 };
        (text, kept)
    }
}

const RECOVERY: &str = "recovery code";
pub(super) const SMS: &str = "code sent to a phone";
