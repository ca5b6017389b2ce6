//! Form-encoded text (`application/x-www-form-urlencoded`, query strings): pairs, their decoded keys and values, and the text again
//! without some of them. Knows no parameter by name.

use zeroize::Zeroizing;

/// One `key=value`, decoded. Wiped when dropped.
pub struct Pair<'a> {
    /// As it was written.
    pub raw: &'a [u8],
    /// `a[b][c]`.
    pub key: Zeroizing<Vec<u8>>,
    pub value: Zeroizing<Vec<u8>>,
}

impl Pair<'_> {
    /// The parts of the key: `a`, `b`, `c` of `a[b][c]`. A key that is not written so has one part.
    pub fn parts(&self) -> Vec<&[u8]> {
        split_key(&self.key)
    }

    /// The key for a message to its sender.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.key).into_owned()
    }
}

/// Pairs of one text.
pub fn pairs(text: &[u8]) -> Vec<Pair<'_>> {
    text.split(|b| *b == b'&')
        .filter(|raw| !raw.is_empty())
        .map(|raw| {
            let (key, value) = match raw.iter().position(|b| *b == b'=') {
                Some(at) => (raw.get(..at).unwrap_or_default(), raw.get(at + 1..).unwrap_or_default()),
                None => (raw, &[][..]),
            };
            Pair { raw, key: decode(key, true), value: decode(value, true) }
        })
        .collect()
}

/// Percent-decoding; `+` is a space where it is a form. What is no escape stays as it is.
pub fn decode(text: &[u8], form: bool) -> Zeroizing<Vec<u8>> {
    let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) if hex(high).is_some() && hex(low).is_some() => {
                out.push(hex(high).unwrap_or(0) << 4 | hex(low).unwrap_or(0));
                rest = after;
            }
            (b'+', _) if form => out.push(b' '),
            _ => out.push(*first),
        }
    }
    out
}

fn split_key(key: &[u8]) -> Vec<&[u8]> {
    let whole = vec![key];
    let Some(open) = key.iter().position(|b| *b == b'[') else { return whole };
    let (first, rest) = key.split_at(open);
    let Some(inner) = rest.strip_prefix(b"[").and_then(|r| r.strip_suffix(b"]")) else { return whole };
    let mut parts = vec![first];
    let mut rest = inner;
    while let Some(at) = rest.windows(2).position(|w| w == b"][") {
        parts.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    parts.push(rest);
    let clean = |part: &&[u8]| !part.contains(&b'[') && !part.contains(&b']');
    if parts.iter().all(clean) { parts } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_pairs() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let read = pairs(text.as_bytes());
            let got: Vec<(&[u8], &[u8])> = read.iter().map(|p| (p.key.as_slice(), p.value.as_slice())).collect();
            let expected: Vec<(&[u8], &[u8])> = expected.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())).collect();
            assert_eq!(got, expected, "{text}");
        };
        check("", &[]);
        check("&&", &[]);
        check("a=b&c=d", &[("a", "b"), ("c", "d")]);
        check("card%5Bnumber%5D=4242+4242", &[("card[number]", "4242 4242")]);
        check("card[n%75mber]=%34%32", &[("card[number]", "42")]);
        check("a", &[("a", "")]);
        check("a=b=c", &[("a", "b=c")]);
        check("a=%&b=%2&c=%zz&d=%c3%A9", &[("a", "%"), ("b", "%2"), ("c", "%zz"), ("d", "é")]);
        check("=x", &[("", "x")]);
        assert_eq!(decode(b"a+b%2B", false).as_slice(), b"a+b+");
    }

    #[test]
    fn keys_have_parts() {
        let check = |key: &str, expected: &[&str]| {
            let expected: Vec<&[u8]> = expected.iter().map(|p| p.as_bytes()).collect();
            assert_eq!(split_key(key.as_bytes()), expected, "{key}");
        };
        check("a", &["a"]);
        check("a[b]", &["a", "b"]);
        check("a[b][c]", &["a", "b", "c"]);
        check("a[]", &["a", ""]);
        check("a[b", &["a[b"]);
        check("a]b[", &["a]b["]);
        check("a[b]c", &["a[b]c"]);
        check("a[[b]]", &["a[[b]]"]);
        check("a[b][c]d]", &["a[b][c]d]"]);
    }
}
