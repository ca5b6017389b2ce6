//! What the gateway is asked through its door, and how each question becomes a command of core.

use super::audit::{AuditAsk, Book};
use super::fence::{self, Fence};
use super::journey::Pages;
use super::keys::{self, KeysAsk};
use super::manage::{self, Manage};
use super::messages::{self, MessageAsk};
use super::people::{self, PeopleAsk};
use super::ports::{Door, Real};
use super::requests::Requests;
use super::restore::{self, Reconcile};
use super::settlement::{self, NotPulled, Settler};
use super::{shape, story};
use florin_api::Api;
use florin_core::account;
use florin_core::audit::{self, Action, By, Outcome};
use florin_core::commit::ClaimId;
use florin_core::flow::{Claiming, Done, Failure, Trouble, View, load};
use florin_core::id::{Key, Kind};
use florin_core::money::{Currency, Money};
use florin_core::payment::{
    Cancel, CancelReason, Capture, CaptureMethod, CardFacts, Confirm, Create, Payment, PaymentPersonal, cancel,
    capture, confirm, create,
};
use florin_core::people::People;
use florin_core::ports::Ports;
use florin_core::refund::{self, CreateRefund, Refund, RefundPersonal, RefundReason};
use florin_core::refusal::Refusal;
use florin_core::seal::Secret;
use florin_core::store::Query;
use florin_notify::Senders;
use florin_web::Subject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 255;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Ask {
    Create {
        amount: String,
        currency: String,
        manual: bool,
        description: Option<String>,
        email: Option<String>,
        key: Option<String>,
    },
    Confirm {
        id: String,
        card: CardFacts,
        /// Keyed hash of number and expiry: a retry with the same card has another token and the same digest.
        card_digest: String,
        key: Option<String>,
    },
    Capture {
        id: String,
        amount: Option<String>,
        key: Option<String>,
    },
    Cancel {
        id: String,
        key: Option<String>,
    },
    Refund {
        id: String,
        amount: Option<String>,
        key: Option<String>,
    },
    Show {
        id: String,
    },
    List {
        limit: u32,
    },
    Story {
        id: String,
    },
    /// A link to its journey in the browser.
    Link {
        id: String,
    },
    Health,
    /// The keys of accounts.
    Keys(KeysAsk),
    Manage(Manage),
    Audit(AuditAsk),
    Message(MessageAsk),
    /// Who may sign in.
    People(PeopleAsk),
    /// Fetches settlement reports now.
    SettlementPull,
    SettlementReports {
        limit: u32,
    },
    SettlementBreaks {
        limit: u32,
        all: bool,
    },
    /// Compares a restored installation with the acquirer's journal and opens it.
    Reconcile(Reconcile),
    ReconcileProgress,
    /// Opens it without.
    Release,
    Orphans {
        limit: u32,
    },
}

/// The answer: a value, or a named error.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Ok(Value),
    Error { code: String, message: String, param: Option<String>, status: u16 },
}

/// Everything that answering needs.
pub struct Desk {
    pub people: Arc<People>,
    pub ports: std::sync::Arc<Real>,
    pub account: Key,
    pub live: bool,
    /// Hashes idempotency keys.
    pub claims: Secret,
    pub api: std::sync::Arc<Api>,
    pub requests: std::sync::Arc<Requests>,
    pub settler: std::sync::Arc<Settler>,
    pub pages: Option<Pages>,
    pub fence: std::sync::Arc<Fence>,
    /// The file of the key that wraps the keys of accounts.
    pub root: std::path::PathBuf,
    pub book: std::sync::Arc<Book>,
    pub senders: std::sync::Arc<Senders>,
}

pub async fn answer(desk: &Desk, ask: Ask) -> Answer {
    if desk.fence.is_closed() && changes(&ask) {
        let fail = Fence::fail();
        return Answer::Error { code: fence::CODE.to_owned(), message: fail.message, param: None, status: 503 };
    }
    if let Err(failure) = written_down(desk, &ask).await {
        return refuse(&failure);
    }
    if let Ask::Reconcile(asked) = ask {
        return restore::answer(desk, asked).await;
    }
    if let Ask::ReconcileProgress = ask {
        return Answer::Ok(restore::progress(&desk.fence));
    }
    if let Ask::Release = ask {
        return restore::release(desk).await;
    }
    if let Ask::Keys(asked) = ask {
        return keys::answer(desk, asked).await;
    }
    if let Ask::Manage(asked) = ask {
        return manage::answer(desk, asked).await;
    }
    if let Ask::People(asked) = ask {
        return people::answer(desk, asked).await;
    }
    if let Ask::Audit(asked) = ask {
        return match super::audit::answer(desk, asked).await {
            Ok(value) => Answer::Ok(value),
            Err(fail) => Answer::Error { code: fail.code, message: fail.message, param: fail.param, status: 400 },
        };
    }
    if let Ask::Message(asked) = ask {
        return messages::answer(&desk.ports, &desk.senders, asked).await;
    }
    if let Ask::SettlementPull = ask {
        return match desk.settler.pull(&desk.ports).await {
            Ok(pulled) => Answer::Ok(settlement::pulled(&pulled)),
            Err(not) => not_pulled(&not),
        };
    }
    match perform(desk, ask).await {
        Ok(value) => Answer::Ok(value),
        Err(failure) => refuse(&failure),
    }
}

/// What somebody at the terminal does with money, keys and fences is in the audit log before it is begun, or it is not begun.
async fn written_down(desk: &Desk, ask: &Ask) -> Result<(), Failure> {
    #[allow(clippy::wildcard_enum_match_arm)]
    let (action, payment) = match ask {
        Ask::Refund { id, .. } => (Action::Refund, Some(id)),
        Ask::Capture { id, .. } => (Action::Capture, Some(id)),
        Ask::Cancel { id, .. } => (Action::Cancel, Some(id)),
        Ask::Release => (Action::RestoreRelease, None),
        Ask::Keys(KeysAsk::Rotate { .. }) => (Action::AccountKeysRotate, None),
        Ask::Keys(KeysAsk::RotateRoot) => (Action::GatewayRootRotate, None),
        _ => return Ok(()),
    };
    let entry = By::LOCAL.did(action).outcome(Outcome::Begun);
    let payment = payment.and_then(|id| desk.ports.ids.decode(Kind::Payment, id));
    let entry = payment.map_or(entry.clone(), |key| entry.account(desk.account).subject(Kind::Payment, key));
    audit::before_read(&*desk.ports, entry).await
}

/// What the fence of a restored installation keeps out.
const fn changes(ask: &Ask) -> bool {
    match ask {
        Ask::Manage(asked) => asked.changes(),
        Ask::People(asked) => asked.changes(),
        Ask::Create { .. }
        | Ask::Confirm { .. }
        | Ask::Capture { .. }
        | Ask::Cancel { .. }
        | Ask::Refund { .. }
        | Ask::Message(MessageAsk::Test { .. })
        | Ask::SettlementPull => true,
        Ask::Show { .. }
        | Ask::List { .. }
        | Ask::Story { .. }
        | Ask::Link { .. }
        | Ask::Health
        | Ask::Keys(_)
        | Ask::Audit(_)
        | Ask::Message(MessageAsk::State { .. })
        | Ask::SettlementReports { .. }
        | Ask::SettlementBreaks { .. }
        | Ask::Reconcile(_)
        | Ask::ReconcileProgress
        | Ask::Release
        | Ask::Orphans { .. } => false,
    }
}

fn not_pulled(not: &NotPulled) -> Answer {
    let code = match not {
        NotPulled::NotConfigured => "setting_missing",
        NotPulled::Failed(_) => "not_pulled",
    };
    Answer::Error { code: code.to_owned(), message: settlement::words(not), param: None, status: 502 }
}

fn refuse(failure: &Failure) -> Answer {
    match failure {
        Failure::Refused(refusal) => {
            let told = refusal.told();
            Answer::Error {
                code: told.code.to_owned(),
                message: told.message,
                param: told.param.map(str::to_owned),
                status: told.status,
            }
        }
        Failure::Trouble(_) => {
            Answer::Error { code: "api_error".to_owned(), message: plain(failure), param: None, status: 500 }
        }
    }
}

/// A failure in words, without any stored data.
pub fn plain(failure: &Failure) -> String {
    match failure {
        Failure::Refused(refusal) => refusal.told().message,
        Failure::Trouble(Trouble::Store(trouble)) => format!("the store has trouble: {trouble:?}"),
        Failure::Trouble(Trouble::Body(_, bad)) => format!("a stored row cannot be read: {bad:?}"),
        Failure::Trouble(Trouble::NoSlot) => "no trace number could be leased".to_owned(),
    }
}

async fn perform(desk: &Desk, ask: Ask) -> Result<Value, Failure> {
    let ports: &Real = &desk.ports;
    match ask {
        Ask::Create { amount, currency, manual, description, email, key } => {
            let parts = [amount.as_str(), &currency, if manual { "manual" } else { "automatic" }];
            let claim = claiming(desk, "create", key.as_deref(), &parts)?;
            let currency = Currency::parse(&currency).ok_or(Refusal::UnknownCurrency)?;
            let money = Money::parse(&amount, currency).map_err(Refusal::Amount)?;
            let method = if manual { CaptureMethod::Manual } else { CaptureMethod::Automatic };
            let personal = PaymentPersonal { description, receipt_email: email, ..PaymentPersonal::default() };
            let command = Create { personal, claim, ..Create::plain(desk.account, desk.live, money, method) };
            told(desk, create(&Door(ports), &command).await?, |v| shape::payment(&ports.ids, v)).await
        }
        Ask::Confirm { id, card, card_digest, key } => {
            let claim = claiming(desk, "confirm", key.as_deref(), &[&id, &card_digest])?;
            let payment = payment_key(ports, &id)?;
            let order_required = account::requires_order(ports, desk.account).await?;
            let plain = Confirm::plain(desk.account, payment);
            let command = Confirm { card: Some(card), claim, order_required, ..plain };
            told(desk, confirm(&Door(ports), &command).await?, |v| shape::payment(&ports.ids, v)).await
        }
        Ask::Capture { id, amount, key } => {
            let claim = claiming(desk, "capture", key.as_deref(), &[&id, amount.as_deref().unwrap_or("")])?;
            let payment = payment_key(ports, &id)?;
            let amount = amount_of(desk, payment, amount).await?;
            let command =
                Capture { account: desk.account, payment, from: None, amount, currency: None, personal: None, claim };
            told(desk, capture(&Door(ports), &command).await?, |v| shape::payment(&ports.ids, v)).await
        }
        Ask::Cancel { id, key } => {
            let claim = claiming(desk, "cancel", key.as_deref(), &[&id])?;
            let payment = payment_key(ports, &id)?;
            let command = Cancel { account: desk.account, payment, reason: CancelReason::RequestedByCustomer, claim };
            told(desk, cancel(&Door(ports), &command).await?, |v| shape::payment(&ports.ids, v)).await
        }
        Ask::Refund { id, amount, key } => {
            let claim = claiming(desk, "refund", key.as_deref(), &[&id, amount.as_deref().unwrap_or("")])?;
            let payment = payment_key(ports, &id)?;
            let amount = amount_of(desk, payment, amount).await?;
            let reason = RefundReason::RequestedByCustomer;
            let (account, currency, personal) = (desk.account, None, RefundPersonal::default());
            let command = CreateRefund { account, payment, amount, currency, reason, personal, claim };
            told(desk, refund::create(&Door(ports), &command).await?, |v| shape::refund(&ports.ids, v)).await
        }
        Ask::Show { id } => show(desk, &id).await,
        Ask::List { limit } => list(desk, limit.clamp(1, 100)).await,
        Ask::Story { id } => story::of(desk, &id).await,
        Ask::Link { id } => link(desk, &id).await,
        Ask::Orphans { limit } => restore::orphans(ports, desk.account, limit.clamp(1, 1_000)).await,
        // Those but the first are answered before: they are no commands of core.
        Ask::Health
        | Ask::Keys(_)
        | Ask::Manage(_)
        | Ask::Audit(_)
        | Ask::Message(_)
        | Ask::People(_)
        | Ask::SettlementPull
        | Ask::Reconcile(_)
        | Ask::ReconcileProgress
        | Ask::Release => Ok(health(desk).await),
        Ask::SettlementReports { limit } => settlement::reports(ports, limit.clamp(1, 1_000)).await,
        Ask::SettlementBreaks { limit, all } => settlement::breaks(ports, &ports.ids, limit.clamp(1, 1_000), all).await,
    }
}

async fn told<T>(desk: &Desk, done: Done<T>, shape: impl Fn(&T) -> Value) -> Result<Value, Failure> {
    let bytes = match done {
        Done::Fresh(view) => return Ok(shape(&view)),
        Done::Replayed(bytes) => bytes,
    };
    if let Ok(stored) = serde_json::from_slice(&bytes) {
        return Ok(stored);
    }
    // Finished after a crash: then it is the API's answer, behind two bytes of status. The thing itself says the rest.
    let answer: Value = serde_json::from_slice(bytes.get(2..).unwrap_or(&[])).unwrap_or(Value::Null);
    let id = answer.pointer("/error/payment_intent/id").or_else(|| answer.get("id")).and_then(Value::as_str);
    show(desk, id.unwrap_or("")).await
}

/// An idempotency key as a place in the store, and the digest of what was asked under it.
fn claiming(desk: &Desk, op: &str, key: Option<&str>, parts: &[&str]) -> Result<Option<Claiming>, Failure> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.chars().count() > LONGEST_KEY {
        return Err(Refusal::IdempotencyKeyLength.into());
    }
    let account = desk.account.0.to_be_bytes();
    let digest = desk.claims.mac(&[&account, op.as_bytes(), b"\0", key.as_bytes()]);
    let mut spelled = Vec::new();
    for part in parts {
        spelled.extend_from_slice(&(part.len() as u64).to_be_bytes());
        spelled.extend_from_slice(part.as_bytes());
    }
    let request = desk.claims.mac(&[b"request", op.as_bytes(), &spelled]);
    let slot = digest.first_chunk::<8>().map_or(0, |b| i64::from_be_bytes(*b));
    Ok(Some(Claiming { id: ClaimId { slot, digest }, request }))
}

pub fn payment_key(ports: &Real, id: &str) -> Result<Key, Failure> {
    ports.ids.decode(Kind::Payment, id).ok_or(Failure::Refused(Refusal::NoSuch(Kind::Payment)))
}

async fn amount_of(desk: &Desk, payment: Key, text: Option<String>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let view: View<Payment> = load(desk.ports.store(), desk.account, Kind::Payment, payment).await?;
    let money = Money::parse(&text, view.body.money.currency).map_err(Refusal::Amount)?;
    Ok(Some(money.minor))
}

async fn show(desk: &Desk, id: &str) -> Result<Value, Failure> {
    let ports: &Real = &desk.ports;
    if let Some(key) = ports.ids.decode(Kind::Refund, id) {
        let view: View<Refund> = load(ports.store(), desk.account, Kind::Refund, key).await?;
        return Ok(shape::refund(&ports.ids, &view));
    }
    let view: View<Payment> = load(ports.store(), desk.account, Kind::Payment, payment_key(ports, id)?).await?;
    Ok(shape::payment(&ports.ids, &view))
}

/// Null where no dashboard is served.
async fn link(desk: &Desk, id: &str) -> Result<Value, Failure> {
    show(desk, id).await?;
    let ids = &desk.ports.ids;
    let subject = Subject::of(ids, id).ok_or(Refusal::NoSuch(Kind::Payment))?;
    let made = desk.pages.as_ref().map(|pages| pages.link(desk.account, subject));
    Ok(made.map_or(Value::Null, |(url, expires)| json!({ "url": url, "expires_at": expires.seconds() })))
}

async fn list(desk: &Desk, limit: u32) -> Result<Value, Failure> {
    let ports: &Real = &desk.ports;
    let query = Query::List { under: desk.account, kind: Kind::Payment, before: None, limit };
    let mut data = Vec::new();
    for row in ports.store().find(query).await?.rows() {
        let view: View<Payment> = florin_core::flow::read(&row)?;
        data.push(shape::payment(&ports.ids, &view));
    }
    Ok(json!({ "object": "list", "data": data }))
}

async fn health(desk: &Desk) -> Value {
    let vault = desk.ports.vault.health().await.ok();
    let fenced = desk.fence.is_closed();
    json!({ "gateway": "up", "log_defects": crate::log::defects(), "fenced": fenced, "vault": vault, "account": desk.ports.ids.encode(Kind::Account, desk.account), "account_key": desk.account.0 })
}
