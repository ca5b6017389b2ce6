//! Payments that are made and confirmed in one request: the attempt is in the commit that makes the payment.

use crate::check::{check, check_brief, check_deaths};
use crate::script::*;
use florin_core::payment::CaptureMethod::{Automatic, Manual};

#[test]
fn ends() {
    check(
        "approved: two commits in all",
        &[create_confirmed(Automatic, &[YES]).key("a"), create_confirmed(Automatic, &[]).key("a")],
        "
        told: create and confirm succeeded v2, create and confirm replay of 'succeeded v2'
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created + processing, charge.succeeded + succeeded
        key a: succeeded v2
        ",
    );
    check_brief(
        &[create_confirmed(Manual, &[YES])],
        "create and confirm requires_capture v2 | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &[create_confirmed(Automatic, &[FUNDS])],
        "create and confirm requires_payment_method v2 | requires_payment_method Declined(insufficient_funds) | sale 1000 #1 declined 51 | 0200 sale 1000 #1",
    );
    check_brief(
        &[create_confirmed(Automatic, &[SILENCE]), resolve(&[YES])],
        "resolve ok after 0 s | requires_payment_method Reversed | sale 1000 #1 reversed, NoAnswer | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &[],
        &create_confirmed(Automatic, &[YES]).key("a"),
        "
        Before(Find, 1) to Before(Commit, 1):
        
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
