//! Refund a payment: the guard on what is refundable is checked in the commit that begins it, so no race gives back too much.

use super::{Refund, RefundPersonal, RefundStage, RefundView};
use crate::attempt::{Attempt, Begun, Move, answer, conclude, take};
use crate::codec::Body;
use crate::commit::{Commit, Event, EventKind, IndexEntry, Personal, Row, Version};
use crate::flow::{self, Claiming, Done, Failure, Met, View};
use crate::id::{Key, Kind};
use crate::ledger::{self, Book, LedgerAccount};
use crate::money::{Currency, Money};
use crate::mutants::{Mutant, planted};
use crate::payment::{Payment, Stage};
use crate::ports::{Ports, Slot};
use crate::refusal::Refusal;
use crate::store::Query;
use crate::wire::{Verdict, WireId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundReason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
    /// None was given.
    Unspecified,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRefund {
    pub account: Key,
    pub payment: Key,
    /// Minor units; what is left when absent.
    pub amount: Option<i64>,
    /// Refused when it is not the payment's.
    pub currency: Option<Currency>,
    pub reason: RefundReason,
    pub personal: RefundPersonal,
    pub claim: Option<Claiming>,
}

pub async fn create(ports: &dyn Ports, command: &CreateRefund) -> Result<Done<RefundView>, Failure> {
    let claiming = command.claim.as_ref();
    if let Some(answer) = flow::replay_at_first(ports.store(), claiming).await? {
        return Ok(Done::Replayed(answer));
    }
    for _ in 0..flow::TRIES {
        let payment: View<Payment> = flow::load(ports.store(), command.account, Kind::Payment, command.payment).await?;
        let left = refundable(ports, &payment).await?;
        let begun = Begun::fresh(ports).await?;
        let refund = match begin(&payment, left, command, begun) {
            Ok(refund) => refund,
            Err(refusal) => return flow::refuse(ports.store(), claiming, refusal).await,
        };
        let key = ports.fresh_key();
        let subject = payment.personal.as_ref().map_or(payment.body.customer.unwrap_or(payment.key), |p| p.subject);
        let personal = (command.personal != RefundPersonal::default())
            .then(|| Personal { subject, body: command.personal.encode() });
        let view = View { key, account: command.account, version: Version(1), at: begun.now, body: refund, personal };
        let mut commit = draft(&view, ports.fresh_key());
        if !planted(Mutant::NoClaim) {
            commit.claim = claiming.map(|c| take(ports, c, true, &view));
        }
        match flow::commit(ports.store(), commit, claiming).await? {
            Met::Applied => {}
            // Another refund was faster: what is left is read anew.
            Met::Conflict | Met::Guard => continue,
            Met::Replay(answer) => return Ok(Done::Replayed(answer)),
        }
        let attempt = &view.body.attempt;
        let order = attempt.order(view.account, view.key, view.body.live, false, attempt.send_by);
        let verdict = ports.submit(order).await;
        let concluded = conclude(ports, view, begun.key, verdict, 1).await?;
        return answer(ports, claiming, concluded).await;
    }
    flow::refuse(ports.store(), claiming, Refusal::Contended).await
}

/// Books a refund that the acquirer has and a restored database lost: made again as it was sent, it ends as it was answered. Gives back
/// its key; none when the payment cannot have such a refund.
pub async fn take_up(
    ports: &dyn Ports,
    payment: &View<Payment>,
    money: Money,
    wire: WireId,
    answer: Verdict,
) -> Result<Option<Key>, Failure> {
    let left = refundable(ports, payment).await?;
    let slot = Slot { terminal: wire.terminal, stan: wire.stan };
    // The attempt has the key that its RRN names, so that the acquirer's report finds it.
    let begun = Begun { key: wire.rrn.0, job: ports.fresh_key(), slot, now: ports.now() };
    let command = CreateRefund {
        account: payment.account,
        payment: payment.key,
        amount: Some(money.minor),
        currency: Some(money.currency),
        reason: RefundReason::Unspecified,
        personal: RefundPersonal::default(),
        claim: None,
    };
    let Ok(mut refund) = begin(payment, left, &command, begun) else { return Ok(None) };
    refund.attempt.wire = wire;
    let (key, account, version) = (ports.fresh_key(), payment.account, Version(1));
    let view = View { key, account, version, at: begun.now, body: refund, personal: None };
    match flow::commit(ports.store(), draft(&view, ports.fresh_key()), None).await? {
        Met::Applied => {}
        Met::Conflict | Met::Guard | Met::Replay(_) => return Ok(None),
    }
    conclude(ports, view, begun.key, answer, 1).await.map(|_| Some(key))
}

/// What was captured and not yet given back, minor units.
async fn refundable(ports: &dyn Ports, payment: &View<Payment>) -> Result<i64, Failure> {
    let currency = payment.body.money.currency;
    let account = LedgerAccount { owner: payment.key, book: Book::Refundable, currency };
    let found = ports.store().find(Query::Balances { accounts: vec![account] }).await?.balances();
    Ok(found.first().map_or(0, |b| b.credits.saturating_sub(b.debits)))
}

fn begin(payment: &View<Payment>, left: i64, command: &CreateRefund, begun: Begun) -> Result<Refund, Refusal> {
    let Stage::Succeeded { charge, .. } = payment.body.stage else { return Err(Refusal::NothingToRefund) };
    let currency = payment.body.money.currency;
    if command.currency.is_some_and(|c| c != currency) {
        return Err(Refusal::CurrencyDiffers);
    }
    let money = match command.amount {
        Some(amount) => Money::chargeable(amount, currency).map_err(Refusal::Amount)?,
        None => Money::new(left, currency),
    };
    if left <= 0 {
        return Err(Refusal::AlreadyRefunded);
    }
    if money.minor > left && !planted(Mutant::UnguardedRefund) {
        return Err(Refusal::RefundTooLarge { left });
    }
    let charged = payment.body.attempt(charge).ok_or(Refusal::NothingToRefund)?;
    let mut original = charged.as_original(charged.approval());
    original.money = Money::new(payment.body.received(), currency);
    let mut attempt =
        Attempt::begin(begun.key, begun.job, Move::Refund(original), money, charged.card, begun.slot, begun.now);
    attempt.claim = command.claim.as_ref().map(Claiming::open);
    let (live, reason) = (payment.body.live, command.reason);
    let customer = payment.body.customer;
    Ok(Refund { payment: payment.key, charge, customer, money, live, reason, stage: RefundStage::Pending, attempt })
}

fn draft(view: &RefundView, event: Key) -> Commit {
    let refund = &view.body;
    let row = Row {
        key: view.key,
        version: view.version,
        kind: Kind::Refund,
        account: view.account,
        at: view.at,
        body: refund.encode(),
        personal: view.personal.clone(),
        index: vec![IndexEntry { under: refund.payment, kind: Kind::Refund, key: view.key }],
    };
    let created = Event {
        id: event,
        kind: EventKind::RefundCreated,
        account: view.account,
        cause: view.key,
        version: view.version,
    };
    let mut transfers = ledger::begin_refund(view.account, refund.payment, refund.money).to_vec();
    if planted(Mutant::UnguardedRefund) {
        transfers.clear();
    }
    Commit {
        expect: vec![(view.key, Version::NONE)],
        put: vec![row],
        transfers,
        events: vec![created],
        jobs: vec![refund.attempt.watch(view.account, view.key)],
        ..Commit::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::BadAmount;
    use crate::payment::{CaptureMethod, Payment};
    use crate::sample::{
        ACCOUNT, BEGUN, CHARGE, PAYMENT, SALE, approved, attempt, card, eur, every_stage, held, payment, view,
    };

    fn command(amount: Option<i64>, currency: Option<Currency>) -> CreateRefund {
        let reason = RefundReason::Duplicate;
        CreateRefund {
            account: ACCOUNT,
            payment: PAYMENT,
            amount,
            currency,
            reason,
            personal: RefundPersonal::default(),
            claim: None,
        }
    }

    fn sold() -> Payment {
        let stage = Stage::Succeeded { charge: CHARGE, captured: 1000 };
        Payment { attempts: vec![attempt(CHARGE, SALE, 1, approved())], ..payment(CaptureMethod::Automatic, stage) }
    }

    /// The whole refund of `minor`, of which `captured` was taken.
    fn started(from: &Payment, minor: i64, captured: i64) -> Refund {
        let charged = &from.attempts[0];
        let original = crate::wire::Original { money: eur(captured), ..charged.as_original(charged.approval()) };
        let what = Move::Refund(original);
        Refund {
            payment: PAYMENT,
            charge: CHARGE,
            customer: None,
            money: eur(minor),
            live: false,
            reason: RefundReason::Duplicate,
            stage: RefundStage::Pending,
            attempt: Attempt::begin(BEGUN.key, BEGUN.job, what, eur(minor), card().token, BEGUN.slot, BEGUN.now),
        }
    }

    #[test]
    fn what_a_refund_begins() {
        #[track_caller]
        fn check(left: i64, amount: Option<i64>, currency: Option<Currency>, expected: Result<i64, Refusal>) {
            let expected = expected.map(|minor| started(&sold(), minor, 1000));
            assert_eq!(begin(&view(sold()), left, &command(amount, currency), BEGUN), expected);
        }
        check(1000, None, None, Ok(1000));
        check(400, None, None, Ok(400));
        check(1000, Some(1000), None, Ok(1000));
        check(1000, Some(1), Some(Currency::EUR), Ok(1));
        check(400, Some(400), None, Ok(400));
        check(400, Some(401), None, Err(Refusal::RefundTooLarge { left: 400 }));
        check(1000, Some(1001), None, Err(Refusal::RefundTooLarge { left: 1000 }));
        check(0, None, None, Err(Refusal::AlreadyRefunded));
        check(0, Some(1), None, Err(Refusal::AlreadyRefunded));
        check(-5, None, None, Err(Refusal::AlreadyRefunded));
        check(1000, Some(0), None, Err(Refusal::Amount(BadAmount::Zero)));
        check(1000, Some(-1), None, Err(Refusal::Amount(BadAmount::Negative)));
        check(1000, Some(i64::MAX), None, Err(Refusal::Amount(BadAmount::TooLarge)));
        check(1000, Some(100), Some(Currency::USD), Err(Refusal::CurrencyDiffers));
        check(1000, Some(0), Some(Currency::USD), Err(Refusal::CurrencyDiffers));
    }

    #[test]
    fn every_stage_refunds_or_refuses() {
        for stage in every_stage() {
            let from = held(stage.clone());
            let expected = match stage {
                Stage::Succeeded { .. } => Ok(started(&from, 1000, 1000)),
                Stage::RequiresPaymentMethod { .. }
                | Stage::RequiresConfirmation
                | Stage::Processing { .. }
                | Stage::RequiresCapture { .. }
                | Stage::RequiresAction { .. }
                | Stage::Canceled { .. } => Err(Refusal::NothingToRefund),
            };
            assert_eq!(begin(&view(from), 1000, &command(None, None), BEGUN), expected, "{stage:?}");
        }
    }

    /// A refund of a part that was captured refers to what was captured, not to what was held.
    #[test]
    fn of_a_part_that_was_captured() {
        let from = held(Stage::Succeeded { charge: CHARGE, captured: 600 });
        let expected = started(&from, 600, 600);
        assert_eq!(begin(&view(from), 600, &command(None, None), BEGUN), Ok(expected));
    }

    #[test]
    fn the_key_waits_for_the_attempt() {
        let id = crate::commit::ClaimId { slot: 1, digest: [2; 32] };
        let claim = Some(Claiming { id, request: [3; 32] });
        let command = CreateRefund { claim: claim.clone(), ..command(None, None) };
        let begun = begin(&view(sold()), 1000, &command, BEGUN).unwrap();
        assert_eq!(begun.attempt.claim, claim.as_ref().map(Claiming::open));
    }
}
