//! What goes into a link and comes out of it: clocks, limits, states, counts, frames. Decides nothing.

use crate::core::time::Time;
use florin_connect::connector::Terms;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// One reading of both clocks. Deadlines rest on `steady` alone; `wall` is only compared with what the gateway wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds of a clock that never goes back; its zero does not matter.
    pub steady: Time,
    /// Milliseconds since the Unix epoch, UTC; may jump.
    pub wall: Time,
}

impl Moment {
    /// Both clocks show the same, as in a simulated world.
    pub const fn same(at: Time) -> Moment {
        Moment { steady: at, wall: at }
    }
}

#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// T1: how long an answer is waited for, from the moment the message is handed out for writing.
    pub answer_limit_ms: u32,
    /// An order waits for its turn no longer than this, however far ahead its `send_by` lies.
    pub send_limit_ms: u32,
    /// How long the other side may take to accept a sign-on or to answer an echo.
    pub management_limit_ms: u32,
    /// Silence after which an echo is sent.
    pub echo_after_ms: u32,
    /// So many echoes without an answer, and the connection counts as lost.
    pub missed_echoes_limit: u32,
    /// Messages waiting to be written or answered; above this, `NotSent(Busy)`.
    pub in_flight_limit_messages: usize,
    /// Messages without an answer that are remembered for answers that come late.
    pub unanswered_limit_messages: usize,
    pub unanswered_limit_ms: u32,
    /// Answered messages that are remembered to know a second answer.
    pub answered_limit_messages: usize,
    pub answered_limit_ms: u32,
    /// Network management codes (DE 70).
    pub sign_on_code: &'static str,
    pub sign_off_code: &'static str,
    pub echo_code: &'static str,
    /// Whether hops are reported. Costs a few microseconds a message.
    pub journey: bool,
    /// Who we are at this acquirer.
    pub terms: Terms,
}

impl LinkSettings {
    /// The limits that fit most links.
    pub fn new(terms: Terms) -> LinkSettings {
        LinkSettings {
            answer_limit_ms: 15_000,
            send_limit_ms: 10_000,
            management_limit_ms: 10_000,
            echo_after_ms: 30_000,
            missed_echoes_limit: 2,
            in_flight_limit_messages: 1_024,
            unanswered_limit_messages: 100_000,
            unanswered_limit_ms: 1_800_000,
            answered_limit_messages: 20_000,
            answered_limit_ms: 300_000,
            sign_on_code: "001",
            sign_off_code: "002",
            echo_code: "301",
            journey: true,
            terms,
        }
    }
}

/// Stands for one accepted order until its verdict comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not connected.
    Down,
    /// Connected, the sign-on is not answered yet.
    SigningOn,
    Up,
    /// The other side signed off: connected, but nothing may be sent.
    SignedOff,
}

/// Why the connection must be closed and made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The other side did not accept the sign-on in time.
    NoSignOn,
    /// It answered the sign-on with another code than 00.
    SignOnRefused,
    /// Echoes stayed without an answer.
    NoEcho,
    /// It asks more than we can answer.
    Flooded,
}

impl CloseReason {
    pub const fn words(self) -> &'static str {
        match self {
            CloseReason::NoSignOn => "the acquirer did not answer the sign-on",
            CloseReason::SignOnRefused => "the acquirer refused the sign-on",
            CloseReason::NoEcho => "the acquirer did not answer echoes",
            CloseReason::Flooded => "the acquirer asks without reading the answers",
        }
    }
}

/// What happened on the link since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounts {
    pub sent: u64,
    pub answered: u64,
    pub unanswered: u64,
    /// Answers whose request had its verdict already.
    pub late: u64,
    /// Answers and messages that fit nothing we sent.
    pub strays: u64,
    /// Bodies that are no message of this dialect.
    pub unreadable: u64,
    /// Answers that matched by keys and did not fit their request. Each deserves a look.
    pub mismatched: u64,
}

/// Bytes to write, header included.
pub struct Frame {
    pub bytes: Zeroizing<Vec<u8>>,
    /// The first byte must not leave after this, on the steady clock. None: whenever.
    pub send_by: Option<Time>,
}
