//! What is stored of deliveries: one row for each event and endpoint, and how far each endpoint has come.

use crate::codec::Body;
use crate::commit::EventKind;
use crate::id::{Key, Kind};
use crate::record::Record;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// What came of one try. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The endpoint answered with this HTTP status: 200 to 299 is success.
    Answered(u16),
    /// No whole answer within the time limit.
    TimedOut,
    /// The host has no address.
    NoAddress,
    /// The host has an address that must not be dialled: private, loopback, link-local and the like.
    ForbiddenAddress,
    /// Nobody listens there, or the network does not lead there.
    NoConnection,
    /// The certificate is not to be trusted, or there is no TLS.
    BadTls,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// The URL cannot be used any more.
    BadUrl,
}

impl Outcome {
    pub const fn is_success(self) -> bool {
        matches!(self, Outcome::Answered(200..=299))
    }
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered(200..=299) => "succeeded",
            Outcome::Answered(300..=399) => "redirected",
            Outcome::Answered(_) => "refused",
            Outcome::TimedOut => "timed_out",
            Outcome::NoAddress => "no_address",
            Outcome::ForbiddenAddress => "forbidden_address",
            Outcome::NoConnection => "no_connection",
            Outcome::BadTls => "bad_tls",
            Outcome::Broken => "broken",
            Outcome::BadUrl => "bad_url",
        }
    }
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    pub at: Time,
    pub took_ms: u32,
    pub outcome: Outcome,
    /// The beginning of the answer, at most `KEPT_BYTES`, digits of long numbers masked.
    pub answer: String,
}

/// Why an event is not told to an endpoint any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GivenUp {
    /// All tries failed.
    TooOften,
    /// The endpoint was deleted or disabled.
    NoEndpoint,
    /// There is nothing to be shown.
    NothingToShow,
}

impl GivenUp {
    pub const fn as_str(self) -> &'static str {
        match self {
            GivenUp::TooOften => "tried_too_often",
            GivenUp::NoEndpoint => "endpoint_gone",
            GivenUp::NothingToShow => "nothing_to_show",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// An earlier event of the same object comes first, until then.
    Waiting {
        after: Key,
        until: Time,
    },
    Retrying {
        next: Time,
    },
    Delivered {
        at: Time,
    },
    GivenUp {
        at: Time,
        why: GivenUp,
    },
}

impl Stage {
    pub const fn is_open(&self) -> bool {
        match self {
            Stage::Waiting { .. } | Stage::Retrying { .. } => true,
            Stage::Delivered { .. } | Stage::GivenUp { .. } => false,
        }
    }
    pub const fn as_str(&self) -> &'static str {
        match self {
            Stage::Waiting { .. } => "waiting",
            Stage::Retrying { .. } => "retrying",
            Stage::Delivered { .. } => "succeeded",
            Stage::GivenUp { .. } => "failed",
        }
    }
}

/// One event for one endpoint. Found under the endpoint, under the event, and as the newest of its object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub live: bool,
    pub endpoint: Key,
    /// The event's id.
    pub event: Key,
    pub kind: EventKind,
    /// The event's number.
    pub sequence: u64,
    /// The thing whose events come in order.
    pub object: Key,
    /// Since when it is tried: the schedule's beginning.
    pub since: Time,
    /// Asked for by hand after it had ended, or without the endpoint having asked for the type: tried once.
    pub by_hand: bool,
    pub tries: u32,
    pub last: Option<Try>,
    pub stage: Stage,
}

impl Body for Delivery {
    const FORMAT: u8 = 1;
}

impl Record for Delivery {
    const KIND: Kind = Kind::Delivery;
}

/// How far an endpoint has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// Every event up to this number was taken up: it has a delivery, or needs none.
    pub cursor: u64,
    /// Until then there may be deliveries that are open.
    pub open_until: Time,
    /// Nothing was taken since then.
    pub failing_since: Option<Time>,
}

impl Body for Outbox {
    const FORMAT: u8 = 1;
}

impl Record for Outbox {
    const KIND: Kind = Kind::Outbox;
}

/// The key of an endpoint's outbox: a bit that no generator sets.
pub const fn outbox_of(endpoint: Key) -> Key {
    Key(endpoint.0 | (1 << 15))
}
