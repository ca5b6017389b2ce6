//! One request on its way through an endpoint: who asks, for what, under which idempotency key; and the answer.

use crate::error::{ApiError, noun};
use crate::keys::Caller;
use crate::look::{self, Look};
use crate::origin::Sourced;
use crate::version::ApiVersion;
use crate::{Api, KeyClass};
use florin_core::edge::{EdgeRequest, SwappedCard};
use florin_core::fees::Fees;
use florin_core::flow::{Claiming, Done, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::payment::PaymentView;
use florin_core::ports::{NoSlot, Ports, Slot, Told};
use florin_core::store::{Store, Wait};
use florin_core::threeds;
use florin_core::time::Time;
use florin_core::wire::{Order, Verdict};
use serde_json::Value;

pub struct Ask<'a> {
    pub api: &'a Api,
    pub request: &'a EdgeRequest,
    pub caller: Caller,
    pub version: ApiVersion,
    /// What stood in the path where the template has `{}`.
    pub ids: Vec<String>,
    pub claim: Option<Claiming>,
    /// The world, with this request written on every commit.
    pub ports: Sourced<'a>,
    /// Paths of `expand`.
    pub expand: Vec<Vec<String>>,
}

/// What an endpoint says. Things within are ids; `expand` comes later.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
    /// The body is as it was sent the first time: nothing is expanded in it any more.
    pub whole: bool,
    /// The request that a replayed answer was first given to.
    pub original: Option<String>,
}

impl Answer {
    pub fn ok(body: Value) -> Answer {
        Answer::of(200, body)
    }
    pub fn of(status: u16, body: Value) -> Answer {
        Answer { status, body, replayed: false, whole: false, original: None }
    }
    /// The stored answer of an idempotency key.
    pub fn replay(bytes: &[u8]) -> Result<Answer, ApiError> {
        let (status, body, whole) = look::unstored(bytes).ok_or_else(ApiError::trouble)?;
        Ok(Answer { status, body, replayed: true, whole, original: None })
    }
}

impl Ask<'_> {
    pub fn ports(&self) -> &dyn Ports {
        &self.ports
    }
    pub fn store(&self) -> &dyn Store {
        self.ports.store()
    }
    pub fn look(&self) -> &Look {
        &self.api.look
    }
    pub fn now(&self) -> Time {
        self.api.ports.now()
    }
    pub fn account(&self) -> Key {
        self.caller.account
    }
    /// Asked from the merchant's server.
    pub fn is_secret(&self) -> bool {
        match self.caller.class {
            KeyClass::Secret | KeyClass::Restricted => true,
            KeyClass::Publishable => false,
        }
    }
    pub fn path_id(&self) -> &str {
        self.ids.first().map_or("", String::as_str)
    }

    /// The card that stands where `florin_card` says.
    pub fn card(&self, index: Option<i64>) -> Option<&SwappedCard> {
        usize::try_from(index?).ok().and_then(|n| self.request.cards.get(n))
    }

    /// A payment or refund, when core says that it is not there.
    pub fn missing(&self, kind: Kind, id: &str, param: &str) -> impl Fn(Failure) -> ApiError {
        let missing = ApiError::missing(noun(kind), id, param);
        move |failure| match &failure {
            Failure::Refused(florin_core::refusal::Refusal::NoSuch(_)) => missing.clone(),
            Failure::Refused(_) | Failure::Trouble(_) => failure.into(),
        }
    }

    /// Ports for flows: what they store under the idempotency key is this API's answer.
    pub fn asked(&self, telling: Telling) -> Asked<'_> {
        Asked { inner: self.ports(), look: self.look(), telling }
    }
}

/// The answer of a plain thing.
pub fn told<T>(done: Done<View<T>>, shape: impl Fn(&View<T>) -> Value) -> Result<Answer, ApiError> {
    match done {
        Done::Fresh(view) => Ok(Answer::ok(shape(&view))),
        Done::Replayed(bytes) => Answer::replay(&bytes),
    }
}

/// What is told of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// What came of the attempt: a decline is a 402.
    Outcome,
    /// The intent as it is.
    Intent,
    /// One of its charges, of which so many minor units went back; a decline is a 402.
    Charge { key: Key, refunded: i64 },
}

impl Telling {
    pub fn payment(self, look: &Look, view: &PaymentView) -> (u16, Value) {
        match self {
            Telling::Outcome => crate::resources::payment_intents::outcome(look, view),
            Telling::Intent => (200, crate::resources::payment_intents::shape(look, view)),
            Telling::Charge { key, refunded } => match (Telling::Outcome.payment(look, view), view.body.attempt(key)) {
                ((200, _), Some(charge)) => (200, crate::resources::charges::shape(look, view, charge, refunded)),
                (told, _) => told,
            },
        }
    }
}

pub struct Asked<'a> {
    inner: &'a dyn Ports,
    look: &'a Look,
    telling: Telling,
}

impl Ports for Asked<'_> {
    fn now(&self) -> Time {
        self.inner.now()
    }
    fn fresh_key(&self) -> Key {
        self.inner.fresh_key()
    }
    fn store(&self) -> &dyn Store {
        self.inner.store()
    }
    fn fees(&self) -> Fees {
        self.inner.fees()
    }
    fn slot<'a>(&'a self) -> Wait<'a, Result<Slot, NoSlot>> {
        self.inner.slot()
    }
    fn submit<'a>(&'a self, order: Order) -> Wait<'a, Verdict> {
        self.inner.submit(order)
    }
    fn authenticate<'a>(&'a self, ask: threeds::Ask) -> Wait<'a, threeds::Answer> {
        self.inner.authenticate(ask)
    }
    fn render(&self, told: Told<'_>) -> Vec<u8> {
        match told {
            Told::Payment(view) => {
                let (status, body) = self.telling.payment(self.look, view);
                look::stored(status, &body)
            }
            Told::Refund(_) | Told::Setup(_) => self.look.answer(told),
        }
    }
    fn early(&self, told: Told<'_>) {
        self.inner.early(told);
    }
    fn nudge(&self) {
        self.inner.nudge();
    }
}
