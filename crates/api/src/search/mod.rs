//! Search clauses: `email:'x'`, `metadata['k']:'v'`, `amount>1000`, joined by AND or OR. Knows no store.

mod fields;
mod rows;

pub use fields::Subject;
pub use rows::{answer, counts, rows, wanted};

use crate::error::ApiError;
use fields::Sort;
use serde_json::Value;

/// Clauses of one query.
pub const MOST_CLAUSES: usize = 10;
/// Characters that `~` looks for.
const SHORTEST_PART: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Equal,
    /// `~`: contains.
    Like,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Clause {
    negated: bool,
    field: String,
    /// Within `metadata`.
    key: Option<String>,
    compare: Compare,
    /// None is `null`.
    value: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    any: bool,
    clauses: Vec<Clause>,
}

impl Search {
    /// Whether a clause is about this field.
    pub fn asks_for(&self, field: &str) -> bool {
        self.clauses.iter().any(|c| c.field == field)
    }
}

pub fn parse(text: &str, subject: Subject) -> Result<Search, ApiError> {
    let bad = || {
        ApiError::invalid("We were unable to parse your search query. Write clauses such as email:'x' or metadata['k']:'v', joined by AND or by OR.")
            .param("query")
    };
    let mut rest = text.trim();
    let mut search = Search { any: false, clauses: vec![] };
    let mut joint: Option<bool> = None;
    while !rest.is_empty() {
        let (clause, after) = clause(rest).ok_or_else(bad)?;
        check(&clause, subject)?;
        search.clauses.push(clause);
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        let head = rest.get(..4).unwrap_or(rest).to_ascii_uppercase();
        let (any, after) = if head.starts_with("AND ") {
            (false, rest.get(4..))
        } else if head.starts_with("OR ") {
            (true, rest.get(3..))
        } else {
            // Nothing between clauses means AND.
            (false, Some(rest))
        };
        if joint.is_some_and(|j| j != any) {
            return Err(bad());
        }
        joint = Some(any);
        rest = after.ok_or_else(bad)?.trim_start();
        if rest.is_empty() {
            return Err(bad());
        }
    }
    search.any = joint.unwrap_or(false);
    if search.clauses.is_empty() || search.clauses.len() > MOST_CLAUSES {
        return Err(bad());
    }
    Ok(search)
}

fn clause(text: &str) -> Option<(Clause, &str)> {
    let (negated, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))?;
    let (field, rest) = rest.split_at(end);
    let (key, rest) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (key, after) = quoted(inner)?;
            (Some(key), after.strip_prefix(']')?)
        }
        None => (None, rest),
    };
    let signs = [
        (">=", Compare::GreaterOrEqual),
        ("<=", Compare::LessOrEqual),
        (":", Compare::Equal),
        ("~", Compare::Like),
        (">", Compare::Greater),
        ("<", Compare::Less),
    ];
    let (sign, compare) = signs.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
    let rest = rest.get(sign.len()..)?;
    let (value, rest) = match quoted(rest) {
        Some((value, rest)) => (Some(value), rest),
        None => {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)) {
                return None;
            }
            (Some(word.to_owned()).filter(|w| !w.eq_ignore_ascii_case("null")), after)
        }
    };
    if field.is_empty() || value.as_deref() == Some("") && compare != Compare::Equal {
        return None;
    }
    Some((Clause { negated, field: field.to_owned(), key, compare, value }, rest))
}

/// Refuses by name what cannot be searched for, or not like this.
fn check(clause: &Clause, subject: Subject) -> Result<(), ApiError> {
    let bad = |message: String| Err(ApiError::invalid(message).param("query"));
    let field: String = clause.field.chars().take(60).collect();
    let Some((_, sort)) = subject.fields().iter().find(|(name, _)| *name == clause.field) else {
        let names: Vec<&str> = subject.fields().iter().map(|(name, _)| *name).collect();
        return bad(format!("Field `{field}` is an unsupported search field. Search by: {}.", names.join(", ")));
    };
    if (*sort == Sort::Metadata) != clause.key.is_some() {
        return bad(format!(
            "Field `{field}` is not written like this. Write metadata['name']:'value', other fields without brackets."
        ));
    }
    if !sort.takes(clause.compare) {
        return bad(format!("Field `{field}` cannot be compared like this."));
    }
    let Some(value) = &clause.value else {
        return if clause.compare == Compare::Equal { Ok(()) } else { bad("null takes a colon.".to_owned()) };
    };
    if *sort == Sort::Number && value.parse::<i64>().is_err() {
        return bad(format!("Field `{field}` takes whole numbers."));
    }
    if clause.compare == Compare::Like && value.chars().count() < SHORTEST_PART {
        return bad(format!("Parts of `{field}` are searched for by at least {SHORTEST_PART} characters."));
    }
    Ok(())
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| *c == '\'' || *c == '"')?;
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            out.push(chars.next()?.1);
        } else if c == quote {
            return Some((out, text.get(at + 1..)?));
        } else {
            out.push(c);
        }
    }
    None
}

pub fn fits(search: &Search, value: &Value) -> bool {
    let mut fits = search.clauses.iter().map(|c| holds(c, value) != c.negated);
    if search.any { fits.any(|f| f) } else { fits.all(|f| f) }
}

fn holds(clause: &Clause, value: &Value) -> bool {
    let field = clause.field.split('.').try_fold(value, |v, part| v.get(part));
    let found = match &clause.key {
        Some(key) => field.and_then(|m| m.get(key)),
        None => field,
    };
    let found = found.filter(|v| !v.is_null());
    let (Some(found), Some(wanted)) = (found, &clause.value) else { return found.is_none() && clause.value.is_none() };
    let text = match found {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let numbers = || Some((text.parse::<i64>().ok()?, wanted.parse::<i64>().ok()?));
    match clause.compare {
        Compare::Equal => text.eq_ignore_ascii_case(wanted),
        Compare::Like => text.to_ascii_lowercase().contains(&wanted.to_ascii_lowercase()),
        Compare::Less => numbers().is_some_and(|(a, b)| a < b),
        Compare::LessOrEqual => numbers().is_some_and(|(a, b)| a <= b),
        Compare::Greater => numbers().is_some_and(|(a, b)| a > b),
        Compare::GreaterOrEqual => numbers().is_some_and(|(a, b)| a >= b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn queries() {
        #[track_caller]
        fn check(query: &str, expected: Option<bool>) {
            let value = json!({ "email": "Ana@x.nl", "created": 1200, "metadata": { "k": "v w" }, "phone": null });
            let found = parse(query, Subject::Customer);
            assert!(found.as_ref().err().is_none_or(|e| e.param.as_deref() == Some("query")));
            assert_eq!(found.ok().map(|s| fits(&s, &value)), expected, "{query}");
        }
        check("email:'ana@x.nl'", Some(true));
        check("email:\"bea@x.nl\"", Some(false));
        check("-email:'bea@x.nl'", Some(true));
        check("email~'x.nl' AND created>1000", Some(true));
        check("email:'no' OR created<=1200", Some(true));
        check("created>=1201", Some(false));
        check("created:1200", Some(true));
        check("created:'1200'", Some(true));
        check("metadata['k']:'v w'", Some(true));
        check("metadata['other']:null", Some(true));
        check("phone:null", Some(true));
        check("email:null", Some(false));
        check("email:'x", None);
        check("email:", None);
        check("email~'x'", None);
        check("email>'a'", None);
        check("created:'x'", None);
        check("created~120", None);
        check("metadata:'v'", None);
        check("metadata['k']~'v w'", None);
        check("email['k']:'v'", None);
        check("amount>1", None);
        check("created>null", None);
        check("", None);
        check("email", None);
        check("email:'1' AND name:'2' OR phone:'3'", None);
        check("email:'1' AND", None);
        check("metadata[k]:'v'", None);
        check(":'x'", None);
    }
}
