//! `POST /v1/payment_intents`.

use super::{confirm::settled, fields, order};
use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::params::Params;
use crate::resources::confirmation_tokens;
use crate::resources::payment_methods::Payer;
use florin_core::confirmation::Used;
use florin_core::payment::{self, CaptureMethod, Create, PaymentPersonal, Terms};

pub async fn create(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let amount = params.integer("amount")?.ok_or_else(|| params.missing("amount"))?;
    let currency = params.currency("currency")?.ok_or_else(|| params.missing("currency"))?;
    let money = fields::money(params, amount, currency)?;
    let confirms = params.boolean("confirm")?.unwrap_or(false);
    let (capture, synchronous_capture) = capture_method(params)?.unwrap_or((CaptureMethod::Automatic, false));
    let mut terms = Terms { automatic_methods: Some(true), synchronous_capture, ..Terms::default() };
    fields::method_types(ask, params, &mut terms)?;
    fields::future_use(params, &mut terms)?;
    terms.manual_confirmation =
        params.choice("confirmation_method", &[("automatic", false), ("manual", true)])?.unwrap_or(false);
    fields::no_platforms(params)?;
    let mut personal = PaymentPersonal::default();
    fields::personal(params, &mut personal)?;
    fields::card_options(params, &mut terms)?;
    let signed = order::given(ask, params)?;
    let capture = if terms.card.capture_later { CaptureMethod::Manual } else { capture };
    params.ignore(fields::WITHOUT_EFFECT);
    params.known_elsewhere(&[
        "error_on_requires_action",
        "payment_method",
        "payment_method_data",
        "confirmation_token",
        "off_session",
        "customer",
    ]);
    params.done()?;
    for name in ["off_session", "confirmation_token"] {
        if params.has(name) && !confirms {
            return Err(params.bad(name, format!("You can only pass {name} together with confirm=true.")));
        }
    }

    let customer = fields::customer(ask, params).await?;
    let key = ask.ports().fresh_key();
    let payer = Payer { by: key, customer, uses: confirms };
    let given = confirmation_tokens::choose(ask, params, payer, Used::Payment(key)).await?;
    let chosen = given.map(|given| fields::take(given, &mut terms, &mut personal));
    let started = fields::started(ask, params, &terms, chosen.as_ref()).await?;
    if confirms && chosen.is_none() {
        let message = "You cannot confirm this PaymentIntent because it's missing a payment method. Give payment_method or payment_method_data.";
        return Err(ApiError::invalid(message).code("payment_intent_unexpected_state"));
    }
    let mut command = Create {
        key: Some(key),
        customer,
        terms,
        confirm: confirms.then_some(started.initiator),
        credential: started.credential,
        claim: ask.claim.clone(),
        ..Create::plain(ask.account(), ask.caller.live, money, capture)
    };
    if let Some(chosen) = chosen {
        personal.billing = Some(chosen.personal.billing).filter(|b| *b != Default::default());
        (command.card, command.method, command.beside) = (Some(chosen.card), Some(chosen.key), chosen.beside);
    }
    if confirms {
        command.beside.extend(started.beside);
        command.order_required = order::required(ask).await?;
    }
    if let Some(given) = signed {
        let (order, place) = given.checked(ask, params, key, (money, customer)).await?;
        command.order = Some(order);
        command.beside.extend(place);
    }
    command.personal = personal;
    if confirms {
        command.step_up = fields::step_up(ask, params, &terms, command.card.as_ref()).await?;
    }
    let telling = if confirms { Telling::Outcome } else { Telling::Intent };
    match payment::create(&ask.asked(telling), &command).await {
        Ok(done) => settled(ask, done, telling).await,
        Err(failure) => Err(order::lost(ask, command.order.as_ref(), key, failure).await),
    }
}

/// `capture_method`: when the money is claimed, and whether the caller waits to the end.
pub fn capture_method(params: &Params) -> Result<Option<(CaptureMethod, bool)>, ApiError> {
    let words = [
        ("automatic", (CaptureMethod::Automatic, true)),
        ("automatic_async", (CaptureMethod::Automatic, false)),
        ("manual", (CaptureMethod::Manual, false)),
    ];
    params.choice("capture_method", &words)
}
