//! Cards for later: setups, verifications on the way to a customer, and payments that keep their card.

use crate::check::{check, check_brief, check_deaths};
use crate::gate::{Call, Point};
use crate::script::*;
use florin_core::payment::CaptureMethod;
use florin_core::threeds::StepUp;
use florin_core::threeds::TransStatus::{Attempted, Authenticated, Failed, Unavailable};
use florin_core::wire::{NotSent, Unsure};

#[test]
fn ends() {
    check(
        "approved: the customer has the card and its network id",
        &[set_up(&[YES])],
        "
        told: set up setup succeeded v2
        setup: succeeded
        attempts: verification 0 #1 approved
        method: kept, id 123456789012
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.succeeded
        events: payment_method.attached
        ",
    );
    check(
        "declined, and set up with another try",
        &[set_up(&[FUNDS]), confirm_setup(&[YES])],
        "
        told: set up setup requires_payment_method v2, confirm setup setup succeeded v4
        setup: succeeded
        attempts: verification 0 #1 declined 51, verification 0 #2 approved
        method: kept, id 123456789012
        orders: 0100 verify #1, 0100 verify #2
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        events: setup_intent.succeeded, payment_method.attached
        ",
    );
    check(
        "a malfunction leaves nothing to take back",
        &[set_up(&[MALFUNCTION])],
        "
        told: set up setup requires_payment_method v2
        setup: requires_payment_method Declined(processing_error)
        attempts: verification 0 #1 declined 96
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        ",
    );
    check(
        "no answer: nothing was verified, and nothing is taken back",
        &[set_up(&[SILENCE])],
        "
        told: set up setup requires_payment_method v2
        setup: requires_payment_method Unanswered
        attempts: verification 0 #1 unanswered
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        ",
    );
    check(
        "never sent",
        &[set_up(&[unsent(NotSent::LinkDown)])],
        "
        told: set up setup requires_payment_method v2
        setup: requires_payment_method NotSent(LinkDown)
        attempts: verification 0 #1 not sent, LinkDown
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        ",
    );
}

#[test]
fn refused() {
    check_brief(&[confirm_setup(&[])], "confirm setup refused NoSuch(Setup)");
    check_brief(
        &[set_up(&[YES]), confirm_setup(&[])],
        "confirm setup refused SetupState { operation: Confirm, status: succeeded } | succeeded
        | verification 0 #1 approved | kept, id 123456789012 | 0100 verify #1",
    );
    check_brief(
        &[set_up(&[unsure(Unsure::Mismatch)])],
        "set up setup requires_payment_method v2 | requires_payment_method Unanswered
        | verification 0 #1 unanswered | used, no id | 0100 verify #1",
    );
}

#[test]
fn under_a_key() {
    check(
        "the stored answer comes again",
        &[set_up(&[FUNDS]).key("a"), set_up(&[]).key("a")],
        "
        told: set up setup requires_payment_method v2, set up replay of 'setup requires_payment_method v2'
        setup: requires_payment_method Declined(insufficient_funds)
        attempts: verification 0 #1 declined 51
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        key a: setup requires_payment_method v2
        ",
    );
    let other = set_up(&[]).key("a");
    check(
        "while the first is under way",
        &[set_up(&[YES]).key("a").while_at(Point::Before(Call::Submit, 1), other)],
        "
        told: set up refused IdempotencyInUse, set up setup succeeded v2
        setup: succeeded
        attempts: verification 0 #1 approved
        method: kept, id 123456789012
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.succeeded
        events: payment_method.attached
        key a: setup succeeded v2
        ",
    );
}

#[test]
fn late_answers() {
    check(
        "an approval after nobody waited any more changes nothing",
        &[set_up(&[SILENCE]), late(1, YES)],
        "
        told: set up setup requires_payment_method v2, late ok
        setup: requires_payment_method Unanswered
        attempts: verification 0 #1 unanswered
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        ",
    );
}

#[test]
fn deaths() {
    check_deaths(
        &[],
        &set_up(&[YES]).key("a"),
        "
        Before(Find, 1) to Before(Commit, 1):

        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Unanswered
        verification 0 #1 unanswered
        used, no id
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Unanswered
        verification 0 #1 unanswered
        used, no id
        0100 verify #1
        After(Commit, 2) to After(Commit, 2):
        succeeded
        verification 0 #1 approved
        kept, id 123456789012
        0100 verify #1
        ",
    );
}

#[test]
fn verifications() {
    check(
        "approved",
        &[verify(&[YES])],
        "
        told: verify setup succeeded v2
        setup: succeeded
        attempts: verification 0 #1 approved
        orders: 0100 verify #1
        events: florin.card.verified
        ",
    );
    check(
        "declined",
        &[verify(&[FUNDS])],
        "
        told: verify setup requires_payment_method v2
        setup: requires_payment_method Declined(insufficient_funds)
        attempts: verification 0 #1 declined 51
        orders: 0100 verify #1
        events: florin.card.refused
        ",
    );
    check(
        "died before the answer",
        &[verify(&[YES]).crash(Point::Before(Call::Submit, 1)), recover(YES)],
        "
        told: verify died, recover ok
        setup: requires_payment_method Unanswered
        attempts: verification 0 #1 unanswered
        events: florin.card.refused
        ",
    );
}

/// A card that was to be kept is the customer's from the commit that settles the payment.
#[test]
fn kept_cards() {
    check(
        "sold",
        &[keep(CaptureMethod::Automatic, &[YES])],
        "
        told: keep succeeded v2
        payment: succeeded 1000
        attempts: sale 1000 #1 approved
        method: kept, id 123456789012
        orders: 0200 sale 1000 #1
        ledger: receivable 1000/0, merchant 0/1000, refundable 0/1000, refundable_total 1000/0
        events: created + processing, florin.payment_method.created, charge.succeeded + succeeded
        events: payment_method.attached
        ",
    );
    check(
        "held",
        &[keep(CaptureMethod::Manual, &[YES])],
        "
        told: keep requires_capture v2
        payment: requires_capture
        attempts: hold 1000 #1 approved
        method: kept, id 123456789012
        orders: 0100 hold 1000 #1
        ledger: held 0/1000, holds 1000/0
        events: created + processing, florin.payment_method.created
        events: charge.succeeded + amount_capturable_updated, payment_method.attached
        jobs: expire #1 at 604800 s, tries 0
        ",
    );
    check(
        "declined",
        &[keep(CaptureMethod::Automatic, &[FUNDS])],
        "
        told: keep requires_payment_method v2
        payment: requires_payment_method Declined(insufficient_funds)
        attempts: sale 1000 #1 declined 51
        method: used, no id
        orders: 0200 sale 1000 #1
        events: created + processing, florin.payment_method.created, charge.failed + payment_failed
        ",
    );
    check(
        "no answer",
        &[keep(CaptureMethod::Automatic, &[SILENCE]), resolve(&[YES])],
        "
        told: keep processing v2, resolve ok after 0 s
        payment: requires_payment_method Reversed
        attempts: sale 1000 #1 reversed, NoAnswer
        method: used, no id
        orders: 0200 sale 1000 #1, 0400 reverse 1000 #2 of #1 NoConfirmation
        events: created + processing, florin.payment_method.created, florin.attempt.reversing
        events: florin.attempt.reversed + charge.failed + payment_failed
        ",
    );
}

#[test]
fn deaths_of_a_payment_that_keeps_its_card() {
    check_deaths(
        &[],
        &keep(CaptureMethod::Automatic, &[YES]).key("a"),
        "
        Before(Find, 1) to Before(Commit, 1):

        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        used, no id
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Reversed
        sale 1000 #1 reversed, Recovered
        used, no id
        0200 sale 1000 #1
        0400 reverse 1000 #2 of #1 NoConfirmation
        After(Commit, 2) to After(Commit, 2):
        succeeded 1000
        sale 1000 #1 approved
        kept, id 123456789012
        0200 sale 1000 #1
        ",
    );
}

/// The issuer wants the cardholder, or the merchant does.
#[test]
fn with_the_cardholder() {
    let asked = |script: &[florin_core::wire::Verdict]| set_up_asking(StepUp::IfAsked, script);
    let first = |script: &[florin_core::wire::Verdict]| set_up_asking(StepUp::First { mandated: false }, script);
    check(
        "nobody may be asked",
        &[set_up(&[SOFT])],
        "
        told: set up setup requires_payment_method v2
        setup: requires_payment_method Declined(authentication_required)
        attempts: verification 0 #1 declined 1A
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.setup_failed
        ",
    );
    check(
        "the issuer wants them",
        &[asked(&[SOFT])],
        "
        told: set up setup requires_action v2
        setup: requires_action
        attempts: verification 0 #1 declined 1A
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.requires_action
        jobs: chase #1 at 60 s, tries 0
        ",
    );
    check(
        "and is answered",
        &[asked(&[SOFT]), authenticated_setup(Authenticated, &[YES])],
        "
        told: set up setup requires_action v2, authenticated setup succeeded v4
        setup: succeeded
        attempts: verification 0 #1 declined 1A, verification 0 #2 approved
        method: kept, id 123456789012
        orders: 0100 verify #1, 0100 verify #2
        events: setup_intent.created, florin.payment_method.created, setup_intent.requires_action
        events: setup_intent.succeeded, payment_method.attached
        ",
    );
    check(
        "and is not answered",
        &[asked(&[SOFT]), authenticated_setup(Failed, &[])],
        "
        told: set up setup requires_action v2, authenticated setup requires_payment_method v3
        setup: requires_payment_method NotAuthenticated
        attempts: verification 0 #1 declined 1A
        method: used, no id
        orders: 0100 verify #1
        events: setup_intent.created, florin.payment_method.created, setup_intent.requires_action
        events: setup_intent.setup_failed
        ",
    );
    check(
        "the merchant wants them",
        &[first(&[]).key("a")],
        "
        told: set up setup requires_action v1
        setup: requires_action
        method: used, no id
        events: setup_intent.created + setup_intent.requires_action, florin.payment_method.created
        jobs: chase #0 at 60 s, tries 0
        key a: setup requires_action v1
        ",
    );
    check_brief(
        &[first(&[]), authenticated_setup(Attempted, &[YES])],
        "authenticated setup succeeded v3 | succeeded | verification 0 #2 approved | kept, id
        123456789012 | 0100 verify #2",
    );
    check_brief(
        &[first(&[]), authenticated_setup(Unavailable, &[SOFT])],
        "authenticated setup requires_action v3 | requires_action | verification 0 #2 declined 1A |
        used, no id | 0100 verify #2",
    );
    check_brief(
        &[asked(&[SOFT]), authenticated_setup(Authenticated, &[FUNDS])],
        "authenticated setup requires_payment_method v4 | requires_payment_method
        Declined(insufficient_funds) | verification 0 #1 declined 1A | verification 0 #2 declined 51 |
        used, no id | 0100 verify #1 | 0100 verify #2",
    );
    check_brief(
        &[asked(&[SOFT]), confirm_setup(&[YES])],
        "confirm setup setup succeeded v4 | succeeded | verification 0 #1 declined 1A | verification 0
        #2 approved | kept, id 123456789012 | 0100 verify #1 | 0100 verify #2",
    );
    check_brief(
        &[asked(&[SOFT]), authenticated_setup(Authenticated, &[YES]), authenticated_setup(Failed, &[])],
        "authenticated refused SetupState { operation: Authenticate, status: succeeded } | succeeded |
        verification 0 #1 declined 1A | verification 0 #2 approved | kept, id 123456789012 | 0100
        verify #1 | 0100 verify #2",
    );
    check_brief(
        &[asked(&[SOFT]), chase(Some(Authenticated), &[YES])],
        "chase ok after 60 s | succeeded | verification 0 #1 declined 1A | verification 0 #2 approved |
        kept, id 123456789012 | 0100 verify #1 | 0100 verify #2",
    );
    let never: Vec<Does> = (0..9).map(|_| chase(None, &[])).collect();
    check_brief(
        &[vec![first(&[])], never].concat(),
        "chase ok after 300 s | requires_payment_method NotAuthenticated | used, no id",
    );
    check_deaths(
        &[asked(&[SOFT])],
        &authenticated_setup(Authenticated, &[YES]),
        "
        Before(Get, 1) to Before(Commit, 1):
        requires_action
        verification 0 #1 declined 1A
        used, no id
        0100 verify #1
        After(Commit, 1) to Before(Submit, 1):
        requires_payment_method Unanswered
        verification 0 #1 declined 1A
        verification 0 #2 unanswered
        used, no id
        0100 verify #1
        After(Submit, 1) to Before(Commit, 2):
        requires_payment_method Unanswered
        verification 0 #1 declined 1A
        verification 0 #2 unanswered
        used, no id
        0100 verify #1
        0100 verify #2
        After(Commit, 2) to After(Commit, 2):
        succeeded
        verification 0 #1 declined 1A
        verification 0 #2 approved
        kept, id 123456789012
        0100 verify #1
        0100 verify #2
        ",
    );
}
