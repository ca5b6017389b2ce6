//! The banks: an acquirer's host, the card networks behind it and the issuers behind those, as pure models in a thin shell.
//! Knows ISO 8583 and nothing of the gateway; its books are an independent witness of what happened to the money.

mod acquirer;
mod answer;
mod books;
mod client;
mod control;
mod decide;
mod deliver;
mod disk;
mod engine;
mod entry;
mod error;
mod https;
mod issuer;
mod journal;
mod magic;
mod misbehave;
mod network;
mod plastic;
mod process;
mod reports;
mod request;
mod settings;
mod settlement;
mod shell;
mod text;
mod threeds;
mod tls;
mod totals;
mod trail;
mod views;

#[cfg(test)]
mod tests;

pub use acquirer::{Host, LATE_ANSWER_MS};
pub use books::{Books, ByCurrency, Query, Standing, Totals};
pub use client::{BooksFilter, ClientError, ControlClient};
pub use deliver::{Reply, ReplyKind};
pub use entry::{CardHash, Class, Entry, EntryId, HashKey, Kind, Trace};
pub use error::StartError;
pub use issuer::{Account, Issuers};
pub use misbehave::{BadRule, Fault, NetworkName, Rule, Script};
pub use network::{STAND_IN_ADVICE_AFTER_MS, STAND_IN_FLOOR_UNITS};
pub use process::{Ready, Settings, run};
pub use settings::{BadRecords, Counts, HostSettings, Record};
pub use settlement::{Day, ReportFault, ReportHead, ReportLine, ReportScript, ReportTotal, ReportsAnswer};
pub use shell::LinkLimits;
pub use text::Text;
pub use threeds::{Purchase, authentication_value};
pub use tls::TlsFiles;
pub use trail::{JournalEntry, JournalOriginal, JournalPage};
pub use views::{AccountView, BooksAnswer, ClosedDay, EntryView, Health, Refused, StandingView, Summary, TotalsView};
