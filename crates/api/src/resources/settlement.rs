//! `/v1/florin/settlement_reports` and `/v1/florin/settlement_breaks`: what of the acquirer's reports is this merchant's, and where they
//! and our books differ over its money. Shows nothing of other merchants.

use crate::ask::{Answer, Ask};
use crate::error::{ApiError, noun};
use crate::list::{self, Collector};
use crate::look::Look;
use crate::params::Params;
use crate::resources::balance;
use florin_core::flow;
use florin_core::id::{Key, Kind};
use florin_core::settlement::{Break, BreakState, BreakView, Held, Reason, Settlement, SettlementView, Share};
use florin_core::store::Query;
use florin_core::terminal::HOUSE;
use serde_json::{Value, json};

/// Rows read for one page of breaks at most.
const MOST_ROWS_READ: usize = 20_000;
const ROWS_AT_ONCE: u32 = 200;

fn report(look: &Look, view: &SettlementView) -> Value {
    let s = &view.body;
    let share = |share: &Share| {
        json!({
            "amount": share.amount, "currency": share.currency.code(), "fee": share.fees, "lines": share.lines,
            "net": share.amount - share.fees,
        })
    };
    json!({
        "id": look.id(Kind::Settlement, view.key),
        "object": "florin.settlement_report",
        "closed": s.closed.seconds(),
        "created": view.key.time().seconds(),
        "livemode": s.live,
        "report": s.report,
        "totals": s.shares.iter().map(share).collect::<Vec<Value>>(),
    })
}

/// The data of `balance.available`: the balance as it was then.
pub fn balance_after(view: &SettlementView) -> Value {
    balance::shape(&view.body.balance, view.body.live)
}

/// Newest first.
pub async fn reports(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Settlement)?;
    params.done()?;
    let read = |row: &florin_core::commit::Row| Ok(Some(report(ask.look(), &flow::read::<Settlement>(row)?)));
    let found = list::rows(ask, page, (ask.account(), Kind::Settlement), &read).await?;
    Ok(list::answer("/v1/florin/settlement_reports", found))
}

pub async fn retrieve_report(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    params.done()?;
    let id = ask.path_id();
    let missing = || ApiError::missing(noun(Kind::Settlement), id, "id");
    let key = ask.look().key(Kind::Settlement, id).ok_or_else(missing)?;
    let loaded = flow::load(ask.store(), ask.account(), Kind::Settlement, key).await;
    let view: SettlementView = loaded.map_err(ask.missing(Kind::Settlement, id, "id"))?;
    Ok(Answer::ok(report(ask.look(), &view)))
}

fn difference(look: &Look, view: &BreakView) -> Value {
    let b = &view.body;
    let (status, how, resolved) = match b.state {
        BreakState::Open => ("open", None, None),
        BreakState::Resolved { how, at } => ("resolved", Some(how.as_str()), Some(at.seconds())),
    };
    let line = |h: &Held| {
        json!({
            "amount": h.money.minor, "currency": h.money.currency.code(), "kind": h.what.as_str(), "line": h.line,
            "report": h.report,
        })
    };
    json!({
        "id": look.id(Kind::Break, view.key),
        "object": "florin.settlement_break",
        "balance_transaction": b.movement.map(|key| look.id(Kind::Movement, key)),
        "created": b.opened.seconds(),
        "expected": b.expected.map(|m| json!({ "amount": m.minor, "currency": m.currency.code() })),
        "lines": b.held.iter().map(line).collect::<Vec<Value>>(),
        "reason": b.reason.as_str(),
        "resolution": how,
        "resolved_at": resolved,
        "rrn": b.rrn.text(),
        "status": status,
    })
}

/// Whether this account stands for whoever runs the installation: the first that was made. What belongs to no merchant is shown to it.
async fn is_operator(ask: &Ask<'_>) -> Result<bool, ApiError> {
    let query = Query::List { under: HOUSE, kind: Kind::Account, before: Some(ask.account()), limit: 1 };
    Ok(ask.store().find(query).await?.rows().is_empty())
}

/// Newest payment first.
pub async fn breaks(ask: &Ask<'_>, params: &Params) -> Result<Answer, ApiError> {
    let page = list::page(ask, params, Kind::Break)?;
    let open = params.choice("status", &[("open", true), ("resolved", false)])?;
    let words: Vec<(&str, Reason)> = Reason::ALL.iter().map(|reason| (reason.as_str(), *reason)).collect();
    let reason = params.choice("reason", &words)?;
    params.done()?;
    let under = if is_operator(ask).await? { HOUSE } else { ask.account() };
    let fits = |b: &Break| {
        let mine = b.account.is_none_or(|account| account == ask.account());
        mine && open.is_none_or(|open| open == b.is_open()) && reason.is_none_or(|wanted| wanted == b.reason)
    };
    let mut collector = Collector::new(page);
    let (mut before, mut read): (Option<Key>, usize) = (collector.start(), 0);
    'pages: loop {
        if read >= MOST_ROWS_READ && !collector.is_empty() {
            collector.cut();
            break;
        }
        list::goes_on(read)?;
        let query = Query::List { under, kind: Kind::Break, before, limit: ROWS_AT_ONCE };
        let rows = ask.store().find(query).await?.rows();
        read += rows.len();
        for row in &rows {
            before = Some(row.key);
            // Keys of RRNs that are not ours tell no time.
            let view: BreakView = flow::read(row)?;
            if collector.past(row.key) {
                break 'pages;
            }
            if collector.wants_at(view.body.opened.seconds()) && fits(&view.body) && !collector.push(view) {
                break 'pages;
            }
        }
        if rows.len() < ROWS_AT_ONCE as usize {
            break;
        }
        list::breathe().await;
    }
    let (found, more) = collector.done();
    let data = found.iter().map(|view| difference(ask.look(), view)).collect();
    Ok(list::answer("/v1/florin/settlement_breaks", (data, more)))
}
