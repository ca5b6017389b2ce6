//! The way out: a token becomes a card, the card a message, the message a verdict. Opens a card only to encode it.
//! Knows no socket of the gateway, and leaves every decision about the link to `Link`.

use crate::cards::Cards;
use crate::clock::{Clock, unix_us};
use crate::core::wire::{Act, Initiator, Late, NotSent, Order, Verdict};
use crate::db::{DbTrouble, Write};
use crate::journey::Journey;
use crate::link::{Frame, Link, LinkCounts, LinkState, Moment, Ticket};
use crate::threeds::Values;
use florin_connect::card::Card;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Takes the verdict of one order. Called exactly once; must not wait.
pub type Answer = Box<dyn FnOnce(Verdict) + Send>;

/// Told of each late answer once it is durable. Must not wait.
pub type LateHandler = Arc<dyn Fn(i64, Late) + Send + Sync>;

/// How the link stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkHealth {
    pub state: LinkState,
    pub in_flight: usize,
    pub counts: LinkCounts,
    /// Why the link is not up, or was not the last time. For people.
    pub trouble: Option<String>,
}

struct Shared {
    link: Link,
    waiters: BTreeMap<Ticket, Answer>,
    trouble: Option<String>,
}

pub struct Egress {
    shared: Mutex<Shared>,
    cards: Arc<Cards>,
    values: Arc<Values>,
    journey: Arc<Journey>,
    late: LateHandler,
    clock: Clock,
    /// There is something to write.
    pub(crate) wake: Notify,
    closing: AtomicBool,
    /// Told when the last order has its verdict after `close`.
    settled: Notify,
}

impl Egress {
    pub fn new(
        link: Link,
        cards: Arc<Cards>,
        values: Arc<Values>,
        journey: Arc<Journey>,
        clock: Clock,
        late: LateHandler,
    ) -> Egress {
        let shared = Mutex::new(Shared { link, waiters: BTreeMap::new(), trouble: None });
        Egress {
            shared,
            cards,
            values,
            journey,
            late,
            clock,
            wake: Notify::new(),
            closing: AtomicBool::new(false),
            settled: Notify::new(),
        }
    }

    /// Sends an order. The card is open from here to the end of the function, its security code likewise.
    pub fn authorize(&self, order: &Order, answer: Answer) {
        let now = self.clock.now();
        if let Err(verdict) = self.submit(now, order, answer) {
            let (answer, verdict) = *verdict;
            answer(verdict);
            return;
        }
        self.wake.notify_one();
    }

    fn submit(&self, now: Moment, order: &Order, answer: Answer) -> Result<(), Box<(Answer, Verdict)>> {
        let mut shared = self.lock();
        let refused = |why: NotSent| Verdict::NotSent(why);
        // Nothing that can be taken only once is taken before the link is known to be ready.
        let closing = self.closing.load(Ordering::Relaxed) || order.live != self.cards.live();
        let ready = if closing { Err(NotSent::LinkDown) } else { shared.link.ready(now, order) };
        if let Err(why) = ready {
            return Err(Box::new((answer, refused(why))));
        }
        let card = match self.open_card(now, order) {
            Ok(card) => card,
            Err(why) => return Err(Box::new((answer, refused(why)))),
        };
        crate::wipe::touched();
        match shared.link.submit(now, order, card.as_ref()) {
            Ok(ticket) => {
                shared.waiters.insert(ticket, answer);
                Ok(())
            }
            Err(verdict) => Err(Box::new((answer, verdict))),
        }
    }

    /// The card of an order; none for what was lost with its card, which the connector sends only as a reversal.
    fn open_card(&self, now: Moment, order: &Order) -> Result<Option<Card>, NotSent> {
        if order.card.is_lost() {
            return Ok(None);
        }
        let found = self.cards.find(now.wall, order.account, order.live, order.card);
        let mut card = match found {
            Ok(Some(card)) => card,
            Ok(None) | Err(DbTrouble::Busy | DbTrouble::Stopped | DbTrouble::Unreadable) => {
                return Err(NotSent::NoSuchCard);
            }
        };
        if wants_security_code(order) {
            // One that was given anew counts, also when it is lost: the card's own was for another payment.
            card.cvc = self.cards.take_cvc(now.steady, order.code.unwrap_or(order.card));
        }
        if let Some(proof) = order.proof {
            card.cavv = self.values.take(now.steady, proof.authentication, order.card, order.money);
        }
        Ok(Some(card))
    }

    pub fn health(&self) -> LinkHealth {
        let shared = self.lock();
        LinkHealth {
            state: shared.link.state(),
            in_flight: shared.link.in_flight(),
            counts: shared.link.counts(),
            trouble: shared.trouble.clone(),
        }
    }

    /// Takes no more orders.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.wake.notify_one();
        self.settled.notify_waiters();
    }

    /// Closed, and every order has its verdict.
    pub(crate) fn is_drained(&self) -> bool {
        self.closing.load(Ordering::Relaxed) && self.lock().link.in_flight() == 0
    }

    /// Completes once it is closed and every order has its verdict.
    pub(crate) async fn drained(&self) {
        loop {
            let settled = self.settled.notified();
            if self.is_drained() {
                return;
            }
            settled.await;
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn set_trouble(&self, trouble: String) {
        self.lock().trouble = Some(trouble);
    }

    /// Lets something happen to the link, then carries out what came of it.
    pub(crate) fn with_link<T>(&self, happens: impl FnOnce(&mut Link, Moment) -> T) -> T {
        let now = self.clock.now();
        let mut shared = self.lock();
        let result = happens(&mut shared.link, now);
        let verdicts = shared.link.take_verdicts();
        let answers: Vec<(Option<Answer>, Verdict)> =
            verdicts.into_iter().map(|(ticket, verdict)| (shared.waiters.remove(&ticket), verdict)).collect();
        if shared.link.state() == LinkState::Up {
            shared.trouble = None;
        }
        let late = shared.link.take_late();
        let hops = shared.link.take_hops(unix_us());
        drop(shared);
        for (answer, verdict) in answers {
            if let Some(answer) = answer {
                answer(verdict);
            }
        }
        for late in late {
            self.keep(now, late);
        }
        self.journey.put(hops);
        if self.closing.load(Ordering::Relaxed) {
            self.settled.notify_waiters();
        }
        result
    }

    /// Frames to write now.
    pub(crate) fn take_frames(&self, room_bytes: usize) -> Vec<Frame> {
        self.with_link(|link, now| link.take_frames(now, room_bytes))
    }

    /// A late answer is durable before anybody hears of it, and stays until the gateway has it.
    pub(crate) fn keep(&self, now: Moment, late: Late) {
        let Ok(bytes) = postcard::to_allocvec(&late) else { return };
        let id = late_id(&bytes);
        let tell = Arc::clone(&self.late);
        // Told even when it could not be kept: then the gateway is the one who keeps it.
        let written = move |_: Result<(), DbTrouble>| tell(id, late);
        self.cards.db().write(Write::Late { id, late: bytes, at: now.wall }, Box::new(written));
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same answer twice is one late answer: its number comes from what it says.
fn late_id(bytes: &[u8]) -> i64 {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut head = [0u8; 8];
    head.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    i64::from_be_bytes(head)
}

/// Only when the cardholder is present, and only to ask for money: never in a reversal, a completion or a refund.
fn wants_security_code(order: &Order) -> bool {
    match order.act {
        Act::Sale { initiator, .. } | Act::Authorization { initiator, .. } | Act::Verification { initiator } => {
            match initiator {
                Initiator::Customer | Initiator::CustomerStoring | Initiator::CustomerStored => true,
                Initiator::Merchant => false,
            }
        }
        Act::Increment { .. } | Act::Completion { .. } | Act::Refund { .. } | Act::Reversal { .. } => false,
    }
}
