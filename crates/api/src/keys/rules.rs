//! What is asked of one API key's requests: set by the owner of the installation. Secrets are shown once. Knows no request.

use super::manage::{KeyView, find};
use crate::error::ApiError;
use crate::{Api, order_keys};
use florin_core::audit::{Action, By};
use florin_core::commit::{Beside, EventKind, Version};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::key_rules::{KeyRules, Signing, place};
use florin_core::order::SharedSecret;
use florin_core::record::{self, Change};
use florin_core::refusal::Refusal;
use florin_merchant::request::CheckingKey;
use serde_json::{Value, json};

/// Another way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewSigning {
    /// hmac-sha256, under a secret that is made now.
    Hmac,
    /// ed25519, by whoever has the other half of this public key.
    Ed25519([u8; 32]),
    /// No signature is looked at any more.
    None,
}

/// None leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRules {
    pub order_code: Option<bool>,
    pub signing: Option<NewSigning>,
    pub signature_required: Option<bool>,
}

/// Changes the rules of a key; with a fresh secret its text comes along.
pub async fn set(
    by: &By,
    api: &Api,
    account: Key,
    id: &str,
    new: &NewRules,
) -> Result<(Value, Option<String>), ApiError> {
    let key = find(api, account, id).await?;
    let (secret, signing) = match &new.signing {
        None => (None, None),
        Some(NewSigning::None) => (None, Some(None)),
        Some(NewSigning::Ed25519(public)) => {
            let good = CheckingKey::ed25519(public).is_some();
            let wrong = || ApiError::invalid("This is no public key of ed25519.").param("signing");
            (None, Some(Some(if good { Signing::Ed25519(*public) } else { return Err(wrong()) })))
        }
        Some(NewSigning::Hmac) => {
            let text = order_keys::secret(api, "sigsec_");
            let signing = Signing::Hmac(SharedSecret::new(text.clone()));
            (Some(text), Some(Some(signing)))
        }
    };
    for _ in 0..flow::TRIES {
        let (from, mut rules) = load(api, account, key.key).await?;
        rules.order_code = new.order_code.unwrap_or(rules.order_code);
        rules.signing = signing.clone().unwrap_or(rules.signing);
        rules.signature_required = new.signature_required.unwrap_or(rules.signature_required);
        if rules.signature_required && rules.signing.is_none() {
            let message = "A key that needs signatures needs something to check them with: hmac, or a public key.";
            return Err(ApiError::invalid(message).param("signing"));
        }
        let shown = shape(api, &key, &rules);
        let body = rules;
        let entry = || by.did(Action::KeyRulesChange).account(account).subject(Kind::ApiKey, key.key);
        let done = match from {
            Version::NONE => {
                let change = Change::to(body, EventKind::KeyRulesChanged).audit(entry());
                record::make(&*api.ports, account, place(key.key), change, None, &|_| vec![]).await
            }
            Version(_) => {
                let decide = |now: &View<KeyRules>| match now.version == from {
                    true => Ok(Change::to(body.clone(), EventKind::KeyRulesChanged).audit(entry())),
                    false => Err(Refusal::Contended),
                };
                record::change(&*api.ports, account, place(key.key), None, &decide, &|_| vec![]).await
            }
        };
        api.cache.forget();
        match done {
            Ok(_) => return Ok((shown, secret)),
            // Somebody else changed them meanwhile.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

async fn load(api: &Api, account: Key, key: Key) -> Result<(Version, KeyRules), ApiError> {
    match flow::load::<KeyRules>(api.ports.store(), account, Kind::KeyRules, place(key)).await {
        Ok(view) => Ok((view.version, view.body)),
        Err(Failure::Refused(Refusal::NoSuch(_))) => Ok((Version::NONE, KeyRules::default())),
        Err(failure) => Err(failure.into()),
    }
}

/// The rules of a key for its successor, to be put in the commit that makes it: a rolled key asks for no less.
pub async fn handed_on(api: &Api, account: Key, old: Key, new: Key) -> Result<Option<Beside>, ApiError> {
    let (from, body) = load(api, account, old).await?;
    if from == Version::NONE {
        return Ok(None);
    }
    let (version, at) = (Version::NONE.next(), api.ports.now());
    let view = View { key: place(new), account, version, at, body, personal: None };
    let row = record::row(&view, vec![]);
    Ok(Some(Beside { from: Version::NONE, row, event: EventKind::KeyRulesChanged }))
}

fn shape(api: &Api, key: &KeyView, rules: &KeyRules) -> Value {
    let signing = match rules.signing {
        None => None,
        Some(Signing::Hmac(_)) => Some("hmac-sha256"),
        Some(Signing::Ed25519(_)) => Some("ed25519"),
    };
    json!({
        "id": api.look.id(Kind::ApiKey, key.key),
        "object": "florin.api_key_rules",
        "require_order_code": rules.order_code,
        "require_signature": rules.signature_required,
        "signing": signing,
    })
}
