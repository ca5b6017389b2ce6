//! The text in which the parameters of every route stand, written by a test that watches the endpoints ask for them; one line a
//! parameter, so that a review shows what a change does to the API. Knows no JSON.

use crate::declare::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    pub required: bool,
    pub kinds: BTreeSet<Kind>,
}

/// One endpoint as it was seen to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// `object` of the answer; `list customer` for a list of them.
    pub answer: String,
    /// By whole name: `card[token]`.
    pub parameters: BTreeMap<String, Parameter>,
}

/// By method and path: `POST /v1/customers/{}`.
pub type Table = BTreeMap<String, Endpoint>;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Text(longest) => write!(f, "text:{longest}"),
            Kind::TextOrUnset(longest) => write!(f, "text?:{longest}"),
            Kind::Email => f.write_str("email"),
            Kind::Integer(least, most) => {
                f.write_str("integer")?;
                if (*least, *most) == (i64::MIN, i64::MAX) { Ok(()) } else { write!(f, ":{least}..{most}") }
            }
            Kind::Boolean => f.write_str("boolean"),
            Kind::Currency => f.write_str("currency"),
            Kind::Choice(words) => write!(f, "choice:{}", words.join(",")),
            Kind::Object => f.write_str("object"),
            Kind::Texts => f.write_str("texts"),
            Kind::Objects => f.write_str("objects"),
            Kind::Decimal => f.write_str("decimal"),
            Kind::Metadata => f.write_str("metadata"),
            Kind::Unset => f.write_str("unset"),
            Kind::NoEffect => f.write_str("no-effect"),
        }
    }
}

fn kind(text: &str) -> Option<Kind> {
    let (name, more) = text.split_once(':').unwrap_or((text, ""));
    Some(match name {
        "text" => Kind::Text(more.parse().ok()?),
        "text?" => Kind::TextOrUnset(more.parse().ok()?),
        "email" => Kind::Email,
        "integer" => match more.split_once("..") {
            None => Kind::Integer(i64::MIN, i64::MAX),
            Some((least, most)) => Kind::Integer(least.parse().ok()?, most.parse().ok()?),
        },
        "boolean" => Kind::Boolean,
        "currency" => Kind::Currency,
        "choice" => Kind::Choice(more.split(',').map(str::to_owned).collect()),
        "object" => Kind::Object,
        "texts" => Kind::Texts,
        "objects" => Kind::Objects,
        "decimal" => Kind::Decimal,
        "metadata" => Kind::Metadata,
        "unset" => Kind::Unset,
        "no-effect" => Kind::NoEffect,
        _ => return None,
    })
}

/// `POST /v1/things -> thing`, then a line a parameter: `  name[inner]! text:5000 | unset`, where `!` is: required.
pub fn write(table: &Table) -> String {
    let mut out = String::new();
    for (route, endpoint) in table {
        let _ = writeln!(out, "{route} -> {}", endpoint.answer);
        for (name, parameter) in &endpoint.parameters {
            let kinds: Vec<String> = parameter.kinds.iter().map(Kind::to_string).collect();
            let required = if parameter.required { "!" } else { "" };
            let _ = writeln!(out, "  {name}{required} {}", kinds.join(" | "));
        }
    }
    out
}

/// Reads what `write` wrote; lines that it did not write are left out, and a test compares.
pub fn read(text: &str) -> Table {
    let mut table = Table::new();
    let mut route = String::new();
    for line in text.lines() {
        if let Some(parameter) = line.strip_prefix("  ") {
            let Some((name, kinds)) = parameter.split_once(' ') else { continue };
            let kinds = kinds.split(" | ").filter_map(kind).collect();
            let parameter = Parameter { required: name.ends_with('!'), kinds };
            let endpoint = table.entry(route.clone()).or_default();
            endpoint.parameters.insert(name.trim_end_matches('!').to_owned(), parameter);
        } else if let Some((name, answer)) = line.split_once(" -> ") {
            route = name.to_owned();
            table.insert(route.clone(), Endpoint { answer: answer.to_owned(), ..Endpoint::default() });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "\
GET /v1/things -> list thing
  created integer | object
  limit integer:1..100
POST /v1/things/{} -> thing
  currency! currency
  email email
  kind choice:a,b | no-effect
  metadata metadata
  more[names] texts
  more[note] text?:500 | unset
  more[on] boolean
  name! text:5000
";
        assert_eq!(write(&read(text)), text);
        assert_eq!(
            read("nonsense\n  more nonsense\n"),
            Table::from([(
                String::new(),
                Endpoint {
                    parameters: BTreeMap::from([("more".to_owned(), Parameter::default())]),
                    ..Endpoint::default()
                }
            )])
        );
    }
}
