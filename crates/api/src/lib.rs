//! The Stripe-shaped JSON API: an `EdgeRequest` in, an `EdgeResponse` out, over core's ports.
//! Knows no HTTP library, no runtime, no SQL and no card number.

// Objects of fifty fields are written as one `json!`.
#![recursion_limit = "512"]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![deny(clippy::float_arithmetic)]

mod ask;
mod declare;
mod error;
mod expand;
mod form;
#[cfg(test)]
mod fuzzed;
mod gate;
mod guard;
#[cfg(test)]
#[path = "../../../fuzz/harness.rs"]
mod harness;
pub mod keys;
mod limits;
mod list;
pub mod listen;
mod load;
mod look;
mod note;
mod openapi;
pub mod order_keys;
mod origin;
mod origins;
mod params;
mod permission;
pub mod person;
mod resources;
mod respond;
mod router;
mod search;
mod signed;
mod snapshot;
mod version;

pub use declare::{Declared, Kind as Declaration};
pub use error::{ApiError, ErrorType};
pub use expand::Says;
pub use guard::{GuardSettings, Thresholds};
pub use limits::{LimitSettings, Rate};
pub use look::Look;
pub use openapi::{PARAMETERS, document as openapi, table as parameters};
pub use resources::abuse_decisions::shape as shape_of_decision;
pub use resources::orphans::shape as shape_of_orphan;
pub use resources::request_logs::shape as shape_of_request;
pub use resources::stripecli::SUBSCRIBE_PATH;
pub use router::{routes, says};
pub use version::PRESENT;

use florin_core::abuse_log::AbuseLog;
use florin_core::edge::{EdgeRequest, EdgeResponse, Identified, Identify};
use florin_core::flow::Trouble;
use florin_core::id::{Key, Kind};
use florin_core::payment::CardFacts;
use florin_core::ports::Ports;
use florin_core::request_log::RequestLog;
use florin_core::seal::Secret;
use florin_core::store::{SequencedEvent, Wait};
use florin_core::time::Time;
use florin_core::wire::CardToken;
use guard::Guard;
use keys::Cache;
use limits::Limits;
use listen::{Session, Sessions};
use origins::Origins;
use serde_json::Value;
use std::sync::Arc;

/// A test card that was asked for by name, as the vault keeps it from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub facts: CardFacts,
    /// Keyed hash of account, number and expiry.
    pub digest: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNamed {
    /// There is no test card of that name.
    Unknown,
    /// The vault cannot be reached.
    NoVault,
}

/// Why a card has no other expiry date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRenewed {
    /// The date is refused, in the API's words.
    Refused { code: &'static str, param: &'static str, message: &'static str },
    /// The vault cannot be reached, or has no such card.
    NoVault,
}

/// The last month in which a card is good: 1 to 12, and a year of four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires {
    pub month: u8,
    pub year: u16,
}

/// Opens one page for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneyLink {
    pub url: String,
    pub expires: Time,
}

/// A request that was answered with 5xx: what may be written down of it.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// `req_…`, as the client has it too.
    pub request: &'a str,
    /// The route's own parts and ids of ours; nothing else that a client wrote.
    pub path: &'a str,
    pub status: u16,
    /// None where the answer says it all: a vault that is away, a full disk.
    pub trouble: Option<&'a Trouble>,
}

/// What the API needs of the world besides core's ports.
pub trait House: Send + Sync {
    /// A fresh token for the test card of that name: `pm_card_visa`, `tok_visa`.
    fn named<'a>(&'a self, account: Key, name: &'a str) -> Wait<'a, Result<Named, NotNamed>>;
    /// The same card under another expiry date, for what is sent from now on. Where there is no vault there is none.
    fn renewed<'a>(
        &'a self,
        account: Key,
        live: bool,
        card: CardToken,
        expires: Expires,
    ) -> Wait<'a, Result<CardFacts, NotRenewed>> {
        let _ = (account, live, card, expires);
        Box::pin(std::future::ready(Err(NotRenewed::NoVault)))
    }
    /// Fills with unpredictable bytes.
    fn random(&self, bytes: &mut [u8]);
    /// Where requests are written down.
    fn requests(&self) -> &dyn RequestLog;
    /// A link that opens the journey of the account's payment or refund in a browser; None where no dashboard is served.
    fn journey(&self, account: Key, kind: Kind, key: Key) -> Option<JourneyLink> {
        let _ = (account, kind, key);
        None
    }
    /// Where the defence against card testing writes down what it does; nowhere by default.
    fn abuse(&self) -> Option<&dyn AbuseLog> {
        None
    }
    /// The site key of a service that tells people from programs, if the operator has one.
    fn bot_check(&self) -> Option<&str> {
        None
    }
    /// Whether that service says that this token is a person's.
    fn is_person<'a>(&'a self, token: &'a str) -> Wait<'a, bool> {
        let _ = token;
        Box::pin(std::future::ready(false))
    }
    /// Tells the operator of a request that failed on our side. By default nobody hears of it.
    fn failed(&self, what: &Failed<'_>) {
        let _ = what;
    }
    /// Whether webhook endpoints of test mode may be on this machine.
    fn local_endpoints(&self) -> bool {
        false
    }
}

/// Answers requests. One for a process; shared by all of them.
pub struct Api {
    ports: Arc<dyn Ports>,
    house: Arc<dyn House>,
    look: Arc<Look>,
    limits: Limits,
    guard: Guard,
    cache: Cache,
    origins: Origins,
    /// Keys of the other mode open nothing.
    live: bool,
    /// Hashes API keys.
    keys: Secret,
    /// Hashes idempotency keys and requests.
    claims: Secret,
    /// Who listens over a WebSocket.
    pub sessions: Sessions,
}

pub use florin_core::access::KeyClass;

impl Api {
    /// `root` is the gateway's root secret: everything that the API hashes is hashed under keys derived from it.
    /// `live`: real money moves here, so test keys open nothing; else live keys open nothing.
    pub fn new(
        ports: Arc<dyn Ports>,
        house: Arc<dyn House>,
        look: Arc<Look>,
        root: &Secret,
        limits: LimitSettings,
        live: bool,
    ) -> Api {
        let (keys, claims) = (root.derive(b"api keys"), root.derive(b"api idempotency keys"));
        let (limits, cache, sessions) = (Limits::new(limits), Cache::default(), Sessions::default());
        let guard = Guard::new(GuardSettings::OFF, root.derive(b"abuse log"));
        Api { ports, house, look, limits, guard, cache, origins: Origins::default(), keys, claims, live, sessions }
    }

    /// With a defence against card testing. `root` as before.
    pub fn guarded(self, settings: GuardSettings, root: &Secret) -> Api {
        Api { guard: Guard::new(settings, root.derive(b"abuse log")), ..self }
    }

    /// Never fails: what goes wrong is an answer. Requests may be answered at the same time in any number.
    pub fn handle<'a>(&'a self, request: EdgeRequest) -> Wait<'a, EdgeResponse> {
        Box::pin(gate::handle(self, request, None))
    }

    /// The same, writing down what parameters the endpoint asks for. The API's description is made of this.
    pub fn declare<'a>(&'a self, request: EdgeRequest, declared: &Arc<Declared>) -> Wait<'a, EdgeResponse> {
        Box::pin(gate::handle(self, request, Some(Arc::clone(declared))))
    }

    /// The session that a listener names, while the key that began it opens anything.
    pub async fn listener(&self, id: &str) -> Option<Arc<Session>> {
        let session = self.sessions.find(id, self.ports.now())?;
        self.may_listen(&session).await.then_some(session)
    }

    pub async fn may_listen(&self, session: &Session) -> bool {
        keys::opens(self, session.whose.account, session.whose.key).await
    }

    /// The event as a listener gets it: whole, as text. Nothing if the API does not show it.
    pub async fn told(&self, account: Key, live: bool, event: &SequencedEvent) -> Option<String> {
        let ours = event.stored.event.account == account;
        let (of_live, shown) = self.event(event, None, 0).await.ok()??;
        (ours && of_live == live).then(|| shown.to_string())
    }

    /// Whose key a request with a card has.
    pub fn identify<'a>(&'a self, asked: Identify) -> Wait<'a, Identified> {
        Box::pin(gate::identify(self, asked))
    }

    /// An event as a client sees it, in this version of the API; `pending` endpoints are still to be told. None when it is nothing that
    /// the API shows. Whether it is of live mode comes with it.
    pub async fn event(
        &self,
        event: &SequencedEvent,
        version: Option<&str>,
        pending: u32,
    ) -> Result<Option<(bool, Value)>, ApiError> {
        let album = snapshot::Album { store: self.ports.store(), look: &self.look };
        let found = album.event(event, version.unwrap_or(version::PRESENT)).await?;
        Ok(found.map(|s| (s.live, s.shown(pending))))
    }
}
