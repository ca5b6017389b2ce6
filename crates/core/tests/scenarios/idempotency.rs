//! Idempotency keys: one request is done once, and its answer is given again byte for byte.

use crate::check::{check, check_brief};
use crate::gate::{Call, Point};
use crate::script::*;

#[test]
fn replays() {
    check(
        "create",
        &[create().key("a"), create().key("a")],
        "
        told: create requires_confirmation v1, create replay of 'requires_confirmation v1'
        payment: requires_confirmation
        events: created
        key a: requires_confirmation v1
        ",
    );
    check(
        "confirm",
        &[create(), confirm(&[YES]).key("a"), confirm(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm succeeded v3, confirm replay of 'succeeded v3'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "confirm, declined",
        &[create(), confirm(&[FUNDS]).key("a"), confirm(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3
        told: confirm replay of 'requires_payment_method v3'
        payment: requires_payment_method Declined(insufficient_funds)
        attempts: sale 1000 #1 declined 51
        orders: 0200 sale 1000 #1
        events: created, processing, charge.failed + payment_failed
        key a: requires_payment_method v3
        ",
    );
    check(
        "the answer stays what it was, whatever becomes of the payment",
        &[create(), confirm(&[SILENCE]).key("a"), resolve(&[YES]), confirm(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        told: confirm replay of 'processing v3'
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        key a: processing v3
        ",
    );
    check(
        "capture",
        &[create_manual(), confirm(&[YES]), capture(&[YES]).key("a"), capture(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture succeeded v5
        told: capture replay of 'succeeded v5'
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        key a: succeeded v5
        ",
    );
    check(
        "capture, unanswered",
        &[create_manual(), confirm(&[YES]), capture(&[SILENCE]).key("a"), capture(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture processing v5
        told: capture replay of 'processing v5'
        payment: processing Capture { amount: 1000 }
        attempts: hold 1000 #1 approved, capture 1000 #2 repeating
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        jobs: #2 at 10 s, tries 0, expire #1 at 604800 s, tries 0
        key a: processing v5
        ",
    );
    check(
        "cancel without a message",
        &[create(), cancel(&[]).key("a"), cancel(&[]).key("a")],
        "
        told: create requires_confirmation v1, cancel canceled v2, cancel replay of 'canceled v2'
        payment: canceled Abandoned
        events: created, canceled
        key a: canceled v2
        ",
    );
    check(
        "cancel with a void",
        &[create_manual(), confirm(&[YES]), cancel(&[YES]).key("a"), cancel(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_capture v3, cancel canceled v5
        told: cancel replay of 'canceled v5'
        payment: canceled Abandoned
        attempts: hold 1000 #1 approved, void 1000 #2 approved
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 CancelledByCustomer
        ledger: held 1000/1000, holds 1000/1000
        events: created, processing, charge.succeeded + amount_capturable_updated, processing, canceled
        key a: canceled v5
        ",
    );
    check(
        "refund",
        &[create(), confirm(&[YES]), refund(&[YES]).key("a"), refund(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund replay of 'refund succeeded v2'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        key a: refund succeeded v2
        ",
    );
    check(
        "refund, unanswered",
        &[create(), confirm(&[YES]), refund(&[SILENCE]).key("a"), refund(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund pending v2
        told: refund replay of 'refund pending v2'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: pending, refund 1000 #2 reversing by #3, NoAnswer
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        jobs: #2 at 0 s, tries 0
        key a: refund pending v2
        ",
    );
    check(
        "malfunction: answered after the reversal",
        &[create(), confirm(&[MALFUNCTION, YES]).key("a"), confirm(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v4
        told: confirm replay of 'requires_payment_method v4'
        payment: requires_payment_method Declined(processing_error)
        attempts: sale 1000 #1 reversed, Malfunction 96
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NotCompleted
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        key a: requires_payment_method v4
        ",
    );
}

#[test]
fn refusals() {
    check(
        "create, another request",
        &[create().key("a"), create().key_of_another("a")],
        "
        told: create requires_confirmation v1, create refused IdempotencyMismatch
        payment: requires_confirmation
        events: created
        key a: requires_confirmation v1
        ",
    );
    check(
        "confirm, another request",
        &[create(), confirm(&[YES]).key("a"), confirm(&[]).key_of_another("a")],
        "
        told: create requires_confirmation v1, confirm succeeded v3, confirm refused IdempotencyMismatch
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "refund, another request",
        &[create(), confirm(&[YES]), refund(&[YES]).key("a"), refund(&[]).key_of_another("a")],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refused IdempotencyMismatch
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        key a: refund succeeded v2
        ",
    );
    check(
        "a refusal takes no key",
        &[create(), capture(&[]).key("a"), confirm(&[YES]).key("a")],
        "
        told: create requires_confirmation v1
        told: capture refused UnexpectedState { operation: Capture, status: requires_confirmation }
        told: confirm succeeded v3
        payment: succeeded 1000
        attempts: sale 1000 #2 approved
        orders: 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "in use while the first is under way",
        &[create(), confirm(&[YES]).key("a").while_at(Point::Before(Call::Submit, 1), confirm(&[]).key("a"))],
        "
        told: create requires_confirmation v1, confirm refused IdempotencyInUse, confirm succeeded v3
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "a refund in use while the first is under way",
        &[
            create(),
            confirm(&[YES]),
            refund(&[YES]).key("a").while_at(Point::Before(Call::Submit, 1), refund(&[]).key("a")),
        ],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refused IdempotencyInUse
        told: refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        key a: refund succeeded v2
        ",
    );
}

#[test]
fn deaths() {
    let at = |point| {
        [create(), confirm(&[YES]).key("a").crash(point), confirm(&[]).key("a"), resolve(&[YES]), confirm(&[]).key("a")]
    };
    check(
        "before commit 1 no key is taken",
        &[create(), confirm(&[]).key("a").crash(Point::Before(Call::Commit, 1)), confirm(&[YES]).key("a")],
        "
        told: create requires_confirmation v1, confirm died, confirm succeeded v3
        payment: succeeded 1000
        attempts: sale 1000 #2 approved
        orders: 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "after commit 1: in use, then answered by recovery",
        &[
            create(),
            confirm(&[]).key("a").crash(Point::After(Call::Commit, 1)),
            confirm(&[]).key("a"),
            resolve(&[NOT_FOUND]),
            confirm(&[]).key("a"),
        ],
        "
        told: create requires_confirmation v1, confirm died, confirm refused IdempotencyInUse
        told: resolve ok after 22 s, confirm replay of 'processing v3'
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed unfound, Recovered
        orders: 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        key a: processing v3
        ",
    );
    check(
        "after the message: in use, then answered by recovery",
        &at(Point::After(Call::Submit, 1)),
        "
        told: create requires_confirmation v1, confirm died, confirm refused IdempotencyInUse
        told: resolve ok after 22 s, confirm replay of 'processing v3'
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        key a: processing v3
        ",
    );
    check(
        "after commit 2: the answer is there",
        &[create(), confirm(&[YES]).key("a").crash(Point::After(Call::Commit, 2)), confirm(&[]).key("a")],
        "
        told: create requires_confirmation v1, confirm died, confirm replay of 'succeeded v3'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        key a: succeeded v3
        ",
    );
    check(
        "a refund after its message",
        &[
            create(),
            confirm(&[YES]),
            refund(&[YES]).key("a").crash(Point::After(Call::Submit, 1)),
            resolve(&[YES]),
            refund(&[]).key("a"),
        ],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund died, resolve ok after 22 s
        told: refund replay of 'refund pending v2'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Reversed, refund 1000 #2 reversed, Recovered
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1, 0400 reverse 1000 #3 of #2 NoConfirmation
        ledger: receivable 1000/0, merchant 0/1000, refundable 1000/2000, refundable_total 2000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed
        key a: refund pending v2
        ",
    );
    check(
        "a capture after its message",
        &[
            create_manual(),
            confirm(&[YES]),
            capture(&[YES]).key("a").crash(Point::After(Call::Submit, 1)),
            resolve(&[YES]),
            capture(&[]).key("a"),
        ],
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture died
        told: resolve ok after 22 s, capture replay of 'processing v5'
        payment: succeeded 1000
        attempts: hold 1000 #1 approved, capture 1000 #2 approved
        orders: 0100 hold 1000 #1, 0220 capture 1000 #2 of #1, 0221 capture 1000 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, held 1000/1000, holds 1000/1000, refundable 0/1000
        ledger: refundable_total 1000/0
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded
        key a: processing v5
        ",
    );
}

#[test]
fn races() {
    check(
        "two creations at once under one key: one payment",
        &[create().key("a").while_at(Point::Before(Call::Commit, 1), create().key("a"))],
        "
        told: create requires_confirmation v1, create replay of 'requires_confirmation v1'
        payment: requires_confirmation
        events: created
        key a: requires_confirmation v1
        ",
    );
    check(
        "two creations at once, another request",
        &[create().key("a").while_at(Point::Before(Call::Commit, 1), create().key_of_another("a"))],
        "
        told: create requires_confirmation v1, create refused IdempotencyMismatch
        payment: requires_confirmation
        events: created
        key a: requires_confirmation v1
        ",
    );
    check(
        "two refunds at once under one key",
        &[
            create(),
            confirm(&[YES]),
            refund_300("a", &[]).while_at(Point::Before(Call::Commit, 1), refund_300("a", &[YES])),
        ],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund replay of 'refund succeeded v2'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 300 #3 approved
        orders: 0200 sale 1000 #1, 0200 refund 300 #3 of #1
        ledger: receivable 1000/300, merchant 300/1000, refundable 300/1000, refundable_total 1000/300
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        key a: refund succeeded v2
        ",
    );
}

fn refund_300(key: &'static str, script: &[florin_core::wire::Verdict]) -> Does {
    refund_of(300, florin_core::money::Currency::EUR, script).key(key)
}

#[test]
fn a_crash_during_the_reversal_that_the_caller_waits_for() {
    check(
        "during the reversal that the caller waits for",
        &[
            create(),
            confirm(&[MALFUNCTION, YES]).key("a").crash(Point::After(Call::Submit, 2)),
            confirm(&[]).key("a"),
            resolve(&[YES]),
            confirm(&[]).key("a"),
        ],
        "
        told: create requires_confirmation v1, confirm died, confirm refused IdempotencyInUse
        told: resolve ok after 22 s, confirm replay of 'requires_payment_method v4'
        payment: requires_payment_method Declined(processing_error)
        attempts: sale 1000 #1 reversed, Malfunction 96
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NotCompleted
        orders: 0401 reverse 1000 #2 of #1 NotCompleted
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        key a: requires_payment_method v4
        ",
    );
}

/// The loser of a race gets the winner's answer, also when the winner was done before the loser looked.
#[test]
fn the_loser_of_a_race_gets_the_answer() {
    check_brief(
        &[create(), cancel(&[]).key("a").while_at(Point::Before(Call::Commit, 1), cancel(&[]).key("a"))],
        "cancel replay of 'canceled v2' | canceled Abandoned",
    );
    check_brief(
        &[
            create(),
            confirm(&[YES]),
            refund(&[]).key("a").while_at(Point::After(Call::Find, 1), refund(&[YES]).key("a")),
        ],
        "refund replay of 'refund succeeded v2' | succeeded 1000 | sale 1000 #1 approved | succeeded | refund 1000 #2 approved | 0200 sale 1000 #1 | 0200 refund 1000 #2 of #1",
    );
}
