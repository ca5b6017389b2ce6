//! What the house tells of a payment or a refund: the data of its page. Nothing personal, nothing of a card beyond its last four digits.

use crate::link::Subject;
use florin_core::ledger::{Book, Reason};
use florin_core::money::Money;
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_core::wire::Network;

/// Where the page gets what it shows.
pub trait House: Send + Sync {
    fn now(&self) -> Time;
    /// What else of the demo is there to be opened; nothing where it is no demo.
    fn around<'a>(&'a self) -> Wait<'a, Around>;
    /// The whole story of a payment or a refund of the account.
    fn tell<'a>(&'a self, account: florin_core::id::Key, subject: Subject) -> Wait<'a, Result<Told, NotTold>>;
}

/// Addresses as a browser and a program on this machine reach them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    pub shop: Option<String>,
    pub api: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTold {
    /// The account has none of that id.
    Missing,
    /// The store does not answer.
    Trouble,
}

/// Everything that is known of a payment's or a refund's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub subject: Subject,
    pub money: Money,
    /// Stripe's word: `succeeded`, `requires_payment_method` and so on.
    pub status: &'static str,
    pub live: bool,
    pub created: Time,
    pub card: Option<Card>,
    /// Why it did not come about.
    pub failure: Option<Failure>,
    pub steps: Vec<Step>,
    pub hops: Vec<Hop>,
    pub attempts: Vec<Attempt>,
    pub entries: Vec<Entry>,
    pub events: Vec<Event>,
    pub movements: Vec<Movement>,
    /// The payment of a refund, the refunds of a payment.
    pub related: Vec<Related>,
    /// Processes that did not answer: their part is missing.
    pub missing: Vec<&'static str>,
}

impl Told {
    /// Something is under way that ends by itself within moments.
    pub fn is_moving(&self, now: Time) -> bool {
        let young = |at: Time, ms: i64| now.since(at) < ms;
        let waiting = self.events.iter().flat_map(|e| &e.deliveries).any(|d| d.state.is_open());
        let last = self.steps.last().map_or(self.created, |step| step.at);
        let open = self.attempts.iter().any(|a| a.open) || self.status == "requires_action";
        let begun = matches!(self.status, "requires_payment_method" | "requires_confirmation");
        // A page that is left open asks no more once nothing is expected.
        open || (waiting && young(last, 300_000)) || young(last, 10_000) || (begun && young(self.created, 900_000))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    pub network: Network,
    pub last4: String,
    /// When the vault sealed it.
    pub sealed: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `card_declined`, `processing_error` and so on.
    pub code: String,
    /// The issuer's own answer (DE 39).
    pub response: Option<String>,
}

/// What a durable step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Created,
    Changed,
    /// An attempt is durable; its message is about to leave.
    Sending,
    /// The outcome is not known: it is being taken back.
    Reversing,
    /// An advice without an answer goes out again.
    Repeating,
    /// The cardholder is asked to identify.
    Challenged,
    Held,
    Succeeded,
    Failed,
    Canceled,
}

impl Word {
    pub const fn as_str(self) -> &'static str {
        match self {
            Word::Created => "created",
            Word::Changed => "changed",
            Word::Sending => "sending",
            Word::Reversing => "reversing",
            Word::Repeating => "repeating",
            Word::Challenged => "challenged",
            Word::Held => "held",
            Word::Succeeded => "succeeded",
            Word::Failed => "failed",
            Word::Canceled => "canceled",
        }
    }
    /// A message leaves after it.
    pub const fn is_before_wire(self) -> bool {
        match self {
            Word::Created | Word::Sending | Word::Reversing | Word::Repeating => true,
            Word::Changed | Word::Challenged | Word::Held | Word::Succeeded | Word::Failed | Word::Canceled => false,
        }
    }
}

/// One durable step: one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Time,
    /// Public id of what was changed.
    pub of: String,
    pub refund: bool,
    pub version: u32,
    pub word: Word,
    /// What is under way: `sale`, `authorization`, `completion`, `void`, `refund`, `increment`.
    pub operation: Option<&'static str>,
    /// The request that it was made for (`req_…`).
    pub request: Option<String>,
    /// Public event types that the commit wrote, by name.
    pub events: Vec<&'static str>,
    pub stan: Option<u32>,
}

/// One message, as the process that sent or received it reported it; masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Microseconds since the Unix epoch.
    pub at_us: i64,
    /// `vault`, `acquirer`, `visa`, `issuer`.
    pub by: String,
    pub from: String,
    pub to: String,
    /// `0200 financial request: sale`.
    pub title: String,
    pub fields: Vec<Field>,
    /// In English, from a closed list in each process; may be empty.
    pub note: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub de: u8,
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub operation: &'static str,
    /// `sent`, `approved`, `declined`, `not_sent`, `reversing`, `reversed`, `repeating`, `unanswered`.
    pub state: &'static str,
    pub open: bool,
    pub money: Money,
    pub stan: u32,
    pub rrn: String,
    pub terminal: String,
    pub approval: Option<String>,
    /// DE 39 of a refusal.
    pub response: Option<String>,
}

/// One transfer between two books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub reason: Reason,
    pub debit: Book,
    pub credit: Book,
    pub money: Money,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub kind: &'static str,
    /// The event's number in its chain.
    pub sequence: u64,
    /// Whether merchants are told of it.
    pub public: bool,
    pub deliveries: Vec<Delivery>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// An earlier event of the same object comes first.
    Waiting,
    Retrying,
    Delivered,
    GivenUp,
}

impl Delivered {
    pub const fn as_str(self) -> &'static str {
        match self {
            Delivered::Waiting => "waiting",
            Delivered::Retrying => "retrying",
            Delivered::Delivered => "delivered",
            Delivered::GivenUp => "given-up",
        }
    }
    pub const fn is_open(self) -> bool {
        match self {
            Delivered::Waiting | Delivered::Retrying => true,
            Delivered::Delivered | Delivered::GivenUp => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The endpoint's id: its address may hold secrets.
    pub endpoint: String,
    pub state: Delivered,
    pub tries: u32,
    pub last: Option<Try>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    pub at: Time,
    pub took_ms: u32,
    /// HTTP status; none when there was no answer.
    pub status: Option<u16>,
    pub outcome: &'static str,
}

/// Money in or out of the merchant's balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// In the merchant's favour.
    pub gross: Money,
    pub fee: Money,
    pub net: Money,
    pub settled: Settled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Expected(Time),
    By { report: u64, line: u32, at: Time, cost: Money },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    pub subject: Subject,
    pub money: Money,
    pub status: &'static str,
}
