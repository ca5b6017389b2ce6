//! Sales: create, and confirm with automatic capture.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::money::Currency;
use florin_core::payment::CaptureMethod;
use florin_core::wire::{NotSent, Unsure, Verdict};

#[test]
fn created() {
    let of = |minor, currency| [create_of(CaptureMethod::Automatic, true, minor, currency)];
    check_brief(&of(1, Currency::EUR), "create requires_confirmation v1 | requires_confirmation");
    check_brief(&of(99_999_999, Currency::JPY), "create requires_confirmation v1 | requires_confirmation");
    check_brief(&of(0, Currency::EUR), "create refused Amount(Zero)");
    check_brief(&of(-1, Currency::EUR), "create refused Amount(Negative)");
    check_brief(&of(100_000_000, Currency::EUR), "create refused Amount(TooLarge)");
    check_brief(&of(1_234, Currency::KWD), "create refused Amount(LastDigitNotZero)");
    check_brief(&of(1_050, Currency::parse("isk").unwrap()), "create refused Amount(NotSendable)");
    check_brief(
        &[create_of(CaptureMethod::Manual, false, 1000, Currency::EUR)],
        "create requires_payment_method v1 | requires_payment_method",
    );
}

#[test]
fn ends() {
    check(
        "approved",
        &[create(), confirm(&[YES])],
        "
        told: create requires_confirmation v1, confirm succeeded v3
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        ",
    );
    check(
        "declined, and tried again with another card",
        &[create(), confirm(&[FUNDS]), confirm(&[YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3, confirm succeeded v5
        payment: succeeded 1000
        attempts: sale 1000 #1 declined 51, sale 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.failed + payment_failed, processing
        events: charge.succeeded + succeeded
        ",
    );
    check(
        "a malfunction may hide an approval: reversed while the caller waits",
        &[create(), confirm(&[MALFUNCTION, YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v4
        payment: requires_payment_method Declined(processing_error)
        attempts: sale 1000 #1 reversed, Malfunction 96
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NotCompleted
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "a part was approved that nobody asked for",
        &[create(), confirm(&[unsure(Unsure::Partial), YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v4
        payment: requires_payment_method Partial
        attempts: sale 1000 #1 reversed, Partial
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 Partial
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "no answer: reversed after four tries",
        &[
            create(),
            confirm(&[SILENCE]),
            resolve(&[SILENCE]),
            resolve(&[INVALID]),
            resolve(&[MALFUNCTION]),
            resolve(&[YES]),
        ],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        told: resolve ok after 10 s, resolve ok after 20 s, resolve ok after 40 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        orders: 0401 reverse 1000 #2 of #1 NoConfirmation, 0401 reverse 1000 #2 of #1 NoConfirmation
        orders: 0401 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "no answer, and the host knows no original (25)",
        &[create(), confirm(&[SILENCE]), resolve(&[NOT_FOUND])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed unfound, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "no answer, and the host has nothing to undo (21)",
        &[create(), confirm(&[SILENCE]), resolve(&[NO_ACTION])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed unfound, NoAnswer
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "reversed, then paid with another try",
        &[create(), confirm(&[SILENCE]), resolve(&[YES]), confirm(&[YES])],
        "
        told: create requires_confirmation v1, confirm processing v3, resolve ok after 0 s
        told: confirm succeeded v6
        payment: succeeded 1000
        attempts: sale 1000 #1 reversed, NoAnswer, sale 1000 #3 approved
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation, 0200 sale 1000 #3
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed, processing
        events: charge.succeeded + succeeded
        ",
    );
}

#[test]
fn refused() {
    check_brief(&[confirm(&[])], "confirm refused NoSuch(Payment)");
    check_brief(
        &[create_of(CaptureMethod::Automatic, false, 1000, Currency::EUR), confirm_without_card()],
        "confirm refused NoCard | requires_payment_method",
    );
    check_brief(
        &[create(), confirm(&[SILENCE]), confirm(&[])],
        "confirm refused UnexpectedState { operation: Confirm, status: processing } | processing Confirm
        | sale 1000 #1 reversing by #2, NoAnswer | 0200 sale 1000 #1",
    );
    check_brief(
        &[create(), confirm(&[YES]), confirm(&[])],
        "confirm refused UnexpectedState { operation: Confirm, status: succeeded } | succeeded 1000
        | sale 1000 #1 approved | 0200 sale 1000 #1",
    );
    check_brief(
        &[create_manual(), confirm(&[YES]), confirm(&[])],
        "confirm refused UnexpectedState { operation: Confirm, status: requires_capture }
        | requires_capture | hold 1000 #1 approved | 0100 hold 1000 #1",
    );
    check_brief(
        &[create(), cancel(&[]), confirm(&[])],
        "confirm refused UnexpectedState { operation: Confirm, status: canceled } | canceled Abandoned",
    );
    let mut often = vec![create()];
    often.extend(std::iter::repeat_n(confirm(&[FUNDS]), 40));
    let scene = crate::check::play(&often);
    assert_eq!(scene.told.last().unwrap(), "confirm requires_payment_method v81");
    often.push(confirm(&[]));
    let scene = crate::check::play(&often);
    assert_eq!(scene.told.last().unwrap(), "confirm refused TooManyAttempts");
}

/// Answers that come and cannot be believed are reversed while the caller waits; without an answer a worker does it.
#[test]
fn every_unknown_outcome() {
    let answered = |unsure| [create(), confirm(&[Verdict::Unknown(unsure), YES])];
    let silent = |unsure| [create(), confirm(&[Verdict::Unknown(unsure)])];
    check_brief(
        &silent(Unsure::NoAnswer),
        "confirm processing v3 | processing Confirm | sale 1000 #1 reversing by #2, NoAnswer
        | 0200 sale 1000 #1",
    );
    check_brief(
        &silent(Unsure::LinkLost),
        "confirm processing v3 | processing Confirm | sale 1000 #1 reversing by #2, LinkLost
        | 0200 sale 1000 #1",
    );
    check_brief(
        &answered(Unsure::Mismatch),
        "confirm requires_payment_method v4 | requires_payment_method Reversed
        | sale 1000 #1 reversed, Mismatch | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check_brief(
        &answered(Unsure::Partial),
        "confirm requires_payment_method v4 | requires_payment_method Partial
        | sale 1000 #1 reversed, Partial | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 Partial",
    );
    check_brief(
        &answered(Unsure::Unreadable),
        "confirm requires_payment_method v4 | requires_payment_method Reversed
        | sale 1000 #1 reversed, Unreadable | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check_brief(
        &[create(), confirm(&[Verdict::Pending, YES])],
        "confirm requires_payment_method v4 | requires_payment_method Reversed
        | sale 1000 #1 reversed, Unreadable | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
    check_brief(
        &[create(), confirm(&[unsure(Unsure::Mismatch), Verdict::Pending])],
        "confirm processing v4 | processing Confirm | sale 1000 #1 reversing by #2, Mismatch
        | 0200 sale 1000 #1 | 0400 reverse 1000 #2 of #1 NoConfirmation",
    );
}

#[test]
fn every_way_not_to_send() {
    let of = |why| [create(), confirm(&[Verdict::NotSent(why)])];
    check_brief(
        &of(NotSent::LinkDown),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(LinkDown)
        | sale 1000 #1 not sent, LinkDown | 0200 sale 1000 #1",
    );
    check_brief(
        &of(NotSent::TooLate),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(TooLate)
        | sale 1000 #1 not sent, TooLate | 0200 sale 1000 #1",
    );
    check_brief(
        &of(NotSent::Busy),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(Busy)
        | sale 1000 #1 not sent, Busy | 0200 sale 1000 #1",
    );
    check_brief(
        &of(NotSent::NoSuchCard),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(NoSuchCard)
        | sale 1000 #1 not sent, NoSuchCard | 0200 sale 1000 #1",
    );
    check_brief(
        &of(NotSent::NotEncodable),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(NotEncodable)
        | sale 1000 #1 not sent, NotEncodable | 0200 sale 1000 #1",
    );
    check_brief(
        &of(NotSent::NoVault),
        "confirm requires_payment_method v3 | requires_payment_method NotSent(NoVault)
        | sale 1000 #1 not sent, NoVault | 0200 sale 1000 #1",
    );
    check(
        "nothing was sent, and the payment can be tried again",
        &[create(), confirm(&[unsent(NotSent::LinkDown)]), confirm(&[YES])],
        "
        told: create requires_confirmation v1, confirm requires_payment_method v3, confirm succeeded v5
        payment: succeeded 1000
        attempts: sale 1000 #1 not sent, LinkDown, sale 1000 #2 approved
        orders: 0200 sale 1000 #1, 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.failed + payment_failed, processing
        events: charge.succeeded + succeeded
        ",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &[create()],
        &confirm(&[YES]),
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
        succeeded 1000
        sale 1000 #1 approved
        0200 sale 1000 #1
        ",
    );
    check_deaths(
        &[],
        &create(),
        "
        Before(Commit, 1) to Before(Commit, 1):
        
        After(Commit, 1) to After(Commit, 1):
        requires_confirmation
        ",
    );
}

#[test]
fn troubles() {
    check(
        "no trace number can be had",
        &[create(), confirm(&[]).trouble(Point::Before(Call::Slot, 1))],
        "
        told: create requires_confirmation v1, confirm trouble NoSlot
        payment: requires_confirmation
        events: created
        ",
    );
    check(
        "commit 1 fails",
        &[create(), confirm(&[]).trouble(Point::Before(Call::Commit, 1)), confirm(&[YES])],
        "
        told: create requires_confirmation v1, confirm trouble Store(Io(as planned)), confirm succeeded v3
        payment: succeeded 1000
        attempts: sale 1000 #2 approved
        orders: 0200 sale 1000 #2
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        ",
    );
    check(
        "commit 1 may have failed and did not: nothing was sent, recovery reverses it all the same",
        &[create(), confirm(&[]).trouble(Point::After(Call::Commit, 1)), resolve(&[NOT_FOUND])],
        "
        told: create requires_confirmation v1, confirm trouble Store(Io(as planned)), resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed unfound, Recovered
        orders: 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "commit 2 fails: the approval is not told, and reversed",
        &[create(), confirm(&[YES]).trouble(Point::Before(Call::Commit, 2)), resolve(&[YES])],
        "
        told: create requires_confirmation v1, confirm trouble Store(Io(as planned)), resolve ok after 22 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, Recovered
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
    check(
        "commit 2 may have failed and did not",
        &[create(), confirm(&[YES]).trouble(Point::After(Call::Commit, 2)), resolve(&[])],
        "
        told: create requires_confirmation v1, confirm trouble Store(Io(as planned)), resolve nothing to do
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created, processing, charge.succeeded + succeeded
        ",
    );
}

#[test]
fn a_malfunction_whose_reversal_is_unanswered() {
    check(
        "a malfunction whose reversal is unanswered",
        &[create(), confirm(&[MALFUNCTION, SILENCE]), resolve(&[SILENCE]), resolve(&[NOT_FOUND])],
        "
        told: create requires_confirmation v1, confirm processing v4, resolve ok after 10 s
        told: resolve ok after 10 s
        payment: requires_payment_method Declined(processing_error)
        attempts: sale 1000 #1 reversed unfound, Malfunction 96
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NotCompleted
        orders: 0401 reverse 1000 #2 of #1 NotCompleted, 0401 reverse 1000 #2 of #1 NotCompleted
        events: created, processing, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
}

#[test]
fn deaths_of_a_malfunction() {
    check_deaths(
        &[create()],
        &confirm(&[MALFUNCTION, YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_confirmation
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Submit, 1) to Before(Slot, 2):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Slot, 2) to Before(Commit, 2):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        0200 sale 1000 #1
        0400 reverse 1000 #3 of #1 NoConfirmation
        After(Commit, 2) to Before(Submit, 2):
        requires_payment_method Declined(processing_error)
        sale 1000 #1 reversed, Malfunction 96
        0200 sale 1000 #1
        0401 reverse 1000 #2 of #1 NotCompleted
        After(Submit, 2) to Before(Commit, 3):
        requires_payment_method Declined(processing_error)
        sale 1000 #1 reversed, Malfunction 96
        0200 sale 1000 #1
        0400 reverse 1000 #2 of #1 NotCompleted
        0401 reverse 1000 #2 of #1 NotCompleted
        After(Commit, 3) to After(Commit, 3):
        requires_payment_method Declined(processing_error)
        sale 1000 #1 reversed, Malfunction 96
        0200 sale 1000 #1
        0400 reverse 1000 #2 of #1 NotCompleted
        ",
    );
}
