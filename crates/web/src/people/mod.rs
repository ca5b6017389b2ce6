//! Pages for the house's people: getting in, their own security, the team, approvals, the audit log. A request in, a page out; what is done is
//! the desk's. Knows no store and no cryptography.

mod approvals;
mod audit;
mod confirm;
mod enrol;
mod enter;
mod form;
mod guard;
mod passkey;
#[cfg(test)]
mod sample;
mod security;
mod sessions;
mod start;
mod team;
#[cfg(test)]
pub mod tests;
mod view;
mod visit;

use crate::desk::{Desk, Refused};
use crate::pages::{self, Base};
use crate::respond;
use florin_core::edge::{EdgeRequest, EdgeResponse};
use florin_core::store::Wait;
use view::Answered;
use visit::Visit;

/// Whether a path is one of theirs.
fn is_theirs(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(
        first,
        "sign-in"
            | "sign-out"
            | "enrol"
            | "confirm"
            | "account"
            | "security"
            | "sessions"
            | "team"
            | "approvals"
            | "audit"
            | "passkey"
    )
}

/// None: the path is another page's, or the reader is nobody here and the start page is for everybody.
pub async fn handle(desk: &dyn Desk, request: &EdgeRequest, base: Base) -> Option<EdgeResponse> {
    let start = request.path == "/" && guard::cookie(request, guard::SESSION).is_some();
    if !start && !is_theirs(&request.path) {
        return None;
    }
    let mut visit = Visit::new(desk, request, base);
    if start && visit.signed().await.is_err() {
        return None;
    }
    Some(answer(&mut visit).await)
}

async fn answer(visit: &mut Visit<'_>) -> EdgeResponse {
    let reads = match visit.request.method.as_str() {
        "GET" | "HEAD" => true,
        "POST" if !guard::from_own_page(visit.request) => return pages::no(visit.base.clone(), pages::No::Origin),
        "POST" => false,
        _ => return pages::no(visit.base.clone(), pages::No::Method),
    };
    let shown = if reads { read(visit).await } else { write(visit).await };
    let mut answer = match shown {
        Ok(answer) => answer,
        Err(why) => refused(visit, why, reads),
    };
    if visit.flashed {
        guard::take(&mut answer, guard::FLASH);
    }
    respond::same_origin(answer)
}

async fn read(visit: &mut Visit<'_>) -> Answered {
    let path = visit.request.path.clone();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        [""] => start::show(visit).await,
        ["sign-in"] => enter::show(visit).await,
        ["sign-in", "second"] => enter::second(visit).await,
        ["enrol"] => enrol::show(visit).await,
        ["enrol", "factor"] => enrol::factor(visit).await,
        ["enrol", "totp"] => enrol::totp(visit).await,
        ["enrol", token] => enrol::link(visit, token),
        ["confirm"] => confirm::show(visit).await,
        ["security"] => security::show(visit).await,
        ["security", "passkey"] => security::passkey(visit).await,
        ["security", "passkeys", id, "rename"] => security::rename(visit, id).await,
        ["security", "passkeys", id, "remove"] => security::remove(visit, id).await,
        ["security", "totp"] => security::totp(visit).await,
        ["security", "phone"] => security::phone(visit).await,
        ["security", "codes"] => security::codes(visit).await,
        ["security", "password"] => security::password(visit).await,
        ["sessions"] => sessions::show(visit).await,
        ["team"] => team::show(visit).await,
        ["team", "invite"] => team::invite(visit).await,
        ["team", "members", id, "role"] => team::role(visit, id).await,
        ["team", "members", id, act @ ("disable" | "enable" | "withdraw")] => team::sure(visit, id, act).await,
        ["approvals"] => approvals::show(visit).await,
        ["audit"] => audit::show(visit).await,
        ["audit", number] => audit::entry(visit, number).await,
        ["audit", number, "proof"] => audit::proof(visit, number).await,
        _ => Err(Refused::Missing),
    }
}

async fn write(visit: &mut Visit<'_>) -> Answered {
    let path = visit.request.path.clone();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["sign-in"] => enter::password(visit).await,
        ["sign-in", "passkey"] => enter::passkey(visit).await,
        ["sign-in", "second"] => enter::prove(visit).await,
        ["sign-in", "code"] => enter::send_code(visit).await,
        ["sign-out"] => enter::sign_out(visit).await,
        ["passkey", purpose] => passkey::options(visit, purpose).await,
        ["enrol"] => enrol::person(visit).await,
        ["enrol", "factor"] => enrol::passkey(visit).await,
        ["enrol", "totp"] => enrol::code(visit).await,
        ["confirm"] => confirm::prove(visit).await,
        ["account"] => start::switch(visit).await,
        ["security", "passkey"] => security::add_passkey(visit).await,
        ["security", "passkeys", id, "rename"] => security::do_rename(visit, id).await,
        ["security", "passkeys", id, "remove"] => security::do_remove(visit, id).await,
        ["security", "totp"] => security::set_totp(visit).await,
        ["security", "phone"] => security::set_phone(visit).await,
        ["security", "phone", "code"] => security::check_phone(visit).await,
        ["security", "phone", "remove"] => security::remove_phone(visit).await,
        ["security", "codes"] => security::new_codes(visit).await,
        ["security", "password"] => security::change_password(visit).await,
        ["sessions", "others", "end"] => sessions::end_others(visit).await,
        ["sessions", id, "end"] => sessions::end(visit, id).await,
        ["team", "invite"] => team::do_invite(visit).await,
        ["team", "members", id, "role"] => team::set_role(visit, id).await,
        ["team", "members", id, act @ ("disable" | "enable" | "withdraw")] => team::do_sure(visit, id, act).await,
        ["approvals", id, decision @ ("approve" | "refuse")] => approvals::decide(visit, id, decision).await,
        _ => Err(Refused::Missing),
    }
}

/// The page for what cannot be told on the form itself.
fn refused(visit: &mut Visit<'_>, why: Refused, reads: bool) -> EdgeResponse {
    let base = visit.base.clone();
    match why {
        Refused::SignedOut if reads => visit.lead(&visit.with_return("/sign-in", &visit.here())),
        Refused::SignedOut => pages::no(base, pages::No::SignedOut),
        Refused::StepUp if reads => visit.lead(&visit.with_return("/confirm", &visit.here())),
        Refused::StepUp => confirm::ask_first(visit),
        Refused::Role { can } => pages::not_by_role(base, &can),
        Refused::Expired => pages::no(base, pages::No::Over),
        Refused::Used => pages::no(base, pages::No::Used),
        Refused::Unknown => pages::no(base, pages::No::Unknown),
        Refused::Stale => pages::no(base, pages::No::Stale),
        Refused::Missing => pages::no(base, pages::No::Page),
        Refused::Rule { why } => pages::rule(base, why),
        Refused::Wrong | Refused::Field { .. } => pages::no(base, pages::No::Wrong),
        Refused::Locked { until } => pages::locked(base, until.since(visit.desk.now())),
        Refused::Trouble => pages::no(base, pages::No::House),
    }
}

/// A form that was held until its sender had confirmed that it is them: done as if it had come now.
fn again<'a>(visit: &'a mut Visit<'_>) -> Wait<'a, EdgeResponse> {
    Box::pin(answer(visit))
}
