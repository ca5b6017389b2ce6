//! `/v1/florin/customers/{id}/consents`: what a customer agreed to or took back, with its time and the version of the text that was shown.
//! Records are added, never changed; the newest of a purpose holds.

use crate::ask::{Answer, Ask, told};
use crate::error::ApiError;
use crate::list;
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::customers;
use florin_core::commit::Row;
use florin_core::consent::{
    self, Agree, Consent, ConsentPersonal, ConsentView, LONGEST_PURPOSE, LONGEST_SOURCE, LONGEST_TEXT_VERSION,
};
use florin_core::flow;
use florin_core::id::Kind;
use florin_core::time::Time;
use serde_json::{Value, json};

/// The end of the year 9999.
const LATEST_SECONDS: i64 = 253_402_300_799;
/// By so much a merchant's clock may be ahead of ours.
const CLOCKS_DIFFER_MS: i64 = 60_000;

pub fn shape(look: &Look, view: &ConsentView) -> Value {
    let personal: ConsentPersonal = view.personal().unwrap_or_default();
    json!({
        "id": look.id(Kind::Consent, view.key),
        "object": "florin.consent",
        "at": view.body.at.seconds(),
        "channel": personal.source,
        "created": view.key.time().seconds(),
        "customer": look.id(Kind::Customer, view.body.customer),
        "granted": personal.granted,
        "livemode": view.body.live,
        "purpose": personal.purpose,
        "text_version": personal.text_version,
    })
}

/// Letters, digits, `_`, `-` and `.`: a purpose is compared, not read.
fn purpose(params: &Params) -> Result<String, ApiError> {
    let purpose = params.needed("purpose", LONGEST_PURPOSE)?;
    match purpose.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')) {
        true => Ok(purpose),
        false => Err(params.bad("purpose", "Invalid purpose: letters, digits, `_`, `-` and `.`, as marketing_email.")),
    }
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let purpose = purpose(params)?;
    let granted = params.boolean("granted")?.ok_or_else(|| params.missing("granted"))?;
    let text_version = params.needed("text_version", LONGEST_TEXT_VERSION)?;
    let source = params.text("channel", LONGEST_SOURCE)?;
    let at = params.integer_within("at", 0, LATEST_SECONDS)?.map_or_else(|| ask.now(), |seconds| Time(seconds * 1_000));
    if at > ask.now().plus_ms(CLOCKS_DIFFER_MS) {
        return Err(params.bad("at", "Invalid at: nobody agreed to anything in the future. Give seconds since 1970."));
    }
    params.done()?;
    let customer = customers::living(ask, ask.path_id()).await?;
    let consent = Consent { live: ask.caller.live, customer: customer.key, at };
    let personal = ConsentPersonal { purpose, granted, text_version, source };
    let command = Agree { account: ask.account(), consent, personal };
    let render = |view: &ConsentView| look::stored(200, &shape(ask.look(), view));
    let done = consent::record(ask.ports(), &command, ask.claim.as_ref(), &render).await?;
    told(done, |view| shape(ask.look(), view))
}

/// Newest first.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Consent)?;
    let wanted = params.text("purpose", LONGEST_PURPOSE)?;
    params.done()?;
    let customer = customers::living(ask, ask.path_id()).await?;
    let read = |row: &Row| {
        let view: ConsentView = flow::read(row)?;
        let personal: ConsentPersonal = view.personal().unwrap_or_default();
        Ok(wanted.as_ref().is_none_or(|wanted| *wanted == personal.purpose).then(|| shape(ask.look(), &view)))
    };
    let url = format!("/v1/florin/customers/{}/consents", ask.path_id());
    Ok(list::answer(&url, list::rows(ask, page, (customer.key, Kind::Consent), &read).await?))
}
