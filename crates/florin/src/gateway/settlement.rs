//! Pulls settlement reports for ever, and answers the terminal's questions about them. Decides nothing about money.

use super::ports::Real;
use super::reports::ReportService;
use crate::log::{Words, log};
use florin_core::flow::{self, Failure, View};
use florin_core::id::{IdCodec, Kind};
use florin_core::ports::Ports;
use florin_core::settlement::{Break, BreakState, PullFailure, Pulled, Report, Total, pull};
use florin_core::store::Query;
use florin_core::terminal::HOUSE;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How reports are pulled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettlementSettings {
    /// None: no report service is configured.
    pub source: Option<super::reports::ReportSource>,
    pub every_ms: u64,
    pub missing_after_days: u32,
}

/// The puller of this process: one pull at a time.
pub struct Settler {
    service: Option<ReportService>,
    every: Duration,
    missing_after_days: u32,
    one_at_a_time: tokio::sync::Mutex<()>,
}

/// Why a pull brought nothing.
pub enum NotPulled {
    NotConfigured,
    Failed(PullFailure),
}

impl Settler {
    pub fn new(settings: &SettlementSettings) -> Result<Settler, crate::fail::Fail> {
        let service = settings.source.as_ref().map(ReportService::new).transpose()?;
        let (every, missing_after_days) = (Duration::from_millis(settings.every_ms), settings.missing_after_days);
        Ok(Settler { service, every, missing_after_days, one_at_a_time: tokio::sync::Mutex::new(()) })
    }

    /// Where reports and the journal come from.
    pub fn service(&self) -> Option<&ReportService> {
        self.service.as_ref()
    }

    pub async fn pull(&self, ports: &Real) -> Result<Pulled, NotPulled> {
        let Some(service) = &self.service else { return Err(NotPulled::NotConfigured) };
        let _one = self.one_at_a_time.lock().await;
        pull(ports, service, self.missing_after_days).await.map_err(NotPulled::Failed)
    }

    /// Pulls now and then, for ever. Says what is wrong once, not each time.
    pub async fn run(self: Arc<Settler>, ports: Arc<Real>) {
        if self.service.is_none() {
            return;
        }
        let mut said = String::new();
        loop {
            tokio::time::sleep(self.every).await;
            let wrong = match self.pull(&ports).await {
                Ok(pulled) => odd(&pulled),
                Err(not) => words(&not),
            };
            if !wrong.is_empty() && wrong != said {
                log!("florin gateway", "settlement: {}", Words(&wrong));
            }
            said = wrong;
        }
    }
}

/// What a person should look at; nothing when all is well.
fn odd(pulled: &Pulled) -> String {
    let mut odd = vec![];
    if !pulled.changed.is_empty() {
        odd.push(format!("reports {:?} say something else than before: ask the acquirer", pulled.changed));
    }
    if !pulled.short.is_empty() {
        odd.push(format!("reports {:?} have other lines than they say: ask the acquirer", pulled.short));
    }
    if pulled.newest < pulled.through {
        odd.push("the acquirer's reports began anew under old ids: ask the acquirer".to_owned());
    }
    odd.join("; ")
}

/// A failed pull, in words.
pub fn words(not: &NotPulled) -> String {
    match not {
        NotPulled::NotConfigured => {
            "no report service is configured: set settlement.address (host:port) in florin.toml".to_owned()
        }
        NotPulled::Failed(PullFailure::Unavailable(why)) => why.clone(),
        NotPulled::Failed(PullFailure::Failed(failure)) => super::ops::plain(failure),
    }
}

pub fn pulled(p: &Pulled) -> Value {
    json!({
        "object": "florin.settlement_pull", "through": p.through, "newest": p.newest, "lines": p.lines,
        "settled": p.settled, "breaks": p.breaks, "changed": p.changed, "short": p.short,
    })
}

fn total(total: &Total) -> Value {
    json!({
        "currency": total.currency.code(), "lines": total.lines, "amount": total.amount, "costs": total.costs,
        "net": total.net(),
    })
}

/// Reports, newest first.
pub async fn reports(ports: &Real, limit: u32) -> Result<Value, Failure> {
    let query = Query::List { under: HOUSE, kind: Kind::Report, before: None, limit };
    let mut data = vec![];
    for row in ports.store().find(query).await?.rows() {
        let view: View<Report> = flow::read(&row)?;
        let r = &view.body;
        let status = match (r.is_complete(), r.adds_up()) {
            (false, _) => "applying",
            (true, true) => "applied",
            (true, false) => "totals_differ",
        };
        data.push(json!({
            "object": "florin.acquirer_report", "report": r.id, "closed": r.closed.seconds(), "status": status,
            "lines": r.lines, "applied": r.applied, "settled": r.settled,
            "totals": r.seen.iter().map(total).collect::<Vec<Value>>(),
        }));
    }
    Ok(json!({ "object": "list", "data": data }))
}

/// Breaks, newest payment first; those that are resolved too when `all`.
pub async fn breaks(ports: &Real, ids: &IdCodec, limit: u32, all: bool) -> Result<Value, Failure> {
    let (mut before, mut data) = (None, vec![]);
    'pages: loop {
        let query = Query::List { under: HOUSE, kind: Kind::Break, before, limit: 200 };
        let rows = ports.store().find(query).await?.rows();
        for row in &rows {
            let view: View<Break> = flow::read(row)?;
            if data.len() >= limit as usize {
                break 'pages;
            }
            if all || view.body.is_open() {
                data.push(shown(ids, &view));
            }
        }
        before = rows.last().map(|row| row.key);
        if rows.len() < 200 {
            break;
        }
    }
    Ok(json!({ "object": "list", "data": data }))
}

fn shown(ids: &IdCodec, view: &View<Break>) -> Value {
    let b = &view.body;
    let (status, how, resolved) = match b.state {
        BreakState::Open => ("open", None, None),
        BreakState::Resolved { how, at } => ("resolved", Some(how.as_str()), Some(at.seconds())),
    };
    let line = |h: &florin_core::settlement::Held| {
        json!({
            "report": h.report, "line": h.line, "kind": h.what.as_str(), "stan": format!("{:06}", h.stan),
            "amount": h.money.minor, "currency": h.money.currency.code(), "costs": h.costs,
        })
    };
    json!({
        "id": ids.encode(Kind::Break, view.key),
        "object": "florin.settlement_break",
        "reason": b.reason.as_str(),
        "status": status,
        "rrn": b.rrn.text(),
        "account": b.account.map(|key| ids.encode(Kind::Account, key)),
        "balance_transaction": b.movement.map(|key| ids.encode(Kind::Movement, key)),
        "expected": b.expected.map(|m| json!({ "amount": m.minor, "currency": m.currency.code() })),
        "lines": b.held.iter().map(line).collect::<Vec<Value>>(),
        "opened": b.opened.seconds(),
        "resolution": how,
        "resolved": resolved,
    })
}
