//! Settlement: the acquirer's reports against our movements. What agrees becomes available; what does not is a break with a reason.
//! Knows no transport and no report's file format.

mod apply;
mod breaks;
mod plan;
mod pull;
mod report;
mod scan;
mod share;

pub use breaks::{Break, BreakState, BreakView, Held, Reason, Resolution};
pub use pull::{Listing, PullFailure, Pulled, Reports, Unavailable, pull};
pub use report::{Cleared, Head, Line, Report, ReportView, RrnText, Total, report_key};
pub use scan::Cursor;
pub use share::{Owed, Settlement, SettlementView, Share};
