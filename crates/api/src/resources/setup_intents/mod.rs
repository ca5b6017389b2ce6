//! `/v1/setup_intents`: a card kept for later. Its issuer is asked with a message over nothing.

mod shape;

pub use shape::{error_of, outcome, shape};

use crate::ask::{Answer, Ask, told};
use crate::error::{ApiError, noun};
use crate::list;
use crate::look;
use crate::params::Params;
use crate::resources::payment_intents::{self, of_client};
use crate::resources::payment_methods::{self, Chosen, Payer};
use crate::resources::{confirmation_tokens, customers};
use florin_core::commit::{EventKind, Row};
use florin_core::confirmation::Used;
use florin_core::flow::{self, Done, Failure};
use florin_core::id::Kind;
use florin_core::payment::{CancelReason, FutureUse, ThreeDsWish};
use florin_core::record::{self, Change};
use florin_core::refusal::Refusal;
use florin_core::setup::{
    self, Asking, ConfirmSetup, CreateSetup, Purpose, Setup, SetupPersonal, SetupStage, SetupView,
};
use florin_core::threeds::StepUp;
use florin_core::wire::Credential;

fn usage(params: &Params) -> Result<Option<FutureUse>, ApiError> {
    params.choice("usage", &[("off_session", FutureUse::OffSession), ("on_session", FutureUse::OnSession)])
}

/// `use_stripe_sdk` and `payment_method_options[card]`.
fn asking(params: &Params, mut before: Asking) -> Result<Asking, ApiError> {
    before.by_library = params.boolean("use_stripe_sdk")?.unwrap_or(before.by_library);
    let Some(options) = params.object("payment_method_options")? else { return Ok(before) };
    payment_intents::other_methods(&options);
    let card = options.object("card")?;
    options.done()?;
    let Some(card) = card else { return Ok(before) };
    before.three_ds = card.choice("request_three_d_secure", ThreeDsWish::WORDS)?.unwrap_or(before.three_ds);
    card.ignore(&["mandate_options", "moto", "network", "three_d_secure"]);
    card.done()?;
    Ok(before)
}

/// Both names of the ways to pay, whatever the version: the older one is in most code that keeps cards, and says the same.
const TYPES: &[&str] = &["payment_method_types", "allowed_payment_method_types"];
const BAD_TYPE: &str = "setup_intent_invalid_parameter";

/// Ways to pay that a later request names: cards are what there is, and nothing changes.
fn types(params: &Params) -> Result<(), ApiError> {
    for name in TYPES.iter().copied() {
        if params.texts(name)?.is_some_and(|types| types.is_empty() || types.iter().any(|t| t != "card")) {
            let message = "Cards are the one way to pay that is offered.";
            return Err(params.bad(name, message).code(BAD_TYPE));
        }
    }
    Ok(())
}

/// The card that the request names, and whether its cardholder is asked first.
async fn chosen(
    ask: &Ask<'_>,
    params: &Params,
    payer: Payer,
    words: &mut SetupPersonal,
) -> Result<Option<Chosen>, ApiError> {
    let given = confirmation_tokens::choose(ask, params, payer, Used::Setup(payer.by)).await?;
    Ok(given.map(|given| {
        words.return_url = words.return_url.take().or(given.return_url);
        words.billing = Some(given.chosen.personal.billing.clone());
        given.chosen
    }))
}

async fn step_up(ask: &Ask<'_>, asking: Asking, chosen: &Chosen) -> Result<StepUp, ApiError> {
    match ask.look().is_public() {
        true => payment_intents::asked_first(ask, asking.three_ds, Some(&chosen.card)).await,
        false => Ok(StepUp::Never),
    }
}

fn personal(params: &Params, into: &mut SetupPersonal) -> Result<(), ApiError> {
    into.return_url = payment_intents::url(params)?.or(into.return_url.take());
    params.patch("description", 1_000)?.apply(&mut into.description);
    params.metadata(&mut into.metadata)
}

/// What is for other accounts.
const NOT_OFFERED: &[&str] = &["customer_account", "on_behalf_of"];

const WITHOUT_EFFECT: &[&str] = &[
    "payment_method_configuration",
    "mandate_data",
    "attach_to_self",
    "flow_directions",
    "single_use",
    "excluded_payment_method_types",
];

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let mut words = SetupPersonal::default();
    personal(params, &mut words)?;
    let usage = usage(params)?.unwrap_or(FutureUse::OffSession);
    let confirms = params.boolean("confirm")?.unwrap_or(false);
    let mut terms = florin_core::payment::Terms { automatic_methods: Some(true), ..Default::default() };
    payment_intents::named_types(params, &mut terms, TYPES, BAD_TYPE)?;
    let plain = Setup::plain(ask.caller.live, Purpose::Intent);
    let asking = asking(params, plain.asking)?;
    params.ignore(WITHOUT_EFFECT);
    payment_intents::no_other_account(params, NOT_OFFERED)?;
    params.ignore(&["payment_method", "payment_method_data", "confirmation_token", "customer"]);
    params.done()?;
    for name in ["return_url", "confirmation_token"] {
        if params.has(name) && !confirms {
            let message = format!("{name} is for a confirmation: it goes with confirm=true.");
            return Err(params.bad(name, message).code("parameter_invalid"));
        }
    }
    let customer = payment_intents::customer(ask, params).await?;
    let key = ask.ports().fresh_key();
    let chosen = chosen(ask, params, Payer { by: key, customer, uses: confirms }, &mut words).await?;
    let mut setup = Setup { customer, usage, automatic_methods: terms.automatic_methods, asking, ..plain };
    if confirms {
        let Some(chosen) = chosen else { return Err(without_method()) };
        let step_up = step_up(ask, asking, &chosen).await?;
        let (method, beside, personal) = (chosen.method(), chosen.beside, words);
        let (account, credential, claim) = (ask.account(), Credential::default(), ask.claim.clone());
        let command = CreateSetup { account, key, setup, method, credential, step_up, personal, beside, claim };
        return answered(ask, setup::create(ask.ports(), &command).await?);
    }
    let beside = chosen.as_ref().map(|c| c.beside.clone()).unwrap_or_default();
    if let Some(chosen) = &chosen {
        setup.choose(chosen.method());
    }
    let mut change = Change::to(setup, EventKind::SetupCreated).personal(customer.unwrap_or(key), &words);
    change.beside = beside;
    if let Some(customer) = customer {
        change = change.index(customer, Kind::Setup, key);
    }
    let render = |view: &SetupView| look::stored(200, &shape(ask.look(), view));
    let made = record::make(ask.ports(), ask.account(), key, change, ask.claim.as_ref(), &render).await?;
    told(made, |view| shape(ask.look(), view))
}

fn without_method() -> ApiError {
    let message = "You cannot confirm this SetupIntent because it's missing a payment method. Give payment_method or payment_method_data.";
    ApiError::invalid(message).code("setup_intent_unexpected_state")
}

/// What came of a confirmation, as an answer.
fn answered(ask: &Ask<'_>, done: Done<SetupView>) -> Result<Answer, ApiError> {
    match done {
        Done::Replayed(bytes) => Answer::replay(&bytes),
        Done::Fresh(view) => {
            let (status, body) = outcome(ask.look(), &view);
            Ok(Answer::of(status, body))
        }
    }
}

pub async fn find(ask: &Ask<'_>, id: &str) -> Result<SetupView, ApiError> {
    let missing = || ApiError::missing(noun(Kind::Setup), id, "intent");
    let key = ask.look().key(Kind::Setup, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Setup, key).await;
    let view: SetupView = loaded.map_err(ask.missing(Kind::Setup, id, "intent"))?;
    match view.body.purpose {
        Purpose::Intent => Ok(view),
        Purpose::Attach => Err(missing()),
    }
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let view = find(ask, ask.path_id()).await?;
    of_client(ask, params, Kind::Setup, view.key)?;
    params.done()?;
    Ok(Answer::ok(shape(ask.look(), &view)))
}

fn unexpected(setup: &Setup, operation: &str) -> ApiError {
    let message =
        format!("You cannot {operation} this SetupIntent because it has a status of {}.", setup.stage.status());
    ApiError::invalid(message).code("setup_intent_unexpected_state")
}

/// Puts the next version of an intent. `Refusal::Contended` when it is no longer at the version that was read: read it and ask again.
async fn put(ask: &Ask<'_>, read: &SetupView, change: Change<Setup>) -> Result<Done<SetupView>, Failure> {
    let decide = |now: &SetupView| match now.version == read.version {
        true => Ok(change.clone()),
        false => Err(Refusal::Contended),
    };
    let render = |view: &SetupView| look::stored(200, &shape(ask.look(), view));
    record::change(ask.ports(), ask.account(), read.key, ask.claim.as_ref(), &decide, &render).await
}

pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let change = updated(ask, params, &view).await?;
        match put(ask, &view, change).await {
            Ok(done) => return told(done, |view| shape(ask.look(), view)),
            // Somebody changed the intent meanwhile: what they wrote is kept.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

async fn updated(ask: &Ask<'_>, params: &Params, view: &SetupView) -> Result<Change<Setup>, ApiError> {
    let (mut body, mut words) = (view.body.clone(), view.personal::<SetupPersonal>()?);
    personal(params, &mut words)?;
    body.asking = asking(params, body.asking)?;
    types(params)?;
    params.ignore(WITHOUT_EFFECT);
    payment_intents::no_other_account(params, NOT_OFFERED)?;
    params.ignore(&["payment_method", "payment_method_data", "customer"]);
    params.done()?;
    let customer = payment_intents::customer(ask, params).await?;
    body.customer = customer.or(body.customer);
    let payer = Payer { by: view.key, customer: body.customer, uses: false };
    let chosen = payment_methods::choose(ask, params, payer).await?;
    if (customer.is_some() || chosen.is_some()) && !view.body.stage.is_open() {
        return Err(unexpected(&view.body, "update"));
    }
    if let Some(chosen) = &chosen {
        body.choose(chosen.method());
        words.billing = Some(chosen.personal.billing.clone());
    }
    let subject = body.customer.unwrap_or(view.key);
    let mut change = Change::to(body, EventKind::SetupUpdated).personal(subject, &words);
    change.beside = chosen.map(|c| c.beside).unwrap_or_default();
    Ok(change)
}

pub async fn confirm(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let command = confirmation(ask, params, &view).await?;
        match setup::confirm(ask.ports(), &command).await {
            Ok(done) => return answered(ask, done),
            // Somebody changed the intent meanwhile: what is confirmed is what it says now.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

async fn confirmation(ask: &Ask<'_>, params: &Params, view: &SetupView) -> Result<ConfirmSetup, ApiError> {
    of_client(ask, params, Kind::Setup, view.key)?;
    let mut words: SetupPersonal = view.personal()?;
    words.return_url = payment_intents::url(params)?.or(words.return_url);
    let asking = asking(params, view.body.asking)?;
    types(params)?;
    params.ignore(WITHOUT_EFFECT);
    payment_intents::no_other_account(params, NOT_OFFERED)?;
    params.ignore(&["payment_method", "payment_method_data", "confirmation_token", "expected_payment_method_type"]);
    params.done()?;
    if !view.body.stage.is_open() {
        return Err(unexpected(&view.body, "confirm"));
    }
    if let Some(customer) = view.body.customer {
        payment_intents::living(ask, customer).await?;
    }
    let payer = Payer { by: view.key, customer: view.body.customer, uses: true };
    let chosen = match (chosen(ask, params, payer, &mut words).await?, &view.body.method) {
        (Some(chosen), _) => chosen,
        (None, Some(method)) => {
            let id = ask.look().id(Kind::Method, method.key);
            payment_methods::of_view(ask, &payment_methods::find(ask, &id, "payment_method").await?, payer)?
        }
        (None, None) => return Err(without_method()),
    };
    let step_up = step_up(ask, asking, &chosen).await?;
    let (method, billing) = (chosen.method(), Some(chosen.personal.billing));
    Ok(ConfirmSetup {
        account: ask.account(),
        setup: view.key,
        from: Some(view.version),
        method: Some(method),
        credential: Credential::default(),
        step_up,
        asking: Some(asking),
        personal: Some(SetupPersonal { billing, ..words }),
        beside: chosen.beside,
        claim: ask.claim.clone(),
    })
}

pub async fn cancel(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let words = [
        ("abandoned", CancelReason::Abandoned),
        ("duplicate", CancelReason::Duplicate),
        ("requested_by_customer", CancelReason::RequestedByCustomer),
    ];
    for _ in 0..flow::TRIES {
        let view = find(ask, ask.path_id()).await?;
        let reason = params.choice("cancellation_reason", &words)?.unwrap_or(CancelReason::Unspecified);
        params.done()?;
        if !view.body.stage.is_open() {
            return Err(unexpected(&view.body, "cancel"));
        }
        let body = Setup { stage: SetupStage::Canceled { at: ask.now(), reason }, ..view.body.clone() };
        let change = Change { personal: view.personal.clone(), ..Change::to(body, EventKind::SetupCanceled) };
        match put(ask, &view, change).await {
            Ok(done) => return told(done, |view| shape(ask.look(), view)),
            // It was confirmed this moment, or changed: it is canceled as it is now, or not at all.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Setup)?;
    let (customer, method) = (params.text("customer", 255)?, params.text("payment_method", 255)?);
    params.ignore(&["attach_to_self"]);
    payment_intents::no_other_account(params, &["customer_account"])?;
    params.done()?;
    let customer = match &customer {
        None => None,
        Some(id) => Some(customers::find(ask, id, "customer").await.map_err(ApiError::of_a_parameter)?.key),
    };
    let method = method.as_ref().map(|id| ask.look().key(Kind::Method, id));
    let filter = |row: &Row| {
        let view: SetupView = flow::read(row)?;
        let fits = view.body.purpose == Purpose::Intent
            && customer.is_none_or(|c| view.body.customer == Some(c))
            && method.is_none_or(|m| m.is_some() && view.body.method.as_ref().map(|x| x.key) == m);
        Ok(fits.then(|| shape(ask.look(), &view)))
    };
    Ok(list::answer("/v1/setup_intents", list::rows(ask, page, (ask.account(), Kind::Setup), &filter).await?))
}
