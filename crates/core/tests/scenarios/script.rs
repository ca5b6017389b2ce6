//! The words in which scenarios are written: what is done, what the acquirer answers, where a process dies.
//! Does nothing by itself.

use crate::gate::Point;
use florin_core::decline::{DeclineCode, Retry};
use florin_core::money::Currency;
use florin_core::payment::CaptureMethod;
use florin_core::threeds::{StepUp, TransStatus};
use florin_core::wire::{
    Approval, ApprovalCode, Check, Checks, Decline, NetworkId, NotSent, ResponseCode, Unsure, Verdict,
};

/// One thing that is done to the payment of the scenario.
#[derive(Clone)]
pub struct Does {
    pub what: What,
    /// What the acquirer answers to the orders of this, in order.
    pub script: Vec<Verdict>,
    /// What it answers when the script is at its end.
    pub otherwise: Option<Verdict>,
    /// The idempotency key, and which request it comes with.
    pub key: Option<(&'static str, u8)>,
    pub fate: Fate,
}

#[derive(Clone)]
pub enum What {
    Create {
        capture: CaptureMethod,
        card: bool,
        minor: i64,
        currency: Currency,
    },
    /// Made and confirmed in one request.
    CreateConfirmed {
        capture: CaptureMethod,
    },
    /// The same for an order that was signed over 1000, by the n-th code.
    Signed {
        capture: CaptureMethod,
        minor: i64,
        code: u8,
    },
    /// Confirmed where a signed order is asked for.
    ConfirmSigned,
    /// The same, with a card that is to be kept for a customer.
    Keep {
        capture: CaptureMethod,
    },
    /// A setup for a customer, made and confirmed in one request.
    SetUp {
        step_up: StepUp,
    },
    /// The setup once more, with the same card.
    ConfirmSetup,
    /// A card on its way to a customer.
    Verify,
    Confirm {
        card: bool,
        step_up: StepUp,
    },
    /// The cardholder was asked, and the issuer says this.
    Authenticated {
        status: TransStatus,
    },
    Capture {
        amount: Option<i64>,
        currency: Option<Currency>,
    },
    Cancel,
    Increment {
        amount: i64,
    },
    Refund {
        amount: Option<i64>,
        currency: Option<Currency>,
    },
    /// The same for the setup.
    AuthenticatedSetup {
        status: TransStatus,
    },
    /// The clock goes on to the earliest job that gives a hold up, and a worker does it.
    Expire,
    /// The same for the earliest job that asks what came of an authentication. None: the cardholder has not answered.
    Chase {
        status: Option<TransStatus>,
    },
    /// The clock goes on to the earliest job, a worker leases what is due and settles it.
    Resolve,
    /// The same until no job is left.
    Recover,
    /// An answer to the n-th order (from 1) that no waiter was left for.
    Late {
        order: usize,
        verdict: Verdict,
    },
}

#[derive(Clone)]
pub enum Fate {
    Through,
    /// The process dies here.
    Crash(Point),
    /// Others do this, each at its point, in order.
    Overtaken(Vec<(Point, Does)>),
    /// The call fails.
    Trouble(Point),
}

impl Does {
    fn new(what: What, script: &[Verdict]) -> Does {
        Does { what, script: script.to_vec(), otherwise: None, key: None, fate: Fate::Through }
    }
    pub fn key(mut self, name: &'static str) -> Does {
        self.key = Some((name, 1));
        self
    }
    /// The same key with a request that differs.
    pub fn key_of_another(mut self, name: &'static str) -> Does {
        self.key = Some((name, 2));
        self
    }
    pub fn crash(mut self, at: Point) -> Does {
        self.fate = Fate::Crash(at);
        self
    }
    pub fn trouble(mut self, at: Point) -> Does {
        self.fate = Fate::Trouble(at);
        self
    }
    pub fn while_at(mut self, at: Point, other: Does) -> Does {
        match &mut self.fate {
            Fate::Overtaken(others) => others.push((at, other)),
            Fate::Through | Fate::Crash(_) | Fate::Trouble(_) => self.fate = Fate::Overtaken(vec![(at, other)]),
        }
        self
    }
}

/// 10.00 EUR, captured at once; no card yet.
pub fn create() -> Does {
    create_of(CaptureMethod::Automatic, true, 1000, Currency::EUR)
}
/// 10.00 EUR, captured later.
pub fn create_manual() -> Does {
    create_of(CaptureMethod::Manual, true, 1000, Currency::EUR)
}
pub fn create_of(capture: CaptureMethod, card: bool, minor: i64, currency: Currency) -> Does {
    Does::new(What::Create { capture, card, minor, currency }, &[])
}
/// 10.00 EUR with a card, made and confirmed in one request.
pub fn create_confirmed(capture: CaptureMethod, script: &[Verdict]) -> Does {
    Does::new(What::CreateConfirmed { capture }, script)
}
/// 10.00 EUR with a card that is to be kept for a customer.
pub fn keep(capture: CaptureMethod, script: &[Verdict]) -> Does {
    Does::new(What::Keep { capture }, script)
}
pub fn set_up(script: &[Verdict]) -> Does {
    set_up_asking(StepUp::Never, script)
}
pub fn set_up_asking(step_up: StepUp, script: &[Verdict]) -> Does {
    Does::new(What::SetUp { step_up }, script)
}
pub fn authenticated_setup(status: TransStatus, script: &[Verdict]) -> Does {
    Does::new(What::AuthenticatedSetup { status }, script)
}
pub fn expire(script: &[Verdict]) -> Does {
    Does::new(What::Expire, script)
}
pub fn chase(status: Option<TransStatus>, script: &[Verdict]) -> Does {
    Does::new(What::Chase { status }, script)
}
pub fn confirm_setup(script: &[Verdict]) -> Does {
    Does::new(What::ConfirmSetup, script)
}
pub fn verify(script: &[Verdict]) -> Does {
    Does::new(What::Verify, script)
}
pub fn confirm(script: &[Verdict]) -> Does {
    confirm_asking(StepUp::Never, script)
}
pub fn confirm_without_card() -> Does {
    Does::new(What::Confirm { card: false, step_up: StepUp::Never }, &[])
}
pub fn confirm_asking(step_up: StepUp, script: &[Verdict]) -> Does {
    Does::new(What::Confirm { card: true, step_up }, script)
}
pub fn authenticated(status: TransStatus, script: &[Verdict]) -> Does {
    Does::new(What::Authenticated { status }, script)
}
pub fn capture(script: &[Verdict]) -> Does {
    Does::new(What::Capture { amount: None, currency: None }, script)
}
pub fn capture_of(amount: i64, currency: Currency, script: &[Verdict]) -> Does {
    Does::new(What::Capture { amount: Some(amount), currency: Some(currency) }, script)
}
pub fn cancel(script: &[Verdict]) -> Does {
    Does::new(What::Cancel, script)
}
/// Hold this much in all.
/// Made and confirmed in one request, for an order that was signed over 1000.
pub fn signed(minor: i64, code: u8, script: &[Verdict]) -> Does {
    Does::new(What::Signed { capture: CaptureMethod::Automatic, minor, code }, script)
}
pub fn signed_manual(code: u8, script: &[Verdict]) -> Does {
    let mut does = signed(1000, code, script);
    does.what = What::Signed { capture: CaptureMethod::Manual, minor: 1000, code };
    does
}
pub fn confirm_signed(script: &[Verdict]) -> Does {
    Does::new(What::ConfirmSigned, script)
}
pub fn increment(amount: i64, script: &[Verdict]) -> Does {
    Does::new(What::Increment { amount }, script)
}
pub fn refund(script: &[Verdict]) -> Does {
    Does::new(What::Refund { amount: None, currency: None }, script)
}
pub fn refund_of(amount: i64, currency: Currency, script: &[Verdict]) -> Does {
    Does::new(What::Refund { amount: Some(amount), currency: Some(currency) }, script)
}
pub fn resolve(script: &[Verdict]) -> Does {
    Does::new(What::Resolve, script)
}
pub fn recover(otherwise: Verdict) -> Does {
    Does { otherwise: Some(otherwise), ..Does::new(What::Recover, &[]) }
}
pub fn late(order: usize, verdict: Verdict) -> Does {
    Does::new(What::Late { order, verdict }, &[])
}

pub const YES: Verdict = Verdict::Approved(Approval {
    response: ResponseCode(*b"00"),
    code: Some(ApprovalCode(*b"A1B2C3")),
    network_id: Some(NetworkId(123_456_789_012)),
    checks: CHECKS,
});
const CHECKS: Checks = Checks { address_line1: Check::Unavailable, postal_code: Check::Pass, cvc: Check::Pass };

/// No answer in time.
pub const SILENCE: Verdict = unsure(Unsure::NoAnswer);
pub const FUNDS: Verdict = no(b"51", DeclineCode::InsufficientFunds, Retry::Later);
/// The issuer wants the cardholder to be authenticated (Visa 1A).
pub const SOFT: Verdict = no(b"1A", DeclineCode::AuthenticationRequired, Retry::WithAuthentication);
/// The host had a malfunction of its own.
pub const MALFUNCTION: Verdict = no(b"96", DeclineCode::ProcessingError, Retry::Now);
pub const ISSUER_DOWN: Verdict = no(b"91", DeclineCode::IssuerNotAvailable, Retry::Now);
/// Answers to reversals: the host knows no original.
pub const NOT_FOUND: Verdict = no(b"25", DeclineCode::ProcessingError, Retry::No);
pub const NO_ACTION: Verdict = no(b"21", DeclineCode::ProcessingError, Retry::No);
pub const INVALID: Verdict = no(b"12", DeclineCode::TransactionNotAllowed, Retry::No);

pub const fn no(response: &[u8; 2], code: DeclineCode, retry: Retry) -> Verdict {
    let response = ResponseCode(*response);
    Verdict::Declined(Decline { code, response, advice: None, retry, checks: CHECKS, network_id: None })
}
pub const fn unsure(why: Unsure) -> Verdict {
    Verdict::Unknown(why)
}
pub const fn unsent(why: NotSent) -> Verdict {
    Verdict::NotSent(why)
}
