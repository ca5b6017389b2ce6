//! The defence against card testing: whoever tries stolen numbers to see which of them live. It counts what comes of tries, and before the
//! issuer is asked it allows, asks for authentication, or refuses. Counters are in memory: a restart forgets them, the tries of one payment
//! (at most `MOST_ATTEMPTS`) and the log stay. Knows no endpoint and no card but by its fingerprint.

mod alarm;
mod decide;
#[cfg(test)]
mod measured;
pub mod person;
mod window;

pub use decide::Thresholds;

use crate::error::ApiError;
use crate::limits::{self, Limited, network};
use alarm::Alarm;
use decide::{Decision, Facts, Seen, decide};
use florin_core::abuse_log::{AbuseLog, Entry, Measure, Reason};
use florin_core::decline::DeclineCode;
use florin_core::id::Key;
use florin_core::payment::CardFacts;
use florin_core::ports::Ports;
use florin_core::rare::{Site, rare};
use florin_core::seal::Secret;
use florin_core::time::Time;
use florin_core::wire::{Act, Initiator, NotSent, Order, Verdict};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use window::{Tally, Window};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Addresses, cards and intents that are remembered, each, in either half of their window: 90 bytes each.
const MOST_KEYS: usize = 50_000;
const MOST_ACCOUNTS: usize = 1_000;
/// An address that was refused so often within an hour is told to wait before anything is begun.
const SHUT_AFTER: u32 = 20;
const SHUT_RETRY_SECONDS: u32 = 600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    pub on: bool,
    pub thresholds: Thresholds,
}

impl GuardSettings {
    pub const OFF: GuardSettings = GuardSettings { on: false, thresholds: Thresholds::USUAL };
    pub const ON: GuardSettings = GuardSettings { on: true, thresholds: Thresholds::USUAL };
}

type Fingerprint = [u8; 16];

/// The counters of one process.
pub struct Guard {
    settings: GuardSettings,
    /// Hashes what the log must not hold in clear.
    secret: Secret,
    addresses: Window<(Key, IpAddr)>,
    cards: Window<(Key, Fingerprint)>,
    intents: Window<Key>,
    minutes: Window<Key>,
    hours: Window<Key>,
    alarms: Mutex<HashMap<Key, Alarm>>,
}

/// One try of a card, before the issuer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    pub account: Key,
    pub live: bool,
    pub intent: Option<Key>,
    /// The intent is a setup.
    pub setup: bool,
    pub card: Option<Fingerprint>,
    /// The buyer's, if a browser asks.
    pub address: Option<IpAddr>,
    pub small: bool,
    pub merchant: bool,
    pub proven: bool,
    /// Shown to be no program.
    pub person: bool,
}

/// What came of it, as far as counting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Approved,
    Declined,
    /// Says nothing of the card: not sent, unknown, a technical refusal, a demand for authentication.
    Neither,
}

impl Came {
    fn of(verdict: &Verdict) -> Came {
        use DeclineCode::{
            AuthenticationRequired, DuplicateTransaction, IssuerNotAvailable, ProcessingError, ReenterTransaction,
            TryAgainLater,
        };
        let technical = [
            AuthenticationRequired,
            DuplicateTransaction,
            IssuerNotAvailable,
            ProcessingError,
            ReenterTransaction,
            TryAgainLater,
        ];
        match verdict {
            Verdict::Approved(_) => Came::Approved,
            Verdict::Declined(decline) if !technical.contains(&decline.code) => Came::Declined,
            Verdict::Declined(_) | Verdict::Pending | Verdict::Unknown(_) | Verdict::NotSent(_) => Came::Neither,
        }
    }
}

/// What cards are tested with costs little.
const fn weight(a_try: &Try) -> u32 {
    if a_try.small { 2 } else { 1 }
}

fn seen(tally: &Tally) -> Seen {
    Seen { declines: tally.declines, approvals: tally.approvals, cards: tally.cards }
}

fn short(card: &Fingerprint) -> u32 {
    // Never 0, which stands for no card.
    card.as_chunks::<4>().0.iter().fold(0, |sum, b| sum ^ u32::from_be_bytes(*b)).max(1)
}

impl Guard {
    pub fn new(settings: GuardSettings, secret: Secret) -> Guard {
        Guard {
            settings,
            secret,
            addresses: Window::new(HOUR_MS / 2, MOST_KEYS),
            cards: Window::new(12 * HOUR_MS, MOST_KEYS),
            intents: Window::new(12 * HOUR_MS, MOST_KEYS),
            minutes: Window::new(MINUTE_MS / 2, MOST_ACCOUNTS),
            hours: Window::new(HOUR_MS / 2, MOST_ACCOUNTS),
            alarms: Mutex::default(),
        }
    }

    pub fn is_on(&self) -> bool {
        self.settings.on
    }

    fn facts(&self, a_try: &Try, now: Time) -> Facts {
        let address = a_try.address.map(|ip| self.addresses.sum(&(a_try.account, ip), now)).unwrap_or_default();
        let card = a_try.card.map(|card| self.cards.sum(&(a_try.account, card), now)).unwrap_or_default();
        let intent = a_try.intent.map(|key| self.intents.sum(&key, now)).unwrap_or_default();
        let alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        Facts {
            browser: a_try.address.is_some(),
            merchant: a_try.merchant,
            proven: a_try.proven,
            person: a_try.person,
            address: seen(&address),
            card: seen(&card),
            intent: seen(&intent),
            alarm: alarms.get(&a_try.account).is_some_and(|alarm| alarm.rings(now)),
        }
    }

    /// What would become of this try; counts nothing.
    pub(crate) fn look(&self, a_try: &Try, now: Time) -> (Decision, Facts) {
        let facts = self.facts(a_try, now);
        (decide(&facts, &self.settings.thresholds), facts)
    }

    /// Counts the try as one that will be declined, so that a thousand at once are not all let through before the first answer.
    pub(crate) fn before(&self, a_try: &Try, now: Time) -> (Decision, Facts) {
        self.each(a_try, now, |tally| {
            tally.tries = tally.tries.saturating_add(1);
            a_try.card.iter().for_each(|card| tally.card(short(card)));
        });
        let (decision, facts) = self.look(a_try, now);
        match decision {
            Decision::Refuse(_) => self.refused(a_try, now),
            Decision::Allow | Decision::Challenge { .. } => self.declined(a_try, now, 1),
        }
        (decision, facts)
    }

    pub(crate) fn refused(&self, a_try: &Try, now: Time) {
        if let Some(ip) = a_try.address {
            self.addresses.change((a_try.account, ip), now, |t| t.refused = t.refused.saturating_add(1));
        }
    }

    /// True when an alarm begins for the account.
    pub(crate) fn after(&self, a_try: &Try, came: Came, now: Time) -> bool {
        match came {
            Came::Declined => {}
            Came::Approved => {
                self.declined(a_try, now, -1);
                self.each(a_try, now, |tally| tally.approvals = tally.approvals.saturating_add(1));
            }
            Came::Neither => self.declined(a_try, now, -1),
        }
        let Some(ip) = a_try.address.filter(|_| !a_try.proven && came != Came::Neither) else { return false };
        // One buyer who tries again and again is no crowd: an address counts once. Its own threshold is for what follows.
        let before = self.addresses.sum(&(a_try.account, ip), now).declines.saturating_sub(weight(a_try));
        let stranger = came == Came::Declined && before == 0;
        let count = |tally: &mut Tally| {
            tally.tries = tally.tries.saturating_add(1);
            tally.declines = tally.declines.saturating_add(if stranger { weight(a_try) } else { 0 });
        };
        self.minutes.change(a_try.account, now, count);
        self.hours.change(a_try.account, now, count);
        if !stranger {
            return false;
        }
        let (minute, hour) = (self.minutes.sum(&a_try.account, now), self.hours.sum(&a_try.account, now));
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        if alarms.len() >= MOST_ACCOUNTS && !alarms.contains_key(&a_try.account) {
            alarms.retain(|_, alarm| alarm.rings(now));
        }
        let alarm = alarms.entry(a_try.account).or_default();
        alarm.heard(&minute, &hour, self.settings.thresholds.alarm_declines, now)
    }

    fn each(&self, a_try: &Try, now: Time, change: impl Fn(&mut Tally)) {
        if let Some(ip) = a_try.address {
            self.addresses.change((a_try.account, ip), now, &change);
        }
        if let Some(card) = a_try.card {
            self.cards.change((a_try.account, card), now, &change);
        }
        if let Some(intent) = a_try.intent {
            self.intents.change(intent, now, &change);
        }
    }

    fn declined(&self, a_try: &Try, now: Time, by: i32) {
        let add = |tally: &mut Tally, n: i32| tally.declines = tally.declines.saturating_add_signed(n);
        self.each(&Try { address: None, ..*a_try }, now, |tally| add(tally, by));
        if let Some(ip) = a_try.address {
            let weight = if a_try.small { 2 * by } else { by };
            self.addresses.change((a_try.account, ip), now, |tally| add(tally, weight));
        }
    }

    /// Whoever was refused so often hears nothing more for a while, before a card is kept or an attempt is written down.
    pub fn admits(&self, account: Key, client: IpAddr, now: Time) -> Result<(), ApiError> {
        if !self.settings.on || self.addresses.sum(&(account, network(client)), now).refused < SHUT_AFTER {
            return Ok(());
        }
        Err(limits::refused(SHUT_RETRY_SECONDS, Limited::Resource))
    }

    fn hash(&self, what: &[u8], bytes: &[u8]) -> [u8; 8] {
        self.secret.mac(&[what, bytes]).first_chunk::<8>().copied().unwrap_or_default()
    }

    fn entry(&self, a_try: &Try, told: (Measure, Reason), facts: &Facts, request: &str, now: Time) -> Entry {
        let address = a_try.address.map(|ip| match ip {
            IpAddr::V4(v4) => self.hash(b"address", &v4.octets()),
            IpAddr::V6(v6) => self.hash(b"address", &v6.octets()),
        });
        Entry {
            at: now,
            account: a_try.account,
            live: a_try.live,
            measure: told.0,
            reason: told.1,
            request: request.to_owned(),
            intent: a_try.intent,
            setup: a_try.setup,
            address,
            card: a_try.card.map(|card| self.hash(b"card", &card)),
            declines: [facts.address.declines, facts.card.declines, facts.intent.declines],
        }
    }
}

/// The defence as one request meets it.
pub struct Watch<'a> {
    pub guard: &'a Guard,
    pub log: Option<&'a dyn AbuseLog>,
    pub request: &'a str,
    /// The buyer's, if a browser asks.
    pub browser: Option<IpAddr>,
    /// Cardholders can be asked to authenticate themselves.
    pub asks: bool,
    /// The browser has shown to be a person's.
    pub person: bool,
    /// Set when the try was refused for its address.
    pub wants_person: AtomicBool,
}

impl Watch<'_> {
    fn note(&self, a_try: &Try, told: (Measure, Reason), facts: &Facts, now: Time) {
        if let Some(log) = self.log {
            log.note(self.guard.entry(a_try, told, facts, self.request, now));
        }
    }

    /// Whether the cardholder is to be authenticated before this card is tried.
    pub fn challenges(&self, account: Key, live: bool, card: &CardFacts, now: Time) -> bool {
        if !self.guard.is_on() || self.browser.is_none() {
            return false;
        }
        let (card, address) = (Some(card.fingerprint), self.browser.map(network));
        let a_try = Try {
            account,
            live,
            intent: None,
            setup: false,
            card,
            address,
            small: false,
            merchant: false,
            proven: false,
            person: self.person,
        };
        let (decision, facts) = self.guard.look(&a_try, now);
        let Decision::Challenge { reason, .. } = decision else { return false };
        self.note(&a_try, (Measure::Challenged, reason), &facts, now);
        true
    }

    fn tried(&self, order: &Order) -> Option<Try> {
        let initiator = match order.act {
            Act::Sale { initiator, .. } | Act::Authorization { initiator, .. } | Act::Verification { initiator } => {
                initiator
            }
            Act::Increment { .. } | Act::Completion { .. } | Act::Refund { .. } | Act::Reversal { .. } => return None,
        };
        Some(Try {
            account: order.account,
            live: order.live,
            intent: Some(order.owner),
            setup: matches!(order.act, Act::Verification { .. }),
            card: order.fingerprint,
            address: self.browser.map(network),
            small: order.money.minor < self.guard.settings.thresholds.small_minor,
            merchant: initiator == Initiator::Merchant,
            proven: order.proof.is_some(),
            person: self.person,
        })
    }

    /// The order's verdict: `NotSent(Blocked)` where the issuer is not asked.
    pub async fn submit(&self, ports: &dyn Ports, order: Order) -> Verdict {
        const BLOCKED: Verdict = Verdict::NotSent(NotSent::Blocked);
        let Some(a_try) = self.tried(&order) else { return ports.submit(order).await };
        if rare(Site::TryBlocked) {
            return BLOCKED;
        }
        if !self.guard.is_on() {
            return ports.submit(order).await;
        }
        let now = ports.now();
        let (decision, facts) = self.guard.before(&a_try, now);
        let refused = match decision {
            Decision::Refuse(reason) => Some(reason),
            Decision::Challenge { reason, strict } if strict && self.asks => {
                self.guard.after(&a_try, Came::Neither, now);
                self.guard.refused(&a_try, now);
                Some(reason)
            }
            Decision::Allow | Decision::Challenge { .. } => None,
        };
        if let Some(reason) = refused {
            let of_address = matches!(decision, Decision::Refuse(Reason::AddressDeclines | Reason::AddressCards));
            self.wants_person.store(of_address, Ordering::Relaxed);
            self.note(&a_try, (Measure::Refused, reason), &facts, now);
            if self.guard.admits(a_try.account, a_try.address.unwrap_or(IpAddr::from([0; 4])), now).is_err() {
                self.note(&a_try, (Measure::Shut, reason), &facts, now);
            }
            return BLOCKED;
        }
        let verdict = ports.submit(order).await;
        let now = ports.now();
        if self.guard.after(&a_try, Came::of(&verdict), now) {
            self.note(&a_try, (Measure::Alarmed, Reason::AccountDeclines), &facts, now);
        }
        verdict
    }
}
