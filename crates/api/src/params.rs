//! Typed, strict reading of parameters: what is unknown, missing or of the wrong type becomes a 400 that names it.
//! Knows no endpoint.

use crate::declare::{Declared, Kind};
use crate::error::ApiError;
use florin_core::money::Currency;
use florin_core::payment::{Address, Contact};
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Pairs of metadata, characters of a name, characters of a value.
pub const MOST_METADATA: usize = 50;
pub const LONGEST_METADATA_NAME: usize = 40;
pub const LONGEST_METADATA_VALUE: usize = 500;
/// Characters of a text without a limit of its own.
pub const LONGEST_TEXT: usize = 5_000;
/// Characters of an email address.
pub const LONGEST_EMAIL: usize = 512;

/// The parameters of a request, or of an object within. Names that were asked for are known; `done` refuses the others.
pub struct Params {
    map: Map<String, Value>,
    /// Empty at the top.
    path: String,
    known: Mutex<Vec<&'static str>>,
    /// Where it is written down what was asked for; nowhere but when the API is described.
    declared: Option<Arc<Declared>>,
}

/// What an update does to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch<T> {
    Keep,
    Unset,
    Set(T),
}

impl<T> Patch<T> {
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Patch::Keep => {}
            Patch::Unset => *field = None,
            Patch::Set(value) => *field = Some(value),
        }
    }
    /// For creation, where unsetting is leaving out.
    pub fn value(self) -> Option<T> {
        match self {
            Patch::Keep | Patch::Unset => None,
            Patch::Set(value) => Some(value),
        }
    }
}

impl Params {
    pub fn new(map: Map<String, Value>) -> Params {
        Params { map, path: String::new(), known: Mutex::default(), declared: None }
    }
    /// The same, writing down what is asked for.
    pub fn declaring(map: Map<String, Value>, declared: Option<Arc<Declared>>) -> Params {
        Params { declared, ..Params::new(map) }
    }
    fn note(&self, name: &str, kind: impl FnOnce() -> Kind) {
        if let Some(declared) = &self.declared {
            declared.note(self.name(name), kind());
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<&'static str>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The whole name of a parameter: `payment_method_data[card]`.
    pub fn name(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}[{name}]", self.path) }
    }

    fn get(&self, name: &'static str) -> Option<&Value> {
        self.known().push(name);
        self.map.get(name).filter(|v| !v.is_null())
    }

    pub fn has(&self, name: &'static str) -> bool {
        self.get(name).is_some()
    }

    /// Parameters that are understood and change nothing here.
    pub fn ignore(&self, names: &[&'static str]) {
        names.iter().for_each(|name| self.note(name, || Kind::NoEffect));
        self.known().extend_from_slice(names);
    }

    /// Parameters that are read in another place.
    pub fn known_elsewhere(&self, names: &[&'static str]) {
        self.known().extend_from_slice(names);
    }

    /// Refuses what nobody asked for.
    pub fn done(&self) -> Result<(), ApiError> {
        let known = self.known();
        let Some(unknown) = self.map.keys().find(|k| !known.contains(&k.as_str())) else {
            if let Some(declared) = self.declared.as_ref().filter(|_| self.path.is_empty()) {
                declared.set_whole();
            }
            return Ok(());
        };
        let name = self.name(unknown);
        let near = known.iter().filter(|k| distance(k, unknown) <= 2).min_by_key(|k| distance(k, unknown));
        let hint = near.map_or_else(String::new, |k| format!(". Did you mean {}?", self.name(k)));
        let shown: String = name.chars().take(200).collect();
        Err(ApiError::invalid(format!("Received unknown parameter: {shown}{hint}"))
            .code("parameter_unknown")
            .param(&shown))
    }

    pub fn missing(&self, name: &str) -> ApiError {
        let name = self.name(name);
        ApiError::invalid(format!("Missing required param: {name}.")).code("parameter_missing").param(&name)
    }

    pub fn bad(&self, name: &str, message: impl Into<String>) -> ApiError {
        ApiError::invalid(message).param(&self.name(name))
    }

    /// A text as it came; may be empty.
    pub fn raw(&self, name: &'static str) -> Result<Option<String>, ApiError> {
        self.note(name, || Kind::Text(LONGEST_TEXT));
        self.read(name)
    }

    fn read(&self, name: &'static str) -> Result<Option<String>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => {
                if text.chars().count() > LONGEST_TEXT {
                    let message = format!("Invalid string: at most {LONGEST_TEXT} characters are allowed.");
                    return Err(self.bad(name, message));
                }
                Ok(Some(text.clone()))
            }
            Some(Value::Number(n)) => Ok(Some(n.to_string())),
            Some(Value::Bool(b)) => Ok(Some(b.to_string())),
            Some(Value::Null | Value::Array(_) | Value::Object(_)) => {
                Err(self.bad(name, format!("Invalid string: {} must be a text.", self.name(name))))
            }
        }
    }

    /// A text that says something, of at most `longest` characters.
    pub fn text(&self, name: &'static str, longest: usize) -> Result<Option<String>, ApiError> {
        self.note(name, || Kind::Text(longest));
        self.filled(name, longest)
    }

    fn filled(&self, name: &'static str, longest: usize) -> Result<Option<String>, ApiError> {
        match self.read_patch(name, longest)? {
            Patch::Keep => Ok(None),
            Patch::Unset => Err(self
                .bad(name, format!("You passed an empty string for '{}'. Leave it out instead.", self.name(name)))
                .code("parameter_invalid_empty")),
            Patch::Set(text) => Ok(Some(text)),
        }
    }

    pub fn needed(&self, name: &'static str, longest: usize) -> Result<String, ApiError> {
        self.text(name, longest)?.ok_or_else(|| self.missing(name))
    }

    /// A text where the empty one unsets.
    pub fn patch(&self, name: &'static str, longest: usize) -> Result<Patch<String>, ApiError> {
        self.note(name, || Kind::TextOrUnset(longest));
        self.read_patch(name, longest)
    }

    fn read_patch(&self, name: &'static str, longest: usize) -> Result<Patch<String>, ApiError> {
        match self.read(name)? {
            None => Ok(Patch::Keep),
            Some(text) if text.is_empty() => Ok(Patch::Unset),
            Some(text) if text.chars().count() > longest => {
                Err(self.bad(name, format!("Invalid string: at most {longest} characters are allowed.")))
            }
            Some(text) => Ok(Patch::Set(text)),
        }
    }

    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        self.note(name, || Kind::Integer(i64::MIN, i64::MAX));
        self.read_integer(name)
    }

    /// A whole number within bounds, both inclusive.
    pub fn integer_within(&self, name: &'static str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
        self.note(name, || Kind::Integer(least, most));
        let found = self.read_integer(name)?;
        let bad = |message: String| Err(self.bad(name, message).code("parameter_invalid_integer"));
        match found {
            Some(n) if n < least => bad(format!("This value must be greater than or equal to {least}.")),
            Some(n) if n > most => bad(format!("This value must be less than or equal to {most}.")),
            found => Ok(found),
        }
    }

    fn read_integer(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        match text.parse::<i64>() {
            Ok(n) if !text.starts_with('+') => Ok(Some(n)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                Err(self.bad(name, format!("Invalid integer: {shown}")).code("parameter_invalid_integer"))
            }
        }
    }

    pub fn boolean(&self, name: &'static str) -> Result<Option<bool>, ApiError> {
        self.note(name, || Kind::Boolean);
        match self.read(name)?.as_deref() {
            None => Ok(None),
            Some("true" | "True" | "1") => Ok(Some(true)),
            Some("false" | "False" | "0") => Ok(Some(false)),
            Some(other) => {
                let shown: String = other.chars().take(40).collect();
                Err(self.bad(name, format!("Invalid boolean: {shown}")))
            }
        }
    }

    /// One of these words.
    pub fn choice<T: Copy>(&self, name: &'static str, of: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        self.note(name, || Kind::Choice(of.iter().map(|(word, _)| (*word).to_owned()).collect()));
        let Some(text) = self.read(name)? else { return Ok(None) };
        match of.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let words: Vec<&str> = of.iter().map(|(word, _)| *word).collect();
                Err(self.bad(name, format!("Invalid {}: must be one of {}", self.name(name), words.join(", "))))
            }
        }
    }

    pub fn currency(&self, name: &'static str) -> Result<Option<Currency>, ApiError> {
        self.note(name, || Kind::Currency);
        let Some(text) = self.filled(name, LONGEST_TEXT)? else { return Ok(None) };
        let unknown = || {
            let shown: String = text.chars().take(10).collect();
            self.bad(name, format!("Invalid currency: {shown}. Give a three-letter ISO 4217 code, for example eur."))
        };
        Currency::parse(&text).map(Some).ok_or_else(unknown)
    }

    pub fn object(&self, name: &'static str) -> Result<Option<Params>, ApiError> {
        self.note(name, || Kind::Object);
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => {
                let (path, declared) = (self.name(name), self.declared.clone());
                Ok(Some(Params { path, ..Params::declaring(map.clone(), declared) }))
            }
            Some(_) => Err(self.bad(name, "Invalid object")),
        }
    }

    /// Whether a parameter is there as the empty text, which unsets an object.
    pub fn is_unset(&self, name: &'static str) -> bool {
        self.note(name, || Kind::Unset);
        matches!(self.get(name), Some(Value::String(text)) if text.is_empty())
    }

    /// A list of texts.
    pub fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, ApiError> {
        self.note(name, || Kind::Texts);
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => {
                let text = |v: &Value| v.as_str().map(str::to_owned).ok_or_else(|| self.bad(name, "Invalid array"));
                list.iter().map(text).collect::<Result<Vec<_>, _>>().map(Some)
            }
            Some(Value::String(text)) if text.is_empty() => Ok(Some(vec![])),
            Some(_) => Err(self.bad(name, "Invalid array")),
        }
    }

    /// A list of objects; their names are `list[0][name]`.
    pub fn objects(&self, name: &'static str, most: usize) -> Result<Option<Vec<Params>>, ApiError> {
        self.note(name, || Kind::Objects);
        let list = match self.get(name) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(Value::String(text)) if text.is_empty() => return Ok(Some(vec![])),
            Some(_) => return Err(self.bad(name, "Invalid array")),
        };
        if list.len() > most {
            return Err(self.bad(name, format!("Invalid array: at most {most} elements are allowed.")));
        }
        let whole = self.name(name);
        let one = |(n, value): (usize, &Value)| match value {
            Value::Object(map) => Ok(Params { path: format!("{whole}[{n}]"), ..Params::new(map.clone()) }),
            _ => Err(ApiError::invalid("Invalid object").param(&format!("{whole}[{n}]"))),
        };
        list.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// Digits with at most `places` behind a point, as a text without needless zeros: `10.50` is `10.5`. Never negative.
    pub fn decimal(&self, name: &'static str, places: usize) -> Result<Option<String>, ApiError> {
        self.note(name, || Kind::Decimal);
        let Some(text) = self.read(name)? else { return Ok(None) };
        let (whole, part) = text.split_once('.').unwrap_or((text.as_str(), ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let part = part.trim_end_matches('0');
        if whole.is_empty() || whole.len() > 15 || !digits(whole) || !digits(part) || part.len() > places {
            let shown: String = text.chars().take(40).collect();
            return Err(self.bad(name, format!("Invalid decimal: {shown}")).code("parameter_invalid_decimal"));
        }
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        Ok(Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }))
    }

    /// Merges `metadata` into what there is: key by key, an empty value deletes, an empty text deletes all.
    pub fn metadata(&self, into: &mut Vec<(String, String)>) -> Result<(), ApiError> {
        self.note("metadata", || Kind::Metadata);
        let Some(value) = self.get("metadata") else { return Ok(()) };
        let map = match value {
            Value::Object(map) => map,
            Value::String(text) if text.is_empty() => {
                into.clear();
                return Ok(());
            }
            // Names 0, 1, 2, … look like a list.
            Value::Array(list) => &list.iter().enumerate().map(|(n, v)| (n.to_string(), v.clone())).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(self.bad("metadata", "Invalid object"));
            }
        };
        for (name, value) in map {
            let at = format!("{}[{name}]", self.name("metadata"));
            let bad = |message: String| ApiError::invalid(message).param(&at);
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(n) => n.to_string(),
                Value::Bool(b) => b.to_string(),
                Value::Null => String::new(),
                Value::Array(_) | Value::Object(_) => return Err(bad("Metadata values must be texts.".to_owned())),
            };
            if name.chars().count() > LONGEST_METADATA_NAME {
                return Err(bad(format!("Metadata names have at most {LONGEST_METADATA_NAME} characters.")));
            }
            if value.chars().count() > LONGEST_METADATA_VALUE {
                return Err(bad(format!("Metadata values have at most {LONGEST_METADATA_VALUE} characters.")));
            }
            into.retain(|(n, _)| n != name);
            if !value.is_empty() {
                into.push((name.clone(), value));
            }
        }
        if into.len() > MOST_METADATA {
            return Err(self.bad("metadata", format!("Metadata has at most {MOST_METADATA} names.")));
        }
        into.sort();
        Ok(())
    }

    pub fn address(&self, name: &'static str) -> Result<Option<Address>, ApiError> {
        let Some(inner) = self.object(name)? else { return Ok(None) };
        let text = |field| inner.patch(field, LONGEST_TEXT).map(Patch::value);
        let address = Address {
            city: text("city")?,
            country: text("country")?,
            line1: text("line1")?,
            line2: text("line2")?,
            postal_code: text("postal_code")?,
            state: text("state")?,
        };
        inner.done()?;
        Ok(Some(address))
    }

    /// `shipping`, as payments and customers have it.
    pub fn shipping(&self) -> Result<Patch<Contact>, ApiError> {
        if self.is_unset("shipping") {
            return Ok(Patch::Unset);
        }
        let Some(inner) = self.object("shipping")? else { return Ok(Patch::Keep) };
        let text = |field| inner.patch(field, LONGEST_TEXT).map(Patch::value);
        let address = inner.address("address")?.ok_or_else(|| inner.missing("address"))?;
        let contact = Contact {
            name: Some(inner.needed("name", LONGEST_TEXT)?),
            email: None,
            phone: text("phone")?,
            address: Some(address),
            carrier: text("carrier")?,
            tracking_number: text("tracking_number")?,
        };
        inner.done()?;
        Ok(Patch::Set(contact))
    }

    /// `billing_details` of a payment method.
    pub fn billing(&self) -> Result<Option<Contact>, ApiError> {
        let Some(inner) = self.object("billing_details")? else { return Ok(None) };
        let text = |field| inner.patch(field, LONGEST_TEXT).map(Patch::value);
        let address = if inner.is_unset("address") { None } else { inner.address("address")? };
        let contact = Contact {
            name: text("name")?,
            email: inner.email("email")?.value(),
            phone: text("phone")?,
            address,
            ..Contact::default()
        };
        inner.ignore(&["tax_id"]);
        inner.done()?;
        Ok(Some(contact))
    }

    pub fn email(&self, name: &'static str) -> Result<Patch<String>, ApiError> {
        self.note(name, || Kind::Email);
        let patch = self.read_patch(name, LONGEST_EMAIL)?;
        if let Patch::Set(text) = &patch {
            let fits = text.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty() && host.len() > 1 && !host.contains('@') && !text.contains(char::is_whitespace)
            });
            if !fits {
                let shown: String = text.chars().take(100).collect();
                return Err(self.bad(name, format!("Invalid email address: {shown}")).code("email_invalid"));
            }
        }
        Ok(patch)
    }

    /// Whether the parameter is an object (`created[gte]`) and not one value.
    pub fn is_object(&self, name: &'static str) -> bool {
        self.note(name, || Kind::Object);
        matches!(self.get(name), Some(Value::Object(_)))
    }
}

/// Levenshtein's distance, for hints.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 || b.len() > 100 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let best = (diagonal + usize::from(x != *y)).min(left + 1).min(above + 1);
            diagonal = *above;
            left = best;
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form;

    fn params(text: &str) -> Params {
        Params::new(form::parse(text).unwrap())
    }

    #[test]
    fn what_nobody_asked_for() {
        #[track_caller]
        fn check(text: &str, param: &str, hint: &str) {
            let p = params(text);
            let _ = p.integer("amount");
            let inner = p.object("card").unwrap();
            let error = match inner {
                Some(inner) => {
                    let _ = inner.text("token", 100);
                    inner.done()
                }
                None => p.done(),
            }
            .unwrap_err();
            assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some("parameter_unknown"), Some(param)));
            assert!(error.message.contains(hint), "{}", error.message);
        }
        check("amont=1", "amont", "Did you mean amount?");
        check("quantity=1", "quantity", "unknown parameter: quantity");
        check("card[tokn]=1", "card[tokn]", "Did you mean card[token]?");
    }

    #[test]
    fn values_of_the_wrong_type() {
        #[track_caller]
        fn check<T: std::fmt::Debug>(read: impl Fn(&Params) -> Result<Option<T>, ApiError>, text: &str, part: &str) {
            let error = read(&params(text)).unwrap_err();
            assert!(error.message.contains(part), "{text}: {}", error.message);
            assert_eq!((error.status, error.param.as_deref()), (400, Some("x")), "{text}");
        }
        for text in ["x=1.5", "x=", "x=abc", "x=+1", "x=99999999999999999999", "x=0x10", "x= 1"] {
            check(|p| p.integer("x"), text, "Invalid integer");
        }
        check(|p| p.boolean("x"), "x=yes", "Invalid boolean");
        check(|p| p.text("x", 3), "x=abcd", "at most 3");
        check(|p| p.text("x", 3), "x=", "empty string");
        check(|p| p.text("x", 3), "x[a]=1", "must be a text");
        check(|p| p.choice("x", &[("a", 1), ("b", 2)]), "x=c", "one of a, b");
        check(|p| p.currency("x"), "x=usdd", "Invalid currency");
        check(|p| p.object("x").map(|o| o.map(|_| ())), "x=1", "Invalid object");
        check(|p| p.texts("x"), "x=1", "Invalid array");
        assert_eq!(params("x=True").boolean("x"), Ok(Some(true)));
        assert_eq!(params("x=-5").integer("x"), Ok(Some(-5)));
    }

    #[test]
    fn metadata_merges() {
        #[track_caller]
        fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
            let mut there = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
            let merged = params(text).metadata(&mut there).map(|()| there).map_err(|e| e.param.unwrap_or_default());
            let own = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
            assert_eq!(merged, expected.map(|e| e.iter().map(own).collect()).map_err(str::to_owned), "{text}");
        }
        check("", Ok(&[("a", "1"), ("b", "2")]));
        check("metadata[c]=3", Ok(&[("a", "1"), ("b", "2"), ("c", "3")]));
        check("metadata[a]=9", Ok(&[("a", "9"), ("b", "2")]));
        check("metadata[a]=", Ok(&[("b", "2")]));
        check("metadata=", Ok(&[]));
        check("metadata=x", Err("metadata"));
        check("metadata[a][b]=1", Err("metadata[a]"));
        let long = "n".repeat(41);
        check(&format!("metadata[{long}]=1"), Err(&format!("metadata[{long}]")));
        check(&format!("metadata[n]={}", "v".repeat(501)), Err("metadata[n]"));
        let many: String = (0..60).map(|n| format!("metadata[k{n}]=1&")).collect();
        check(&many, Err("metadata"));
    }
}
