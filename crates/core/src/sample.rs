//! Things for the tables of unit tests: one account, one card, one payment in any stage, one attempt in any state.
//! Knows no test.

use crate::attempt::{Attempt, Because, Begun, Move, State};
use crate::commit::Version;
use crate::decline::{DeclineCode, Retry};
use crate::flow::View;
use crate::id::Key;
use crate::money::{Currency, Money};
use crate::order::{Buyer, SignedOrder};
use crate::payment::{CancelReason, CaptureMethod, CardFacts, Doing, Funding, Payment, PaymentError, Stage, Terms};
use crate::ports::Slot;
use crate::time::Time;
use crate::wire::{
    Approval, ApprovalCode, CardToken, Check, Checks, Decline, Initiator, Network, NetworkId, NotSent, Original,
    ResponseCode, Rrn, Terminal, Unsure, WireId,
};

/// 2026-11-21 22:15:00 UTC, when the sample payment was made; decisions are made a second later.
pub const START: Time = Time(1_795_299_300_000);
pub const NOW: Time = START.plus_ms(1000);
pub const ACCOUNT: Key = Key(77);
pub const PAYMENT: Key = Key(1000);
/// The attempt that holds or took the money.
pub const CHARGE: Key = Key(2000);
/// The attempt that is under way.
pub const OPEN: Key = Key(3000);
pub const JOB: Key = Key(4000);
/// What a decision that begins an attempt is given.
pub const BEGUN: Begun = Begun { key: Key(5000), job: Key(5001), slot: slot(9), now: NOW };

pub const fn slot(stan: u32) -> Slot {
    Slot { terminal: Terminal(4), stan }
}

pub const fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

pub fn card() -> CardFacts {
    CardFacts {
        token: CardToken { key: Key(500), vault: 3 },
        network: Network::Visa,
        first6: *b"424242",
        last4: *b"4242",
        exp_year: 2030,
        exp_month: 12,
        fingerprint: [9; 16],
        funding: Funding::Credit,
        country: Some(*b"NL"),
    }
}

const CHECKS: Checks = Checks { address_line1: Check::Unavailable, postal_code: Check::Pass, cvc: Check::Fail };

pub const APPROVAL: Approval = Approval {
    response: ResponseCode(*b"00"),
    code: Some(ApprovalCode(*b"A1B2C3")),
    network_id: Some(NetworkId(123_456_789_012)),
    checks: CHECKS,
};

pub const fn decline(response: &[u8; 2], code: DeclineCode, retry: Retry) -> Decline {
    let response = ResponseCode(*response);
    Decline { code, response, advice: Some(*b"02"), retry, checks: CHECKS, network_id: Some(NetworkId(7)) }
}
pub const FUNDS: Decline = decline(b"51", DeclineCode::InsufficientFunds, Retry::Later);
pub const SOFT: Decline = decline(b"65", DeclineCode::AuthenticationRequired, Retry::No);
pub const MALFUNCTION: Decline = decline(b"96", DeclineCode::ProcessingError, Retry::Now);
pub const DUPLICATE: Decline = decline(b"94", DeclineCode::DuplicateTransaction, Retry::No);
pub const ISSUER_DOWN: Decline = decline(b"91", DeclineCode::IssuerNotAvailable, Retry::Now);
pub const NOT_FOUND: Decline = decline(b"25", DeclineCode::ProcessingError, Retry::No);
pub const NO_ACTION: Decline = decline(b"21", DeclineCode::ProcessingError, Retry::No);

pub const SALE: Move = Move::Sale(Initiator::Customer);
pub const HOLD: Move = Move::Authorization(Initiator::CustomerStoring);
pub const VERIFICATION: Move = Move::Verification(Initiator::CustomerStoring);
/// The authorization `CHARGE` as later messages refer to it.
pub fn original() -> Original {
    attempt(CHARGE, HOLD, 1, approved()).as_original(Some(&APPROVAL))
}
pub fn every_move() -> [Move; 7] {
    let of = original();
    [SALE, HOLD, Move::Completion(of), Move::Void(of), Move::Refund(of), Move::Increment(of), VERIFICATION]
}

pub fn attempt(key: Key, what: Move, stan: u32, state: State) -> Attempt {
    let begun = Attempt::begin(key, JOB, what, eur(1000), card().token, slot(stan), START);
    Attempt { state, ..begun }
}

pub const fn approved() -> State {
    State::Approved { approval: APPROVAL, at: START }
}
pub const fn reversing(because: Because) -> State {
    let wire = WireId { terminal: Terminal(4), stan: 8, at: START, rrn: Rrn(CHARGE) };
    State::Reversing { wire, since: START, because }
}
pub const fn reversed(found: bool, because: Because) -> State {
    State::Reversed { found, at: START, because }
}
pub const UNANSWERED: Because = Because::Unsure(Unsure::NoAnswer);

/// Each state, with each reason that matters.
pub fn every_state() -> [State; 11] {
    [
        State::Sent,
        approved(),
        State::Declined { decline: FUNDS, at: START },
        State::NotSent { why: NotSent::LinkDown, at: START },
        reversing(UNANSWERED),
        reversing(Because::Malfunction(MALFUNCTION)),
        reversing(Because::LateApproval),
        reversed(true, Because::Recovered),
        reversed(false, UNANSWERED),
        State::Repeating { since: START },
        State::Unanswered { at: START },
    ]
}

/// Each stage, with each that `Processing` may do.
pub fn every_stage() -> [Stage; 10] {
    let processing = |doing| Stage::Processing { attempt: OPEN, doing };
    [
        Stage::RequiresPaymentMethod { last_error: None },
        Stage::RequiresPaymentMethod { last_error: Some(PaymentError::Declined(FUNDS)) },
        Stage::RequiresConfirmation,
        processing(Doing::Confirm),
        processing(Doing::Capture { amount: 600 }),
        processing(Doing::Cancel { reason: CancelReason::Duplicate }),
        Stage::RequiresCapture { hold: CHARGE },
        Stage::Succeeded { charge: CHARGE, captured: 1000 },
        Stage::Canceled { at: START, reason: CancelReason::Abandoned },
        Stage::RequiresAction { authentication: CHARGE },
    ]
}

/// 10.00 EUR in test mode, with a card and without attempts.
pub fn payment(capture: CaptureMethod, stage: Stage) -> Payment {
    Payment {
        money: eur(1000),
        live: false,
        capture,
        customer: None,
        card: Some(card()),
        methods: vec![],
        terms: Terms::default(),
        stage,
        attempts: vec![],
        authentications: vec![],
        order: None,
    }
}

/// For `payment`'s money and nobody in particular.
pub fn signed_order() -> SignedOrder {
    SignedOrder {
        id: "1001".into(),
        items: [3; 32],
        money: eur(1000),
        buyer: Buyer::Nobody,
        key: Key(700),
        expires: NOW.plus_ms(86_400_000),
        nonce: "AAAAAAAAAAAAAAAAAAAAAA".into(),
        mac: [4; 32],
    }
}

/// The same with its hold approved.
pub fn held(stage: Stage) -> Payment {
    Payment { attempts: vec![attempt(CHARGE, HOLD, 1, approved())], ..payment(CaptureMethod::Manual, stage) }
}

pub fn view<T>(body: T) -> View<T> {
    View { key: PAYMENT, account: ACCOUNT, version: Version(3), at: START, body, personal: None }
}
