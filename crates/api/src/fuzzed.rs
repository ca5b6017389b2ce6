//! Fuzz targets of the API: forms and JSON bodies become parameters or a refusal of the caller's, never trouble of ours.

use crate::form;
use crate::harness::{kind, run};
use serde_json::{Map, Value};

fn told(read: Result<Map<String, Value>, crate::ApiError>) -> u64 {
    match read {
        Ok(map) => {
            let text = Value::Object(map.clone()).to_string();
            assert!(form::parse_json(text.as_bytes()).is_ok(), "what was read is no deeper than what may be given");
            kind((map.len(), text.matches(['[', '{']).count()))
        }
        Err(error) => {
            assert_eq!(error.status, 400);
            kind(error.message.split(' ').take(3).collect::<String>())
        }
    }
}

#[test]
fn forms() {
    let words: &[&[u8]] =
        &[b"[]", b"[0]", b"[1]", b"[a]", b"%5B", b"%5D", b"&", b"=", b"a[b][c]", b"%C3%A9", b"%FF", b"expand[]="];
    run("api_form", words, |input| std::str::from_utf8(input).map_or(0, |text| told(form::parse(text))));
}

#[test]
fn json_bodies() {
    let words: &[&[u8]] =
        &[b"{\"a\":", b"[[[[[[[[", b"]]]]]]]]", b"1e999", b"-0", b"\"\\ud800\"", b"null", b"\\u0000", b"}"];
    run("api_json", words, |input| told(form::parse_json(input)));
}
