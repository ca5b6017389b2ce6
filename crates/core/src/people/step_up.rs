//! A fresh factor within a session, for what is dangerous; and what is written down of a factor that was not taken. Knows no page.

use super::draft::{Counted, Draft, by_hash, personal};
use super::no::No;
use super::proof::{Awaited, Proof};
use super::rows::{Method, Pending, Session, SessionPersonal};
use super::session::{SECOND, SESSION_TOKEN, Signed, SignedIn};
use super::tries::Whose;
use super::user::{User, UserPersonal};
use super::{CHALLENGE_MS, People};
use crate::audit::{Action as Deed, Actor, Entry, Outcome, Seen};
use crate::flow::{TRIES, View};
use crate::id::Kind;
use crate::notice::Words;

impl People {
    /// What a passkey is asked for a step-up: JSON for the browser.
    pub async fn step_up_challenge(&self, token: &str) -> Result<String, No> {
        for _ in 0..TRIES {
            let signed = self.holder(token).await?;
            let challenge = self.checker.passkey_ask(Some(&signed.person.good_passkeys()))?;
            let until = self.ports.now().plus_ms(CHALLENGE_MS);
            let pending = Pending::StepUp { challenge: challenge.state, until };
            let mut draft = Draft::default();
            self.pending(&mut draft, &signed, Some(pending));
            if self.put(draft).await? {
                return Ok(challenge.options);
            }
        }
        Err(No::Contended)
    }

    pub(super) fn pending(&self, draft: &mut Draft, signed: &Signed, pending: Option<Pending>) {
        let kept = SessionPersonal { pending, ..signed.kept.clone() };
        let session = &signed.session;
        draft.change(self, session, session.body.clone(), personal(signed.user.key, &kept), vec![]);
    }

    /// A fresh factor within a session: its token is another afterwards. A code by SMS is none.
    pub async fn step_up(&self, token: &str, proof: Proof<'_>) -> Result<SignedIn, No> {
        if matches!(proof, Proof::Sms(_)) {
            return Err(No::NoSms);
        }
        for _ in 0..TRIES {
            let signed = self.holder(token).await?;
            let counted = self.tries(SECOND, &signed.user.key.0.to_be_bytes()).await?;
            if !matches!(proof, Proof::Passkey(_)) {
                counted.may(self)?;
            }
            let challenge = match &signed.kept.pending {
                Some(Pending::StepUp { challenge, until }) => Some((challenge.clone(), *until)),
                Some(Pending::Totp { .. } | Pending::Passkey { .. } | Pending::Phone { .. }) | None => None,
            };
            let awaited = Awaited { challenge: challenge.as_ref(), sms: None };
            let (mut draft, seen) = (Draft::default(), self.seen_in(&signed));
            match self.proved(&signed.person, proof, awaited) {
                Ok((method, person)) => {
                    counted.clear(self, &mut draft);
                    let user = &signed.user;
                    draft.change(self, user, user.body.clone(), personal(user.key, &person), vec![]);
                    let entry = Entry::new(Deed::StepUp, Actor::User(user.key)).detail(method.name());
                    draft.tell(entry.seen(seen));
                    self.used_up(&mut draft, user, &person, method);
                    let done = self.rotate(&mut draft, &signed, method, person.recovery.len());
                    if self.put(draft).await? {
                        return Ok(done);
                    }
                }
                Err(no) => {
                    let (user, person) = (&signed.user, &signed.person);
                    let told = self.refuted(&mut draft, user, (person, proof, seen), &counted, &no);
                    if !told || self.put(draft).await? {
                        return Err(no);
                    }
                }
            }
        }
        Err(No::Contended)
    }

    fn rotate(&self, draft: &mut Draft, signed: &Signed, method: Method, recovery_left: usize) -> SignedIn {
        let (now, token, session) = (self.ports.now(), self.fresh_token(), &signed.session);
        let hash = self.token_hash(SESSION_TOKEN, token.expose());
        let body = Session { hash, seen: now, fresh: Some(now), ..session.body.clone() };
        let kept = SessionPersonal { pending: None, ..signed.kept.clone() };
        let user = signed.user.key;
        draft.change(self, session, body, personal(user, &kept), vec![by_hash(Kind::Session, &hash)]);
        SignedIn { token, device: None, user, session: session.key, method, recovery_left }
    }

    /// A recovery code is told of: to the log, and to its person.
    pub(super) fn used_up(&self, draft: &mut Draft, user: &View<User>, person: &UserPersonal, method: Method) {
        if method == Method::Recovery {
            draft.tell(Entry::new(Deed::RecoveryCodeUse, Actor::User(user.key)));
            let left = u16::try_from(person.recovery.len()).unwrap_or(0);
            draft.mail(self, user.key, person, Words::RecoveryCodeUsed { left, at: self.ports.now() });
        }
    }

    /// What is written down of a proof that was not taken; false: nothing is.
    pub(super) fn refuted(
        &self,
        draft: &mut Draft,
        user: &View<User>,
        (person, proof, seen): (&UserPersonal, Proof<'_>, Option<Seen>),
        counted: &Counted,
        no: &No,
    ) -> bool {
        let entry = |deed| Entry::new(deed, Actor::Nobody).subject(Kind::User, user.key).outcome(Outcome::Refused);
        match proof {
            Proof::Passkey(answer) if *no == No::Cloned => {
                let id = self.checker.passkey_named(answer).map(|named| named.id).unwrap_or_default();
                self.cloned(draft, user, person.clone(), &id);
                true
            }
            Proof::Passkey(_) => false,
            Proof::Totp(_) | Proof::Recovery(_) | Proof::Sms(_) if matches!(no, No::Wrong | No::Used) => {
                draft.tell(entry(Deed::SecondFactor).detail(proof.name()).seen(seen));
                if counted.count(self, draft, Whose::Person) {
                    draft.tell(entry(Deed::Lock));
                }
                true
            }
            Proof::Totp(_) | Proof::Recovery(_) | Proof::Sms(_) => false,
        }
    }

    /// A passkey's counter went back: it is blocked, the log says so, and its person hears of it.
    pub(super) fn cloned(&self, draft: &mut Draft, user: &View<User>, mut person: UserPersonal, id: &[u8]) {
        person.passkeys.iter_mut().filter(|key| key.id == id).for_each(|key| key.blocked = true);
        draft.change(self, user, user.body.clone(), personal(user.key, &person), vec![]);
        let entry = Entry::new(Deed::PasskeyCloned, Actor::Nobody).subject(Kind::User, user.key);
        draft.tell(entry.outcome(Outcome::Refused));
        let (what, at) = ("passkey".to_owned(), self.ports.now());
        draft.mail(self, user.key, &person, Words::FactorsChanged { what, at });
    }
}
