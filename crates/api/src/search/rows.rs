//! A page of search results. Reads rows, newest first, so many and for so long: the next page goes on where this one ended.

use super::{Search, Subject, fits, parse};
use crate::ask::{Answer, Ask};
use crate::error::ApiError;
use crate::list::{self, Created, MOST_ROWS_READ, Page};
use crate::params::{LONGEST_TEXT, Params};
use florin_core::commit::Row;
use florin_core::id::Key;
use serde_json::{Value, json};

/// What is asked for.
pub struct Wanted {
    pub search: Search,
    pub limit: usize,
    /// Older than this.
    pub after: Option<Key>,
}

/// Reads `query`, `limit` and `page`.
pub fn wanted(ask: &Ask<'_>, params: &Params, subject: Subject) -> Result<Wanted, ApiError> {
    let query = params.needed("query", LONGEST_TEXT)?;
    let most = i64::try_from(list::LARGEST_LIMIT).unwrap_or(i64::MAX);
    let limit = params.integer_within("limit", 1, most)?.unwrap_or(10);
    let after = match params.text("page", 255)? {
        None => None,
        Some(id) => {
            let bad = || params.bad("page", "There is no such page.").code("resource_missing");
            Some(ask.look().key(subject.kind(), &id).ok_or_else(bad)?)
        }
    };
    params.done()?;
    let search = parse(&query, subject)?;
    Ok(Wanted { search, limit: usize::try_from(limit).unwrap_or(list::DEFAULT_LIMIT), after })
}

/// `cut_at` is the id at which reading ended before it had found a page: there may be more behind it, or nothing.
pub fn answer(
    subject: Subject,
    (data, more): (Vec<Value>, bool),
    cut_at: Option<String>,
    total: Option<usize>,
) -> Answer {
    let last = || data.last().filter(|_| more).and_then(|v| v.get("id")).cloned();
    let next = cut_at.map(Value::String).or_else(last);
    let mut body = json!({
        "object": "search_result", "data": data, "has_more": more, "next_page": next, "url": subject.url(),
    });
    if let (Some(total), Some(map)) = (total, body.as_object_mut()) {
        map.insert("total_count".into(), json!(total));
    }
    Answer::ok(body)
}

/// Whether `expand[]=total_count` was asked for.
pub fn counts(ask: &Ask<'_>) -> bool {
    ask.expand.iter().any(|path| path.first().is_some_and(|p| p == "total_count"))
}

/// Searches things that are rows of their own. `read` shows a row, or leaves it out.
pub async fn rows(
    ask: &Ask<'_>,
    params: &Params,
    subject: Subject,
    read: &(dyn Fn(&Row) -> Result<Option<Value>, ApiError> + Sync),
) -> Result<Answer, ApiError> {
    let wanted = wanted(ask, params, subject)?;
    let filter = |row: &Row| Ok(read(row)?.filter(|value| fits(&wanted.search, value)));
    let created = Created { from: i64::MIN, to: i64::MAX };
    let under = (ask.account(), subject.kind());
    let page = Page { limit: wanted.limit, after: wanted.after, before: None, created };
    let found = list::looked_for(ask, page.clone(), under, &filter).await?;
    let cut_at = found.cut_at.map(|key| ask.look().id(subject.kind(), key));
    let total = match counts(ask) {
        false => None,
        true => {
            let count = |row: &Row| Ok(filter(row)?.map(|_| ()));
            let all = Page { limit: MOST_ROWS_READ, after: None, ..page };
            Some(list::looked_for(ask, all, under, &count).await?.items.len())
        }
    };
    Ok(answer(subject, (found.items, found.more), cut_at, total))
}
