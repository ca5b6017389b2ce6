//! Answers that no waiter was left for, workers and senders that overtake each other: none of it makes a success.

use crate::check::{check, check_brief};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::wire::{NotSent, Unsure};

#[test]
fn approvals() {
    check(
        "before the reversal was sent: it is armed anew, with a fresh trace number",
        &[create(), confirm(&[SILENCE]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, late ok, resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing, florin.attempt.reversing + florin.answer.late
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "after the reversal found it: ignored",
        &[create(), confirm(&[SILENCE]), resolve(&[YES]), late(1, YES)],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s, late ok
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "after the reversal found nothing: reversed again, with a fresh trace number",
        &[create(), confirm(&[SILENCE]), resolve(&[NOT_FOUND]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s, late ok
        told: resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "twice after the reversal found nothing: reversed once more only",
        &[
            create(),
            confirm(&[SILENCE]),
            resolve(&[NOT_FOUND]),
            late(1, YES),
            late(1, YES),
            resolve(&[YES]),
            late(1, YES),
        ],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s, late ok, late ok
        told: resolve ok after 0 s, late ok
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "after a payment by another attempt succeeded",
        &[create(), confirm(&[SILENCE]), resolve(&[NOT_FOUND]), confirm(&[YES]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        told: confirm succeeded v6, late ok, resolve ok after 0 s
        payment: succeeded 1000
        attempts: sale 1000 #1 reversed, LateApproval, sale 1000 #3 approved
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation, 0200 sale 1000 #3
        orders: 0400 reverse 1000 #4 of #1 NoConfirmation
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed, processing
        events: charge.succeeded + succeeded, florin.attempt.reversing + florin.answer.late
        events: florin.attempt.reversed
        ",
    );
    check(
        "of what was declined",
        &[create(), confirm(&[FUNDS]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3, late ok
        told: resolve ok after 0 s
        payment: requires_payment_method Declined(insufficient_funds)
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "of what was said not to be sent",
        &[create(), confirm(&[unsent(NotSent::NoVault)]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3, late ok
        told: resolve ok after 0 s
        payment: requires_payment_method NotSent(NoVault)
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "of a hold after it was reversed unfound",
        &[create_manual(), confirm(&[SILENCE]), resolve(&[NOT_FOUND]), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s, late ok
        told: resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: hold 1000 #1 reversed, LateApproval
        orders: 0100 hold 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "of a refund that was reversed unfound",
        &[create(), confirm(&[YES]), refund(&[SILENCE]), resolve(&[NOT_FOUND]), late(2, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund pending v2
        told: resolve ok after 0 s, late ok, resolve ok after 0 s
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Reversed, refund 1000 #2 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1, 0400 reverse 1000 #3 of #2 NoConfirmation
        orders: 0400 reverse 1000 #4 of #2 NoConfirmation
        ledger: receivable 1000/0, merchant 0/1000, refundable 1000/2000, refundable_total 2000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed, florin.attempt.reversing + florin.answer.late
        events: florin.attempt.reversed
        ",
    );
    check(
        "of a sale whose process died: a worker will reverse it",
        &[create(), confirm(&[YES]).crash(Point::After(Call::Submit, 1)), late(1, YES), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm died, late ok, resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
}

#[test]
fn without_effect() {
    let paid = [create(), confirm(&[YES])];
    check_brief(
        &[&paid[..], &[late(1, YES)]].concat(),
        "late ok | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &[&paid[..], &[late(1, FUNDS)]].concat(),
        "late ok | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), late(1, FUNDS)],
        "late ok | processing Confirm | sale 1000 #1 reversing by #2, NoAnswer | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), late(1, unsure(Unsure::Unreadable))],
        "late ok | processing Confirm | sale 1000 #1 reversing by #2, NoAnswer | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), resolve(&[SILENCE]), late(2, YES)],
        "late ok | processing Confirm | sale 1000 #1 reversing by #2, NoAnswer | 0200 sale 1000 #1
        | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), resolve(&[NOT_FOUND]), late(1, FUNDS)],
        "late ok | requires_payment_method Reversed | sale 1000 #1 reversed unfound, NoAnswer
        | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check_brief(
        &[create_manual(), confirm(&[YES]), capture(&[SILENCE]), late(2, YES)],
        "late ok | processing Capture { amount: 1000 } | hold 1000 #1 approved | capture 1000 #2 repeating
        | 0100 hold 1000 #1 | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &[create_manual(), confirm(&[YES]), capture(&[INVALID]), late(2, YES)],
        "late ok | requires_capture | hold 1000 #1 approved | capture 1000 #2 declined 12 | 0100 hold 1000 #1
        | 0220 capture 1000 #2 of #1",
    );
    check_brief(
        &[create_manual(), confirm(&[YES]), cancel(&[SILENCE]), late(2, YES)],
        "late ok | processing Cancel { reason: Abandoned } | hold 1000 #1 approved | void 1000 #2 repeating
        | 0100 hold 1000 #1 | 0400 reverse 1000 #2 of #1 CancelledByCustomer",
    );
}

#[test]
fn races() {
    check(
        "a worker reverses a sale whose sender still waits; its approval comes too late",
        &[create(), confirm(&[YES]).while_at(Point::After(Call::Submit, 1), resolve(&[NOT_FOUND])), resolve(&[YES])],
        "
        told: create requires_confirmation v1, resolve ok after 22 s, confirm requires_payment_method v5
        told: resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        events: florin.attempt.reversing + florin.answer.late, florin.attempt.reversed
        ",
    );
    check(
        "the approval comes while the reversal is under way: the reversal's answer no longer ends it",
        &[
            create(),
            confirm(&[SILENCE]),
            resolve(&[NOT_FOUND]).while_at(Point::After(Call::Submit, 1), late(1, YES)),
            resolve(&[YES]),
        ],
        "
        told: create requires_confirmation v1, confirm processing v3, late ok, resolve ok after 0 s
        told: resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, LateApproval
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0401 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing, florin.attempt.reversing + florin.answer.late
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "two workers reverse the same sale: the slower one finds it done",
        &[create(), confirm(&[SILENCE]), resolve(&[YES]).while_at(Point::After(Call::Submit, 1), resolve(&[YES]))],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 22 s
        told: resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0401 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "two workers claim the same sale: one does",
        &[
            create(),
            confirm(&[YES]).crash(Point::After(Call::Submit, 1)),
            resolve(&[]).while_at(Point::Before(Call::Commit, 1), resolve(&[YES])),
        ],
        "
        told: create requires_confirmation v1, confirm died, resolve ok after 22 s, resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #3 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "a worker dies between its claim and its reversal",
        &[
            create(),
            confirm(&[YES]).crash(Point::After(Call::Submit, 1)),
            resolve(&[]).crash(Point::Before(Call::Submit, 1)),
            resolve(&[YES]),
        ],
        "
        told: create requires_confirmation v1, confirm died, resolve died, resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0401 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "a worker dies with the answer to its reversal: the repeat is answered the same",
        &[
            create(),
            confirm(&[YES]).crash(Point::After(Call::Submit, 1)),
            resolve(&[YES]).crash(Point::After(Call::Submit, 1)),
            resolve(&[YES]),
        ],
        "
        told: create requires_confirmation v1, confirm died, resolve died, resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0401 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "a payment that others keep changing: the caller is told so, nothing was sent",
        &contended(),
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3
        told: confirm requires_payment_method v5, confirm requires_payment_method v7
        told: confirm requires_payment_method v9, confirm requires_payment_method v11
        told: confirm requires_payment_method v13, confirm requires_payment_method v15
        told: confirm requires_payment_method v17, confirm refused Contended
        payment: requires_payment_method Declined(insufficient_funds)
        attempts: sale 1000 #2 declined 51, sale 1000 #4 declined 51, sale 1000 #6 declined 51
        attempts: sale 1000 #8 declined 51, sale 1000 #10 declined 51, sale 1000 #12 declined 51
        attempts: sale 1000 #14 declined 51, sale 1000 #16 declined 51
        orders: 0200 sale 1000 #2, 0200 sale 1000 #4, 0200 sale 1000 #6, 0200 sale 1000 #8
        orders: 0200 sale 1000 #10, 0200 sale 1000 #12, 0200 sale 1000 #14, 0200 sale 1000 #16
        events: created, processing, charge.failed + payment_failed, processing
        events: charge.failed + payment_failed, processing, charge.failed + payment_failed, processing
        events: charge.failed + payment_failed, processing, charge.failed + payment_failed, processing
        events: charge.failed + payment_failed, processing, charge.failed + payment_failed, processing
        events: charge.failed + payment_failed
        ",
    );
}

/// At each of its tries a confirmation finds that another declined one was faster.
fn contended() -> Vec<Does> {
    let mut loser = confirm(&[]);
    for n in 1..=8 {
        loser = loser.while_at(Point::Before(Call::Commit, n), confirm(&[FUNDS]));
    }
    vec![create(), loser]
}

/// A worker with an old lease must not end the job that a late approval has asked for anew.
#[test]
fn a_stale_worker_does_not_drop_the_job() {
    check_brief(
        &[
            create(),
            confirm(&[SILENCE]).crash(Point::After(Call::Submit, 1)),
            resolve(&[YES])
                .while_at(Point::Before(Call::Get, 1), resolve(&[NOT_FOUND]))
                .while_at(Point::Before(Call::Commit, 1), late(1, YES)),
        ],
        "resolve ok after 22 s | requires_payment_method Reversed | sale 1000 #1 reversed, LateApproval | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation | 0400 reverse 1000 #3 of #1 NoConfirmation",
    );
}
