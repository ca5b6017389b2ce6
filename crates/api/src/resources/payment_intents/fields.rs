//! Parameters that several operations on intents share. Strings become types here.

use crate::ask::Ask;
use crate::error::ApiError;
use crate::params::{LONGEST_TEXT, Params, Patch};
use florin_core::customer::Customer;
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, LARGEST, Money};
use florin_core::payment::{FutureUse, PaymentPersonal, Terms};
use florin_core::wire::Initiator;

/// (currency, smallest amount of a payment in minor units); two-decimal currencies that are not here take 50.
const SMALLEST: &[(&str, i64)] = &[
    ("aed", 200),
    ("bgn", 100),
    ("czk", 1500),
    ("dkk", 250),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("jpy", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("thb", 1000),
];

/// An amount that a payment can have.
pub fn money(params: &Params, amount: i64, currency: Currency) -> Result<Money, ApiError> {
    let smallest = SMALLEST.iter().find(|(code, _)| *code == currency.code()).map_or(
        match currency.exponent() {
            0 => 1,
            3 => 100,
            _ => 50,
        },
        |(_, smallest)| *smallest,
    );
    if amount < 1 {
        let message = "This value must be greater than or equal to 1.";
        return Err(params.bad("amount", message).code("parameter_invalid_integer"));
    }
    if amount > LARGEST {
        let message = format!("Amount must be no more than {}", Money::new(LARGEST, currency));
        return Err(params.bad("amount", message).code("amount_too_large"));
    }
    if amount < smallest {
        let message = format!("Amount must be at least {}", Money::new(smallest, currency));
        return Err(params.bad("amount", message).code("amount_too_small"));
    }
    Money::chargeable(amount, currency).map_err(|bad| florin_core::refusal::Refusal::Amount(bad).into())
}

/// The customer that a parameter names, if it is there and not deleted.
pub async fn customer(ask: &Ask<'_>, params: &Params) -> Result<Option<Key>, ApiError> {
    let id = match params.patch("customer", 255)? {
        Patch::Set(id) => id,
        Patch::Keep | Patch::Unset => return Ok(None),
    };
    let missing = || ApiError::missing_value("customer", &id, "customer");
    let key = ask.look().key(Kind::Customer, &id).ok_or_else(missing)?;
    let found: Result<View<Customer>, _> = flow::load(ask.store(), ask.account(), Kind::Customer, key).await;
    match found {
        Ok(view) if view.body.deleted.is_none() && view.body.live == ask.caller.live => Ok(Some(key)),
        Ok(_) => Err(missing()),
        Err(failure) => Err(ask.missing(Kind::Customer, &id, "customer")(failure)).map_err(|e| match e.status {
            404 => missing(),
            _ => e,
        }),
    }
}

/// What the merchant writes on a payment; an empty text unsets.
pub fn personal(params: &Params, into: &mut PaymentPersonal) -> Result<(), ApiError> {
    params.patch("description", 1_000)?.apply(&mut into.description);
    params.email("receipt_email")?.apply(&mut into.receipt_email);
    params.patch("statement_descriptor", 22)?.apply(&mut into.statement_descriptor);
    params.patch("statement_descriptor_suffix", 22)?.apply(&mut into.statement_descriptor_suffix);
    params.shipping()?.apply(&mut into.shipping);
    params.metadata(&mut into.metadata)?;
    return_url(params, into)
}

pub fn return_url(params: &Params, into: &mut PaymentPersonal) -> Result<(), ApiError> {
    if let Some(url) = params.text("return_url", LONGEST_TEXT)? {
        if !url.contains("://") || url.contains(char::is_whitespace) {
            let message = "Not a valid URL: write it with https:// in front.";
            return Err(params.bad("return_url", message).code("url_invalid"));
        }
        into.return_url = Some(url);
    }
    Ok(())
}

pub fn future_use(params: &Params, terms: &mut Terms) -> Result<(), ApiError> {
    if params.is_unset("setup_future_usage") {
        terms.future_use = None;
        return Ok(());
    }
    let words = [("off_session", FutureUse::OffSession), ("on_session", FutureUse::OnSession)];
    if let Some(usage) = params.choice("setup_future_usage", &words)? {
        terms.future_use = Some(usage);
    }
    Ok(())
}

/// What chooses the ways to pay. Cards are the one there is.
pub fn method_types(ask: &Ask<'_>, params: &Params, terms: &mut Terms) -> Result<(), ApiError> {
    let mut named = false;
    let names: &[&'static str] = if ask.version.takes_method_types() {
        &["payment_method_types", "allowed_payment_method_types"]
    } else {
        &["allowed_payment_method_types"]
    };
    for name in names {
        let Some(types) = params.texts(name)? else { continue };
        named = true;
        if let Some(other) = types.iter().find(|t| *t != "card") {
            let shown: String = other.chars().take(40).collect();
            let message = format!("The payment method type \"{shown}\" is not offered. Cards are.");
            return Err(params.bad(name, message).code("payment_intent_invalid_parameter"));
        }
        if types.is_empty() {
            return Err(params.bad(name, "Name at least one type, for example card."));
        }
    }
    if let Some(inner) = params.object("automatic_payment_methods")? {
        let enabled = inner.boolean("enabled")?.ok_or_else(|| inner.missing("enabled"))?;
        let redirects = inner.choice("allow_redirects", &[("always", true), ("never", false)])?.unwrap_or(true);
        inner.done()?;
        if enabled && named {
            return Err(params.bad("automatic_payment_methods", "Name types, or let them be chosen, not both."));
        }
        terms.automatic_methods = enabled.then_some(redirects);
    } else if named {
        terms.automatic_methods = None;
    }
    Ok(())
}

/// Who starts the payment.
pub fn initiator(params: &Params, terms: &Terms, stored: bool) -> Result<Initiator, ApiError> {
    let off_session = match params.raw("off_session")?.as_deref() {
        Some("one_off" | "recurring") => true,
        _ => params.boolean("off_session")?.unwrap_or(false),
    };
    Ok(match (off_session, stored, terms.future_use) {
        // A merchant-initiated message must carry the network's id of the first use, which is not kept with the card yet: until
        // then it goes as the cardholder's use of a stored card.
        (true, _, _) | (false, true, _) => Initiator::CustomerStored,
        (false, false, Some(_)) => Initiator::CustomerStoring,
        (false, false, None) => Initiator::Customer,
    })
}

/// Understood, without effect while nothing but cards without authentication is offered.
pub const WITHOUT_EFFECT: &[&str] = &[
    "payment_method_options",
    "mandate_data",
    "mandate",
    "use_stripe_sdk",
    "radar_options",
    "error_on_requires_action",
    "amount_details",
    "payment_details",
    "excluded_payment_method_types",
    "transfer_group",
];
