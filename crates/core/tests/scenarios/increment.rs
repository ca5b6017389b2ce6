//! Hold more than was held: one more 0100 for the difference, and what becomes of both holds.

use crate::check::{check, check_brief, check_deaths};
use crate::script::*;
use florin_core::money::Currency;
use florin_core::wire::NotSent;

fn held_and(more: &[Does]) -> Vec<Does> {
    [&[create_manual(), confirm(&[YES])], more].concat()
}

#[test]
fn more_is_held() {
    check(
        "an increment",
        &held_and(&[increment(1500, &[YES]).key("a")]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        payment: requires_capture
        attempts: hold 1000 #1 approved, increment 500 #2 approved
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1
        ledger: held 0/1500, holds 1500/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated
        jobs: expire #1 at 604800 s, tries 0
        key a: requires_capture v5
        ",
    );
    check(
        "and captured",
        &held_and(&[increment(1500, &[YES]), capture(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        told: capture succeeded v7
        payment: succeeded 1500
        attempts: hold 1000 #1 approved, increment 500 #2 approved, capture 1500 #3 approved
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1, 0220 capture 1500 #3 of #1
        ledger: receivable 1500/0, merchant 0/1500, held 1500/1500, holds 1500/1500, refundable 0/1500
        ledger: refundable_total 1500/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, charge.captured + succeeded
        ",
    );
    check(
        "in part",
        &held_and(&[increment(1500, &[YES]), capture_of(1200, Currency::EUR, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        told: capture succeeded v7
        payment: succeeded 1200
        attempts: hold 1000 #1 approved, increment 500 #2 approved, capture 1200 #3 approved
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1, 0220 capture 1200 #3 of #1
        ledger: receivable 1200/0, merchant 0/1200, held 1500/1500, holds 1500/1500, refundable 0/1200
        ledger: refundable_total 1200/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, charge.captured + succeeded
        ",
    );
}

#[test]
fn both_holds_end_together() {
    check(
        "given up",
        &held_and(&[increment(1500, &[YES]), cancel(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        told: cancel canceled v7
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, increment 500 #2 approved, void 1500 #3 approved
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1
        orders: 0400 reverse 1500 #3 of #1 CancelledByCustomer
        ledger: held 1500/1500, holds 1500/1500
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, canceled
        ",
    );
    check(
        "twice, and captured",
        &held_and(&[increment(1500, &[YES]), increment(1600, &[YES]), capture(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        told: increment requires_capture v7, capture succeeded v9
        payment: succeeded 1600
        attempts: hold 1000 #1 approved, increment 500 #2 approved, increment 100 #3 approved
        attempts: capture 1600 #4 approved
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1, 0100 increment 100 #3 of #1
        orders: 0220 capture 1600 #4 of #1
        ledger: receivable 1600/0, merchant 0/1600, held 1600/1600, holds 1600/1600, refundable 0/1600
        ledger: refundable_total 1600/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
}

#[test]
fn it_stays_as_it_was() {
    check(
        "a refusal",
        &held_and(&[increment(1500, &[FUNDS]).key("a")]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, increment requires_capture v5
        payment: requires_capture
        attempts: hold 1000 #1 approved, increment 500 #2 declined 51
        orders: 0100 hold 1000 #1, 0100 increment 500 #2 of #1
        ledger: held 0/1000, holds 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: florin.payment_intent.increment_failed
        jobs: expire #1 at 604800 s, tries 0
        key a: requires_capture v5
        ",
    );
    check_brief(
        &held_and(&[increment(1500, &[unsent(NotSent::LinkDown)])]),
        "increment requires_capture v5 | requires_capture | hold 1000 #1 approved
        | increment 500 #2 not sent, LinkDown | 0100 hold 1000 #1 | 0100 increment 500 #2 of #1",
    );
    check_brief(
        &held_and(&[increment(1500, &[MALFUNCTION, YES])]),
        "increment requires_capture v6 | requires_capture | hold 1000 #1 approved
        | increment 500 #2 reversed, Malfunction 96 | 0100 hold 1000 #1
        | 0100 increment 500 #2 of #1 | 0400 reverse 500 #3 of #2 NotCompleted",
    );
    check_brief(
        &held_and(&[increment(1500, &[SILENCE])]),
        "increment processing v5 | processing Increment { to: 1500 } | hold 1000 #1 approved
        | increment 500 #2 reversing by #3, NoAnswer | 0100 hold 1000 #1
        | 0100 increment 500 #2 of #1",
    );
    check_brief(
        &held_and(&[increment(1500, &[SILENCE]), resolve(&[YES])]),
        "resolve ok after 0 s | requires_capture | hold 1000 #1 approved
        | increment 500 #2 reversed, NoAnswer | 0100 hold 1000 #1 | 0100 increment 500 #2 of #1
        | 0400 reverse 500 #3 of #2 NoConfirmation",
    );
    check_brief(
        &held_and(&[increment(1500, &[SILENCE]), capture(&[])]),
        "capture refused UnexpectedState { operation: Capture, status: processing }
        | processing Increment { to: 1500 } | hold 1000 #1 approved
        | increment 500 #2 reversing by #3, NoAnswer | 0100 hold 1000 #1
        | 0100 increment 500 #2 of #1",
    );
    check_brief(
        &held_and(&[increment(1500, &[FUNDS]), capture(&[YES])]),
        "capture succeeded v7 | succeeded 1000 | hold 1000 #1 approved
        | increment 500 #2 declined 51 | capture 1000 #3 approved | 0100 hold 1000 #1
        | 0100 increment 500 #2 of #1 | 0220 capture 1000 #3 of #1",
    );
    // A late yes is taken back by itself, and the hold stands.
    check_brief(
        &held_and(&[increment(1500, &[SILENCE]), resolve(&[NOT_FOUND]), late(2, YES), resolve(&[YES])]),
        "resolve ok after 0 s | requires_capture | hold 1000 #1 approved
        | increment 500 #2 reversed, LateApproval | 0100 hold 1000 #1
        | 0100 increment 500 #2 of #1 | 0400 reverse 500 #3 of #2 NoConfirmation
        | 0400 reverse 500 #4 of #2 NoConfirmation",
    );
}

#[test]
fn what_is_refused() {
    check_brief(
        &held_and(&[increment(1000, &[])]),
        "increment refused IncrementTooSmall { held: 1000 } | requires_capture
        | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &held_and(&[capture(&[YES]), increment(1500, &[])]),
        "increment refused UnexpectedState { operation: Increment, status: succeeded }
        | succeeded 1000 | hold 1000 #1 approved | capture 1000 #2 approved | 0100 hold 1000 #1
        | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &[create_manual(), increment(1500, &[])],
        "increment refused UnexpectedState { operation: Increment, status: requires_confirmation }
        | requires_confirmation",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &held_and(&[]),
        &increment(1500, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        requires_capture
        hold 1000 #1 approved
        increment 500 #2 reversed, Recovered
        0100 hold 1000 #1
        0400 reverse 500 #3 of #2 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_capture
        hold 1000 #1 approved
        increment 500 #2 reversed, Recovered
        0100 hold 1000 #1
        0100 increment 500 #2 of #1
        0400 reverse 500 #3 of #2 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        requires_capture
        hold 1000 #1 approved
        increment 500 #2 approved
        0100 hold 1000 #1
        0100 increment 500 #2 of #1
        ",
    );
}
