//! `/v1/payment_method_domains`: the domains whose pages may show the card form under this account's publishable keys. Wallets and other
//! methods that Stripe tells of here are not offered, so all of them are inactive.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use florin_core::commit::{EventKind, Row};
use florin_core::domain::{self, Domain, DomainName, DomainView, Register};
use florin_core::flow;
use florin_core::id::Kind;
use florin_core::record::{self, Change};
use serde_json::{Value, json};

/// What Stripe tells a status of.
const METHODS: [&str; 6] = ["amazon_pay", "apple_pay", "google_pay", "klarna", "link", "paypal"];

fn shape(look: &Look, view: &DomainView) -> Value {
    let d = &view.body;
    let mut shown = json!({
        "id": look.id(Kind::Domain, view.key),
        "object": "payment_method_domain",
        "created": view.key.time().seconds(),
        "domain_name": d.name.as_str(),
        "enabled": d.enabled,
        "livemode": d.live,
    });
    if let Some(map) = shown.as_object_mut() {
        map.extend(METHODS.map(|method| (method.to_owned(), json!({ "status": "inactive" }))));
    }
    shown
}

fn name(params: &Params) -> Result<Option<DomainName>, ApiError> {
    let Some(text) = params.text("domain_name", LONGEST_TEXT)? else { return Ok(None) };
    DomainName::parse(&text)
        .map(Some)
        .map_err(|bad| params.bad("domain_name", bad.message()).code("invalid_domain_name"))
}

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let name = name(params)?.ok_or_else(|| params.missing("domain_name"))?;
    let enabled = params.boolean("enabled")?;
    params.done()?;
    let (account, live) = (ask.account(), ask.caller.live);
    let place = ask.look().place("payment method domain", account, live, name.as_str());
    let command = Register { account, live, name, place, enabled };
    let render = |view: &DomainView| look::stored(200, &shape(ask.look(), view));
    let done = domain::register(ask.ports(), &command, ask.claim.as_ref(), &render).await?;
    ask.api.origins.forget(account);
    told(done, |view| shape(ask.look(), view))
}

async fn find(ask: &Ask<'_>) -> Result<DomainView, ApiError> {
    let (id, param) = (ask.path_id(), "payment_method_domain");
    let missing = || ApiError::missing(noun(Kind::Domain), id, param);
    let key = ask.look().key(Kind::Domain, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Domain, key).await;
    let view: DomainView = loaded.map_err(ask.missing(Kind::Domain, id, param))?;
    if view.body.live == ask.caller.live { Ok(view) } else { Err(missing()) }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &find(ask).await?)))
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask).await?;
    let enabled = params.boolean("enabled")?;
    params.done()?;
    let decide = |from: &DomainView| {
        let body = Domain { enabled: enabled.unwrap_or(from.body.enabled), ..from.body.clone() };
        Ok(Change::to(body, EventKind::DomainChanged))
    };
    let render = |view: &DomainView| look::stored(200, &shape(ask.look(), view));
    let done = record::change(ask.ports(), ask.account(), view.key, ask.claim.as_ref(), &decide, &render).await?;
    ask.api.origins.forget(view.account);
    told(done, |view| shape(ask.look(), view))
}

/// Asks again whether what the methods want is there. None is offered, so nothing changes.
pub async fn validate(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &find(ask).await?)))
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Domain)?;
    let (name, enabled) = (params.text("domain_name", LONGEST_TEXT)?, params.boolean("enabled")?);
    params.done()?;
    let name = name.map(|name| name.to_ascii_lowercase());
    let read = |row: &Row| {
        let view: DomainView = flow::read(row)?;
        let d = &view.body;
        let fits = d.live == ask.caller.live
            && enabled.is_none_or(|wanted| wanted == d.enabled)
            && name.as_ref().is_none_or(|wanted| wanted == d.name.as_str());
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/payment_method_domains", list::rows(ask, page, (ask.account(), Kind::Domain), &read).await?))
}
