//! Telling endpoints of events: which, when, how often, signed how. Every step is a commit; HTTP stands behind a port.

mod again;
mod letter;
mod pending;
mod plan;
mod record;
mod retry;
mod round;
mod sign;
mod target;

pub use again::resend;
pub use letter::{Composed, Letter, Post, Reply};
pub use pending::{delivered, endpoints, pending};
pub use plan::{disables, matches, pause_ms};
pub use record::{Delivery, GivenUp, Outbox, Outcome, Stage, Try, outbox_of};
pub use retry::{LEASE_MS, put_off, retry};
pub use round::{Lane, Round, round};
pub use sign::{Signed, signed};
pub use target::{BadUrl, Target, may_dial, target};

/// Event n + 1 of an object waits for event n no longer than this.
pub const WAITS_MS: i64 = 60_000;
/// An endpoint that took nothing for so long is disabled: five days.
pub const DISABLE_AFTER_MS: i64 = 5 * 86_400_000;
/// What is kept of an endpoint's answer.
pub const KEPT_BYTES: usize = 1_024;
/// An endpoint is told of so many objects at a time.
pub const AT_ONCE: usize = 8;
