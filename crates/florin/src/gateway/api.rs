//! The API in this process: its ports, its named test cards, and the keys that are made at the first start.

use super::bot_check::BotCheck;
use super::journey::Pages;
use super::ports::Real;
use super::requests::Requests;
use crate::commands::pay::facts;
use crate::fail::{Fail, io};
use crate::log::{Asked, Words, log};
use florin_api::keys::manage::{self, NewKey};
use florin_api::{Api, Expires, Failed, House, JourneyLink, KeyClass, Named, NotNamed, NotRenewed};
use florin_connect::card::BadCard;
use florin_core::abuse_log::AbuseLog;
use florin_core::audit::By;
use florin_core::edge::{Identified, Identify};
use florin_core::flow::Failure;
use florin_core::id::{Key, Kind};
use florin_core::payment::CardFacts;
use florin_core::request_log::RequestLog;
use florin_core::store::Wait;
use florin_core::wire::CardToken;
use florin_vault::cards::NewCard;
use florin_vault::refusal::CardRefusal;
use florin_vault::renewal::Renewal;
use florin_web::{Subject, Topic};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the API needs besides core's ports: the vault, for test cards by name, and randomness.
pub struct Beside {
    pub ports: Arc<Real>,
    pub requests: Arc<Requests>,
    pub local_endpoints: bool,
    /// Where journeys are looked at, if a dashboard is served.
    pub pages: Option<Pages>,
    pub bot_check: Option<BotCheck>,
}

impl House for Beside {
    fn bot_check(&self) -> Option<&str> {
        self.bot_check.as_ref().map(|check| check.site_key.as_str())
    }
    fn is_person<'a>(&'a self, token: &'a str) -> Wait<'a, bool> {
        Box::pin(async move {
            match &self.bot_check {
                Some(check) => check.is_person(token).await,
                None => false,
            }
        })
    }
    fn failed(&self, what: &Failed<'_>) {
        let (of, path, status) = (Asked(what.request), Words(what.path), i64::from(what.status));
        match what.trouble {
            Some(trouble) => {
                let why = Failure::Trouble(trouble.clone());
                log!("florin gateway", of, "{} answered {}: {}", path, status, why);
            }
            None => log!("florin gateway", of, "{} answered {}", path, status),
        }
    }
    fn named<'a>(&'a self, account: Key, name: &'a str) -> Wait<'a, Result<Named, NotNamed>> {
        Box::pin(async move {
            // Only a name that begins as names do: no number can get here.
            if !name.starts_with("pm_card_") && !name.starts_with("tok_") {
                return Err(NotNamed::Unknown);
            }
            let number = Zeroizing::new(name.to_owned());
            let card = NewCard { account, live: false, number, exp_month: 0, exp_year: 0, cvc: None };
            match self.ports.vault.tokenise(card).await {
                Ok(t) => Ok(Named { digest: t.card_digest, facts: facts(&t) }),
                Err(CardRefusal::Trouble) => Err(NotNamed::NoVault),
                Err(_) => Err(NotNamed::Unknown),
            }
        })
    }
    fn renewed<'a>(
        &'a self,
        account: Key,
        live: bool,
        token: CardToken,
        Expires { month: exp_month, year: exp_year }: Expires,
    ) -> Wait<'a, Result<CardFacts, NotRenewed>> {
        Box::pin(async move {
            let asked = Renewal { account, live, token, exp_month, exp_year };
            match self.ports.vault.renew(&asked).await {
                Ok(t) => Ok(facts(&t)),
                Err(CardRefusal::Bad(bad)) => {
                    // A date that is past is one that no reissued card has.
                    let code = if bad == BadCard::Expired { "invalid_expiry_year" } else { bad.code() };
                    Err(NotRenewed::Refused { code, param: bad.param(), message: bad.message() })
                }
                Err(
                    CardRefusal::OtherMode
                    | CardRefusal::NoSuchName
                    | CardRefusal::TestModeLiveCard
                    | CardRefusal::LiveModeTestCard
                    | CardRefusal::Trouble,
                ) => Err(NotRenewed::NoVault),
            }
        })
    }
    fn random(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Keys must not be guessable: no randomness, no process.
            std::process::abort();
        }
    }
    fn requests(&self) -> &dyn RequestLog {
        &*self.requests
    }
    fn abuse(&self) -> Option<&dyn AbuseLog> {
        Some(&*self.requests)
    }
    fn local_endpoints(&self) -> bool {
        self.local_endpoints
    }
    fn journey(&self, account: Key, kind: Kind, key: Key) -> Option<JourneyLink> {
        let topic = Topic::of(kind)?;
        let (url, expires) = self.pages.as_ref()?.link(account, Subject { topic, key });
        Some(JourneyLink { url, expires })
    }
}

/// The keys of test mode, as they lie in their file.
#[derive(Serialize, Deserialize)]
pub struct TestKeys {
    pub secret_key: String,
    pub publishable_key: String,
}

impl TestKeys {
    pub fn read(path: &Path) -> Option<TestKeys> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }
}

/// Makes keys for test mode unless the file holds keys that open this account.
pub async fn test_keys(api: &Api, account: Key, path: &Path) -> Result<(), Fail> {
    if let Some(keys) = TestKeys::read(path) {
        let authorization = Some(format!("Bearer {}", keys.secret_key));
        let client = Ipv4Addr::LOCALHOST.into();
        let asked = Identify { authorization, key_param: None, id: String::new(), client, origins: false };
        if matches!(api.identify(asked).await, Identified::Account { account: of, .. } if of == account) {
            return Ok(());
        }
    }
    let failed = |e: florin_api::ApiError| Fail::new("store_error", e.message);
    let named = |class| NewKey { name: Some("demo".to_owned()), ..NewKey::plain(class, false) };
    let secret_key = manage::issue(&By::SYSTEM, api, account, named(KeyClass::Secret)).await.map_err(failed)?.text;
    let publishable_key =
        manage::issue(&By::SYSTEM, api, account, named(KeyClass::Publishable)).await.map_err(failed)?.text;
    let text = serde_json::to_vec(&TestKeys { secret_key, publishable_key })
        .map_err(|_| Fail::new("store_error", "the test keys cannot be written"))?;
    let _ = std::fs::remove_file(path);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(|e| io("make the key file", path, &e))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(|e| io("write the key file", path, &e))
}
