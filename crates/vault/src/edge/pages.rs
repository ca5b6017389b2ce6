//! The card origin: the browser library and the frames that hold the fields, from within the binary. Knows no card: what is typed
//! comes back as a request like any other.
//!
//! PCI DSS 4.0.1, 6.4.3 and 11.6.1: every script has its hash in `/js/inventory.json`, and no frame runs another.

use super::policy::{self, Problem, Purpose, Showing};
use crate::core::edge::EdgeResponse;
use aws_lc_rs::digest::{SHA384, digest};
use std::sync::LazyLock;

/// A file as it is sent.
struct File {
    /// Behind `/js/`, or the name of a frame.
    name: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

macro_rules! files {
    ($($name:literal $media:ident $file:literal;)*) => {
        &[$(File { name: $name, media: $media, bytes: include_bytes!(concat!("../../web/", $file)) }),*]
    };
}

/// The library, under every name that pages know it by (see `library`): its parts in this order, inside one function.
const LIBRARY: &[u8] = concat!(
    "(() => {\n'use strict';\n",
    include_str!("../../web/library/base.js"),
    include_str!("../../web/library/frame.js"),
    include_str!("../../web/library/element.js"),
    include_str!("../../web/library/group.js"),
    include_str!("../../web/library/overlay.js"),
    include_str!("../../web/library/client.js"),
    include_str!("../../web/library/surface.js"),
    "})();\n"
)
.as_bytes();
const FILES: &[File] = files! {
    "frames/brands.js" SCRIPT "brands.js";
    "frames/challenge.js" SCRIPT "challenge.js";
    "frames/controller.js" SCRIPT "controller.js";
    "frames/countries.js" SCRIPT "countries.js";
    "frames/field.css" STYLE "field.css";
    "frames/field.js" SCRIPT "field.js";
    "frames/forms.js" SCRIPT "forms.js";
    "frames/icon.js" SCRIPT "icon.js";
    "frames/inputs.js" SCRIPT "inputs.js";
    "frames/look.js" SCRIPT "look.js";
    "frames/notice.css" STYLE "notice.css";
    "frames/notice.js" SCRIPT "notice.js";
    "frames/port.js" SCRIPT "port.js";
    "frames/words.js" SCRIPT "words.js";
};
const FRAMES: &[File] = files! {
    "challenge" HTML "challenge.html";
    "controller" HTML "controller.html";
    "field" HTML "field.html";
};
/// The release trains of Stripe's loader; each has its alias, because the loader compares names.
const TRAINS: [&str; 6] = ["v1", "acacia", "basil", "clover", "dahlia", "endive"];
const INVENTORY: &str = "/js/inventory.json";
/// Where browsers report what a frame's policy refused.
pub const REPORTS: &str = "/csp-reports";

/// Asked for by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Library { forever: bool },
    File(usize),
    Frame(usize),
    Inventory,
}

/// The page at a path, if there is one.
pub fn find(path: &str) -> Option<Page> {
    if path == INVENTORY {
        return Some(Page::Inventory);
    }
    if let Some(name) = path.strip_prefix("/frames/") {
        return FRAMES.iter().position(|frame| frame.name == name).map(Page::Frame);
    }
    if matches!(path, "/v3" | "/v3/") {
        return Some(Page::Library { forever: false });
    }
    let name = path.strip_prefix("/js/")?;
    match name.split_once('/') {
        Some((train, "florin.js" | "stripe.js")) if TRAINS.contains(&train) => Some(Page::Library { forever: false }),
        Some((hash, "florin.js")) if hash == *LIBRARY_NAME => Some(Page::Library { forever: true }),
        _ => FILES.iter().position(|file| file.name == name).map(Page::File),
    }
}

/// What has no secret and is the same for everybody.
pub fn fixed(page: Page, if_none_match: Option<&[u8]>) -> Option<EdgeResponse> {
    let (media, bytes, keep) = match page {
        Page::Library { forever } => (SCRIPT, LIBRARY, if forever { FOREVER } else { SOON }),
        Page::File(at) => FILES.get(at).map(|file| (file.media, file.bytes, SOON))?,
        Page::Inventory => ("application/json", INVENTORY_TEXT.as_bytes(), SOON),
        Page::Frame(_) => return None,
    };
    let tag = format!("\"{}\"", short(bytes));
    let mut headers = vec![
        ("content-type".to_owned(), media.to_owned()),
        ("cache-control".to_owned(), keep.to_owned()),
        ("etag".to_owned(), tag.clone()),
        ("cross-origin-resource-policy".to_owned(), "cross-origin".to_owned()),
        // Pages that check its hash must be able to read it (Subresource Integrity §3.3).
        ("access-control-allow-origin".to_owned(), "*".to_owned()),
    ];
    if if_none_match.is_some_and(|given| given == tag.as_bytes()) {
        headers.remove(0);
        return Some(EdgeResponse { status: 304, headers, body: Vec::new() });
    }
    Some(EdgeResponse { status: 200, headers, body: bytes.to_vec() })
}

const FOREVER: &str = "public, max-age=31536000, immutable";
/// The names stay while the bytes change with the version: ask again soon.
const SOON: &str = "public, max-age=300";

/// A frame, or the page that says why there is none. None for what is no frame.
pub fn frame(page: Page, showing: &Showing) -> Option<EdgeResponse> {
    let Page::Frame(at) = page else { return None };
    let file = FRAMES.get(at)?;
    if let Some(problem) = showing.problem() {
        return Some(refused(&problem));
    }
    let purpose = match file.name {
        "challenge" => Purpose::Challenge,
        "controller" => Purpose::Controller,
        _ => Purpose::Field,
    };
    Some(html(200, file.bytes.to_vec(), policy::headers(purpose, showing)))
}

/// The page that says why there is no form.
pub fn refused(problem: &Problem) -> EdgeResponse {
    let nobody = Showing { live: true, origins: Vec::new(), page: None };
    html(403, policy::notice(problem), policy::headers(Purpose::Notice, &nobody))
}

fn html(status: u16, body: Vec<u8>, mut headers: Vec<(String, String)>) -> EdgeResponse {
    headers.insert(0, ("content-type".to_owned(), HTML.to_owned()));
    EdgeResponse { status, headers, body }
}

/// What only the card origin serves.
pub fn is_of_card_site(path: &str) -> bool {
    matches!(path, "/v3" | "/v3/" | REPORTS) || path.starts_with("/js/") || path.starts_with("/frames/")
}

/// Subresource Integrity §3.1: the name of the hash and its base64.
fn integrity(bytes: &[u8]) -> String {
    format!("sha384-{}", base64(digest(&SHA384, bytes).as_ref()))
}

/// Sixteen hexadecimal digits of the hash, for names and tags.
fn short(bytes: &[u8]) -> String {
    let hash = digest(&SHA384, bytes);
    hash.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect()
}

static LIBRARY_NAME: LazyLock<String> = LazyLock::new(|| short(LIBRARY));
/// The scripts of this program with their hashes, as JSON: what `/js/inventory.json` says when it serves.
pub fn inventory() -> &'static str {
    &INVENTORY_TEXT
}

/// Subresource Integrity of any bytes, for comparing.
pub fn integrity_of(bytes: &[u8]) -> String {
    integrity(bytes)
}

static INVENTORY_TEXT: LazyLock<String> = LazyLock::new(|| {
    let row = |path: String, bytes: &[u8], why: &str| serde_json::json!({ "path": path, "integrity": integrity(bytes), "bytes": bytes.len(), "why": why });
    let mut scripts = vec![
        row(
            "/js/v1/florin.js".into(),
            LIBRARY,
            "the library in the merchant's page; its name stays, its bytes follow the version",
        ),
        row(format!("/js/{}/florin.js", *LIBRARY_NAME), LIBRARY, "the same bytes for ever, for use with integrity"),
    ];
    for file in FILES {
        scripts.push(row(format!("/js/{}", file.name), file.bytes, "in the card frames"));
    }
    serde_json::json!({ "object": "list", "data": scripts }).to_string()
});

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * at) & 63) as usize).map_or('=', |b| char::from(*b));
            out.push(if at > three.len() { '=' } else { letter });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_pages() {
        #[track_caller]
        fn check(path: &str, expected: Option<&str>) {
            let showing = Showing { live: false, origins: vec![], page: None };
            let media = find(path).map(|page| match fixed(page, None).or_else(|| frame(page, &showing)) {
                Some(answer) => answer.headers.into_iter().next().map(|(_, media)| media).unwrap_or_default(),
                None => "nothing".to_owned(),
            });
            assert_eq!(media.as_deref(), expected, "{path}");
        }
        check("/js/v1/florin.js", Some(SCRIPT));
        check("/js/endive/stripe.js", Some(SCRIPT));
        check("/v3/", Some(SCRIPT));
        check(&format!("/js/{}/florin.js", *LIBRARY_NAME), Some(SCRIPT));
        check("/js/0000000000000000/florin.js", None);
        check("/js/frames/field.js", Some(SCRIPT));
        check("/js/frames/field.css", Some(STYLE));
        check("/frames/field", Some(HTML));
        check("/js/inventory.json", Some("application/json"));
        check("/js/frames/../frames/field.js", None);
        check("/frames/", None);
        check("/js/", None);
    }

    #[test]
    fn frames_and_what_stands_in_their_place() {
        let showing = |live| Showing { live, origins: vec![], page: None };
        for (at, file) in FRAMES.iter().enumerate() {
            let answer = frame(Page::Frame(at), &showing(false)).unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, file.bytes), "{}", file.name);
            let told = frame(Page::Frame(at), &showing(true)).unwrap();
            let text = String::from_utf8(told.body).unwrap();
            assert_eq!(told.status, 403, "{}", file.name);
            assert!(
                text.contains("POST /v1/payment_method_domains") && text.contains("/js/frames/notice.js"),
                "{text}"
            );
        }
        assert_eq!(frame(Page::Inventory, &showing(false)), None);
    }

    #[test]
    fn what_was_sent_is_not_sent_again() {
        let page = find("/js/v1/florin.js").unwrap();
        let first = fixed(page, None).unwrap();
        let tag = first.headers.iter().find(|(name, _)| name == "etag").unwrap().1.clone();
        let again = fixed(page, Some(tag.as_bytes())).unwrap();
        assert_eq!((first.status, again.status, again.body.len()), (200, 304, 0));
        assert_eq!(fixed(page, Some(b"\"other\"")).unwrap().status, 200);
    }

    #[test]
    fn base64_of_every_length() {
        #[track_caller]
        fn check(bytes: &[u8], expected: &str) {
            assert_eq!(base64(bytes), expected);
        }
        check(b"", "");
        check(b"f", "Zg==");
        check(b"fo", "Zm8=");
        check(b"foo", "Zm9v");
        check(b"foobar", "Zm9vYmFy");
    }
}
