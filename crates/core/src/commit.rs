//! The one way to change anything: a Commit, applied whole or not at all.

use crate::id::{Key, Kind};
use crate::ledger::{LedgerAccount, Transfer};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// 0 = does not exist yet; the first row of a key has version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Version(pub u32);

impl Version {
    pub const NONE: Version = Version(0);
    pub const fn next(self) -> Version {
        Version(self.0.saturating_add(1))
    }
}

/// One durable step of one thing. Append-only: a new version never replaces an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: Key,
    pub version: Version,
    pub kind: Kind,
    pub account: Key,
    /// When the step was decided.
    pub at: Time,
    /// What the step says, in `codec` format. Sealed at rest under the account's key.
    pub body: Vec<u8>,
    /// Personal data, sealed at rest under the key of `subject`, so that erasing a person destroys that key alone.
    pub personal: Option<Personal>,
    /// Keys by which the row is found and listed, besides its own kind and key under its account, which version 1 always adds.
    pub index: Vec<IndexEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personal {
    /// A customer, or the payment itself for a guest.
    pub subject: Key,
    pub body: Vec<u8>,
}

/// Lists `kind` under an account or a parent, newest key first, and leads from `key` to the row that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The account, or the payment that a refund belongs to.
    pub under: Key,
    pub kind: Kind,
    pub key: Key,
}

/// What happened. Stored without a number; the sequencer numbers and chains events later. Numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum EventKind {
    PaymentCreated = 1,
    PaymentProcessing = 2,
    PaymentSucceeded = 3,
    PaymentFailed = 4,
    PaymentCanceled = 5,
    PaymentCapturable = 6,
    ChargeSucceeded = 7,
    ChargeFailed = 8,
    ChargeCaptured = 9,
    RefundCreated = 10,
    RefundSucceeded = 11,
    RefundFailed = 12,
    /// An attempt's outcome is unknown and it is being reversed.
    AttemptReversing = 13,
    AttemptReversed = 14,
    /// An answer came for an attempt that was already settled.
    AnswerLate = 15,
    TerminalLeased = 16,
    AccountCreated = 17,
    PaymentRequiresAction = 18,
    PaymentUpdated = 19,
    ChargeUpdated = 20,
    RefundUpdated = 21,
    CustomerCreated = 22,
    CustomerUpdated = 23,
    CustomerDeleted = 24,
    MethodCreated = 25,
    MethodAttached = 26,
    MethodUpdated = 27,
    MethodDetached = 28,
    MethodUsed = 29,
    SetupCreated = 30,
    SetupSucceeded = 31,
    SetupFailed = 32,
    SetupCanceled = 33,
    SetupUpdated = 34,
    EndpointChanged = 35,
    ApiKeyChanged = 36,
    ProductCreated = 37,
    ProductUpdated = 38,
    ProductDeleted = 39,
    PriceCreated = 40,
    PriceUpdated = 41,
    CardTokenChanged = 42,
    EndpointGivenUp = 43,
    /// Lines of a settlement report were applied.
    ReportApplied = 47,
    /// A merchant's pending money became available.
    BalanceAvailable = 48,
    /// A settlement report and our books differ.
    BreakOpened = 49,
    BreakResolved = 50,
    LookupChanged = 55,
    ConfirmationChanged = 56,
    /// A card was verified on its way to a customer, or was not.
    CardVerified = 51,
    CardRefused = 52,
    CodeTokenChanged = 53,
    IncrementFailed = 65,
    /// A hold was not captured in time.
    ChargeExpired = 58,
    SetupRequiresAction = 59,
    DomainChanged = 69,
    DomainNamed = 70,
    /// The acquirer has money of a message that a restored database lost.
    OrphanFound = 71,
    OrphanReversed = 72,
    /// A restored database was compared with the acquirer's journal: begun, or ended.
    RestoreChanged = 73,
    OrderKeyChanged = 74,
    /// An order code was given to a payment.
    OrderCodeUsed = 75,
    KeyRulesChanged = 76,
    AccountChanged = 77,
    /// A customer agreed to something, or took it back.
    ConsentRecorded = 78,
    /// The audit log has a new entry.
    AuditRecorded = 79,
    AuditAdvanced = 80,
    NoticeChanged = 81,
    /// People: none of these is told to merchants.
    UserChanged = 85,
    UserNamed = 86,
    SessionChanged = 87,
    SignInChanged = 88,
    InvitationChanged = 89,
    ApprovalChanged = 90,
    TriesCounted = 91,
    TicketSpent = 92,
    RosterChanged = 93,
}

impl EventKind {
    pub const ALL: &[EventKind] = &[
        EventKind::PaymentCreated,
        EventKind::PaymentProcessing,
        EventKind::PaymentSucceeded,
        EventKind::PaymentFailed,
        EventKind::PaymentCanceled,
        EventKind::PaymentCapturable,
        EventKind::ChargeSucceeded,
        EventKind::ChargeFailed,
        EventKind::ChargeCaptured,
        EventKind::RefundCreated,
        EventKind::RefundSucceeded,
        EventKind::RefundFailed,
        EventKind::AttemptReversing,
        EventKind::AttemptReversed,
        EventKind::AnswerLate,
        EventKind::TerminalLeased,
        EventKind::AccountCreated,
        EventKind::PaymentRequiresAction,
        EventKind::PaymentUpdated,
        EventKind::ChargeUpdated,
        EventKind::RefundUpdated,
        EventKind::CustomerCreated,
        EventKind::CustomerUpdated,
        EventKind::CustomerDeleted,
        EventKind::MethodCreated,
        EventKind::MethodAttached,
        EventKind::MethodUpdated,
        EventKind::MethodDetached,
        EventKind::MethodUsed,
        EventKind::SetupCreated,
        EventKind::SetupSucceeded,
        EventKind::SetupFailed,
        EventKind::SetupCanceled,
        EventKind::SetupUpdated,
        EventKind::EndpointChanged,
        EventKind::ApiKeyChanged,
        EventKind::ProductCreated,
        EventKind::ProductUpdated,
        EventKind::ProductDeleted,
        EventKind::PriceCreated,
        EventKind::PriceUpdated,
        EventKind::CardTokenChanged,
        EventKind::EndpointGivenUp,
        EventKind::ReportApplied,
        EventKind::BalanceAvailable,
        EventKind::BreakOpened,
        EventKind::BreakResolved,
        EventKind::LookupChanged,
        EventKind::ConfirmationChanged,
        EventKind::CardVerified,
        EventKind::CardRefused,
        EventKind::CodeTokenChanged,
        EventKind::IncrementFailed,
        EventKind::ChargeExpired,
        EventKind::SetupRequiresAction,
        EventKind::DomainChanged,
        EventKind::DomainNamed,
        EventKind::OrphanFound,
        EventKind::OrphanReversed,
        EventKind::RestoreChanged,
        EventKind::OrderKeyChanged,
        EventKind::OrderCodeUsed,
        EventKind::KeyRulesChanged,
        EventKind::AccountChanged,
        EventKind::ConsentRecorded,
        EventKind::AuditRecorded,
        EventKind::AuditAdvanced,
        EventKind::NoticeChanged,
        EventKind::UserChanged,
        EventKind::UserNamed,
        EventKind::SessionChanged,
        EventKind::SignInChanged,
        EventKind::InvitationChanged,
        EventKind::ApprovalChanged,
        EventKind::TriesCounted,
        EventKind::TicketSpent,
        EventKind::RosterChanged,
    ];
    pub const fn as_str(self) -> &'static str {
        match self {
            EventKind::PaymentCreated => "payment_intent.created",
            EventKind::IncrementFailed => "florin.payment_intent.increment_failed",
            EventKind::ChargeExpired => "charge.expired",
            EventKind::SetupRequiresAction => "setup_intent.requires_action",
            EventKind::PaymentProcessing => "payment_intent.processing",
            EventKind::PaymentSucceeded => "payment_intent.succeeded",
            EventKind::PaymentFailed => "payment_intent.payment_failed",
            EventKind::PaymentCanceled => "payment_intent.canceled",
            EventKind::PaymentCapturable => "payment_intent.amount_capturable_updated",
            EventKind::ChargeSucceeded => "charge.succeeded",
            EventKind::ChargeFailed => "charge.failed",
            EventKind::ChargeCaptured => "charge.captured",
            EventKind::RefundCreated => "refund.created",
            EventKind::RefundSucceeded => "charge.refunded",
            EventKind::RefundFailed => "refund.failed",
            EventKind::AttemptReversing => "florin.attempt.reversing",
            EventKind::AttemptReversed => "florin.attempt.reversed",
            EventKind::AnswerLate => "florin.answer.late",
            EventKind::TerminalLeased => "florin.terminal.leased",
            EventKind::AccountCreated => "account.created",
            EventKind::PaymentRequiresAction => "payment_intent.requires_action",
            EventKind::PaymentUpdated => "florin.payment_intent.updated",
            EventKind::ChargeUpdated => "charge.updated",
            EventKind::RefundUpdated => "refund.updated",
            EventKind::CustomerCreated => "customer.created",
            EventKind::CustomerUpdated => "customer.updated",
            EventKind::CustomerDeleted => "customer.deleted",
            EventKind::MethodCreated => "florin.payment_method.created",
            EventKind::MethodAttached => "payment_method.attached",
            EventKind::MethodUpdated => "payment_method.updated",
            EventKind::MethodDetached => "payment_method.detached",
            EventKind::MethodUsed => "florin.payment_method.used",
            EventKind::SetupCreated => "setup_intent.created",
            EventKind::SetupSucceeded => "setup_intent.succeeded",
            EventKind::SetupFailed => "setup_intent.setup_failed",
            EventKind::SetupCanceled => "setup_intent.canceled",
            EventKind::SetupUpdated => "florin.setup_intent.updated",
            EventKind::EndpointChanged => "florin.webhook_endpoint.changed",
            EventKind::ApiKeyChanged => "florin.api_key.changed",
            EventKind::ProductCreated => "product.created",
            EventKind::ProductUpdated => "product.updated",
            EventKind::ProductDeleted => "product.deleted",
            EventKind::PriceCreated => "price.created",
            EventKind::PriceUpdated => "price.updated",
            EventKind::CardTokenChanged => "florin.token.changed",
            EventKind::EndpointGivenUp => "florin.webhook_endpoint.given_up",
            EventKind::ReportApplied => "florin.settlement_report.applied",
            EventKind::BalanceAvailable => "balance.available",
            EventKind::BreakOpened => "florin.settlement_break.opened",
            EventKind::BreakResolved => "florin.settlement_break.resolved",
            EventKind::LookupChanged => "florin.lookup_key.changed",
            EventKind::ConfirmationChanged => "florin.confirmation_token.changed",
            EventKind::CardVerified => "florin.card.verified",
            EventKind::CardRefused => "florin.card.refused",
            EventKind::CodeTokenChanged => "florin.code_token.changed",
            EventKind::DomainChanged => "florin.payment_method_domain.changed",
            EventKind::DomainNamed => "florin.payment_method_domain.named",
            EventKind::OrphanFound => "florin.orphan.found",
            EventKind::OrphanReversed => "florin.orphan.reversed",
            EventKind::RestoreChanged => "florin.restore.changed",
            EventKind::OrderKeyChanged => "florin.order_key.changed",
            EventKind::OrderCodeUsed => "florin.order_code.used",
            EventKind::KeyRulesChanged => "florin.key_rules.changed",
            EventKind::AccountChanged => "florin.account.changed",
            EventKind::ConsentRecorded => "florin.consent.recorded",
            EventKind::AuditRecorded => "florin.audit.recorded",
            EventKind::AuditAdvanced => "florin.audit.advanced",
            EventKind::NoticeChanged => "florin.notice.changed",
            EventKind::UserChanged => "florin.user.changed",
            EventKind::UserNamed => "florin.user.named",
            EventKind::SessionChanged => "florin.session.changed",
            EventKind::SignInChanged => "florin.sign_in.changed",
            EventKind::InvitationChanged => "florin.invitation.changed",
            EventKind::ApprovalChanged => "florin.approval.changed",
            EventKind::TriesCounted => "florin.tries.counted",
            EventKind::TicketSpent => "florin.ticket.spent",
            EventKind::RosterChanged => "florin.roster.changed",
        }
    }
    /// Whether merchants are told of it. Steps that concern nobody outside are no events to the API.
    #[allow(clippy::wildcard_enum_match_arm)]
    pub fn is_public(self) -> bool {
        match self {
            EventKind::PaymentProcessing | EventKind::AccountCreated => false,
            // Money that was taken and is given back: a merchant whose database came back from a backup has to hear of it.
            EventKind::OrphanFound | EventKind::OrphanReversed => true,
            _ => !self.as_str().starts_with("florin."),
        }
    }
    pub fn from_u8(n: u8) -> Option<EventKind> {
        EventKind::ALL.iter().copied().find(|e| *e as u8 == n)
    }
}

/// An event names the step that it tells of, so a snapshot and its `previous_attributes` stay what they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub id: Key,
    pub kind: EventKind,
    pub account: Key,
    pub cause: Key,
    pub version: Version,
}

/// Accounts are spread over this many shards, each with its own sequence and chain.
pub const SHARDS: u8 = 16;

/// The shard of an account's events.
pub const fn shard(account: Key) -> u8 {
    // Not the low bits alone: they hold a counter that often is 0.
    (((account.0 >> 20) ^ (account.0 >> 5) ^ account.0) & 0xf) as u8
}

/// What is to be done later. Numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum JobKind {
    /// Settle an attempt whose outcome is not known.
    Resolve = 1,
    /// Tell a webhook endpoint of an event again.
    Deliver = 2,
    /// Destroy the keys of a deleted customer's personal data.
    Erase = 6,
    /// Give up a hold that nobody captured in time.
    Expire = 9,
    /// Ask what came of an authentication whose cardholder did not come back.
    Chase = 10,
    /// Send a message to a person.
    Notify = 11,
}

impl JobKind {
    pub const ALL: &[JobKind] =
        &[JobKind::Resolve, JobKind::Deliver, JobKind::Erase, JobKind::Expire, JobKind::Chase, JobKind::Notify];
    /// No job of this kind is put further ahead than this, in milliseconds. One that lies further ahead was put while the clock was
    /// wrong, and is due.
    pub const fn longest_wait_ms(self) -> i64 {
        match self {
            JobKind::Resolve => 600_000,
            // Longer pauses are looked at in between.
            JobKind::Deliver => 600_000,
            JobKind::Erase => 600_000,
            // A hold of a week, and a day for clocks.
            JobKind::Expire => 691_200_000,
            JobKind::Chase => 600_000,
            JobKind::Notify => 600_000,
        }
    }
    pub fn from_u8(n: u8) -> Option<JobKind> {
        JobKind::ALL.iter().copied().find(|k| *k as u8 == n)
    }
}

/// Which clock a job's due time is read on. Wire, signatures, idempotency and reversals are always `Real`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Clock {
    Real,
    /// A test clock's key.
    Test(Key),
}

pub type JobId = Key;

/// Putting a job with an id that exists moves it to the new due time and keeps its count of tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub account: Key,
    /// The row that the job is about.
    pub subject: Key,
    /// The attempt within it.
    pub attempt: Key,
    pub due: Time,
    pub clock: Clock,
    /// How often the job was leased. Kept by the store.
    pub tries: u32,
}

/// An idempotency key's place. `slot` is 64 bits of a keyed hash, the whole of which is `digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimId {
    pub slot: i64,
    pub digest: [u8; 32],
}

/// What a commit does to an idempotency key. Claims live in two alternating day tables and are gone after 24 to 48 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Take the key for a request that is now under way. Refused if it is taken.
    Begin { id: ClaimId, request: [u8; 32], subject: Key, at: Time },
    /// Replace what `Begin` left by the answer. Without effect when an answer is there already.
    Finish { id: ClaimId, answer: Vec<u8> },
    /// Take the key and answer at once. Refused if it is taken.
    Answer { id: ClaimId, request: [u8; 32], subject: Key, at: Time, answer: Vec<u8> },
    /// Replace the answer that is there. Without effect when there is none.
    Amend { id: ClaimId, answer: Vec<u8> },
}

impl Claim {
    pub const fn id(&self) -> &ClaimId {
        match self {
            Claim::Begin { id, .. } | Claim::Finish { id, .. } | Claim::Answer { id, .. } | Claim::Amend { id, .. } => {
                id
            }
        }
    }
}

/// What an idempotency key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub digest: [u8; 32],
    /// Digest of the request that took the key: another request under the same key is refused.
    pub request: [u8; 32],
    pub subject: Key,
    pub at: Time,
    /// None while the request is under way.
    pub answer: Option<Vec<u8>>,
}

/// An event with its number and its place in the chain of its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// From 1, without gaps in a shard.
    pub sequence: u64,
    /// Position of the event in the store's order of commits.
    pub position: i64,
    /// SHA-256 over the link before, the number, the event and the commitments of what it tells of.
    pub hash: [u8; 32],
}

/// New links of one shard. Refused unless the shard's newest link is `after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    pub shard: u8,
    pub after: u64,
    pub links: Vec<Link>,
}

/// A row that changes in the commit of something else, with the event that tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The version that it must have now.
    pub from: Version,
    pub row: Row,
    pub event: EventKind,
}

/// The request that a commit was made for: events show it. Kept, sealed, with each row of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `req_…`, at most 255 bytes.
    pub request: String,
    /// The merchant's idempotency key, at most 255 characters.
    pub idempotency_key: Option<String>,
}

/// One atomic change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The current version of each of these keys must be this.
    pub expect: Vec<(Key, Version)>,
    pub put: Vec<Row>,
    pub transfers: Vec<Transfer>,
    pub events: Vec<Event>,
    pub jobs: Vec<Job>,
    pub done: Vec<JobId>,
    pub claim: Option<Claim>,
    pub links: Option<Links>,
    /// None when nobody asked for it: a worker's commit.
    pub origin: Option<Origin>,
}

/// Why a commit was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The row moved on: its version now.
    Conflict { key: Key, now: Version },
    /// A transfer would break the guard of this account.
    Guard(LedgerAccount),
    /// The idempotency key is taken.
    Claimed(Box<Claimed>),
    /// The shard's chain has moved on.
    ChainMoved { shard: u8, newest: u64 },
}

/// A commit that no flow may build; a bug, not a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A row's version does not follow the expected one, or the row is put without expecting anything.
    VersionSkips(Key),
    /// Two rows or two expectations for one key.
    Twice(Key),
    /// A transfer of nothing or less, or from an account to itself.
    BadTransfer,
    /// Money moves without an event of the row that is put.
    SilentMoney,
    /// An event of a step that is not in this commit.
    EventOfNothing,
    /// Sequence numbers with gaps.
    BadLinks,
}

impl Commit {
    /// Adds rows that change with it. `fresh` makes ids of events.
    pub fn with(&mut self, beside: impl IntoIterator<Item = Beside>, fresh: &dyn Fn() -> Key) {
        for Beside { from, row, event } in beside {
            let (account, cause, version) = (row.account, row.key, row.version);
            self.events.push(Event { id: fresh(), kind: event, account, cause, version });
            self.expect.push((cause, from));
            self.put.push(row);
        }
    }

    /// What every store asserts before it applies a commit.
    pub fn check(&self) -> Result<(), Malformed> {
        for (at, (key, _)) in self.expect.iter().enumerate() {
            if self.expect.iter().skip(at + 1).any(|(other, _)| other == key) {
                return Err(Malformed::Twice(*key));
            }
        }
        for (at, row) in self.put.iter().enumerate() {
            if self.put.iter().skip(at + 1).any(|other| other.key == row.key) {
                return Err(Malformed::Twice(row.key));
            }
            let expected = self.expect.iter().find(|(key, _)| *key == row.key).map(|(_, v)| v.next());
            if expected != Some(row.version) {
                return Err(Malformed::VersionSkips(row.key));
            }
        }
        for t in &self.transfers {
            if t.money.minor <= 0 || t.debit == t.credit {
                return Err(Malformed::BadTransfer);
            }
        }
        for e in &self.events {
            if !self.put.iter().any(|row| row.key == e.cause && row.version == e.version && row.account == e.account) {
                return Err(Malformed::EventOfNothing);
            }
        }
        if !self.transfers.is_empty() && self.events.is_empty() {
            return Err(Malformed::SilentMoney);
        }
        if let Some(links) = &self.links
            && (links.links.is_empty() || !follows(links))
        {
            return Err(Malformed::BadLinks);
        }
        Ok(())
    }

    /// The step whose transfers these are: the row of the first event. Transfers are kept under it.
    pub fn cause(&self) -> Option<(Key, Version)> {
        self.events.first().map(|e| (e.cause, e.version))
    }
}

fn follows(links: &Links) -> bool {
    links.links.iter().zip((links.after + 1)..).all(|(link, number)| link.sequence == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Book;
    use crate::money::{Currency, Money};

    const ACCOUNT: Key = Key(77);
    const KEY: Key = Key(1000);

    fn row(key: Key, version: u32) -> Row {
        let (version, at) = (Version(version), Time(0));
        Row { key, version, kind: Kind::Payment, account: ACCOUNT, at, body: vec![1], personal: None, index: vec![] }
    }

    fn event(cause: Key, version: u32, account: Key) -> Event {
        Event { id: Key(9), kind: EventKind::PaymentCreated, account, cause, version: Version(version) }
    }

    fn transfer(debit: (Key, Book), credit: (Key, Book), minor: i64) -> Transfer {
        let reason = crate::ledger::Reason::Capture;
        Transfer { debit, credit, money: Money::new(minor, Currency::EUR), reason }
    }

    fn links(after: u64, sequences: &[u64]) -> Option<Links> {
        let link = |sequence: &u64| Link { sequence: *sequence, position: 1, hash: [0; 32] };
        Some(Links { shard: 3, after, links: sequences.iter().map(link).collect() })
    }

    /// Version 3 of a row after version 2, with its event and a transfer.
    fn good() -> Commit {
        Commit {
            expect: vec![(KEY, Version(2))],
            put: vec![row(KEY, 3)],
            transfers: vec![transfer((ACCOUNT, Book::Receivable), (ACCOUNT, Book::Merchant), 1)],
            events: vec![event(KEY, 3, ACCOUNT)],
            ..Commit::default()
        }
    }

    #[test]
    fn what_no_flow_may_build() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut Commit), expected: Result<(), Malformed>) {
            let mut commit = good();
            change(&mut commit);
            assert_eq!(commit.check(), expected);
        }
        let receivable = (ACCOUNT, Book::Receivable);
        let merchant = (ACCOUNT, Book::Merchant);

        check(|_| {}, Ok(()));
        check(|c| *c = Commit::default(), Ok(()));
        check(|c| c.expect.push((Key(2), Version(8))), Ok(()));
        check(|c| c.transfers.clear(), Ok(()));

        check(|c| c.expect.clear(), Err(Malformed::VersionSkips(KEY)));
        check(|c| c.expect[0].1 = Version(3), Err(Malformed::VersionSkips(KEY)));
        check(|c| c.expect[0].1 = Version(1), Err(Malformed::VersionSkips(KEY)));
        check(|c| c.expect[0].0 = Key(2), Err(Malformed::VersionSkips(KEY)));

        check(|c| c.expect.push((KEY, Version(2))), Err(Malformed::Twice(KEY)));
        check(|c| c.put.push(row(KEY, 3)), Err(Malformed::Twice(KEY)));

        check(|c| c.transfers[0] = transfer(receivable, merchant, 0), Err(Malformed::BadTransfer));
        check(|c| c.transfers[0] = transfer(receivable, merchant, -1), Err(Malformed::BadTransfer));
        check(|c| c.transfers[0] = transfer(receivable, receivable, 1), Err(Malformed::BadTransfer));
        check(|c| c.transfers[0] = transfer(receivable, (KEY, Book::Receivable), 1), Ok(()));

        check(|c| c.events.clear(), Err(Malformed::SilentMoney));

        check(|c| c.events[0].cause = Key(2), Err(Malformed::EventOfNothing));
        check(|c| c.events[0].version = Version(2), Err(Malformed::EventOfNothing));
        check(|c| c.events[0].account = Key(2), Err(Malformed::EventOfNothing));
        check(|c| c.put.clear(), Err(Malformed::EventOfNothing));

        check(|c| c.links = links(0, &[1, 2, 3]), Ok(()));
        check(|c| c.links = links(4, &[5]), Ok(()));
        check(|c| c.links = links(4, &[]), Err(Malformed::BadLinks));
        check(|c| c.links = links(4, &[4]), Err(Malformed::BadLinks));
        check(|c| c.links = links(4, &[6]), Err(Malformed::BadLinks));
        check(|c| c.links = links(4, &[5, 7]), Err(Malformed::BadLinks));
        check(|c| c.links = links(4, &[6, 5]), Err(Malformed::BadLinks));
    }

    #[test]
    fn stored_numbers_lead_back() {
        for kind in EventKind::ALL.iter().copied() {
            assert_eq!(EventKind::from_u8(kind as u8), Some(kind));
        }
        for kind in JobKind::ALL.iter().copied() {
            assert_eq!(JobKind::from_u8(kind as u8), Some(kind));
        }
        let names: std::collections::BTreeSet<&str> = EventKind::ALL.iter().map(|e| e.as_str()).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        assert_eq!((EventKind::from_u8(0), JobKind::from_u8(0)), (None, None));
    }
}
