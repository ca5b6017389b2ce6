//! Reads a payment or a refund with all that belongs to it, and puts it in order for its page.

use super::happened::{self, Happened};
use super::{Teller, hops, steps};
use crate::gateway::ports::Real;
use crate::gateway::shape;
use florin_core::attempt::{Attempt, State};
use florin_core::commit::Row;
use florin_core::flow::{self, Failure, View};
use florin_core::id::{Key, Kind};
use florin_core::movement::{self, Movement, MovementView};
use florin_core::payment::{CardFacts, Payment, PaymentError, Stage};
use florin_core::ports::Ports;
use florin_core::refund::{Refund, RefundStage};
use florin_core::store::Query;
use florin_web::{Card, Entry, Related, Settled, Step, Subject, Told, Topic, Word};

/// Refunds told of one payment at most.
const MOST_REFUNDS: u32 = 100;
/// Versions told of one thing at most, the newest.
const MOST_VERSIONS: u32 = 200;

/// What is read one after the other.
#[derive(Default)]
struct Found {
    steps: Vec<Step>,
    /// Key and version that each step stands for.
    places: Vec<(Key, u32)>,
    attempts: Vec<Attempt>,
    entries: Vec<Entry>,
    causes: Vec<Key>,
    /// The card that was given last: a payment that failed has none any more.
    card: Option<CardFacts>,
    related: Vec<Related>,
}

pub async fn told(teller: &Teller, account: Key, subject: Subject) -> Result<Told, Failure> {
    let ports: &Real = &teller.ports;
    let mut found = Found::default();
    let (payment, refund): (View<Payment>, Option<View<Refund>>) = match subject.topic {
        Topic::Refund => {
            let refund: View<Refund> = flow::load(ports.store(), account, Kind::Refund, subject.key).await?;
            let payment: View<Payment> = flow::load(ports.store(), account, Kind::Payment, refund.body.payment).await?;
            found.refund(ports, &refund).await?;
            let (of, money) = (Subject { topic: Topic::Payment, key: payment.key }, payment.body.money);
            found.related.push(Related { subject: of, money, status: payment.body.stage.status() });
            (payment, Some(refund))
        }
        Topic::Payment => {
            let payment: View<Payment> = flow::load(ports.store(), account, Kind::Payment, subject.key).await?;
            found.payment(ports, &payment).await?;
            (payment, None)
        }
    };
    let happened = happened::of(ports, account, &found.causes, found.steps.iter().map(|s| s.at).collect()).await?;
    found.name_events(&happened);
    let mut rrns: Vec<String> = found.attempts.iter().map(|a| a.wire.rrn.text()).collect();
    rrns.sort();
    rrns.dedup();
    let (hops, missing) = hops::of(teller, &rrns).await;
    let (money, status, created, failure) = match &refund {
        Some(r) => (r.body.money, r.body.stage.status(), r.key.time(), refund_failure(&r.body)),
        None => (payment.body.money, payment.body.stage.status(), payment.key.time(), payment_failure(&payment.body)),
    };
    found.steps.sort_by_key(|step| step.at);
    Ok(Told {
        subject,
        money,
        status,
        live: payment.body.live,
        created,
        card: found.card.or(payment.body.card).map(|of| card(&of, refund.is_none())),
        failure,
        movements: movements(ports, account, &found.attempts).await?,
        attempts: found.attempts.iter().map(attempt).collect(),
        steps: found.steps,
        hops,
        entries: found.entries,
        events: happened.into_iter().map(|h| h.shown).collect(),
        related: found.related,
        missing,
    })
}

impl Found {
    async fn payment(&mut self, ports: &Real, payment: &View<Payment>) -> Result<(), Failure> {
        let (before, rows) = history(ports, payment.key).await?;
        let mut before: Option<Payment> =
            before.map(|row| flow::read(&row)).transpose()?.map(|view: View<_>| view.body);
        for row in rows {
            let view: View<Payment> = flow::read(&row)?;
            let (word, about) = steps::of_payment(before.as_ref(), &view.body);
            if view.version.0 == 1 && word != Word::Created {
                // Made and confirmed by one request.
                self.step(ports, Kind::Payment, &row, Word::Created, None).await?;
            }
            self.step(ports, Kind::Payment, &row, word, about).await?;
            self.card = view.body.card.clone().or(self.card.take());
            before = Some(view.body);
        }
        self.attempts.extend(payment.body.attempts.iter().cloned());
        self.entries(ports, payment.key).await?;
        let query = Query::List { under: payment.key, kind: Kind::Refund, before: None, limit: MOST_REFUNDS };
        for row in ports.store().find(query).await?.rows().into_iter().rev() {
            let refund: View<Refund> = flow::read(&row)?;
            self.refund(ports, &refund).await?;
            let subject = Subject { topic: Topic::Refund, key: refund.key };
            let (money, status) = (refund.body.money, refund.body.stage.status());
            self.related.push(Related { subject, money, status });
        }
        Ok(())
    }

    async fn refund(&mut self, ports: &Real, refund: &View<Refund>) -> Result<(), Failure> {
        let (before, rows) = history(ports, refund.key).await?;
        let mut before: Option<Refund> = before.map(|row| flow::read(&row)).transpose()?.map(|view: View<_>| view.body);
        for row in rows {
            let view: View<Refund> = flow::read(&row)?;
            let (word, about) = steps::of_refund(before.as_ref(), &view.body);
            self.step(ports, Kind::Refund, &row, word, about).await?;
            before = Some(view.body);
        }
        self.attempts.push(refund.body.attempt.clone());
        self.entries(ports, refund.key).await
    }

    async fn step(
        &mut self,
        ports: &Real,
        kind: Kind,
        row: &Row,
        word: Word,
        about: Option<&Attempt>,
    ) -> Result<(), Failure> {
        let query = Query::Step { key: row.key, version: row.version };
        let origin = ports.store().find(query).await?.step().and_then(|step| step.origin);
        self.places.push((row.key, row.version.0));
        self.steps.push(Step {
            at: row.at,
            of: ports.ids.encode(kind, row.key),
            refund: kind == Kind::Refund,
            version: row.version.0,
            word,
            operation: about.map(shape::what),
            request: origin.map(|origin| origin.request),
            events: Vec::new(),
            stan: about.map(steps::stan),
        });
        Ok(())
    }

    async fn entries(&mut self, ports: &Real, cause: Key) -> Result<(), Failure> {
        self.causes.push(cause);
        for (_, t) in ports.store().find(Query::Transfers { cause }).await?.transfers() {
            self.entries.push(Entry { reason: t.reason, debit: t.debit.1, credit: t.credit.1, money: t.money });
        }
        Ok(())
    }

    /// Each step says which events its commit wrote.
    fn name_events(&mut self, happened: &[Happened]) {
        for (step, place) in self.steps.iter_mut().zip(&self.places) {
            let ours = happened.iter().filter(|h| (h.cause, h.version) == *place);
            step.events = ours.map(|h| h.shown.kind).collect();
        }
    }
}

/// The versions to tell of, and the one before them: what the first says is what it changed.
async fn history(ports: &Real, key: Key) -> Result<(Option<Row>, Vec<Row>), Failure> {
    let mut rows = ports.store().find(Query::History { key, limit: MOST_VERSIONS + 1 }).await?.rows();
    let before = (rows.len() > MOST_VERSIONS as usize).then(|| rows.remove(0));
    Ok((before, rows))
}

/// A refund goes to a card that was sealed for its payment.
fn card(of: &CardFacts, sealed: bool) -> Card {
    Card { network: of.network, last4: of.last4_text(), sealed: sealed.then(|| of.token.key.time()) }
}

fn payment_failure(payment: &Payment) -> Option<florin_web::Failure> {
    match &payment.stage {
        Stage::RequiresPaymentMethod { last_error } => last_error.as_ref().map(failure),
        Stage::RequiresConfirmation
        | Stage::Processing { .. }
        | Stage::RequiresCapture { .. }
        | Stage::Succeeded { .. }
        | Stage::Canceled { .. }
        | Stage::RequiresAction { .. } => None,
    }
}

fn refund_failure(refund: &Refund) -> Option<florin_web::Failure> {
    match &refund.stage {
        RefundStage::Failed { error, .. } => Some(failure(error)),
        RefundStage::Pending | RefundStage::Succeeded { .. } => None,
    }
}

fn failure(error: &PaymentError) -> florin_web::Failure {
    let of = |code: &str| florin_web::Failure { code: code.to_owned(), response: None };
    match error {
        PaymentError::Declined(decline) => {
            florin_web::Failure { response: Some(decline.response.text()), ..of("declined") }
        }
        PaymentError::NotSent(_) => of("not_sent"),
        PaymentError::Reversed => of("reversed"),
        PaymentError::Partial => of("partial"),
        PaymentError::NotAuthenticated => of("not_authenticated"),
        PaymentError::Unanswered => of("unanswered"),
    }
}

fn attempt(a: &Attempt) -> florin_web::Attempt {
    let response = match &a.state {
        State::Declined { decline, .. } => Some(decline.response.text()),
        State::Sent
        | State::Approved { .. }
        | State::NotSent { .. }
        | State::Reversing { .. }
        | State::Reversed { .. }
        | State::Repeating { .. }
        | State::Unanswered { .. } => None,
    };
    florin_web::Attempt {
        operation: shape::what(a),
        state: shape::state(&a.state),
        open: a.is_open(),
        money: a.money,
        stan: a.wire.stan,
        rrn: a.wire.rrn.text(),
        terminal: a.wire.terminal.text(),
        approval: a.approval().and_then(|approval| approval.code).map(|code| code.text()),
        response,
    }
}

/// What of the merchant's balance these attempts moved.
async fn movements(ports: &Real, account: Key, attempts: &[Attempt]) -> Result<Vec<florin_web::Movement>, Failure> {
    let keys: Vec<Key> = attempts.iter().map(|a| movement::key_of(a.key)).collect();
    let mut found = Vec::new();
    for row in ports.store().get(&keys).await?.into_iter().flatten() {
        if row.kind != Kind::Movement || row.account != account {
            continue;
        }
        let view: MovementView = flow::read(&row)?;
        found.push(shown(&view.body));
    }
    Ok(found)
}

fn shown(m: &Movement) -> florin_web::Movement {
    let settled = match m.settled {
        movement::Settled::Pending => Settled::Expected(m.expected),
        movement::Settled::By { report, line, cost, at } => {
            Settled::By { report, line, at, cost: m.money.with_minor(cost) }
        }
    };
    let (fee, net) = (m.money.with_minor(m.fee), m.money.with_minor(m.net()));
    florin_web::Movement { gross: m.money, fee, net, settled }
}
