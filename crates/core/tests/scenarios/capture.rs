//! Holds and their capture: confirm with manual capture, then a completion (0220) repeated until it is answered.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::money::Currency;
use florin_core::wire::{NotSent, Unsure, Verdict};

fn held() -> Vec<Does> {
    vec![create_manual(), confirm(&[YES])]
}

fn held_and(more: &[Does]) -> Vec<Does> {
    [held(), more.to_vec()].concat()
}

#[test]
fn holds() {
    check(
        "a hold",
        &held(),
        "
        told: create requires_confirmation v1, confirm requires_capture v3
        payment: requires_capture
        attempts: hold 1000 #1 approved
        orders: 0100 hold 1000 #1
        ledger: held 0/1000, holds 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated
        jobs: expire #1 at 604800 s, tries 0
        ",
    );
    check(
        "declined",
        &[create_manual(), confirm(&[FUNDS])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3
        payment: requires_payment_method Declined(insufficient_funds)
        attempts: hold 1000 #1 declined 51
        orders: 0100 hold 1000 #1
        events: created, processing, charge.failed + payment_failed
        ",
    );
    check(
        "no answer, reversed",
        &[create_manual(), confirm(&[SILENCE]), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: hold 1000 #1 reversed, NoAnswer
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "malfunction, reversed at once",
        &[create_manual(), confirm(&[MALFUNCTION, YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v4
        payment: requires_payment_method Declined(processing_error)
        attempts: hold 1000 #1 reversed, Malfunction 96
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 NotCompleted
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
}

#[test]
fn captures() {
    check(
        "in full",
        &held_and(&[capture(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture succeeded v5
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
    check(
        "in part: the host releases the rest",
        &held_and(&[capture_of(600, Currency::EUR, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture succeeded v5
        payment: succeeded 600
        attempts: hold 1000 #1 approved, capture 600 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 600 #2 of #1
        ledger: receivable 600/0, merchant 0/600, held 1000/1000, holds 1000/1000, refundable 0/600
        ledger: refundable_total 600/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
    check(
        "unanswered, then repeated until it is",
        &held_and(&[capture(&[SILENCE]), resolve(&[SILENCE]), resolve(&[ISSUER_DOWN]), resolve(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture processing v5
        told: resolve ok after 10 s, resolve ok after 10 s, resolve ok after 20 s
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        orders: 0221 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
    check(
        "declined: the hold stands again and can be captured anew",
        &held_and(&[capture(&[INVALID]), capture_of(400, Currency::EUR, &[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture requires_capture v5
        told: capture succeeded v7
        payment: succeeded 400
        attempts: hold 1000 #1 approved, capture 1000 #2 declined 12, capture 400 #3 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0220 capture 400 #3 of #1
        ledger: receivable 400/0, merchant 0/400, held 2000/2000, holds 2000/2000, refundable 0/400
        ledger: refundable_total 400/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, charge.captured + succeeded
        ",
    );
    check(
        "unanswered, then declined",
        &held_and(&[capture(&[SILENCE]), resolve(&[INVALID])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture processing v5
        told: resolve ok after 10 s
        payment: requires_capture
        attempts: hold 1000 #1 approved, capture 1000 #2 declined 12
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        ledger: held 1000/2000, holds 2000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated
        jobs: expire #1 at 604800 s, tries 0
        ",
    );
}

#[test]
fn refused() {
    let of = |amount, currency| held_and(&[capture_of(amount, currency, &[])]);
    check_brief(
        &of(1001, Currency::EUR),
        "capture refused CaptureTooLarge { held: 1000 } | requires_capture | hold 1000 #1 approved
        | 0100 hold 1000 #1",
    );
    check_brief(
        &of(0, Currency::EUR),
        "capture refused Amount(Zero) | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &of(-1, Currency::EUR),
        "capture refused Amount(Negative) | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &of(100_000_000, Currency::EUR),
        "capture refused Amount(TooLarge) | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &of(1000, Currency::USD),
        "capture refused CurrencyDiffers | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &[create_manual(), capture(&[])],
        "capture refused UnexpectedState { operation: Capture, status: requires_confirmation }
        | requires_confirmation",
    );
    check_brief(
        &[create(), confirm(&[YES]), capture(&[])],
        "capture refused UnexpectedState { operation: Capture, status: succeeded } | succeeded 1000
        | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &held_and(&[capture(&[YES]), capture(&[])]),
        "capture refused UnexpectedState { operation: Capture, status: succeeded } | succeeded 1000
        | hold 1000 #1 approved | capture 1000 #2 approved | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &held_and(&[capture(&[SILENCE]), capture(&[])]),
        "capture refused UnexpectedState { operation: Capture, status: processing }
        | processing Capture { amount: 1000 } | hold 1000 #1 approved | capture 1000 #2 repeating
        | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &held_and(&[cancel(&[YES]), capture(&[])]),
        "capture refused UnexpectedState { operation: Capture, status: canceled } | canceled Abandoned
        | hold 1000 #1 approved | void 1000 #2 approved | 0100 hold 1000 #1
        | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
}

/// An advice is never taken back: what is not answered is said again; only a refusal for good ends it.
#[test]
fn every_answer_to_a_capture() {
    let of = |verdict| held_and(&[capture(&[verdict])]);
    check_brief(
        &of(unsure(Unsure::NoAnswer)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsure(Unsure::LinkLost)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsure(Unsure::Mismatch)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsure(Unsure::Partial)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsure(Unsure::Unreadable)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(Verdict::Pending),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::LinkDown)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::TooLate)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::Busy)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::NoVault)),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::NoSuchCard)),
        "capture requires_capture v5 | requires_capture | hold 1000 #1 approved
        | capture 1000 #2 not sent, NoSuchCard | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(unsent(NotSent::NotEncodable)),
        "capture requires_capture v5 | requires_capture | hold 1000 #1 approved
        | capture 1000 #2 not sent, NotEncodable | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(MALFUNCTION),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(ISSUER_DOWN),
        "capture processing v5 | processing Capture { amount: 1000 } | hold 1000 #1 approved
        | capture 1000 #2 repeating | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &of(INVALID),
        "capture requires_capture v5 | requires_capture | hold 1000 #1 approved | capture 1000 #2 declined 12
        | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &[create_manual()],
        &confirm(&[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_confirmation
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        hold 1000 #1 reversed, Recovered
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Reversed
        hold 1000 #1 reversed, Recovered
        0100 hold 1000 #1
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        ",
    );
    check_deaths(
        &held(),
        &capture_of(600, Currency::EUR, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        succeeded 600
        hold 1000 #1 approved
        capture 600 #2 approved
        0100 hold 1000 #1
        0221 capture 600 #2 of #1
        After(Submit, 1) to Before(Commit, 2):
        succeeded 600
        hold 1000 #1 approved
        capture 600 #2 approved
        0100 hold 1000 #1
        0220 capture 600 #2 of #1
        0221 capture 600 #2 of #1
        After(Commit, 2) to After(Commit, 2):
        succeeded 600
        hold 1000 #1 approved
        capture 600 #2 approved
        0100 hold 1000 #1
        0220 capture 600 #2 of #1
        ",
    );
    check_deaths(
        &held(),
        &capture(&[SILENCE]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        succeeded 1000
        hold 1000 #1 approved
        capture 1000 #2 approved
        0100 hold 1000 #1
        0221 capture 1000 #2 of #1
        After(Submit, 1) to After(Commit, 2):
        succeeded 1000
        hold 1000 #1 approved
        capture 1000 #2 approved
        0100 hold 1000 #1
        0220 capture 1000 #2 of #1
        0221 capture 1000 #2 of #1
        ",
    );
}

#[test]
fn races() {
    check(
        "two captures at once: one claims the hold",
        &held_and(&[capture(&[]).while_at(Point::Before(Call::Commit, 1), capture_of(300, Currency::EUR, &[YES]))]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture succeeded v5
        told: capture refused UnexpectedState { operation: Capture, status: succeeded }
        payment: succeeded 300
        attempts: hold 1000 #1 approved, capture 300 #3 approved
        orders: 0100 hold 1000 #1, 0220 capture 300 #3 of #1
        ledger: receivable 300/0, merchant 0/300, held 1000/1000, holds 1000/1000, refundable 0/300
        ledger: refundable_total 300/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
    check(
        "a cancel is faster than a capture",
        &held_and(&[capture(&[]).while_at(Point::Before(Call::Commit, 1), cancel(&[YES]))]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel canceled v5
        told: capture refused UnexpectedState { operation: Capture, status: canceled }
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #3 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #3 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
    check(
        "a worker repeats a capture whose sender still waits; both are answered",
        &held_and(&[capture(&[YES]).while_at(Point::After(Call::Submit, 1), resolve(&[YES]))]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, resolve ok after 22 s
        told: capture succeeded v6
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
    check(
        "the sender's answer comes between the worker's claim and the worker's answer",
        &held_and(&[
            capture(&[SILENCE]).crash(Point::After(Call::Submit, 1)),
            resolve(&[YES]).while_at(Point::After(Call::Submit, 1), resolve(&[YES])),
        ]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture died
        told: resolve ok after 22 s, resolve ok after 22 s
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        orders: 0221 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        ",
    );
}
