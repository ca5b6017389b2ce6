//! Signing in with a passkey alone: it verifies its person, so it is two factors. Nothing is stored for who only looks at the page: the
//! question travels with the browser, sealed, and is spent by the commit that takes the answer.

use super::draft::{Draft, personal};
use super::no::No;
use super::rows::{Method, Spent};
use super::session::SignedIn;
use super::user::{User, UserPersonal};
use super::{BadPasskey, CHALLENGE_MS, People, Visit};
use crate::flow::TRIES;
use crate::id;
use crate::time::Time;

/// A question to any passkey.
#[derive(Clone, PartialEq, Eq)]
pub struct PasskeyAsk {
    /// Comes back with the answer.
    pub ticket: String,
    /// For the browser: the argument of `navigator.credentials.get`, as JSON.
    pub options: String,
}

const TICKET: &[u8] = b"florin passkey sign-in";
const LONGEST_TICKET: usize = 8_192;

impl People {
    pub fn passkey_ask(&self) -> Result<PasskeyAsk, No> {
        let asked = self.checker.passkey_ask(None)?;
        let until = self.ports.now().plus_ms(CHALLENGE_MS);
        let plain = match postcard::to_extend(&(&asked.state, until), Vec::new()) {
            Ok(plain) => plain,
            Err(_) => unreachable!("plain data always serializes"),
        };
        let random = self.checker.random();
        let nonce = random.first_chunk::<12>().copied().unwrap_or_default();
        let ticket = data_encoding::BASE64URL_NOPAD.encode(&self.tickets.seal(nonce, TICKET, &plain));
        Ok(PasskeyAsk { ticket, options: asked.options })
    }

    /// The question within a ticket, if it still holds.
    fn open_ticket(&self, ticket: &str) -> Result<String, No> {
        if ticket.len() > LONGEST_TICKET {
            return Err(No::Expired);
        }
        let sealed = data_encoding::BASE64URL_NOPAD.decode(ticket.as_bytes()).map_err(|_| No::Expired)?;
        let plain = self.tickets.open(TICKET, &sealed).map_err(|_| No::Expired)?;
        let (state, until): (String, Time) = postcard::from_bytes(&plain).map_err(|_| No::Expired)?;
        if self.ports.now() < until { Ok(state) } else { Err(No::Expired) }
    }

    /// Locks of passwords and codes do not hold here: nobody guesses a passkey, so no stranger keeps its owner out.
    pub async fn passkey_sign_in(&self, visit: &Visit, ticket: &str, answer: &str) -> Result<SignedIn, No> {
        let state = self.open_ticket(ticket)?;
        let unknown = || No::Passkey(BadPasskey::Unknown);
        let named = self.checker.passkey_named(answer).ok_or(No::Passkey(BadPasskey::Unfit))?;
        let key = named.user.ok_or_else(unknown)?;
        let hash = self.mac("ticket of a passkey", &[ticket.as_bytes()]);
        for _ in 0..TRIES {
            let user = self.look::<User>(key).await?.filter(|user| user.body.is_active()).ok_or_else(unknown)?;
            if self.look::<Spent>(id::place(&hash)).await?.is_some() {
                return Err(No::Used);
            }
            let mut person: UserPersonal = user.personal()?;
            let mut draft = Draft::default();
            draft.make(self, id::place(&hash), Spent { hash }, None, vec![]);
            match self.passkey_proved(&mut person, &state, answer) {
                Ok(()) => {
                    let signed = self.open_session(&mut draft, user.key, &mut person, visit, Method::Passkey);
                    draft.change(self, &user, user.body.clone(), personal(user.key, &person), vec![]);
                    if self.put(draft).await? {
                        return Ok(signed);
                    }
                }
                Err(No::Cloned) => {
                    self.cloned(&mut draft, &user, person, &named.id);
                    if self.put(draft).await? {
                        return Err(No::Cloned);
                    }
                }
                Err(no) => return Err(no),
            }
        }
        Err(No::Contended)
    }
}
