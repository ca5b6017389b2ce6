//! Bracketed forms: `a[b]=c`, `l[0]=x`, `l[]=x` as bodies and queries, and JSON bodies of the same shape.
//! Knows no parameter's meaning.

use crate::error::ApiError;
use serde_json::{Map, Value};

/// Pairs of one form.
pub const MOST_PAIRS: usize = 1_000;
/// Brackets behind one name.
pub const DEEPEST_BRACKETS: usize = 8;
/// Characters of a name with its brackets.
pub const LONGEST_NAME_BYTES: usize = 512;

/// Parses a form. Values are texts; lists come from `[]` and from `[0]`, `[1]`, … without gaps.
pub fn parse(text: &str) -> Result<Map<String, Value>, ApiError> {
    let mut root = Map::new();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    for (n, pair) in pairs.enumerate() {
        if n >= MOST_PAIRS {
            return Err(ApiError::invalid(format!("There are more than {MOST_PAIRS} parameters.")));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if name.len() > LONGEST_NAME_BYTES {
            return Err(ApiError::invalid(format!("A parameter's name is longer than {LONGEST_NAME_BYTES} bytes.")));
        }
        let path = split(&name)?;
        insert(&mut root, &path, value, &name)?;
    }
    lists(&mut root);
    Ok(root)
}

/// Parses a JSON body: an object, no deeper than forms can be.
pub fn parse_json(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(map)) if depth(&map) <= DEEPEST_BRACKETS + 1 => Ok(map),
        Ok(Value::Object(_)) => Err(too_deep()),
        _ => Err(ApiError::invalid("The body is not a JSON object.")),
    }
}

fn depth(map: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Object(map) => depth(map),
            Value::Array(list) => 1 + list.iter().map(of).max().unwrap_or(0),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    1 + map.values().map(of).max().unwrap_or(0)
}

fn too_deep() -> ApiError {
    ApiError::invalid(format!("Parameters are nested more than {DEEPEST_BRACKETS} deep."))
}

/// Percent-decoding with `+` for a space (WHATWG URL, application/x-www-form-urlencoded).
pub fn decode(text: &str) -> Result<String, ApiError> {
    let broken = || ApiError::invalid("A percent escape is broken, or the text is not UTF-8.");
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else { return Err(broken()) };
                out.push(u8::try_from(high * 16 + low).map_err(|_| broken())?);
            }
            other => out.push(other),
        }
    }
    match String::from_utf8(out) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(broken()),
    }
}

/// `a[b][]` as `a`, `b`, and an empty part.
fn split(name: &str) -> Result<Vec<&str>, ApiError> {
    let bad = || ApiError::invalid("A parameter's brackets do not match.");
    let (head, mut rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    if head.is_empty() || head.contains(']') {
        return Err(bad());
    }
    let mut path = vec![head];
    while !rest.is_empty() {
        let (part, after) = rest.strip_prefix('[').and_then(|r| r.split_once(']')).ok_or_else(bad)?;
        if part.contains('[') {
            return Err(bad());
        }
        if path.len() > DEEPEST_BRACKETS {
            return Err(too_deep());
        }
        path.push(part);
        rest = after;
    }
    Ok(path)
}

/// `[]` counts up, as if the numbers had been written.
fn insert(map: &mut Map<String, Value>, path: &[&str], value: String, name: &str) -> Result<(), ApiError> {
    let twice = || ApiError::invalid(format!("The parameter {name} is given twice.")).param(name);
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let key = if first.is_empty() {
        // A list of objects written with `[]` starts anew when a field of it comes again.
        let last = map.len().checked_sub(1).map(|n| n.to_string());
        match (last, rest.first()) {
            (Some(last), Some(field)) if map.get(&last).is_some_and(|v| v.get(*field).is_none()) => last,
            _ => map.len().to_string(),
        }
    } else {
        (*first).to_owned()
    };
    if rest.is_empty() {
        return match map.insert(key, Value::String(value)) {
            None => Ok(()),
            Some(_) => Err(twice()),
        };
    }
    match map.entry(key).or_insert_with(|| Value::Object(Map::new())) {
        Value::Object(inner) => insert(inner, rest, value, name),
        // `metadata=` and `metadata[a]=b` together.
        _ => Err(twice()),
    }
}

/// Objects whose names are 0, 1, 2, … become lists.
fn lists(map: &mut Map<String, Value>) {
    for value in map.values_mut() {
        let Value::Object(inner) = value else { continue };
        lists(inner);
        let count = inner.len();
        if count > 0 && (0..count).all(|n| inner.contains_key(&n.to_string())) {
            let list = (0..count).filter_map(|n| inner.remove(&n.to_string())).collect();
            *value = Value::Array(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, expected: Value) {
        assert_eq!(parse(text).map(Value::Object).map_err(|e| e.message), Ok(expected), "{text}");
    }

    #[test]
    fn forms() {
        check("", json!({}));
        check("a=1&b=&c", json!({ "a": "1", "b": "", "c": "" }));
        check("a[b]=c&a[d][e]=f", json!({ "a": { "b": "c", "d": { "e": "f" } } }));
        check("l[]=x&l[]=y", json!({ "l": ["x", "y"] }));
        check("l[1]=y&l[0]=x", json!({ "l": ["x", "y"] }));
        check("l[0][a]=1&l[0][b]=2&l[1][a]=3", json!({ "l": [{ "a": "1", "b": "2" }, { "a": "3" }] }));
        check("l[][a]=1&l[][b]=2&l[][a]=3", json!({ "l": [{ "a": "1", "b": "2" }, { "a": "3" }] }));
        check("m%5Bk%5D=a+b%26c%3D%E2%82%AC", json!({ "m": { "k": "a b&c=€" } }));
        check("l[0]=x&l[2]=y", json!({ "l": { "0": "x", "2": "y" } }));
    }

    #[test]
    fn what_is_no_form() {
        #[track_caller]
        fn check(text: &str, part: &str) {
            let error = parse(text).unwrap_err();
            assert_eq!((error.status, error.message.contains(part)), (400, true), "{text}: {}", error.message);
        }
        check("a=%", "escape");
        check("a=%zz", "escape");
        check("a=%ff", "UTF-8");
        check("a=%00", "UTF-8");
        check("a[b=c", "brackets");
        check("a]b=c", "brackets");
        check("[a]=c", "brackets");
        check("a[b]x=c", "brackets");
        check("a=1&a=2", "twice");
        check("a=1&a[b]=2", "twice");
        check(&format!("a{}=1", "[b]".repeat(20)), "deep");
        check(&format!("{}=1", "a".repeat(600)), "longer");
        check(&"a[]=1&".repeat(1_001), "more than");
    }

    #[test]
    fn json_bodies() {
        assert_eq!(parse_json(b" ").unwrap().len(), 0);
        assert_eq!(parse_json(br#"{"a":{"b":[1]}}"#).unwrap().len(), 1);
        for bad in ["[1]", "{", "\"a\"", "{\"a\":}"] {
            assert_eq!(parse_json(bad.as_bytes()).unwrap_err().status, 400, "{bad}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(30), "}".repeat(30));
        assert!(parse_json(deep.as_bytes()).unwrap_err().message.contains("deep"));
    }
}
