//! Cancel in every stage: at once while nothing is held, by a void (0400) when something is.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::money::Currency;
use florin_core::payment::CaptureMethod;
use florin_core::wire::{NotSent, Unsure, Verdict};

fn held_and(more: &[Does]) -> Vec<Does> {
    [&[create_manual(), confirm(&[YES])], more].concat()
}

#[test]
fn every_stage() {
    check(
        "without a card",
        &[create_of(CaptureMethod::Automatic, false, 1000, Currency::EUR), cancel(&[])],
        "
        told: create requires_payment_method v1, cancel canceled v2
        payment: canceled Abandoned
        events: created, canceled
        ",
    );
    check(
        "before the confirmation",
        &[create(), cancel(&[])],
        "
        told: create requires_confirmation v1, cancel canceled v2
        payment: canceled Abandoned
        events: created, canceled
        ",
    );
    check(
        "after a decline",
        &[create(), confirm(&[FUNDS]), cancel(&[])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3, cancel canceled v4
        payment: canceled Abandoned
        attempts: sale 1000 #1 declined 51
        orders: 0200 sale 1000 #1
        events: created, processing, charge.failed + payment_failed, canceled
        ",
    );
    check(
        "a hold is voided",
        &held_and(&[cancel(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel canceled v5
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), cancel(&[])],
        "cancel refused UnexpectedState { operation: Cancel, status: processing } | processing Confirm
        | sale 1000 #1 reversing by #2, NoAnswer | 0200 sale 1000 #1",
    );
    check_brief(
        &held_and(&[capture(&[SILENCE]), cancel(&[])]),
        "cancel refused UnexpectedState { operation: Cancel, status: processing }
        | processing Capture { amount: 1000 } | hold 1000 #1 approved | capture 1000 #2 repeating
        | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &held_and(&[cancel(&[SILENCE]), cancel(&[])]),
        "cancel refused UnexpectedState { operation: Cancel, status: processing }
        | processing Cancel { reason: Abandoned } | hold 1000 #1 approved | void 1000 #2 repeating
        | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &[create(), confirm(&[YES]), cancel(&[])],
        "cancel refused UnexpectedState { operation: Cancel, status: succeeded } | succeeded 1000
        | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), cancel(&[]), cancel(&[])],
        "cancel refused UnexpectedState { operation: Cancel, status: canceled } | canceled Abandoned",
    );
    check_brief(&[cancel(&[])], "cancel refused NoSuch(Payment)");
}

#[test]
fn voids() {
    check(
        "unanswered, repeated, answered",
        &held_and(&[cancel(&[SILENCE]), resolve(&[SILENCE]), resolve(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel processing v5
        told: resolve ok after 10 s, resolve ok after 10 s
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        orders: 0401 reverse 1000 #2 of #1 CancelledByCustomer
        orders: 0401 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
    check(
        "the host knows no hold (25): nothing is held",
        &held_and(&[cancel(&[NOT_FOUND])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel canceled v5
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 reversed unfound, NoAnswer
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
    check(
        "unanswered, then the host has nothing to undo (21)",
        &held_and(&[cancel(&[SILENCE]), resolve(&[NO_ACTION])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel processing v5
        told: resolve ok after 10 s
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 reversed unfound, NoAnswer
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        orders: 0401 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
    check(
        "after a capture was declined",
        &held_and(&[capture(&[INVALID]), cancel(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture requires_capture v5
        told: cancel canceled v7
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, capture 1000 #2 declined 12, void 1000 #3 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1
        orders: 0400 reverse 1000 #3 of #1 CancelledByCustomer
        ledger: held 2000/2000, holds 2000/2000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: amount_capturable_updated, processing, canceled
        ",
    );
    let of = |verdict| held_and(&[cancel(&[verdict])]);
    check_brief(
        &of(INVALID),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(MALFUNCTION),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(Verdict::Pending),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(unsure(Unsure::LinkLost)),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(unsure(Unsure::Mismatch)),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(unsent(NotSent::LinkDown)),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &of(unsent(NotSent::NoVault)),
        "cancel processing v5 | processing Cancel { reason: Abandoned } | hold 1000 #1 approved
        | void 1000 #2 repeating | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &held_and(&[]),
        &cancel(&[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        canceled Abandoned
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0401 reverse 1000 #2 of #1 CancelledByCustomer
        After(Submit, 1) to Before(Commit, 2):
        canceled Abandoned
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0400 reverse 1000 #2 of #1 CancelledByCustomer
        0401 reverse 1000 #2 of #1 CancelledByCustomer
        After(Commit, 2) to After(Commit, 2):
        canceled Abandoned
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0400 reverse 1000 #2 of #1 CancelledByCustomer
        ",
    );
    check_deaths(
        &[create()],
        &cancel(&[]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_confirmation
        After(Commit, 1) to After(Commit, 1):
        canceled Abandoned
        ",
    );
}

#[test]
fn races() {
    check(
        "a confirmation is faster than a cancel",
        &[create(), cancel(&[]).while_at(Point::Before(Call::Commit, 1), confirm(&[YES]))],
        "
        told: create requires_confirmation v1, confirm succeeded v3
        told: cancel refused UnexpectedState { operation: Cancel, status: succeeded }
        payment: succeeded 1000
        attempts: sale 1000 #2 approved
        orders: 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        ",
    );
    check(
        "a cancel is faster than a confirmation: nothing is sent",
        &[create(), confirm(&[]).while_at(Point::Before(Call::Commit, 1), cancel(&[]))],
        "
        told: create requires_confirmation v1, cancel canceled v2
        told: confirm refused UnexpectedState { operation: Confirm, status: canceled }
        payment: canceled Abandoned
        events: created, canceled
        ",
    );
    check(
        "a worker repeats a void whose sender still waits",
        &held_and(&[cancel(&[SILENCE]).while_at(Point::After(Call::Submit, 1), resolve(&[YES]))]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, resolve ok after 22 s
        told: cancel canceled v6
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        orders: 0401 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        ",
    );
}

/// What nobody captured is given up when its time is over: canceled by nobody's wish, the hold released.
#[test]
fn holds_expire() {
    check(
        "after a week",
        &held_and(&[expire(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, expire ok after 604800 s
        payment: canceled Automatic
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.expired + canceled
        ",
    );
    check(
        "unanswered, repeated, answered",
        &held_and(&[expire(&[SILENCE]), resolve(&[YES])]),
        "
        told: create requires_confirmation v1, confirm requires_capture v3, expire ok after 604800 s
        told: resolve ok after 10 s
        payment: canceled Automatic
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        orders: 0401 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.expired + canceled
        ",
    );
    check_brief(
        &held_and(&[capture(&[YES]), expire(&[])]),
        "expire nothing to do | succeeded 1000 | hold 1000 #1 approved | capture 1000 #2 approved | 0100
        hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &held_and(&[cancel(&[YES]), expire(&[])]),
        "expire nothing to do | canceled Abandoned | hold 1000 #1 approved | void 1000 #2 approved |
        0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
    check_brief(
        &held_and(&[capture(&[SILENCE]), expire(&[]), resolve(&[YES])]),
        "resolve ok after 0 s | succeeded 1000 | hold 1000 #1 approved | capture 1000 #2 approved | 0100
        hold 1000 #1 | 0220 capture 1000 #2 of #1 | 0221 capture 1000 #2 of #1",
    );
    check_brief(
        &held_and(&[capture(&[INVALID]), expire(&[YES])]),
        "expire ok after 604800 s | canceled Automatic | hold 1000 #1 approved | capture 1000 #2
        declined 12 | void 1000 #3 approved | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1 | 0400
        reverse 1000 #3 of #1 CancelledByCustomer",
    );
    check_brief(
        &held_and(&[increment(1500, &[YES]), expire(&[YES])]),
        "expire ok after 604800 s | canceled Automatic | hold 1000 #1 approved | increment 500 #2
        approved | void 1500 #3 approved | 0100 hold 1000 #1 | 0100 increment 500 #2 of #1 | 0400
        reverse 1500 #3 of #1 CancelledByCustomer",
    );
    check_brief(
        &held_and(&[expire(&[]).while_at(Point::Before(Call::Commit, 1), capture(&[YES]))]),
        "expire ok after 604800 s | succeeded 1000 | hold 1000 #1 approved | capture 1000 #3 approved |
        0100 hold 1000 #1 | 0220 capture 1000 #3 of #1",
    );
    check_brief(
        &held_and(&[capture(&[]).while_at(Point::Before(Call::Commit, 1), expire(&[YES]))]),
        "capture refused UnexpectedState { operation: Capture, status: canceled } | canceled Automatic |
        hold 1000 #1 approved | void 1000 #3 approved | 0100 hold 1000 #1 | 0400 reverse 1000 #3 of #1
        CancelledByCustomer",
    );
    check_deaths(
        &held_and(&[]),
        &expire(&[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_capture
        hold 1000 #1 approved
        0100 hold 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        canceled Automatic
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0401 reverse 1000 #2 of #1 CancelledByCustomer
        After(Submit, 1) to Before(Commit, 2):
        canceled Automatic
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0400 reverse 1000 #2 of #1 CancelledByCustomer
        0401 reverse 1000 #2 of #1 CancelledByCustomer
        After(Commit, 2) to After(Commit, 2):
        canceled Automatic
        hold 1000 #1 approved
        void 1000 #2 approved
        0100 hold 1000 #1
        0400 reverse 1000 #2 of #1 CancelledByCustomer
        ",
    );
}
