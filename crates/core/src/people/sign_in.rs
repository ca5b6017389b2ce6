//! Signing in with a password and a second factor: first factor, second factor, session. The same answer and the same work for people that
//! do not exist. Between the factors there are no rights.

use super::draft::{Draft, by_hash, personal};
use super::no::No;
use super::proof::{Awaited, Offers, Proof};
use super::rows::{SignIn, SignInPersonal, SignInState, SmsCode, UserName};
use super::session::{SECOND, SignedIn};
use super::token::is_token;
use super::tries::Whose;
use super::user::{User, UserPersonal, normal_email};
use super::{CHALLENGE_MS, People, SECOND_TRIES, SIGN_IN_MS, Token, Visit};
use crate::audit::{Action as Deed, Actor, Entry, Outcome};
use crate::flow::{TRIES, View};
use crate::id::Kind;
use crate::time::Time;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::net::{IpAddr, Ipv6Addr};

/// The first factor was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// For the browser, until the second factor.
    pub token: Token,
    pub offers: Offers,
    pub until: Time,
}

const SIGN_IN_TOKEN: &str = "token of a sign-in";
const PASSWORD: &str = "tries of passwords";
const ADDRESS: &str = "tries of an address";
const PHONE: &str = "codes to a phone";
/// Bytes of a password that are looked at: 256 characters of four bytes.
const LONGEST_PASSWORD_BYTES: usize = 1_024;

/// Whom tries are counted for: one line of a customer has 2^64 addresses of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

impl People {
    /// The first factor.
    pub async fn sign_in(&self, visit: &Visit, email: &str, password: &str) -> Result<Begun, No> {
        let email = normal_email(email).unwrap_or_else(|| "nobody".to_owned());
        let password = if password.len() > LONGEST_PASSWORD_BYTES { "" } else { password };
        // What was compared, and with what: guessing is not made dearer by others who guess.
        let mut checked: Option<(Option<String>, bool)> = None;
        for _ in 0..TRIES {
            let by_person = self.tries(PASSWORD, email.as_bytes()).await?;
            let by_address = self.tries(ADDRESS, network(visit.address).to_string().as_bytes()).await?;
            by_person.may(self)?;
            by_address.may(self)?;
            let found = self.by_email(&email).await?;
            let kept = found.as_ref().and_then(|(_, person)| person.password.clone());
            let fits = match checked.take() {
                Some((with, fits)) if with == kept => fits,
                Some(_) | None => self.checker.fits(password, kept.as_deref()).await.map_err(|_| No::Busy)?,
            };
            checked = Some((kept, fits));
            let mut draft = Draft::default();
            match found.filter(|(user, _)| fits && user.body.is_active()) {
                None => {
                    let known = self.by_email(&email).await?.map(|(user, _)| user.key);
                    let mut entry = Entry::new(Deed::SignIn, Actor::Nobody).outcome(Outcome::Refused);
                    entry.subject = known.map(|key| (Kind::User, key));
                    if by_person.count(self, &mut draft, Whose::Person) {
                        draft.tell(Entry { action: Deed::Lock, ..entry.clone() });
                    }
                    draft.tell(entry.seen(self.seen(known, visit)));
                    by_address.count(self, &mut draft, Whose::Address);
                    if self.put(draft).await? {
                        return Err(No::Wrong);
                    }
                }
                Some((user, person)) => {
                    by_person.clear(self, &mut draft);
                    let begun = self.begin(&mut draft, &user, &person);
                    let entry = Entry::new(Deed::SignIn, Actor::Nobody).outcome(Outcome::Begun);
                    draft.tell(entry.subject(Kind::User, user.key).seen(self.seen(Some(user.key), visit)));
                    if self.put(draft).await? {
                        return Ok(begun);
                    }
                }
            }
        }
        Err(No::Contended)
    }

    fn begin(&self, draft: &mut Draft, user: &View<User>, person: &UserPersonal) -> Begun {
        let token = self.fresh_token();
        let hash = self.token_hash(SIGN_IN_TOKEN, token.expose());
        let until = self.ports.now().plus_ms(SIGN_IN_MS);
        let body = SignIn { user: user.key, hash, until, state: SignInState::Second { tries: 0 } };
        let kept = personal(user.key, &SignInPersonal::default());
        draft.make(self, self.ports.fresh_key(), body, kept, vec![by_hash(Kind::SignIn, &hash)]);
        Begun { token, offers: self.offers(person, user.body.is_owner()), until }
    }

    pub(super) async fn by_email(&self, email: &str) -> Result<Option<(View<User>, UserPersonal)>, No> {
        let Some(name) = self.name_of(email).await? else { return Ok(None) };
        let Some(key) = name.body.user else { return Ok(None) };
        let user = self.load::<User>(key).await?;
        let person: UserPersonal = user.personal()?;
        Ok(Some((user, person)))
    }

    pub(super) async fn name_of(&self, email: &str) -> Result<Option<View<UserName>>, No> {
        let hash = self.mac(super::enrol::EMAIL, &[email.as_bytes()]);
        Ok(self.look::<UserName>(crate::id::place(&hash)).await?.filter(|name| name.body.hash == hash))
    }

    /// A sign-in that waits for its second factor.
    async fn waiting(&self, token: &str) -> Result<(View<SignIn>, SignInPersonal, u32), No> {
        if !is_token(token) {
            return Err(No::Expired);
        }
        let hash = self.token_hash(SIGN_IN_TOKEN, token);
        let view = self.held::<SignIn>(&hash).await?.ok_or(No::Expired)?;
        verify_slices_are_equal(&view.body.hash, &hash).map_err(|_| No::Expired)?;
        if self.ports.now() >= view.body.until {
            return Err(No::Expired);
        }
        match view.body.state {
            SignInState::Second { tries } => {
                let kept = view.personal()?;
                Ok((view, kept, tries))
            }
            SignInState::Done { .. } => Err(No::Used),
            SignInState::Closed => Err(No::Expired),
        }
    }

    /// What can be shown as the second factor.
    pub async fn second_offers(&self, token: &str) -> Result<Offers, No> {
        let (view, _, _) = self.waiting(token).await?;
        let user = self.load::<User>(view.body.user).await?;
        Ok(self.offers(&user.personal()?, user.body.is_owner()))
    }

    /// What a passkey is asked as the second factor: JSON for the browser.
    pub async fn second_challenge(&self, token: &str) -> Result<String, No> {
        for _ in 0..TRIES {
            let (view, kept, _) = self.waiting(token).await?;
            let user = self.load::<User>(view.body.user).await?;
            let person: UserPersonal = user.personal()?;
            let asked = self.checker.passkey_ask(Some(&person.good_passkeys()))?;
            let challenge = Some((asked.state, self.ports.now().plus_ms(CHALLENGE_MS)));
            let mut draft = Draft::default();
            let kept = SignInPersonal { challenge, ..kept };
            draft.change(self, &view, view.body.clone(), personal(user.key, &kept), vec![]);
            if self.put(draft).await? {
                return Ok(asked.options);
            }
        }
        Err(No::Contended)
    }

    /// Sends a code to the person's phone: five an hour to one number at most.
    pub async fn second_sms(&self, token: &str) -> Result<(), No> {
        for _ in 0..TRIES {
            let (view, kept, _) = self.waiting(token).await?;
            let user = self.load::<User>(view.body.user).await?;
            let person: UserPersonal = user.personal()?;
            let allowed = self.sms_allowed(user.body.is_owner());
            let phone = person.phone.as_ref().filter(|_| allowed).ok_or(No::NoSms)?;
            let mut draft = Draft::default();
            let (text, code) = self.count_code(&mut draft, phone).await?;
            draft.text(user.key, phone, &person, text);
            draft.tell(Entry::new(Deed::CodeSend, Actor::Nobody).subject(Kind::User, user.key));
            let kept = SignInPersonal { sms: Some(code), ..kept };
            draft.change(self, &view, view.body.clone(), personal(user.key, &kept), vec![]);
            if self.put(draft).await? {
                return Ok(());
            }
        }
        Err(No::Contended)
    }

    pub(super) async fn count_code(&self, draft: &mut Draft, phone: &str) -> Result<(String, SmsCode), No> {
        let counted = self.tries(PHONE, phone.as_bytes()).await?;
        counted.may(self)?;
        counted.count(self, draft, Whose::Phone);
        Ok(self.sms_code())
    }

    /// The second factor: a session comes of it. The commit that takes a code is the one that opens the session, so a code works once.
    pub async fn second(&self, visit: &Visit, token: &str, proof: Proof<'_>) -> Result<SignedIn, No> {
        for _ in 0..TRIES {
            let (view, kept, tries) = self.waiting(token).await?;
            let user = self.load::<User>(view.body.user).await?;
            let person: UserPersonal = user.personal()?;
            if !user.body.is_active() {
                return Err(No::Expired);
            }
            if matches!(proof, Proof::Sms(_)) && (person.phone.is_none() || !self.sms_allowed(user.body.is_owner())) {
                return Err(No::NoSms);
            }
            let counted = self.tries(SECOND, &user.key.0.to_be_bytes()).await?;
            if !matches!(proof, Proof::Passkey(_)) {
                counted.may(self)?;
            }
            let awaited = Awaited { challenge: kept.challenge.as_ref(), sms: kept.sms.as_ref() };
            let mut draft = Draft::default();
            match self.proved(&person, proof, awaited) {
                Ok((method, mut person)) => {
                    counted.clear(self, &mut draft);
                    let signed = self.open_session(&mut draft, user.key, &mut person, visit, method);
                    self.used_up(&mut draft, &user, &person, method);
                    draft.change(self, &user, user.body.clone(), personal(user.key, &person), vec![]);
                    let body = SignIn { state: SignInState::Done { session: signed.session }, ..view.body.clone() };
                    draft.change(self, &view, body, personal(user.key, &SignInPersonal::default()), vec![]);
                    if self.put(draft).await? {
                        return Ok(signed);
                    }
                }
                Err(no) => {
                    let seen = self.seen(Some(user.key), visit);
                    let told = self.refuted(&mut draft, &user, (&person, proof, seen), &counted, &no);
                    if told || matches!(no, No::Passkey(_)) {
                        self.one_more(&mut draft, &view, kept, tries, proof);
                        if !self.put(draft).await? {
                            continue;
                        }
                    }
                    return Err(no);
                }
            }
        }
        Err(No::Contended)
    }

    /// One wrong second factor more in this sign-in.
    fn one_more(&self, draft: &mut Draft, view: &View<SignIn>, mut kept: SignInPersonal, tries: u32, proof: Proof<'_>) {
        let tries = tries.saturating_add(1);
        let state = if tries >= SECOND_TRIES { SignInState::Closed } else { SignInState::Second { tries } };
        if let (Proof::Sms(_), Some(sms)) = (proof, &mut kept.sms) {
            sms.tries = sms.tries.saturating_add(1);
        }
        // A challenge is answered once, rightly or not.
        if matches!(proof, Proof::Passkey(_)) {
            kept.challenge = None;
        }
        let body = SignIn { state, ..view.body.clone() };
        draft.change(self, view, body, personal(view.body.user, &kept), vec![]);
    }
}
