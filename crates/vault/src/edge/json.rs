//! JSON bodies as a tree that wipes its texts. Refuses an object that has a key twice, because two readers could then see two bodies.
//! Knows no parameter by name.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Fractions have fewer digits than a card number before their point.
const FRACTION_LIMIT: f64 = 1e12;

pub type Text = Zeroizing<String>;

/// Any JSON value. Has no Debug: it may hold a card.
pub enum Node {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(Text),
    List(Vec<Node>),
    /// In the order in which it was written.
    Object(Vec<(Text, Node)>),
}

impl Node {
    /// Reads a whole body. serde_json bounds the depth at 128.
    pub fn parse(body: &[u8]) -> Result<Node, serde_json::Error> {
        serde_json::from_slice(body)
    }

    pub fn write(&self) -> Vec<u8> {
        match serde_json::to_vec(self) {
            Ok(bytes) => bytes,
            Err(_) => unreachable!("a tree of texts and numbers always has a text form"),
        }
    }

    pub fn field_mut(&mut self, name: &str) -> Option<&mut Node> {
        match self {
            Node::Object(fields) => fields.iter_mut().find(|(key, _)| key.as_str() == name).map(|(_, node)| node),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => None,
        }
    }

    /// The text of a text, and a number as it is written.
    pub fn scalar(&self) -> Option<Text> {
        match self {
            Node::Text(text) => Some(text.clone()),
            Node::Number(number) => Some(Zeroizing::new(number.to_string())),
            Node::Null | Node::Bool(_) | Node::List(_) | Node::Object(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Node, D::Error> {
        d.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        // Written with a point or an exponent, or longer than any whole number of the API: its digits could not be looked at.
        let small = serde_json::Number::from_f64(value).filter(|_| value.abs() < FRACTION_LIMIT);
        small.map(Node::Number).ok_or_else(|| E::custom("a number out of range"))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(value.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields: Vec<(Text, Node)> = Vec::new();
        while let Some((key, node)) = map.next_entry::<Key, Node>()? {
            fields.push((key.0, node));
        }
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(A::Error::custom("a key is given twice"));
        }
        Ok(Node::Object(fields))
    }
}

struct Key(Text);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Key, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Key, E> {
                Ok(Key(Zeroizing::new(value.to_owned())))
            }
        }
        d.deserialize_str(Name)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => s.serialize_unit(),
            Node::Bool(value) => s.serialize_bool(*value),
            Node::Number(number) => number.serialize(s),
            Node::Text(text) => s.serialize_str(text),
            Node::List(nodes) => s.collect_seq(nodes),
            Node::Object(fields) => {
                let mut map = s.serialize_map(Some(fields.len()))?;
                for (key, node) in fields {
                    map.serialize_entry(key.as_str(), node)?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_and_written() {
        let check = |body: &str, expected: Option<&str>| {
            let got = Node::parse(body.as_bytes()).ok().map(|node| node.write());
            assert_eq!(got.as_deref(), expected.map(str::as_bytes), "{body}");
        };
        let same = |body: &str| check(body, Some(body));
        same(r#"{"b":1,"a":[true,null,"x",-2,1.5],"c":{"d":{}}}"#);
        same("[]");
        check(r#"{"n\u0075mber":"\u0034"}"#, Some(r#"{"number":"4"}"#));
        check(r#"{"a":1,"a":2}"#, None);
        check(r#"{"a":1,"\u0061":2}"#, None);
        check(r#"{"a":1}x"#, None);
        check(r#"{"a":"#, None);
        check("", None);
        check("1e999", None);
        check(&"[".repeat(200), None);
        check("\"\u{7f}\"", Some("\"\u{7f}\""));
        assert!(Node::parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn numbers_have_their_digits() {
        let check = |body: &str, expected: Option<&str>| {
            let scalar = Node::parse(body.as_bytes()).ok().and_then(|node| node.scalar());
            assert_eq!(scalar.as_ref().map(|text| text.as_str()), expected, "{body}");
        };
        check("4242424242424242", Some("4242424242424242"));
        check("4.242424242424242e15", None);
        check("4242424242424242.0", None);
        check("-4e15", None);
        check("-4242424242424242", Some("-4242424242424242"));
        check("1.5", Some("1.5"));
        check("\"12\"", Some("12"));
        check("null", None);
        check("{}", None);
    }
}
