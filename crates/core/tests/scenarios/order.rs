//! Signed orders: what is sent is what was signed, once; whatever else is asked for, nothing leaves.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;

#[test]
fn what_was_signed_is_charged() {
    check(
        "a signed sale",
        &[signed(1000, 1, &[YES])],
        "
        told: signed succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created + processing, florin.order_code.used, charge.succeeded + succeeded
        ",
    );
}

#[test]
fn another_amount_is_not_sent() {
    check_brief(&[signed(999, 1, &[])], "signed refused OrderMismatch { param: amount }");
}

#[test]
fn a_code_is_not_sent_for_twice() {
    check_brief(
        &[signed(1000, 1, &[YES]), signed(1000, 1, &[])],
        "signed refused OrderReused | succeeded 1000 | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
}

#[test]
fn nothing_is_sent_without_a_code_where_one_is_asked_for() {
    check_brief(&[create(), confirm_signed(&[])], "confirm refused OrderRequired | requires_confirmation");
}

#[test]
fn a_signed_hold_is_not_raised() {
    check_brief(
        &[signed_manual(1, &[YES]), increment(1500, &[])],
        "increment refused OrderMismatch { param: amount } | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
}

/// Two requests with one code at the same moment: one of them is paid.
#[test]
fn racers_with_one_code() {
    #[track_caller]
    fn check(at: Point, told: &str, n: u32) {
        let does = [signed(1000, 1, &[]).while_at(at, signed(1000, 1, &[YES]))];
        let paid = format!("succeeded 1000 | sale 1000 #{n} approved | 0200 sale 1000 #{n}");
        check_brief(&does, &format!("signed refused {told} | {paid}"));
    }
    check(Point::Before(Call::Get, 1), "OrderReused", 1);
    check(Point::After(Call::Get, 1), "Contended", 1);
    check(Point::Before(Call::Commit, 1), "Contended", 2);
}

#[test]
fn a_process_dies_with_a_code_in_its_hands() {
    check_deaths(
        &[],
        &signed(1000, 1, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):

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
        succeeded 1000
        sale 1000 #1 approved
        0200 sale 1000 #1
        ",
    );
}
