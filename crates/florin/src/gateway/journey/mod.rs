//! What the pages tell of a payment or a refund: read from the store, and asked of vault and sandbox, each for its part.
//! Knows no page.

mod gather;
mod happened;
mod hops;
mod steps;

use super::ports::{Real, now};
use florin_core::flow::Failure;
use florin_core::id::Key;
use florin_core::refusal::Refusal;
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_web::{Around, House, Link, Links, NotTold, OPENS_MS, Subject, Told};
pub use hops::SandboxAt;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Journeys gathered at a time: a page that is left open asks again and again, and each reads hundreds of rows.
const AT_A_TIME: usize = 4;
/// A page that waits longer for its turn says that it cannot be shown now.
const TURN_WITHIN: Duration = Duration::from_secs(5);

/// Answers the pages' questions.
pub struct Teller {
    pub ports: Arc<Real>,
    /// Where the sandbox says what its acquirer, networks and issuers did.
    pub sandbox: Option<SandboxAt>,
    /// The demo's ready line, for other commands of this user: where its shop is, which starts last.
    pub ready: Option<PathBuf>,
    turns: Semaphore,
}

impl Teller {
    pub fn new(ports: Arc<Real>, sandbox: Option<SandboxAt>, ready: Option<PathBuf>) -> Teller {
        Teller { ports, sandbox, ready, turns: Semaphore::new(AT_A_TIME) }
    }
}

impl House for Teller {
    fn now(&self) -> Time {
        now()
    }
    fn around<'a>(&'a self) -> Wait<'a, Around> {
        Box::pin(async move {
            let Some(path) = &self.ready else { return Around::default() };
            let line = tokio::fs::read(path).await.unwrap_or_default();
            let facts: Value = serde_json::from_slice(&line).unwrap_or_default();
            let at = |name: &str| facts[name].as_str().map(str::to_owned);
            Around { shop: at("http_shop"), api: at("http_api") }
        })
    }
    fn tell<'a>(&'a self, account: Key, subject: Subject) -> Wait<'a, Result<Told, NotTold>> {
        Box::pin(async move {
            let turn = tokio::time::timeout(TURN_WITHIN, self.turns.acquire()).await;
            let Ok(Ok(_turn)) = turn else { return Err(NotTold::Trouble) };
            gather::told(self, account, subject).await.map_err(|failure| match failure {
                Failure::Refused(Refusal::NoSuch(_)) => NotTold::Missing,
                Failure::Refused(_) | Failure::Trouble(_) => NotTold::Trouble,
            })
        })
    }
}

/// Where the pages are, and who signs their links.
#[derive(Clone)]
pub struct Pages {
    /// `scheme://host:port` of the dashboard, as a browser reaches it.
    pub origin: String,
    pub links: Arc<Links>,
}

impl Pages {
    /// A link that opens this one journey for a day, and when it closes.
    pub fn link(&self, account: Key, subject: Subject) -> (String, Time) {
        // To the second, as the link writes it.
        let expires = Time(now().plus_ms(OPENS_MS).seconds().saturating_mul(1_000));
        let path = self.links.path(&Link { subject, account, expires });
        (format!("{}{path}", self.origin), expires)
    }
}
