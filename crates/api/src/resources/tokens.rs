//! `/v1/tokens`: a card, or a security code alone, that is handed on once.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::look::{self, Look};
use crate::params::Params;
use crate::resources::{card_billing, sources};
use florin_core::commit::{Beside, EventKind};
use florin_core::edge::{CARD_FIELD, CODE_FIELD};
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::method::{CardOnce, CodeOnce, MethodPersonal};
use florin_core::record::{self, Change};
use florin_core::wire::CardToken;
use serde_json::{Value, json};

type TokenView = View<CardOnce>;
type CodeView = View<CodeOnce>;

fn shape(look: &Look, view: &TokenView) -> Value {
    let card = &view.body.card;
    let personal: MethodPersonal = view.personal().unwrap_or_default();
    json!({
        "id": look.id(Kind::CardToken, view.key),
        "object": "token",
        "card": sources::card(look, view.key, card, &personal),
        "client_ip": null,
        "created": view.key.time().seconds(),
        "livemode": view.body.live,
        "type": "card",
        "used": view.body.used,
    })
}

/// A token of a security code. How the code checks out is told by the payment that names it.
fn shape_of_code(look: &Look, view: &CodeView) -> Value {
    json!({
        "id": look.id(Kind::CodeToken, view.key),
        "object": "token",
        "client_ip": null,
        "created": view.key.time().seconds(),
        "livemode": view.body.live,
        "type": "cvc_update",
        "used": view.body.used,
    })
}

async fn create_of_code(ask: &Ask<'_>, params: &Params, inner: &Params) -> Result<Answer, ApiError> {
    let index = inner.integer(CODE_FIELD)?.and_then(|n| usize::try_from(n).ok());
    let code = index.and_then(|n| ask.request.codes.get(n)).ok_or_else(|| inner.missing("cvc"))?.token;
    inner.done()?;
    params.done()?;
    let key = ask.ports().fresh_key();
    let body = CodeOnce { live: ask.caller.live, code, used: false };
    let change = Change::to(body, EventKind::CodeTokenChanged);
    let render = |view: &CodeView| look::stored(200, &shape_of_code(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape_of_code(ask.look(), view))
}

/// The security code that a payment names, and the row that says that it is used up.
pub async fn code(ask: &Ask<'_>, id: &str, param: &str) -> Result<(CardToken, Beside), ApiError> {
    let missing = || ApiError::missing_value(noun(Kind::CodeToken), id, param);
    let key = ask.look().key(Kind::CodeToken, id).ok_or_else(missing)?;
    let found: Result<CodeView, _> = flow::load(ask.store(), ask.account(), Kind::CodeToken, key).await;
    let view = match found {
        Ok(view) => view,
        Err(flow::Failure::Refused(_)) => return Err(missing()),
        Err(trouble) => return Err(trouble.into()),
    };
    if view.body.used {
        let message = "You cannot use a token more than once.";
        return Err(ApiError::invalid(message).code("token_already_used").param(param));
    }
    let body = CodeOnce { used: true, ..view.body.clone() };
    let next = View { version: view.version.next(), at: ask.now(), body, ..view.clone() };
    let (row, event) = (record::row(&next, vec![]), EventKind::CodeTokenChanged);
    Ok((view.body.code, Beside { from: view.version, row, event }))
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    if let Some(inner) = params.object("cvc_update")? {
        return create_of_code(ask, params, &inner).await;
    }
    let inner = params.object("card")?.ok_or_else(|| params.missing("card"))?;
    let index = inner.integer(CARD_FIELD)?;
    let card = ask.card(index).ok_or_else(|| inner.missing("number"))?.facts.clone();
    let billing = card_billing(&inner)?;
    inner.ignore(&["currency", "networks", "metadata"]);
    inner.done()?;
    params.done()?;
    let key = ask.ports().fresh_key();
    let body = CardOnce { live: ask.caller.live, card, used: false };
    let change = Change::to(body, EventKind::CardTokenChanged)
        .personal(key, &MethodPersonal { billing, ..MethodPersonal::default() });
    let render = |view: &TokenView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    if let Some(key) = ask.look().key(Kind::CodeToken, id) {
        let loaded = flow::load(ask.store(), ask.account(), Kind::CodeToken, key).await;
        let view: CodeView = loaded.map_err(ask.missing(Kind::CodeToken, id, "token"))?;
        return Ok(Answer::ok(shape_of_code(ask.look(), &view)));
    }
    let missing = || ApiError::missing(noun(Kind::CardToken), id, "token");
    let key = ask.look().key(Kind::CardToken, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::CardToken, key).await;
    let view: TokenView = loaded.map_err(ask.missing(Kind::CardToken, id, "token"))?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}
