//! Refunds: in full, in parts, too much, at once, unanswered.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::money::Currency;
use florin_core::wire::{NotSent, Unsure};

fn paid_and(more: &[Does]) -> Vec<Does> {
    [&[create(), confirm(&[YES])], more].concat()
}

fn part(amount: i64, verdicts: &[florin_core::wire::Verdict]) -> Does {
    refund_of(amount, Currency::EUR, verdicts)
}

#[test]
fn ends() {
    check(
        "in full",
        &paid_and(&[refund(&[YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        ",
    );
    check(
        "in parts, the last of what is left",
        &paid_and(&[part(300, &[YES]), part(250, &[YES]), refund(&[YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refund succeeded v2, refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 300 #2 approved
        refund: succeeded, refund 250 #3 approved
        refund: succeeded, refund 450 #4 approved
        orders: 0200 sale 1000 #1, 0200 refund 300 #2 of #1, 0200 refund 250 #3 of #1
        orders: 0200 refund 450 #4 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        events: refund.created, charge.refunded, refund.created, charge.refunded
        ",
    );
    check(
        "declined: the amount can be refunded again",
        &paid_and(&[refund(&[FUNDS]), refund(&[YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund failed v2
        told: refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Declined(insufficient_funds), refund 1000 #2 declined 51
        refund: succeeded, refund 1000 #3 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1, 0200 refund 1000 #3 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 2000/2000, refundable_total 2000/2000
        events: created, processing, charge.succeeded + succeeded, refund.created, refund.failed
        events: refund.created, charge.refunded
        ",
    );
    check(
        "not sent",
        &paid_and(&[part(300, &[unsent(NotSent::LinkDown)])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund failed v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed NotSent(LinkDown), refund 300 #2 not sent, LinkDown
        orders: 0200 sale 1000 #1, 0200 refund 300 #2 of #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 300/1300, refundable_total 1300/300
        events: created, processing, charge.succeeded + succeeded, refund.created, refund.failed
        ",
    );
    check(
        "unanswered: reversed, and given up once the host says so",
        &paid_and(&[refund(&[SILENCE]), resolve(&[SILENCE]), resolve(&[YES]), refund(&[YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund pending v2
        told: resolve ok after 0 s, resolve ok after 10 s, refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Reversed, refund 1000 #2 reversed, NoAnswer
        refund: succeeded, refund 1000 #4 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #2 of #1, 0400 reverse 1000 #3 of #2 NoConfirmation
        orders: 0401 reverse 1000 #3 of #2 NoConfirmation, 0200 refund 1000 #4 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 2000/2000, refundable_total 2000/2000
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed, refund.created, charge.refunded
        ",
    );
    check(
        "unanswered, and the host knows none",
        &paid_and(&[part(300, &[SILENCE]), resolve(&[NOT_FOUND])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund pending v2
        told: resolve ok after 0 s
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Reversed, refund 300 #2 reversed unfound, NoAnswer
        orders: 0200 sale 1000 #1, 0200 refund 300 #2 of #1, 0400 reverse 300 #3 of #2 NoConfirmation
        ledger: receivable 1000/0, merchant 0/1000, refundable 300/1300, refundable_total 1300/300
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed
        ",
    );
    check(
        "malfunction: reversed at once",
        &paid_and(&[part(300, &[MALFUNCTION, YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund failed v3
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Declined(processing_error), refund 300 #2 reversed, Malfunction 96
        orders: 0200 sale 1000 #1, 0200 refund 300 #2 of #1, 0400 reverse 300 #3 of #2 NotCompleted
        ledger: receivable 1000/0, merchant 0/1000, refundable 300/1300, refundable_total 1300/300
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed
        ",
    );
    check(
        "an answer that does not fit: reversed at once",
        &paid_and(&[part(300, &[unsure(Unsure::Mismatch), YES])]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund failed v3
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: failed Reversed, refund 300 #2 reversed, Mismatch
        orders: 0200 sale 1000 #1, 0200 refund 300 #2 of #1, 0400 reverse 300 #3 of #2 NoConfirmation
        ledger: receivable 1000/0, merchant 0/1000, refundable 300/1300, refundable_total 1300/300
        events: created, processing, charge.succeeded + succeeded, refund.created, florin.attempt.reversing
        events: florin.attempt.reversed + refund.failed
        ",
    );
    check(
        "of a part that was captured",
        &[create_manual(), confirm(&[YES]), capture_of(600, Currency::EUR, &[YES]), part(601, &[]), refund(&[YES])],
        "
        told: create requires_confirmation v1, confirm requires_capture v3, capture succeeded v5
        told: refund refused RefundTooLarge { left: 600 }, refund refund succeeded v2
        payment: succeeded 600
        attempts: hold 1000 #1 approved, capture 600 #2 approved
        refund: succeeded, refund 600 #4 approved
        orders: 0100 hold 1000 #1, 0220 capture 600 #2 of #1, 0200 refund 600 #4 of #1
        ledger: receivable 600/600, merchant 600/600, held 1000/1000, holds 1000/1000, refundable 600/600
        ledger: refundable_total 600/600
        events: created, processing, charge.succeeded + amount_capturable_updated, processing
        events: charge.captured + succeeded, refund.created, charge.refunded
        ",
    );
}

#[test]
fn refused() {
    check_brief(
        &paid_and(&[part(1001, &[])]),
        "refund refused RefundTooLarge { left: 1000 } | succeeded 1000 | sale 1000 #1 approved
        | 0200 sale 1000 #1",
    );
    check_brief(
        &paid_and(&[part(700, &[YES]), part(301, &[])]),
        "refund refused RefundTooLarge { left: 300 } | succeeded 1000 | sale 1000 #1 approved | succeeded
        | refund 700 #2 approved | 0200 sale 1000 #1 | 0200 refund 700 #2 of #1",
    );
    check_brief(
        &paid_and(&[refund(&[YES]), refund(&[])]),
        "refund refused AlreadyRefunded | succeeded 1000 | sale 1000 #1 approved | succeeded
        | refund 1000 #2 approved | 0200 sale 1000 #1 | 0200 refund 1000 #2 of #1",
    );
    check_brief(
        &paid_and(&[refund(&[YES]), part(1, &[])]),
        "refund refused AlreadyRefunded | succeeded 1000 | sale 1000 #1 approved | succeeded
        | refund 1000 #2 approved | 0200 sale 1000 #1 | 0200 refund 1000 #2 of #1",
    );
    check_brief(
        &paid_and(&[part(0, &[])]),
        "refund refused Amount(Zero) | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &paid_and(&[part(-1, &[])]),
        "refund refused Amount(Negative) | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &paid_and(&[refund_of(100, Currency::USD, &[])]),
        "refund refused CurrencyDiffers | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &paid_and(&[part(700, &[SILENCE]), part(301, &[])]),
        "refund refused RefundTooLarge { left: 300 } | succeeded 1000 | sale 1000 #1 approved | pending
        | refund 700 #2 reversing by #3, NoAnswer | 0200 sale 1000 #1 | 0200 refund 700 #2 of #1",
    );
    check_brief(&[create(), refund(&[])], "refund refused NothingToRefund | requires_confirmation");
    check_brief(
        &[create(), confirm(&[FUNDS]), refund(&[])],
        "refund refused NothingToRefund | requires_payment_method Declined(insufficient_funds)
        | sale 1000 #1 declined 51 | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), refund(&[])],
        "refund refused NothingToRefund | processing Confirm | sale 1000 #1 reversing by #2, NoAnswer
        | 0200 sale 1000 #1",
    );
    check_brief(
        &[create_manual(), confirm(&[YES]), refund(&[])],
        "refund refused NothingToRefund | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(&[create(), cancel(&[]), refund(&[])], "refund refused NothingToRefund | canceled Abandoned");
    check_brief(&[refund(&[])], "refund refused NoSuch(Payment)");
}

#[test]
fn races() {
    let first = Point::Before(Call::Commit, 1);
    check(
        "two in full at once: one is given",
        &paid_and(&[refund(&[]).while_at(first, refund(&[YES]))]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refused AlreadyRefunded
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 1000 #3 approved
        orders: 0200 sale 1000 #1, 0200 refund 1000 #3 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        ",
    );
    check(
        "two parts at once that fit",
        &paid_and(&[part(500, &[YES]).while_at(first, part(500, &[YES]))]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 500 #2 approved
        refund: succeeded, refund 500 #3 approved
        orders: 0200 sale 1000 #1, 0200 refund 500 #3 of #1, 0200 refund 500 #2 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        events: refund.created, charge.refunded
        ",
    );
    check(
        "two parts at once that do not fit",
        &paid_and(&[part(600, &[]).while_at(first, part(500, &[YES]))]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refused RefundTooLarge { left: 500 }
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 500 #3 approved
        orders: 0200 sale 1000 #1, 0200 refund 500 #3 of #1
        ledger: receivable 1000/500, merchant 500/1000, refundable 500/1000, refundable_total 1000/500
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        ",
    );
    check(
        "what is left, while a part is faster",
        &paid_and(&[refund(&[YES]).while_at(first, part(300, &[YES]))]),
        "
        told: create requires_confirmation v1, confirm succeeded v3, refund refund succeeded v2
        told: refund refund succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        refund: succeeded, refund 300 #3 approved
        refund: succeeded, refund 700 #4 approved
        orders: 0200 sale 1000 #1, 0200 refund 300 #3 of #1, 0200 refund 700 #4 of #1
        ledger: receivable 1000/1000, merchant 1000/1000, refundable 1000/1000, refundable_total 1000/1000
        events: created, processing, charge.succeeded + succeeded, refund.created, charge.refunded
        events: refund.created, charge.refunded
        ",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &paid_and(&[]),
        &part(300, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        succeeded 1000
        sale 1000 #1 approved
        0200 sale 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 300 #3 of #2 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, Recovered
        0200 sale 1000 #1
        0200 refund 300 #2 of #1
        0400 reverse 300 #3 of #2 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        succeeded 1000
        sale 1000 #1 approved
        succeeded
        refund 300 #2 approved
        0200 sale 1000 #1
        0200 refund 300 #2 of #1
        ",
    );
    check_deaths(
        &paid_and(&[]),
        &part(300, &[SILENCE]),
        "
        Before(Get, 1) to Before(Commit, 1):
        succeeded 1000
        sale 1000 #1 approved
        0200 sale 1000 #1
        After(Commit, 1) to Before(Submit, 1):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 300 #3 of #2 NoConfirmation
        After(Submit, 1) to Before(Slot, 2):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, Recovered
        0200 sale 1000 #1
        0200 refund 300 #2 of #1
        0400 reverse 300 #3 of #2 NoConfirmation
        After(Slot, 2) to Before(Commit, 2):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, Recovered
        0200 sale 1000 #1
        0200 refund 300 #2 of #1
        0400 reverse 300 #4 of #2 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        succeeded 1000
        sale 1000 #1 approved
        failed Reversed
        refund 300 #2 reversed, NoAnswer
        0200 sale 1000 #1
        0200 refund 300 #2 of #1
        0400 reverse 300 #3 of #2 NoConfirmation
        ",
    );
}
