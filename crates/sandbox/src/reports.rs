//! The acquirer's report service: settlement reports and its journal, over mutual TLS, for those whose client certificate opens the link.
//! No call of it changes anything.

use crate::engine::Engine;
use crate::settlement::{self, LINES_LIMIT, ReportLine, ReportsAnswer};
use crate::trail::JournalPage;
use crate::views::Refused;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use florin_connect::core::time::Time;
use std::sync::Arc;

type Shared = State<Arc<Engine>>;

pub(crate) fn router(engine: Arc<Engine>) -> Router {
    Router::new()
        .route("/reports", get(reports))
        .route("/reports/{id}/lines", get(lines))
        .route("/journal", get(journal))
        .with_state(engine)
}

struct Bad(StatusCode, &'static str, &'static str);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        (self.0, Json(Refused { field: self.1.to_owned(), error: self.2.to_owned() })).into_response()
    }
}

/// The number after `name=`; another parameter is refused.
fn number(query: Option<&str>, name: &'static str) -> Result<u64, Bad> {
    let Some(query) = query.filter(|q| !q.is_empty()) else { return Ok(0) };
    let digits = query.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|d| d.parse().ok()).ok_or(Bad(StatusCode::BAD_REQUEST, name, "give one parameter, a whole number"))
}

/// `?after=ID`
async fn reports(State(engine): Shared, RawQuery(query): RawQuery) -> Result<Json<ReportsAnswer>, Bad> {
    let id = number(query.as_deref(), "after")?;
    Ok(Json(engine.with(|host, now| host.reports(id, now)).0))
}

/// `?since=MS&after=ID`
async fn journal(State(engine): Shared, RawQuery(query): RawQuery) -> Result<Json<JournalPage>, Bad> {
    let query = query.unwrap_or_default();
    let (since, after) = query.split_once('&').unwrap_or((&query, ""));
    let since = i64::try_from(number(Some(since), "since")?).unwrap_or(i64::MAX);
    let after = number(Some(after), "after")?;
    Ok(Json(engine.with(|host, now| host.journal(Time(since), after, now)).0))
}

/// `?after=LINE`
async fn lines(
    State(engine): Shared,
    Path(id): Path<u64>,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<ReportLine>>, Bad> {
    let after = u32::try_from(number(query.as_deref(), "after")?).unwrap_or(u32::MAX);
    let page = engine.with(|host, _| settlement::page(host.books(), host.report_script(), id, after, LINES_LIMIT)).0;
    page.map(Json).ok_or(Bad(StatusCode::NOT_FOUND, "id", "there is no such report"))
}
