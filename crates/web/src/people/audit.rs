//! The audit log as people read it: filters in the address, pages by number, one entry with its proof. Knows no hash function.

use super::form::{Field, Form, Kind, Pick};
use super::view::Answered;
use super::visit::Visit;
use crate::desk::{AuditEntry, AuditQuery, Refused, State, Verified};
use crate::journey::clock;
use crate::pages::{Base, render};
use askama::Template;
use florin_core::edge::EdgeResponse;
use florin_core::time::Time;
use url::form_urlencoded::Serializer;

const DAY_MS: i64 = 86_400_000;
const FILTERS: [&str; 4] = ["group", "actor", "from", "until"];

struct Row {
    e: AuditEntry,
    at: String,
    what: String,
    refused: bool,
}

#[derive(Template)]
#[template(path = "people/audit.html")]
struct AuditPage {
    base: Base,
    rows: Vec<Row>,
    fields: Vec<Field>,
    filtered: bool,
    verified: String,
    tone: &'static str,
    older: Option<String>,
    newest: Option<String>,
}

#[derive(Template)]
#[template(path = "people/entry.html")]
struct EntryPage {
    base: Base,
    row: Row,
    title: String,
}

fn row(visit: &Visit<'_>, e: AuditEntry) -> Row {
    Row { at: clock::moment(e.at), what: visit.words().of("audit", &e.what), refused: e.outcome == State::Refused, e }
}

/// `2026-11-22`, as a date field sends it.
fn day(text: &str) -> Option<Time> {
    let mut parts = text.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let fits =
        text.len() == 10 && (2000..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    // The day of the year is found by looking: no calendar of our own.
    let first = Time::of_day(year, 1).filter(|_| fits)?;
    (0..366).map(|n| first.plus_ms(n * DAY_MS)).find(|at| {
        let civil = at.civil();
        (i64::from(civil.month), i64::from(civil.day)) == (month, day) && clock::moment(*at).starts_with(text)
    })
}

fn asked(form: &mut Form) -> AuditQuery {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut date = |name: &str| {
        let text = form.text(name);
        let at = day(&text);
        if at.is_none() && !text.is_empty() {
            form.wrong(name, "fault-date");
        }
        at
    };
    let (from, until) = (date("from"), date("until").map(|at| at.plus_ms(DAY_MS)));
    AuditQuery {
        group: some(form.text("group")),
        actor: some(form.text("actor")),
        from,
        until,
        before: form.text("before").parse().ok(),
    }
}

/// The same filters, from another number on.
fn at(form: &Form, before: Option<u64>) -> String {
    let mut query = Serializer::new(String::new());
    for name in FILTERS {
        let value = form.text(name);
        if !value.is_empty() {
            query.append_pair(name, &value);
        }
    }
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    let query = query.finish();
    if query.is_empty() { "/audit".to_owned() } else { format!("/audit?{query}") }
}

pub async fn show(visit: &mut Visit<'_>) -> Answered {
    visit.signed().await?;
    let words = visit.words();
    let mut form = visit.query();
    let query = asked(&mut form);
    let paged = query.before.is_some();
    let list = visit.desk.audit(&visit.asker, query).await?;
    let group = |name: &&'static str| Pick {
        value: (*name).to_owned(),
        label: words.of("audit-group", name),
        hint: String::new(),
        chosen: form.raw("group") == *name,
    };
    let any = Pick { value: String::new(), label: words.say("audit-any"), hint: String::new(), chosen: false };
    let picks = [any].into_iter().chain(list.groups.iter().map(group)).collect();
    let fields = vec![
        Field::new(words, &form, "group", Kind::Select, "off").picks(picks).optional(),
        Field::new(words, &form, "actor", Kind::Text, "off").optional(),
        Field::new(words, &form, "from", Kind::Date, "off").optional(),
        Field::new(words, &form, "until", Kind::Date, "off").optional(),
    ];
    let (verified, tone) = match &list.verified {
        Verified::Sound { entries, at, checkpoint } => {
            let entries = entries.to_string();
            let says = words.put("audit-sound", &[("entries", &entries), ("at", &clock::moment(*at))]);
            let checkpoint = checkpoint.map(|at| words.with("audit-checkpoint", "at", &clock::moment(at)));
            (checkpoint.into_iter().fold(says, |says, more| format!("{says} {more}")), "good")
        }
        Verified::Broken { number } => (words.with("audit-broken", "number", &number.to_string()), "bad"),
        Verified::NotYet => (words.say("audit-not-yet"), "wait"),
    };
    let last = list.entries.last().map(|e| e.number);
    let page = AuditPage {
        base: visit.base.clone(),
        filtered: FILTERS.iter().any(|name| !form.text(name).is_empty()),
        fields,
        verified,
        tone,
        older: last.filter(|_| list.more).map(|n| at(&form, Some(n))),
        newest: paged.then(|| at(&form, None)),
        rows: list.entries.into_iter().map(|e| row(visit, e)).collect(),
    };
    Ok(render(200, &page))
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().ok().filter(|n: &u64| n.to_string() == text).ok_or(Refused::Missing)
}

pub async fn entry(visit: &mut Visit<'_>, text: &str) -> Answered {
    visit.signed().await?;
    let entry = visit.desk.audit_entry(&visit.asker, number(text)?).await?;
    let title = visit.words().with("entry-title", "number", text);
    Ok(render(200, &EntryPage { base: visit.base.clone(), row: row(visit, entry), title }))
}

/// A file to be checked elsewhere, without this installation.
pub async fn proof(visit: &mut Visit<'_>, text: &str) -> Answered {
    visit.signed().await?;
    let number = number(text)?;
    let body = visit.desk.audit_proof(&visit.asker, number).await?.into_bytes();
    let disposition = format!("attachment; filename=\"audit-{number}.proof\"");
    let headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-disposition", disposition.as_str()),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Ok(EdgeResponse { status: 200, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        #[track_caller]
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(day(text).map(clock::moment).as_deref(), expected, "{text}");
        }
        check("2026-11-22", Some("2026-11-22 00:00:00"));
        check("2024-02-29", Some("2024-02-29 00:00:00"));
        check("2024-12-31", Some("2024-12-31 00:00:00"));
        for text in
            ["2026-02-29", "2026-13-01", "2026-00-10", "1999-01-01", "2026-1-1", "yesterday", "", "2026-11-22T00:00"]
        {
            check(text, None);
        }
    }
}
