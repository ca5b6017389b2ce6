//! `/v1/charges`: an attempt to take or hold money, as the payment's row has it.

use crate::ask::{Answer, Ask, Telling};
use crate::error::ApiError;
use crate::list::{self, Budget, Collector, Walk};
use crate::look::Look;
use crate::params::{LONGEST_TEXT, Params};
use crate::resources::{account, billing, metadata, payment_intents, payment_methods, shipping};
use crate::search::{self, Subject};
use florin_core::attempt::{Attempt, Move, State};
use florin_core::flow::{self, Failure};
use florin_core::id::{Key, Kind};
use florin_core::ledger::{Book, LedgerAccount};
use florin_core::movement::key_of;
use florin_core::payment::{self, Payment, PaymentError, PaymentPersonal, PaymentView, Stage, Update, capture_before};
use florin_core::refusal::Refusal;
use florin_core::store::Query;
use florin_core::threeds::{self, Authentication, TransStatus};
use florin_core::wire::{Check, Checks, NotSent};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was captured of a charge.
pub fn captured(payment: &Payment, charge: Key) -> Option<i64> {
    match payment.stage {
        Stage::Succeeded { charge: of, captured } if of == charge => Some(captured),
        _ => None,
    }
}

/// The movement of what was captured of a charge: it belongs to the attempt that took the money.
fn movement(payment: &Payment, charge: Key) -> Option<Key> {
    captured(payment, charge)?;
    let completion = payment.attempts.iter().find(|a| matches!(a.what, Move::Completion(_)) && a.approval().is_some());
    Some(key_of(completion.map_or(charge, |a| a.key)))
}

/// What the issuer held of a charge and was given free again: the rest of a capture in part, or all of a hold that was canceled.
fn released(payment: &Payment, attempt: &Attempt) -> i64 {
    match (captured(payment, attempt.key), &payment.stage) {
        (Some(taken), _) => payment.authorized(attempt).saturating_sub(taken),
        (None, Stage::Canceled { .. }) if attempt.approval().is_some() => payment.authorized(attempt),
        (None, _) => 0,
    }
}

/// Why a charge failed, if it did.
fn failure(attempt: &Attempt) -> Option<PaymentError> {
    match &attempt.state {
        State::Declined { decline, .. } => Some(PaymentError::Declined(*decline)),
        State::NotSent { why, .. } => Some(PaymentError::NotSent(*why)),
        State::Reversed { .. } => Some(PaymentError::Reversed),
        State::Unanswered { .. } => Some(PaymentError::Unanswered),
        State::Sent | State::Approved { .. } | State::Reversing { .. } | State::Repeating { .. } => None,
    }
}

/// `refunded`: minor units that went back, or are on their way. What was held and not captured counts as refunded, as with Stripe.
pub fn shape(look: &Look, view: &PaymentView, attempt: &Attempt, refunded: i64) -> Value {
    let p = &view.body;
    let personal: PaymentPersonal = view.personal().unwrap_or_default();
    let failure = failure(attempt);
    let told = failure.as_ref().map(payment_intents::declined);
    let taken = captured(p, attempt.key);
    let paid = attempt.approval().is_some();
    let refunded = refunded.saturating_add(released(p, attempt));
    let status = match (paid, &failure) {
        (true, _) => "succeeded",
        (false, Some(_)) => "failed",
        (false, None) => "pending",
    };
    let (method, words) = (p.method(attempt.card), personal.charge_words());
    let mut shown = json!({
        "id": look.id(Kind::Charge, attempt.key),
        "object": "charge",
        "amount": p.authorized(attempt),
        "amount_captured": taken.unwrap_or(0),
        "amount_refunded": refunded,
        "application": null,
        "application_fee": null,
        "application_fee_amount": null,
        "balance_transaction": movement(p, attempt.key).map(|m| look.id(Kind::Movement, m)),
        "billing_details": billing(personal.billing.as_ref()),
        "calculated_statement_descriptor": descriptor(&personal),
        "captured": taken.is_some(),
        "created": attempt.key.time().seconds(),
        "currency": attempt.money.currency.code(),
        "customer": p.customer.map(|c| look.id(Kind::Customer, c)),
        "description": words.description,
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": told.map(|t| t.0),
        "failure_message": told.map(|t| t.2),
        "fraud_details": fraud(&personal),
        "livemode": p.live,
        "metadata": metadata(&words.metadata),
        "on_behalf_of": null,
        "outcome": outcome(attempt, failure.as_ref()),
        "paid": paid,
        "payment_intent": look.id(Kind::Payment, view.key),
        "payment_method": method.map(|m| look.id(Kind::Method, m.key)),
        "payment_method_details": details(p, attempt),
        "radar_options": {},
        "receipt_email": words.receipt_email,
        "receipt_number": null,
        "receipt_url": null,
        "refunded": refunded > 0 && refunded == p.authorized(attempt),
        "review": null,
        "shipping": shipping(words.shipping.as_ref()),
        "source": null,
        "source_transfer": null,
        "statement_descriptor": personal.statement_descriptor,
        "statement_descriptor_suffix": personal.statement_descriptor_suffix,
        "status": status,
        "transfer_data": null,
        "transfer_group": personal.transfer_group,
    });
    if let (Some(order), Some(fields)) = (&p.order, shown.as_object_mut()) {
        fields.insert("order".to_owned(), payment_intents::order(look, order));
    }
    shown
}

/// What the merchant reported of it.
fn fraud(personal: &PaymentPersonal) -> Value {
    match &personal.fraud_report {
        Some(report) => json!({ "user_report": report }),
        None => json!({}),
    }
}

/// What the cardholder reads on the statement: the account's prefix, and a suffix if one was given.
fn descriptor(personal: &PaymentPersonal) -> String {
    let prefix = personal.statement_descriptor.as_deref().unwrap_or(account::STATEMENT_PREFIX);
    match &personal.statement_descriptor_suffix {
        Some(suffix) => format!("{prefix}* {suffix}").chars().take(22).collect(),
        None => prefix.to_owned(),
    }
}

fn outcome(attempt: &Attempt, failure: Option<&PaymentError>) -> Value {
    let (kind, status, reason, message, response) = match (attempt.approval(), failure) {
        (Some(_), _) => ("authorized", "approved_by_network", None, "Payment complete.", None),
        (None, Some(PaymentError::Declined(d))) => (
            "issuer_declined",
            "declined_by_network",
            Some(d.code.as_str()),
            "The bank refused the payment.",
            Some(d.response.text()),
        ),
        (None, Some(PaymentError::NotSent(NotSent::Blocked))) => (
            "blocked",
            "not_sent_to_network",
            Some("rule"),
            "Florin blocked this payment: its card, its customer's address or your account was used to test cards.",
            None,
        ),
        (None, Some(PaymentError::NotSent(_))) => {
            ("invalid", "not_sent_to_network", Some("processing_error"), "Nothing was sent to the bank.", None)
        }
        (
            None,
            Some(
                PaymentError::Reversed
                | PaymentError::Partial
                | PaymentError::Unanswered
                | PaymentError::NotAuthenticated,
            ),
        ) => (
            "invalid",
            "reversed_after_approval",
            Some("processing_error"),
            "No answer could be relied on; everything was taken back.",
            None,
        ),
        (None, None) => return Value::Null,
    };
    json!({
        "advice_code": null, "network_advice_code": null, "network_decline_code": response, "network_status": status,
        "reason": reason, "risk_level": if kind == "blocked" { "highest" } else { "normal" }, "seller_message": message, "type": kind,
    })
}

fn details(payment: &Payment, attempt: &Attempt) -> Value {
    let facts = payment.method(attempt.card).map(|m| &m.card);
    let facts = facts.or(payment.card.as_ref().filter(|c| c.token == attempt.card));
    let Some(card) = facts else { return Value::Null };
    let (approval, results) = match &attempt.state {
        State::Approved { approval, .. } => (Some(approval), Some(approval.checks)),
        State::Declined { decline, .. } => (None, Some(decline.checks)),
        State::Sent
        | State::NotSent { .. }
        | State::Reversing { .. }
        | State::Reversed { .. }
        | State::Repeating { .. }
        | State::Unanswered { .. } => (None, None),
    };
    let mut results = results.unwrap_or_default();
    if results.cvc == Check::Unavailable {
        results.cvc = first_check(payment, attempt);
    }
    let network_id = approval.and_then(|a| a.network_id).map(|n| n.text());
    let mut shown = json!({
        "type": "card",
        "card": {
            "amount_authorized": approval.map(|_| payment.authorized(attempt)),
            "authorization_code": approval.and_then(|a| a.code).map(|c| c.text()),
            "brand": card.network.as_str(),
            "checks": checks(&results, attempt.credential.code.is_some()),
            "country": payment_methods::country(card),
            "electronic_commerce_indicator": attempt.proof.map(|p| p.eci.text()),
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "extended_authorization": { "status": "disabled" },
            "fingerprint": payment_methods::fingerprint(card),
            "funding": payment_methods::funding(card),
            "incremental_authorization": { "status": if payment.terms.card.incremental == Some(true) { "available" } else { "unavailable" } },
            "installments": null,
            "last4": card.last4_text(),
            "mandate": null,
            "multicapture": { "status": "unavailable" },
            "network": card.network.as_str(),
            "network_token": { "used": false },
            "network_transaction_id": network_id,
            "overcapture": { "maximum_amount_capturable": payment.authorized(attempt), "status": "unavailable" },
            "regulated_status": "unregulated",
            "three_d_secure": three_d_secure(payment, attempt),
            "transaction_link_id": null,
            "wallet": null,
        },
    });
    if let (Stage::RequiresCapture { hold }, Some(card)) = (&payment.stage, shown.pointer_mut("/card"))
        && *hold == attempt.key
        && let Some(map) = card.as_object_mut()
    {
        map.insert("capture_before".into(), json!(capture_before(attempt).seconds()));
    }
    shown
}

/// What the issuer said of the security code when it asked for an authentication: the code is sent once, with that first message.
fn first_check(payment: &Payment, attempt: &Attempt) -> Check {
    let first = attempt.proof.and_then(|p| payment.attempt(p.authentication));
    match first.map(|a| &a.state) {
        Some(State::Declined { decline, .. }) => decline.checks.cvc,
        _ => Check::Unavailable,
    }
}

/// How the cardholder of this charge was authenticated, if they were.
fn three_d_secure(payment: &Payment, attempt: &Attempt) -> Value {
    let asked = attempt.proof.and_then(|proof| payment.authentication(proof.authentication));
    let Some(mut shown) = asked.and_then(proven) else { return Value::Null };
    if let Some(map) = shown.as_object_mut() {
        map.insert("exemption_indicator".into(), Value::Null);
    }
    shown
}

/// What an authentication came to; None when it proves nothing.
pub fn proven(authentication: &Authentication) -> Option<Value> {
    let (proof, settled) = (authentication.proof()?, authentication.settled?);
    let result = match settled.status {
        TransStatus::Authenticated => "authenticated",
        TransStatus::Attempted => "attempt_acknowledged",
        TransStatus::Failed | TransStatus::Rejected => "failed",
        TransStatus::Unavailable => "processing_error",
        TransStatus::Informational => "data_share_only",
    };
    Some(json!({
        "authentication_flow": if settled.challenged { "challenge" } else { "frictionless" },
        "electronic_commerce_indicator": proof.eci.text(), "result": result,
        "result_reason": null, "transaction_id": settled.directory.text(), "version": threeds::VERSION,
    }))
}

/// `code_given`: a code was given for this very message, so that null would say less than is known.
pub fn checks(checks: &Checks, code_given: bool) -> Value {
    let word = |check| match check {
        Check::Pass => Some("pass"),
        Check::Fail => Some("fail"),
        Check::Unchecked => Some("unchecked"),
        Check::Unavailable => None,
    };
    let cvc = word(checks.cvc).or(code_given.then_some("unavailable"));
    json!({
        "address_line1_check": word(checks.address_line1), "address_postal_code_check": word(checks.postal_code),
        "cvc_check": cvc,
    })
}

/// What of the payment's capture is no longer refundable, minor units.
pub async fn refunded(ask: &Ask<'_>, view: &PaymentView) -> Result<i64, ApiError> {
    let Stage::Succeeded { .. } = view.body.stage else { return Ok(0) };
    let account = LedgerAccount { owner: view.key, book: Book::Refundable, currency: view.body.money.currency };
    let found = ask.store().find(Query::Balances { accounts: vec![account] }).await?.balances();
    // Not what refunds took: one that failed gave it back.
    let left = |b: &florin_core::ledger::Balance| b.credits.saturating_sub(b.debits);
    Ok(found.first().map_or(0, |b| view.body.received().saturating_sub(left(b))))
}

/// The payment of a charge and the attempt that it is.
pub async fn find(ask: &Ask<'_>, id: &str, param: &str) -> Result<(PaymentView, Attempt), ApiError> {
    let missing = || ApiError::missing("charge", id, param);
    let key = ask.look().key(Kind::Charge, id).ok_or_else(missing)?;
    let query = Query::Holder { under: ask.account(), kind: Kind::Charge, key };
    let row = ask.store().find(query).await?.rows().into_iter().next().ok_or_else(missing)?;
    let view: PaymentView = flow::read(&row)?;
    let attempt = view.body.attempt(key).filter(|a| view.body.is_charge(a)).cloned().ok_or_else(missing)?;
    Ok((view, attempt))
}

pub async fn loaded(ask: &Ask<'_>, view: &PaymentView, attempt: &Attempt) -> Result<Value, ApiError> {
    let refunded = match captured(&view.body, attempt.key) {
        Some(_) => refunded(ask, view).await?,
        None => 0,
    };
    Ok(shape(ask.look(), view, attempt, refunded))
}

pub async fn retrieve(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let (view, attempt) = find(ask, ask.path_id(), "charge").await?;
    Ok(Answer::ok(loaded(ask, &view, &attempt).await?))
}

/// What is written on a charge stays apart from what is written on its payment.
pub async fn update(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    for _ in 0..flow::TRIES {
        let (view, attempt) = find(ask, ask.path_id(), "charge").await?;
        let command = written(ask, params, &view)?;
        let telling = Telling::Charge { key: attempt.key, refunded: refunded(ask, &view).await? };
        match florin_core::payment::update(&ask.asked(telling), &command).await {
            Ok(flow::Done::Fresh(view)) => return Ok(Answer::ok(loaded(ask, &view, &attempt).await?)),
            Ok(flow::Done::Replayed(bytes)) => return Answer::replay(&bytes),
            // Somebody else was faster: what they wrote stays.
            Err(Failure::Refused(Refusal::Contended)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(Refusal::Contended.into())
}

fn written(ask: &Ask<'_>, params: &Params, view: &PaymentView) -> Result<Update, ApiError> {
    let mut personal: PaymentPersonal = view.personal()?;
    let mut words = personal.charge_words();
    params.patch("description", LONGEST_TEXT)?.apply(&mut words.description);
    params.email("receipt_email")?.apply(&mut words.receipt_email);
    params.shipping()?.apply(&mut words.shipping);
    params.metadata(&mut words.metadata)?;
    personal.charge = Some(words);
    params.patch("transfer_group", 255)?.apply(&mut personal.transfer_group);
    if let Some(inner) = params.object("fraud_details")? {
        let words = [("fraudulent", Some("fraudulent")), ("safe", Some("safe")), ("", None)];
        if let Some(report) = inner.choice("user_report", &words)? {
            personal.fraud_report = report.map(str::to_owned);
        }
        inner.done()?;
    }
    if let Some(id) = params.text("customer", 255)?
        && ask.look().key(Kind::Customer, &id).is_none_or(|c| view.body.customer != Some(c))
    {
        let message = "The customer of a charge is the one of its payment: it can only be given there.";
        return Err(params.bad("customer", message));
    }
    params.done()?;
    Ok(Update { personal: Some(personal), on_charge: true, claim: ask.claim.clone(), ..Update::of(view) })
}

pub async fn capture(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let (view, attempt) = find(ask, ask.path_id(), "charge").await?;
    let amount = params.integer("amount")?;
    params.ignore(&["receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group"]);
    payment_intents::no_platforms(params)?;
    params.done()?;
    if captured(&view.body, attempt.key).is_some() {
        let message = format!("Charge {} has already been captured.", ask.path_id());
        return Err(ApiError::invalid(message).code("charge_already_captured"));
    }
    let telling = Telling::Charge { key: attempt.key, refunded: 0 };
    let command = payment_intents::claim(ask, params, &view, (amount, "amount"))?;
    payment_intents::settled(ask, payment::capture(&ask.asked(telling), &command).await?, telling).await
}

const ROWS_AT_ONCE: u32 = 100;

/// Charges under an account come as the rows of their payments, newest charge first: a payment with three charges comes three times.
pub async fn list(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Charge)?;
    let id = |name| params.text(name, 255);
    let (customer, intent) = (id("customer")?, id("payment_intent")?);
    params.ignore(&["transfer_group"]);
    params.done()?;
    let named = |kind, id: &Option<String>, param: &str| match id {
        None => Ok(None),
        Some(id) => {
            let missing = || ApiError::missing_value(crate::error::noun(kind), id, param);
            ask.look().key(kind, id).map(Some).ok_or_else(missing)
        }
    };
    let customer = named(Kind::Customer, &customer, "customer")?;
    let intent = named(Kind::Payment, &intent, "payment_intent")?;
    let fits = |view: &PaymentView| {
        customer.is_none_or(|c| view.body.customer == Some(c)) && intent.is_none_or(|i| view.key == i)
    };
    for (name, cursor) in [("starting_after", page.after), ("ending_before", page.before)] {
        let Some(key) = cursor else { continue };
        // Another account's does not exist.
        let id = ask.look().id(Kind::Charge, key);
        find(ask, &id, name).await.map_err(ApiError::of_a_parameter)?;
    }
    let mut walk = page.walk();
    let mut collector = Collector::walking(page);
    let mut looked_at = 0;
    loop {
        let mut take = |view, attempt: Attempt| {
            looked_at += 1;
            if collector.over(attempt.key) {
                return false;
            }
            !(collector.wants(attempt.key) && fits(&view)) || collector.push((view, attempt))
        };
        let (whole, reached) = walked(ask, walk, &mut take).await?;
        if whole {
            break;
        }
        let Some(reached) = reached.filter(|_| collector.is_empty()) else {
            collector.cut();
            break;
        };
        walk = walk.on(reached);
        list::goes_on(looked_at)?;
    }
    let (found, more) = collector.done();
    let mut data = vec![];
    for (view, attempt) in &found {
        data.push(loaded(ask, view, attempt).await?);
    }
    Ok(list::answer("/v1/charges", (data, more)))
}

/// Charges that fit, by what their payments' rows say; how much went back is asked for only where a clause asks.
pub async fn search(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let wanted = search::wanted(ask, params, Subject::Charge)?;
    let counts = search::counts(ask);
    let (mut data, mut total, mut more, mut cut_at) = (vec![], 0, false, None);
    // Counting begins with the newest.
    let mut before = wanted.after.filter(|_| !counts);
    let mut budget = Budget::from(ask.now());
    while !more || counts {
        let mut some = vec![];
        let (whole, reached) = walked(ask, Walk::Older(before), &mut |view, attempt| {
            some.push((view, attempt));
            some.len() < ROWS_AT_ONCE as usize
        })
        .await?;
        for (view, attempt) in &some {
            before = Some(attempt.key);
            let refunds = wanted.search.asks_for("refunded");
            let unloaded = shape(ask.look(), view, attempt, 0);
            if !refunds && !search::fits(&wanted.search, &unloaded) {
                continue;
            }
            let value = loaded(ask, view, attempt).await?;
            if !search::fits(&wanted.search, &value) {
                continue;
            }
            total += 1;
            if wanted.after.is_none_or(|a| attempt.key < a) {
                more = data.len() == wanted.limit;
                if !more {
                    data.push(value);
                } else if !counts {
                    break;
                }
            }
        }
        if whole && some.len() < ROWS_AT_ONCE as usize {
            break;
        }
        // What was passed over has its place as well.
        before = if whole { before } else { reached.or(before) };
        if !whole || !budget.goes_on(some.len(), ask.now()) {
            // Counting may have ended before it came to this page.
            let at = before.into_iter().chain(wanted.after).min();
            cut_at = at.filter(|_| !more).map(|key| ask.look().id(Kind::Charge, key));
            break;
        }
        list::breathe().await;
    }
    more |= cut_at.is_some();
    Ok(search::answer(Subject::Charge, (data, more), cut_at, counts.then_some(total)))
}

/// Charges in the order of the walk, until `take` says that it is enough. False when reading ended before the list did; and the last
/// place that it came to.
async fn walked(
    ask: &Ask<'_>,
    mut walk: Walk,
    take: &mut (dyn FnMut(PaymentView, Attempt) -> bool + Send),
) -> Result<(bool, Option<Key>), ApiError> {
    let mut reached = None;
    let mut budget = Budget::from(ask.now());
    loop {
        let rows = ask.store().find(walk.query(ask.account(), Kind::Charge, ROWS_AT_ONCE)).await?.rows();
        // How many charges of a payment this page told of so far.
        let mut told: BTreeMap<Key, usize> = BTreeMap::new();
        let start = walk;
        for row in &rows {
            let view: PaymentView = flow::read(row)?;
            let nth = told.entry(view.key).or_insert(0);
            // Every sale and hold has its place in the list, one that only told of an authentication too.
            let placed = |a: &Attempt| matches!(a.what, Move::Sale(_) | Move::Authorization(_));
            let ahead = |a: &&Attempt| placed(a) && start.ahead(a.key);
            let mut attempts = view.body.attempts.iter().filter(ahead);
            let charge = match start {
                Walk::Older(_) => attempts.rev().nth(*nth).cloned(),
                Walk::Newer(_) => attempts.nth(*nth).cloned(),
            };
            *nth += 1;
            let Some(charge) = charge else { continue };
            walk = walk.on(charge.key);
            reached = Some(charge.key);
            if view.body.is_charge(&charge) && !take(view, charge) {
                return Ok((true, reached));
            }
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            return Ok((true, reached));
        }
        if !budget.goes_on(rows.len(), ask.now()) {
            return Ok((false, reached));
        }
        list::breathe().await;
    }
}
