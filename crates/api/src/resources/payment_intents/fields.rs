//! Parameters that several operations on intents share. Strings become types here.

use crate::ask::Ask;
use crate::error::ApiError;
use crate::params::{LONGEST_TEXT, Params, Patch};
use crate::resources::confirmation_tokens::Given;
use crate::resources::payment_methods::Chosen;
use crate::resources::tokens;
use florin_core::commit::Beside;
use florin_core::customer::Customer;
use florin_core::flow::{self, View};
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, LARGEST, Money};
use florin_core::payment::{CardFacts, FutureUse, PaymentPersonal, Terms, ThreeDsWish};
use florin_core::threeds::{self, StepUp};
use florin_core::wire::{Credential, Initiator};

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

/// Refuses a customer who was deleted meanwhile.
pub async fn living(ask: &Ask<'_>, customer: Key) -> Result<(), ApiError> {
    let found: View<Customer> = flow::load(ask.store(), ask.account(), Kind::Customer, customer).await?;
    match found.body.deleted {
        None => Ok(()),
        Some(_) => Err(ApiError::missing_value("customer", &ask.look().id(Kind::Customer, customer), "customer")),
    }
}

/// Money for other accounts: not offered, and never silently kept from them.
pub fn no_platforms(params: &Params) -> Result<(), ApiError> {
    for name in ["application_fee", "application_fee_amount", "customer_account", "on_behalf_of", "transfer_data"] {
        if params.has(name) && !params.is_unset(name) {
            let message = format!("{name} is not offered: payments are for the account of the key alone.");
            return Err(params.bad(name, message).code("parameter_not_offered"));
        }
    }
    Ok(())
}

/// Lists and setups for other accounts: the same.
pub fn no_other_account(params: &Params, names: &[&'static str]) -> Result<(), ApiError> {
    for name in names.iter().copied() {
        if params.has(name) && !params.is_unset(name) {
            let message =
                format!("{name} is not offered: customers and cards are those of the account of the key alone.");
            return Err(params.bad(name, message).code("parameter_not_offered"));
        }
    }
    Ok(())
}

/// What stands on the statement (DE 43 and what issuers make of it).
pub fn descriptor(params: &Params, name: &'static str) -> Result<Patch<String>, ApiError> {
    let patch = params.patch(name, 22)?;
    if let Patch::Set(text) = &patch {
        if text.contains(['<', '>', '\\', '\'', '"', '*']) {
            let message = "Statement descriptors cannot contain any of: < > \\ ' \" *";
            return Err(params.bad(name, message).code("invalid_characters"));
        }
        if !text.contains(|c: char| c.is_alphabetic()) {
            return Err(params
                .bad(name, "A statement descriptor needs at least one letter.")
                .code("invalid_characters"));
        }
    }
    Ok(patch)
}

/// What the merchant writes on a payment; an empty text unsets.
pub fn personal(params: &Params, into: &mut PaymentPersonal) -> Result<(), ApiError> {
    params.patch("description", 1_000)?.apply(&mut into.description);
    params.email("receipt_email")?.apply(&mut into.receipt_email);
    descriptor(params, "statement_descriptor")?.apply(&mut into.statement_descriptor);
    descriptor(params, "statement_descriptor_suffix")?.apply(&mut into.statement_descriptor_suffix);
    params.patch("transfer_group", 255)?.apply(&mut into.transfer_group);
    excluded(params, into)?;
    params.shipping()?.apply(&mut into.shipping);
    params.metadata(&mut into.metadata)?;
    return_url(params, into)
}

/// Ways to pay that the merchant does not want.
pub fn excluded(params: &Params, into: &mut PaymentPersonal) -> Result<(), ApiError> {
    if let Some(excluded) = params.texts("excluded_payment_method_types")? {
        if excluded.iter().any(|t| t == "card") {
            let message = "Cards are the one way to pay that is offered: without them there is none.";
            return Err(params.bad("excluded_payment_method_types", message));
        }
        if let Some(unknown) = excluded.iter().find(|t| !METHOD_TYPES.contains(&t.as_str())) {
            let shown: String = unknown.chars().take(40).collect();
            let message = format!("Invalid excluded_payment_method_types: there is no type \"{shown}\".");
            return Err(params.bad("excluded_payment_method_types", message));
        }
        into.excluded_types = excluded;
    }
    Ok(())
}

pub fn return_url(params: &Params, into: &mut PaymentPersonal) -> Result<(), ApiError> {
    into.return_url = url(params)?.or(into.return_url.take());
    Ok(())
}

/// `return_url`, where the customer goes after an authentication.
pub fn url(params: &Params) -> Result<Option<String>, ApiError> {
    let url = params.text("return_url", LONGEST_TEXT)?;
    if url.as_ref().is_some_and(|url| !url.contains("://") || url.contains(char::is_whitespace)) {
        let message = "Not a valid URL: write it with https:// in front.";
        return Err(params.bad("return_url", message).code("url_invalid"));
    }
    Ok(url)
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

/// What a confirmation token says counts where the request says nothing.
pub fn take(given: Given, terms: &mut Terms, personal: &mut PaymentPersonal) -> Chosen {
    terms.future_use = given.future_use.or(terms.future_use);
    personal.shipping = given.shipping.or(personal.shipping.take());
    personal.return_url = personal.return_url.take().or(given.return_url);
    given.chosen
}

/// What chooses the ways to pay. Cards are the one there is.
pub fn method_types(ask: &Ask<'_>, params: &Params, terms: &mut Terms) -> Result<(), ApiError> {
    let names: &[&'static str] = if ask.version.takes_method_types() {
        &["payment_method_types", "allowed_payment_method_types"]
    } else {
        &["allowed_payment_method_types"]
    };
    named_types(params, terms, names, "payment_intent_invalid_parameter")
}

/// The same with the names that the request may use, and the code of a refusal.
pub fn named_types(params: &Params, terms: &mut Terms, names: &[&'static str], refused: &str) -> Result<(), ApiError> {
    let mut named = false;
    terms.only_cards &= !params.has("automatic_payment_methods");
    for name in names {
        let Some(types) = params.texts(name)? else { continue };
        named = true;
        if let Some(other) = types.iter().find(|t| *t != "card") {
            let shown: String = other.chars().take(40).collect();
            let message = format!("The payment method type \"{shown}\" is not offered. Cards are.");
            return Err(params.bad(name, message).code(refused));
        }
        if types.is_empty() {
            return Err(params.bad(name, "Name at least one type, for example card."));
        }
        terms.only_cards |= *name == "allowed_payment_method_types";
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

/// `payment_method_options[card]` and `use_stripe_sdk`.
pub fn card_options(params: &Params, terms: &mut Terms) -> Result<(), ApiError> {
    if let Some(by_library) = params.boolean("use_stripe_sdk")? {
        terms.by_library = by_library;
    }
    let Some(options) = params.object("payment_method_options")? else { return Ok(()) };
    other_methods(&options);
    let card = options.object("card")?;
    options.done()?;
    let Some(card) = card else { return Ok(()) };
    terms.card.three_ds = card.choice("request_three_d_secure", ThreeDsWish::WORDS)?.unwrap_or(terms.card.three_ds);
    let capture_later = card.choice("capture_method", &[("manual", true)])?;
    terms.card.capture_later = capture_later.unwrap_or(terms.card.capture_later);
    let asked: [(&'static str, &mut Option<bool>); 4] = [
        ("request_extended_authorization", &mut terms.card.extended),
        ("request_incremental_authorization", &mut terms.card.incremental),
        ("request_multicapture", &mut terms.card.multicapture),
        ("request_overcapture", &mut terms.card.overcapture),
    ];
    for (name, field) in asked {
        if let Some(wanted) = card.choice(name, &[("if_available", true), ("never", false)])? {
            *field = Some(wanted);
        }
    }
    card.ignore(CARD_OPTIONS_WITHOUT_EFFECT);
    card.done()
}

/// Whether the cardholder may be asked to prove who they are, and when. Nobody is there off session, and a caller that takes no
/// `requires_action` hears of a decline instead.
pub async fn step_up(
    ask: &Ask<'_>,
    params: &Params,
    terms: &Terms,
    card: Option<&CardFacts>,
) -> Result<StepUp, ApiError> {
    let refuses = params.boolean("error_on_requires_action")?.unwrap_or(false);
    if refuses || off_session(params)? || !ask.look().is_public() {
        return Ok(StepUp::Never);
    }
    asked_first(ask, terms.card.three_ds, card).await
}

/// Options of ways to pay that are not offered change nothing.
pub fn other_methods(options: &Params) {
    options.ignore(METHOD_TYPES);
    options.ignore(&["card_present", "interac_present", "link"]);
}

/// What the merchant's wish comes to with this card.
pub async fn asked_first(ask: &Ask<'_>, wish: ThreeDsWish, card: Option<&CardFacts>) -> Result<StepUp, ApiError> {
    let Some(card) = card else { return Ok(StepUp::IfAsked) };
    let suspected = || ask.ports.watch.challenges(ask.account(), ask.caller.live, card, ask.now());
    let mandated = match wish {
        ThreeDsWish::Automatic | ThreeDsWish::Any if suspected() => true,
        ThreeDsWish::Automatic => return Ok(StepUp::IfAsked),
        ThreeDsWish::Any => false,
        ThreeDsWish::Challenge => true,
    };
    let (account, live, card) = (ask.account(), ask.caller.live, card.token);
    match ask.ports().authenticate(threeds::Ask::Enrolled { account, live, card }).await {
        threeds::Answer::Enrolled(true) => Ok(StepUp::First { mandated }),
        // A card that takes no part cannot be asked: the payment goes on without.
        threeds::Answer::Enrolled(false)
        | threeds::Answer::Settled(_)
        | threeds::Answer::Challenge { .. }
        | threeds::Answer::Waiting
        | threeds::Answer::Trouble => Ok(StepUp::IfAsked),
    }
}

fn off_session(params: &Params) -> Result<bool, ApiError> {
    Ok(match params.raw("off_session")?.as_deref() {
        Some("one_off" | "recurring") => true,
        _ => params.boolean("off_session")?.unwrap_or(false),
    })
}

/// Who starts the payment, and what goes along with the card.
pub struct Started {
    pub initiator: Initiator,
    pub credential: Credential,
    /// A token of a security code that is used up.
    pub beside: Option<Beside>,
}

/// A saved card without the cardholder goes as the merchant's own charge, which names the network's id of the card's first use. A
/// card that was given just now is the cardholder's, whatever `off_session` says: nothing was agreed on yet.
pub async fn started(
    ask: &Ask<'_>,
    params: &Params,
    terms: &Terms,
    chosen: Option<&Chosen>,
) -> Result<Started, ApiError> {
    let stored = chosen.is_some_and(|c| c.stored);
    let first_use = chosen.and_then(|c| c.network_id);
    let initiator = match (off_session(params)?, stored, terms.future_use) {
        (true, true, _) => Initiator::Merchant,
        // The first use that is agreed on, also of a card that the customer has already.
        (false, true, Some(_)) if first_use.is_none() => Initiator::CustomerStoring,
        (false, true, _) => Initiator::CustomerStored,
        (_, false, Some(_)) => Initiator::CustomerStoring,
        (_, false, None) => Initiator::Customer,
    };
    let (code, beside) = match cvc_token(params)? {
        Some(id) => {
            let (code, used) = tokens::code(ask, &id, "payment_method_options[card][cvc_token]").await?;
            (Some(code), Some(used))
        }
        None => (None, None),
    };
    let first_use = first_use.filter(|_| initiator == Initiator::Merchant);
    Ok(Started { initiator, credential: Credential { first_use, code }, beside })
}

fn cvc_token(params: &Params) -> Result<Option<String>, ApiError> {
    let Some(options) = params.object("payment_method_options")? else { return Ok(None) };
    let Some(card) = options.object("card")? else { return Ok(None) };
    card.text("cvc_token", 255)
}

/// Understood, without effect.
pub const WITHOUT_EFFECT: &[&str] = &[
    "mandate_data",
    "mandate",
    "radar_options",
    "amount_details",
    "payment_details",
    "payment_method_configuration",
    "hooks",
];

/// Ways to pay that Stripe's API names.
#[rustfmt::skip]
const METHOD_TYPES: &[&str] = &[
    "acss_debit", "affirm", "afterpay_clearpay", "alipay", "alma", "amazon_pay", "au_becs_debit", "bacs_debit", "bancontact", "billie",
    "bizum", "blik", "boleto", "card", "cashapp", "crypto", "customer_balance", "eps", "fpx", "giropay", "grabpay", "ideal", "kakao_pay",
    "klarna", "konbini", "kr_card", "mb_way", "mobilepay", "multibanco", "naver_pay", "nz_bank_account", "oxxo", "p24", "pay_by_bank",
    "payco", "paynow", "paypal", "paypay", "payto", "pix", "promptpay", "revolut_pay", "samsung_pay", "satispay", "scalapay",
    "sepa_debit", "sequra", "sofort", "sunbit", "swish", "twint", "upi", "us_bank_account", "wechat_pay", "zip",
];

/// Whether Stripe's API has a way to pay of this name.
pub fn is_method_type(name: &str) -> bool {
    METHOD_TYPES.contains(&name) || matches!(name, "card_present" | "interac_present" | "link" | "custom")
}

/// Options of cards that are understood and change nothing.
const CARD_OPTIONS_WITHOUT_EFFECT: &[&str] = &[
    "cvc_token",
    "installments",
    "mandate_options",
    "moto",
    "network",
    "require_cvc_recollection",
    "setup_future_usage",
    "statement_descriptor_suffix_kana",
    "statement_descriptor_suffix_kanji",
    "three_d_secure",
];
