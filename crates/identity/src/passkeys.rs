//! Passkeys (WebAuthn level 3) through webauthn-rs: discoverable, the person verified, no attestation. States and keys are kept as the
//! library's own JSON. Knows nobody but by their key.

use super::Place;
use florin_core::id::Key;
use florin_core::people::{BadPasskey, Challenge, NamedPasskey, Passkey};
use florin_core::seal::Secret;
use florin_core::time::Time;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, DiscoverableKey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// What a browser may send: an attestation of none is far shorter.
const LONGEST_ANSWER_BYTES: usize = 32 * 1024;

pub struct Passkeys {
    webauthn: Webauthn,
    handles: Secret,
}

fn bad(error: &WebauthnError) -> BadPasskey {
    #[allow(clippy::wildcard_enum_match_arm)]
    match error {
        WebauthnError::CredentialPossibleCompromise => BadPasskey::Cloned,
        WebauthnError::CredentialNotFound => BadPasskey::Unknown,
        WebauthnError::ParseBase64Failure(_) | WebauthnError::ParseJSONFailure(_) => BadPasskey::Unfit,
        _ => BadPasskey::Refused,
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, BadPasskey> {
    if text.len() > LONGEST_ANSWER_BYTES {
        return Err(BadPasskey::Unfit);
    }
    serde_json::from_str(text).map_err(|_| BadPasskey::Unfit)
}

fn written(value: &impl serde::Serialize) -> Result<String, BadPasskey> {
    serde_json::to_string(value).map_err(|_| BadPasskey::Refused)
}

fn kept(passkey: &Passkey) -> Option<webauthn_rs::prelude::Passkey> {
    serde_json::from_str(&passkey.data).ok()
}

impl Passkeys {
    pub fn new(handles: Secret, place: &Place) -> Result<Passkeys, String> {
        let origin = |text: &String| Url::parse(text).map_err(|_| format!("{text} is no origin"));
        let origins = place.origins.iter().map(origin).collect::<Result<Vec<Url>, String>>()?;
        let (first, others) = origins.split_first().ok_or("no origin of the dashboard is known")?;
        let wrong = || {
            format!(
                "passkeys for {} cannot be used at {}: it must be the host or a domain above it",
                place.relying_party, first
            )
        };
        let builder = WebauthnBuilder::new(&place.relying_party, first).map_err(|_| wrong())?;
        let builder = others.iter().fold(builder.rp_name(&place.product), WebauthnBuilder::append_allowed_origin);
        let webauthn = builder.build().map_err(|_| wrong())?;
        Ok(Passkeys { webauthn, handles })
    }

    /// What an authenticator calls a user: the key, and a code by which we know that we gave it.
    fn handle(&self, user: Key) -> Uuid {
        let key = user.0.to_be_bytes();
        let mac = self.handles.mac(&[&key]);
        let mut bytes = [0u8; 16];
        for (to, from) in bytes.iter_mut().zip(key.iter().chain(&mac)) {
            *to = *from;
        }
        Uuid::from_bytes(bytes)
    }

    fn user(&self, handle: Uuid) -> Option<Key> {
        let key = Key(i64::from_be_bytes(*handle.as_bytes().first_chunk::<8>()?));
        (self.handle(key) == handle).then_some(key)
    }

    pub fn make(&self, user: Key, email: &str, name: &str, known: &[Passkey]) -> Result<Challenge, BadPasskey> {
        let exclude: Vec<CredentialID> = known.iter().map(|key| key.id.clone()).collect();
        let made = self.webauthn.start_passkey_registration(self.handle(user), email, name, Some(exclude));
        let (options, state) = made.map_err(|e| bad(&e))?;
        let mut options = serde_json::to_value(&options).map_err(|_| BadPasskey::Refused)?;
        // It has to find its user by itself: a security key otherwise may not keep it.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection["residentKey"] = json!("required");
            selection["requireResidentKey"] = json!(true);
        }
        Ok(Challenge { options: options.to_string(), state: written(&state)? })
    }

    pub fn made(&self, state: &str, answer: &str, now: Time) -> Result<Passkey, BadPasskey> {
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let state: PasskeyRegistration = read(state)?;
        let made = self.webauthn.finish_passkey_registration(&answer, &state).map_err(|e| bad(&e))?;
        let data = written(&made)?;
        let synced = serde_json::from_str::<Value>(&data).ok();
        let synced = synced.and_then(|v| v.pointer("/cred/backup_state").and_then(Value::as_bool)).unwrap_or(false);
        let id = made.cred_id().to_vec();
        Ok(Passkey { id, data, name: String::new(), synced, added: now, used: None, blocked: false })
    }

    /// The question is the same for all; with `known` the browser is told which passkeys to look for. What is compared in the end are the
    /// passkeys as they are kept then, so that a counter is never older than the question.
    pub fn ask(&self, known: Option<&[Passkey]>) -> Result<Challenge, BadPasskey> {
        let (options, state) = self.webauthn.start_discoverable_authentication().map_err(|e| bad(&e))?;
        let mut options = serde_json::to_value(&options).map_err(|_| BadPasskey::Refused)?;
        if let Some(all) = options.as_object_mut() {
            // The page says when it asks.
            all.remove("mediation");
        }
        if let (Some(known), Some(key)) = (known, options.get_mut("publicKey")) {
            let id =
                |key: &Passkey| json!({ "type": "public-key", "id": data_encoding::BASE64URL_NOPAD.encode(&key.id) });
            key["allowCredentials"] = known.iter().map(id).collect();
        }
        Ok(Challenge { options: options.to_string(), state: written(&state)? })
    }

    pub fn named(&self, answer: &str) -> Option<NamedPasskey> {
        let answer: PublicKeyCredential = read(answer).ok()?;
        let handle = answer.get_user_unique_id().and_then(|bytes| Uuid::from_slice(bytes).ok());
        let user = handle.and_then(|handle| self.user(handle));
        Some(NamedPasskey { user, id: answer.get_credential_id().to_vec() })
    }

    pub fn used(&self, state: &str, answer: &str, known: &[Passkey], now: Time) -> Result<Passkey, BadPasskey> {
        let answer: PublicKeyCredential = read(answer)?;
        let state: DiscoverableAuthentication = read(state)?;
        let id = answer.get_credential_id().to_vec();
        let found = known.iter().find(|key| key.id == id).ok_or(BadPasskey::Unknown)?;
        let mut credential = kept(found).ok_or(BadPasskey::Unknown)?;
        let key = DiscoverableKey::from(&credential);
        let result = self.webauthn.finish_discoverable_authentication_v2(&answer, state, &key).map_err(|e| bad(&e))?;
        if !result.user_verified() {
            return Err(BadPasskey::Refused);
        }
        credential.update_credential(&result);
        let data = written(&credential)?;
        Ok(Passkey { data, synced: result.backup_state(), used: Some(now), ..found.clone() })
    }
}
