//! Signed requests (RFC 9421): what a key's rules ask for is checked before anything is done, and a nonce is taken once. Knows no endpoint.

use crate::Api;
use crate::error::{ApiError, ErrorType};
use crate::gate::header;
use crate::keys::Caller;
use florin_core::commit::{Claim, ClaimId, Commit, Refused};
use florin_core::edge::EdgeRequest;
use florin_core::id::Kind;
use florin_core::key_rules::Signing;
use florin_core::store::CommitError;
use florin_core::time::Time;
use florin_merchant::digest;
use florin_merchant::request::{Checked, CheckingKey, Request, WINDOW_SECONDS, Wrong, check};

/// Refuses a request whose signature is wrong, or missing where the key needs one. A signature is looked at wherever one is sent and the
/// key has something to check it with.
pub async fn admit(api: &Api, request: &EdgeRequest, caller: &Caller) -> Result<(), ApiError> {
    let Some(signing) = &caller.rules.signing else { return Ok(()) };
    if header(request, "signature-input").is_none() && !caller.rules.signature_required {
        return Ok(());
    }
    let now = api.ports.now();
    let checked = judge(api, request, caller, signing, now)?;
    take(api, caller, &checked, now).await
}

fn judge(api: &Api, request: &EdgeRequest, caller: &Caller, signing: &Signing, now: Time) -> Result<Checked, ApiError> {
    let key = match signing {
        Signing::Hmac(secret) => CheckingKey::hmac(secret.reveal().as_bytes()),
        Signing::Ed25519(public) => CheckingKey::ed25519(public).ok_or_else(ApiError::trouble)?,
    };
    let wire = Request {
        method: &request.method,
        scheme: if request.tls { "https" } else { "http" },
        authority: header(request, "host").unwrap_or_default(),
        path: &request.path,
        query: &request.query,
        headers: request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        has_body: !request.body.is_empty(),
    };
    let id = api.look.id(Kind::ApiKey, caller.key);
    let checked = check(&wire, &key, &id, now.seconds()).map_err(|wrong| refused(&wrong, &id))?;
    if wire.has_body {
        // The edge compared it with the bytes that came; a digest of a kind that nobody knows proves nothing.
        digest::check(header(request, "content-digest").unwrap_or_default(), &request.body).map_err(|_| mismatch())?;
    }
    Ok(checked)
}

/// Keeps the nonce for as long as idempotency keys are kept, which is longer than a signature holds. A second one is a replay, in
/// whichever process and after whatever restart.
async fn take(api: &Api, caller: &Caller, checked: &Checked, now: Time) -> Result<(), ApiError> {
    let (account, key) = (caller.account.0.to_be_bytes(), caller.key.0.to_be_bytes());
    let digest = api.claims.mac(&[b"nonce", &account, &key, checked.nonce.as_bytes()]);
    let slot = digest.first_chunk::<8>().map_or(0, |b| i64::from_be_bytes(*b));
    let id = ClaimId { slot, digest };
    let claim = Claim::Answer { id, request: [0; 32], subject: caller.key, at: now, answer: vec![] };
    match api.ports.store().commit(Commit { claim: Some(claim), ..Commit::default() }).await {
        Ok(()) => Ok(()),
        Err(CommitError::Refused(Refused::Claimed(_))) => Err(wrong(
            "signature_replayed",
            "The nonce of this signature was used before. Sign each request, and each try of it, anew.",
        )),
        Err(CommitError::Refused(_) | CommitError::Trouble(_)) => Err(ApiError::trouble()),
    }
}

fn wrong(code: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(401, ErrorType::InvalidRequest, message).code(code)
}

fn mismatch() -> ApiError {
    let message =
        "Content-Digest is not the body's. Give sha-256 or sha-512 over the bytes as they are sent (RFC 9530).";
    ApiError::invalid(message).code("content_digest_mismatch").param("content-digest")
}

fn refused(why: &Wrong, id: &str) -> ApiError {
    match why {
        Wrong::Absent => wrong(
            "signature_required",
            "Requests of this key are signed (RFC 9421): Signature-Input and Signature are missing.",
        ),
        Wrong::Unreadable => wrong("signature_invalid", "Signature-Input and Signature are not as RFC 9421 has them."),
        Wrong::OtherKey => {
            wrong("signature_invalid", format!("No signature names this API key. Sign with keyid=\"{id}\"."))
        }
        Wrong::Algorithm => wrong("signature_invalid", "The signature names another algorithm than this key's."),
        Wrong::Missing(name) => {
            wrong("signature_component_missing", format!("The signature does not cover {name}.")).param(name)
        }
        Wrong::Time => wrong(
            "signature_time_skew",
            format!(
                "The signature was created more than {WINDOW_SECONDS} seconds from now, or has expired. Set the clock."
            ),
        ),
        Wrong::Nonce => wrong("signature_invalid", "A signature needs a nonce of 8 to 64 characters."),
        Wrong::Forged => {
            wrong("signature_invalid", "The signature is not this request's. Compare what is signed with what is sent.")
        }
    }
}

/// What a request with a card in it hears: it could not be signed before the card was swapped.
pub fn tokenise_first() -> ApiError {
    let message = "Requests of this key are signed, and signed requests carry no card: make a token or a payment method with a publishable key first.";
    ApiError::invalid(message).code("card_in_signed_request")
}
