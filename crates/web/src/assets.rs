//! What pages load: style sheets, small scripts, the mark. Each lies under its own hash, for ever. Knows no page.

use aws_lc_rs::digest::{SHA256, digest};
use florin_core::edge::EdgeResponse;
use std::sync::LazyLock;

/// A file that pages load.
pub struct Asset {
    name: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

const BASE: Asset =
    Asset { name: "base.css", media: "text/css; charset=utf-8", bytes: include_bytes!("../assets/base.css") };
const PAGES: Asset =
    Asset { name: "pages.css", media: "text/css; charset=utf-8", bytes: include_bytes!("../assets/pages.css") };
const LIVE: Asset =
    Asset { name: "live.js", media: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/live.js") };
const PEOPLE: Asset =
    Asset { name: "people.css", media: "text/css; charset=utf-8", bytes: include_bytes!("../assets/people.css") };
const FORMS: Asset =
    Asset { name: "forms.js", media: "text/javascript; charset=utf-8", bytes: include_bytes!("../assets/forms.js") };
const PASSKEYS: Asset = Asset {
    name: "passkeys.js",
    media: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../assets/passkeys.js"),
};
const MARK: Asset = Asset { name: "mark.svg", media: "image/svg+xml", bytes: include_bytes!("../assets/mark.svg") };
const ALL: [&Asset; 7] = [&BASE, &PAGES, &PEOPLE, &LIVE, &FORMS, &PASSKEYS, &MARK];

const PATH: &str = "/assets/";

/// Where each is found.
pub struct Paths {
    pub base: String,
    pub pages: String,
    pub people: String,
    pub live: String,
    pub forms: String,
    pub passkeys: String,
    pub mark: String,
}

pub static PATHS: LazyLock<Paths> = LazyLock::new(|| Paths {
    base: path(&BASE),
    pages: path(&PAGES),
    people: path(&PEOPLE),
    live: path(&LIVE),
    forms: path(&FORMS),
    passkeys: path(&PASSKEYS),
    mark: path(&MARK),
});

/// Sixteen hexadecimal digits of the hash: other bytes have another path, so none is ever out of date.
fn path(asset: &Asset) -> String {
    let hash = digest(&SHA256, asset.bytes);
    let short: String = hash.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("{PATH}{short}/{}", asset.name)
}

pub fn find(asked: &str) -> Option<EdgeResponse> {
    asked.strip_prefix(PATH)?;
    let asset = ALL.into_iter().find(|asset| path(asset) == asked)?;
    let headers = [
        ("content-type", asset.media),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Some(EdgeResponse { status: 200, headers, body: asset.bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_under_their_own_hash() {
        for at in [&PATHS.base, &PATHS.pages, &PATHS.people, &PATHS.live, &PATHS.forms, &PATHS.passkeys, &PATHS.mark] {
            assert_eq!(find(at).map(|answer| answer.status), Some(200), "{at}");
        }
        for at in ["/assets/base.css", "/assets/0000000000000000/base.css", "/assets/", "/", "/assets/../base.css"] {
            assert!(find(at).is_none(), "{at}");
        }
    }

    /// What the pages' policy would refuse anyway is not asked for.
    #[test]
    fn nothing_from_elsewhere() {
        for asset in ALL {
            let text = String::from_utf8(asset.bytes.to_vec()).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "@import", "url(", "innerHTML", "eval("] {
                assert!(!text.contains(word), "{}: {word}", asset.name);
            }
        }
    }
}
