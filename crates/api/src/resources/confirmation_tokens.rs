//! `/v1/confirmation_tokens`: what a customer gave at the till, for one confirmation within twelve hours.

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::look::{self, Look};
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::payment_methods::{self, Chosen, Payer};
use crate::resources::{billing, shipping};
use florin_core::commit::{Beside, EventKind};
use florin_core::confirmation::{Confirmation, ConfirmationPersonal, LIFE_MS, Spent, Used};
use florin_core::flow::{self, View};
use florin_core::id::Kind;
use florin_core::method::MethodPersonal;
use florin_core::payment::{Contact, FutureUse, Method};
use florin_core::record::{self, Change};
use serde_json::{Value, json};

type TokenView = View<Confirmation>;

fn shape(look: &Look, view: &TokenView) -> Value {
    let token = &view.body;
    let personal: ConfirmationPersonal = view.personal().unwrap_or_default();
    let (payment, setup) = match token.used {
        Some(Used::Payment(key)) => (Some(look.id(Kind::Payment, key)), None),
        Some(Used::Setup(key)) => (None, Some(look.id(Kind::Setup, key))),
        None => (None, None),
    };
    let expires = token.used.is_none().then_some(token.expires.seconds());
    json!({
        "id": look.id(Kind::Confirmation, view.key),
        "object": "confirmation_token",
        "created": view.key.time().seconds(),
        "expires_at": expires,
        "livemode": token.live,
        "mandate_data": null,
        "metadata": null,
        "payment_intent": payment,
        "payment_method_options": null,
        "payment_method_preview": {
            "allow_redisplay": personal.redisplay.as_str(),
            "billing_details": billing(Some(&personal.billing)),
            "card": payment_methods::card(&token.method.card, None),
            "customer": null,
            "customer_account": null,
            "type": "card",
        },
        "return_url": personal.return_url,
        "setup_future_usage": token.future_use.map(FutureUse::as_str),
        "setup_intent": setup,
        "shipping": shipping(personal.shipping.as_ref()).as_object().map(|s| {
            let kept = ["address", "name", "phone"];
            s.iter().filter(|(name, _)| kept.contains(&name.as_str())).collect::<std::collections::BTreeMap<_, _>>()
        }),
        "use_stripe_sdk": false,
    })
}

/// From a browser, with what was typed there.
pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.ignore(&["use_stripe_sdk", "client_context", "mandate_data", "set_as_default_payment_method"]);
    make(ask, params).await
}

/// The same from a server, in test mode.
pub async fn create_for_test(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    if ask.caller.live {
        let message = "Test helpers are there in test mode only.";
        return Err(ApiError::new(403, crate::error::ErrorType::InvalidRequest, message).code("testmode_only"));
    }
    make(ask, params).await
}

/// `payment_method_options`: instalments alone, which are not offered.
fn options(params: &Params) -> Result<(), ApiError> {
    let Some(options) = params.object("payment_method_options")? else { return Ok(()) };
    super::payment_intents::other_methods(&options);
    if let Some(card) = options.object("card")? {
        card.ignore(&["installments", "cvc_token", "setup_future_usage"]);
        card.done()?;
    }
    options.done()
}

async fn make(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let words = [("off_session", FutureUse::OffSession), ("on_session", FutureUse::OnSession)];
    let future_use = params.choice("setup_future_usage", &words)?;
    let shipping = params.shipping()?.value();
    options(params)?;
    let return_url = params.text("return_url", LONGEST_TEXT)?;
    params.known_elsewhere(&["payment_method", "payment_method_data"]);
    let id = params.text("payment_method", 255)?;
    let data = params.object("payment_method_data")?;
    let (chosen, makes_method) = match (id, data) {
        (None, Some(data)) => {
            let chosen = payment_methods::of_card(ask, &data, "type").await?;
            data.done()?;
            (chosen, true)
        }
        (Some(id), None) => of_id(ask, &id).await?,
        (None, None) => return Err(params.missing("payment_method_data")),
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these parameters: payment_method, payment_method_data.";
            return Err(params.bad("payment_method_data", message));
        }
    };
    params.done()?;
    let key = ask.ports().fresh_key();
    let MethodPersonal { billing, metadata, redisplay } = chosen.personal;
    let body = Confirmation {
        live: ask.caller.live,
        method: Method { key: chosen.key, card: chosen.card },
        makes_method,
        future_use,
        expires: ask.now().plus_ms(LIFE_MS),
        used: None,
    };
    let personal = ConfirmationPersonal { billing, shipping, return_url, metadata, redisplay };
    // Found by its method: who forgets the one forgets the other.
    let method = body.method.key;
    let mut change = Change::to(body, EventKind::ConfirmationChanged).personal(key, &personal).index(
        method,
        Kind::Confirmation,
        key,
    );
    change.beside = chosen.beside;
    let render = |view: &TokenView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

/// The name of a test card, of which a method is made later; or a method that there is.
async fn of_id(ask: &Ask<'_>, id: &str) -> Result<(Chosen, bool), ApiError> {
    if let Some(chosen) = payment_methods::of_name(ask, id).await? {
        return Ok((chosen, true));
    }
    let view = payment_methods::find(ask, id, "payment_method").await.map_err(ApiError::of_a_parameter)?;
    // Whose it is decides when the token is used.
    let payer = Payer { by: view.key, customer: view.body.customer(), uses: false };
    Ok((payment_methods::of_view(ask, &view, payer)?, false))
}

async fn find(ask: &Ask<'_>, id: &str, param: &str) -> Result<TokenView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Confirmation), id, param);
    let key = ask.look().key(Kind::Confirmation, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Confirmation, key).await;
    loaded.map_err(ask.missing(Kind::Confirmation, id, param))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let view = find(ask, ask.path_id(), "confirmation_token").await?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

/// What a token brings to a confirmation.
pub struct Given {
    pub chosen: Chosen,
    pub future_use: Option<FutureUse>,
    pub shipping: Option<Contact>,
    pub return_url: Option<String>,
}

/// Reads `confirmation_token`, or else `payment_method` and `payment_method_data`. `by` uses the token up.
pub async fn choose(ask: &Ask<'_>, params: &Params, payer: Payer, by: Used) -> Result<Option<Given>, ApiError> {
    let Some(id) = params.text("confirmation_token", 255)? else {
        let chosen = payment_methods::choose(ask, params, payer).await?;
        return Ok(chosen.map(|chosen| Given { chosen, future_use: None, shipping: None, return_url: None }));
    };
    if params.has("payment_method") || params.has("payment_method_data") {
        let message =
            "A confirmation_token brings its payment method: leave payment_method and payment_method_data out.";
        return Err(params.bad("confirmation_token", message));
    }
    let view = find(ask, &id, "confirmation_token").await.map_err(ApiError::of_a_parameter)?;
    let spent = |what| params.bad("confirmation_token", format!("This ConfirmationToken was {what}: make a new one."));
    view.body.usable(ask.now()).map_err(|why| match why {
        Spent::Used => spent("used before").code("confirmation_token_already_used"),
        Spent::Expired => spent("made more than twelve hours ago").code("confirmation_token_expired"),
    })?;
    let personal: ConfirmationPersonal = view.personal()?;
    let method = view.body.method.clone();
    let mut chosen = match view.body.makes_method {
        true => {
            let (billing, metadata, redisplay) = (personal.billing, personal.metadata, personal.redisplay);
            let personal = MethodPersonal { billing, metadata, redisplay };
            let fresh = Chosen {
                key: method.key,
                card: method.card,
                personal,
                stored: false,
                network_id: None,
                beside: vec![],
            };
            payment_methods::made(ask, fresh, payer)
        }
        false => {
            let id = ask.look().id(Kind::Method, method.key);
            let found = payment_methods::find(ask, &id, "confirmation_token").await?;
            payment_methods::of_view(ask, &found, payer)?
        }
    };
    chosen.beside.push(used(ask, &view, by));
    let (future_use, shipping, return_url) = (view.body.future_use, personal.shipping, personal.return_url);
    Ok(Some(Given { chosen, future_use, shipping, return_url }))
}

fn used(ask: &Ask<'_>, view: &TokenView, by: Used) -> Beside {
    let body = Confirmation { used: Some(by), ..view.body.clone() };
    let next = View { version: view.version.next(), at: ask.now(), body, ..view.clone() };
    Beside { from: view.version, row: record::row(&next, vec![]), event: EventKind::ConfirmationChanged }
}
