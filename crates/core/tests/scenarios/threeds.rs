//! 3-D Secure in every stage: a soft refusal, a wish of the merchant, what the issuer says of the cardholder, and what follows.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::payment::CaptureMethod;
use florin_core::threeds::StepUp;
use florin_core::threeds::TransStatus::{Attempted, Authenticated, Failed, Informational, Unavailable};

const FIRST: StepUp = StepUp::First { mandated: false };

fn asked(script: &[florin_core::wire::Verdict]) -> Does {
    confirm_asking(StepUp::IfAsked, script)
}

fn waiting() -> Vec<Does> {
    vec![create(), asked(&[SOFT])]
}

fn waiting_and(more: &[Does]) -> Vec<Does> {
    [waiting(), more.to_vec()].concat()
}

#[test]
fn a_soft_refusal() {
    check(
        "nobody may be asked",
        &[create(), confirm(&[SOFT])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3
        payment: requires_payment_method Declined(authentication_required)
        attempts: sale 1000 #1 declined 1A
        orders: 0200 sale 1000 #1
        events: created, processing, charge.failed + payment_failed
        ",
    );
    check(
        "the cardholder is there",
        &[create(), asked(&[SOFT]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_action v3
        payment: requires_action
        attempts: sale 1000 #1 declined 1A
        orders: 0200 sale 1000 #1
        events: created, processing, requires_action
        jobs: chase #1 at 60 s, tries 0
        key a: requires_action v3
        ",
    );
    check(
        "and is who they say",
        &waiting_and(&[authenticated(Authenticated, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_action v3, authenticated succeeded v5
        payment: succeeded 1000
        attempts: sale 1000 #1 declined 1A, sale 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 sale 1000 #2 ECI 05
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, requires_action, processing, charge.succeeded + succeeded
        ",
    );
    check(
        "and is not",
        &waiting_and(&[authenticated(Failed, &[])]),
        "
        told: create requires_confirmation v1, confirm requires_action v3
        told: authenticated requires_payment_method v4
        payment: requires_payment_method NotAuthenticated
        attempts: sale 1000 #1 declined 1A
        orders: 0200 sale 1000 #1
        events: created, processing, requires_action, payment_failed
        ",
    );
    check(
        "held instead of taken",
        &[create_manual(), asked(&[SOFT]), authenticated(Authenticated, &[YES])],
        "
        told: create requires_confirmation v1, confirm requires_action v3, authenticated requires_capture v5
        payment: requires_capture
        attempts: hold 1000 #1 declined 1A, hold 1000 #2 approved
        orders: 0100 hold 1000 #1, 0100 hold 1000 #2 ECI 05
        ledger: held 0/1000, holds 1000/0
        events: created, processing, requires_action, processing
        events: charge.succeeded + amount_capturable_updated
        jobs: expire #2 at 604800 s, tries 0
        ",
    );
}

#[test]
fn the_merchant_wants_it() {
    check(
        "before anything is sent",
        &[create(), confirm_asking(FIRST, &[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_action v2
        payment: requires_action
        events: created, requires_action
        jobs: chase #0 at 60 s, tries 0
        key a: requires_action v2
        ",
    );
    let first = |then: Does| vec![create(), confirm_asking(FIRST, &[]), then];
    check_brief(
        &first(authenticated(Attempted, &[YES])),
        "authenticated succeeded v4 | succeeded 1000 | sale 1000 #2 approved
        | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &first(authenticated(Unavailable, &[YES])),
        "authenticated succeeded v4 | succeeded 1000 | sale 1000 #2 approved | 0200 sale 1000 #2",
    );
    check_brief(
        &first(authenticated(Informational, &[SOFT])),
        "authenticated requires_action v4 | requires_action | sale 1000 #2 declined 1A
        | 0200 sale 1000 #2",
    );
    check_brief(
        &first(authenticated(Failed, &[])),
        "authenticated requires_payment_method v3 | requires_payment_method NotAuthenticated",
    );
}

#[test]
fn afterwards() {
    check_brief(
        &waiting_and(&[authenticated(Authenticated, &[FUNDS])]),
        "authenticated requires_payment_method v5
        | requires_payment_method Declined(insufficient_funds) | sale 1000 #1 declined 1A
        | sale 1000 #2 declined 51 | 0200 sale 1000 #1 | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &waiting_and(&[authenticated(Authenticated, &[SOFT])]),
        "authenticated requires_payment_method v5
        | requires_payment_method Declined(authentication_required) | sale 1000 #1 declined 1A
        | sale 1000 #2 declined 1A | 0200 sale 1000 #1 | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &waiting_and(&[authenticated(Authenticated, &[SILENCE]), resolve(&[YES])]),
        "resolve ok after 0 s | requires_payment_method Reversed | sale 1000 #1 declined 1A
        | sale 1000 #2 reversed, NoAnswer | 0200 sale 1000 #1 | 0200 sale 1000 #2 ECI 05
        | 0400 reverse 1000 #3 of #2 NoConfirmation",
    );
    check_brief(
        &waiting_and(&[authenticated(Authenticated, &[YES]), authenticated(Authenticated, &[])]),
        "authenticated refused UnexpectedState { operation: Authenticate, status: succeeded }
        | succeeded 1000 | sale 1000 #1 declined 1A | sale 1000 #2 approved | 0200 sale 1000 #1
        | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &waiting_and(&[cancel(&[])]),
        "cancel canceled v4 | canceled Abandoned | sale 1000 #1 declined 1A | 0200 sale 1000 #1",
    );
    check_brief(
        &waiting_and(&[cancel(&[]), authenticated(Authenticated, &[])]),
        "authenticated refused UnexpectedState { operation: Authenticate, status: canceled }
        | canceled Abandoned | sale 1000 #1 declined 1A | 0200 sale 1000 #1",
    );
    check_brief(
        &waiting_and(&[confirm(&[YES])]),
        "confirm succeeded v5 | succeeded 1000 | sale 1000 #1 declined 1A | sale 1000 #2 approved
        | 0200 sale 1000 #1 | 0200 sale 1000 #2",
    );
    check_brief(
        &waiting_and(&[capture(&[])]),
        "capture refused UnexpectedState { operation: Capture, status: requires_action }
        | requires_action | sale 1000 #1 declined 1A | 0200 sale 1000 #1",
    );
    check_brief(
        &waiting_and(&[refund(&[])]),
        "refund refused NothingToRefund | requires_action | sale 1000 #1 declined 1A
        | 0200 sale 1000 #1",
    );
}

/// An answer that tells of a soft refusal after the attempt was taken back asks nobody.
#[test]
fn unknown_before_it_is_soft() {
    check_brief(
        &[create(), asked(&[SILENCE]), late(1, SOFT), resolve(&[NOT_FOUND])],
        "resolve ok after 0 s | requires_payment_method Reversed
        | sale 1000 #1 reversed unfound, NoAnswer | 0200 sale 1000 #1
        | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &[create()],
        &asked(&[SOFT]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_confirmation
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        requires_action
        sale 1000 #1 declined 1A
        0200 sale 1000 #1
        ",
    );
    check_deaths(
        &waiting(),
        &authenticated(Authenticated, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_action
        sale 1000 #1 declined 1A
        0200 sale 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        sale 1000 #1 declined 1A
        sale 1000 #2 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 1000 #3 of #2 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Reversed
        sale 1000 #1 declined 1A
        sale 1000 #2 reversed, Recovered
        0200 sale 1000 #1
        0200 sale 1000 #2 ECI 05
        0400 reverse 1000 #3 of #2 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        succeeded 1000
        sale 1000 #1 declined 1A
        sale 1000 #2 approved
        0200 sale 1000 #1
        0200 sale 1000 #2 ECI 05
        ",
    );
    check_deaths(
        &[create_of(CaptureMethod::Manual, true, 1000, florin_core::money::Currency::EUR)],
        &confirm_asking(FIRST, &[]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_confirmation
        After(Commit, 1) to After(Commit, 1):
        requires_action
        ",
    );
}

/// The cardholder answered and their browser was lost, or they never answered.
#[test]
fn nobody_comes_back() {
    let (yes, no) = (Some(Authenticated), Some(Failed));
    check(
        "they are who they say",
        &waiting_and(&[chase(yes, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_action v3, chase ok after 60 s
        payment: succeeded 1000
        attempts: sale 1000 #1 declined 1A, sale 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 sale 1000 #2 ECI 05
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, requires_action, processing, charge.succeeded + succeeded
        ",
    );
    check(
        "they are not",
        &waiting_and(&[chase(no, &[])]),
        "
        told: create requires_confirmation v1, confirm requires_action v3, chase ok after 60 s
        payment: requires_payment_method NotAuthenticated
        attempts: sale 1000 #1 declined 1A
        orders: 0200 sale 1000 #1
        events: created, processing, requires_action, payment_failed
        ",
    );
    check(
        "they have not answered, and answer",
        &waiting_and(&[chase(None, &[]), chase(None, &[]), chase(yes, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_action v3, chase ok after 60 s
        told: chase ok after 120 s, chase ok after 240 s
        payment: succeeded 1000
        attempts: sale 1000 #1 declined 1A, sale 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 sale 1000 #2 ECI 05
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, requires_action, processing, charge.succeeded + succeeded
        ",
    );
    let never: Vec<Does> = (0..9).map(|_| chase(None, &[])).collect();
    check(
        "they never answer",
        &waiting_and(&never),
        "
        told: create requires_confirmation v1, confirm requires_action v3, chase ok after 60 s
        told: chase ok after 120 s, chase ok after 240 s, chase ok after 480 s, chase ok after 600 s
        told: chase ok after 600 s, chase ok after 600 s, chase ok after 600 s, chase ok after 300 s
        payment: requires_payment_method NotAuthenticated
        attempts: sale 1000 #1 declined 1A
        orders: 0200 sale 1000 #1
        events: created, processing, requires_action, payment_failed
        ",
    );
    check_brief(
        &[create(), confirm_asking(FIRST, &[]), chase(yes, &[YES])],
        "chase ok after 60 s | succeeded 1000 | sale 1000 #2 approved | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &waiting_and(&[authenticated(Authenticated, &[YES]), chase(yes, &[])]),
        "chase nothing to do | succeeded 1000 | sale 1000 #1 declined 1A | sale 1000 #2 approved | 0200
        sale 1000 #1 | 0200 sale 1000 #2 ECI 05",
    );
    check_brief(
        &waiting_and(&[cancel(&[]), chase(yes, &[])]),
        "chase ok after 60 s | canceled Abandoned | sale 1000 #1 declined 1A | 0200 sale 1000 #1",
    );
    check_brief(
        &waiting_and(&[chase(yes, &[SILENCE]), resolve(&[YES])]),
        "resolve ok after 0 s | requires_payment_method Reversed | sale 1000 #1 declined 1A | sale 1000
        #2 reversed, NoAnswer | 0200 sale 1000 #1 | 0200 sale 1000 #2 ECI 05 | 0400 reverse 1000 #3 of
        #2 NoConfirmation",
    );
    check_brief(
        &waiting_and(&[chase(yes, &[]).while_at(Point::Before(Call::Commit, 1), authenticated(Authenticated, &[YES]))]),
        "chase ok after 60 s | succeeded 1000 | sale 1000 #1 declined 1A | sale 1000 #3 approved | 0200
        sale 1000 #1 | 0200 sale 1000 #3 ECI 05",
    );
    check_deaths(
        &waiting(),
        &chase(yes, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_action
        sale 1000 #1 declined 1A
        0200 sale 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        sale 1000 #1 declined 1A
        sale 1000 #2 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 1000 #3 of #2 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Reversed
        sale 1000 #1 declined 1A
        sale 1000 #2 reversed, Recovered
        0200 sale 1000 #1
        0200 sale 1000 #2 ECI 05
        0400 reverse 1000 #3 of #2 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        succeeded 1000
        sale 1000 #1 declined 1A
        sale 1000 #2 approved
        0200 sale 1000 #1
        0200 sale 1000 #2 ECI 05
        ",
    );
}
