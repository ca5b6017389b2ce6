//! Who may send a form here, which cookies there are, and where a reader may be led afterwards. Knows no page.

use crate::desk::{Asker, Hidden, Opened};
use florin_core::edge::{EdgeRequest, EdgeResponse};

/// The session's cookie. The prefix binds it to this host, this path and TLS (RFC 6265bis §4.1.3.2); browsers take loopback for safe.
pub const SESSION: &str = "__Host-florin-session";
/// A sign-in or an enrolment that is under way.
pub const ENTRY: &str = "__Host-florin-entry";
/// One word on what was just done, shown on the next page.
pub const FLASH: &str = "__Host-florin-done";
/// What goes on under an entry ends within a day: an invitation; the desk ends a sign-in after minutes.
/// So that a browser is known again.
pub const DEVICE: &str = "__Host-florin-device";
/// The account that is looked at. No secret: the desk knows whose it is.
pub const ACCOUNT: &str = "__Host-florin-account";
const KNOWN_SECONDS: u32 = 31_536_000;
const ENTRY_SECONDS: u32 = 86_400;
const FLASH_SECONDS: u32 = 60;
/// A passkey's challenge travels sealed in the entry; browsers keep cookies of 4,096 bytes.
const PROOF_LIMIT_CHARS: usize = 3_500;
const PATH_LIMIT_CHARS: usize = 512;

pub fn header<'a>(request: &'a EdgeRequest, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let first = found.next()?;
    // Said twice is not said.
    found.next().is_none().then_some(first)
}

/// A browser says where a form was sent from (Fetch §3.1 `Origin`, Fetch Metadata §2.2): only pages of ours may. Who says neither is no
/// browser that we know, and is refused as well.
pub fn from_own_page(request: &EdgeRequest) -> bool {
    let own = || {
        let scheme = if request.tls { "https" } else { "http" };
        header(request, "host").map(|host| format!("{scheme}://{host}").to_ascii_lowercase())
    };
    let named = |name: &str| request.headers.iter().any(|(n, _)| n == name);
    let origin = header(request, "origin").map(|origin| Some(origin.to_ascii_lowercase()) == own());
    let site = header(request, "sec-fetch-site").map(|site| site == "same-origin");
    match (named("origin"), named("sec-fetch-site")) {
        (true, true) => origin == Some(true) && site == Some(true),
        (true, false) => origin == Some(true),
        // Chromium says nothing of an origin in some same-origin requests, but always how the two are related.
        (false, true) => site == Some(true),
        (false, false) => false,
    }
}

/// The value of a cookie; of several of that name none counts.
pub fn cookie<'a>(request: &'a EdgeRequest, name: &str) -> Option<&'a str> {
    let lines = request.headers.iter().filter(|(n, _)| n == "cookie").map(|(_, value)| value.as_str());
    let mut found =
        lines.flat_map(|l| l.split(';')).filter_map(|pair| pair.trim().split_once('=')).filter(|(n, _)| *n == name);
    let (_, value) = found.next()?;
    (found.next().is_none() && !value.is_empty()).then_some(value)
}

pub fn asker(request: &EdgeRequest, language: &'static str) -> Asker {
    let proof =
        |name: &str| cookie(request, name).filter(|value| is_proof(value)).map(|value| Hidden(value.to_owned()));
    Asker {
        session: proof(SESSION),
        entry: proof(ENTRY),
        device: proof(DEVICE),
        account: proof(ACCOUNT).map(|account| account.0),
        client: request.client,
        agent: browser(header(request, "user-agent").unwrap_or_default()),
        language,
    }
}

/// The names that browsers have among others', the most particular first (every one of them says that it is Mozilla).
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// What people call their browser and machine; none of the text that a browser sends is shown.
fn browser(agent: &str) -> String {
    let find =
        |names: &[(&str, &'static str)]| names.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} · {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "?".to_owned(),
    }
}

/// What the desk's proofs look like; nothing else becomes a cookie or is asked for.
pub fn is_proof(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= PROOF_LIMIT_CHARS && text.bytes().all(letter)
}

fn set(answer: &mut EdgeResponse, name: &str, value: &str, age: Option<u32>) {
    let age = age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let line = format!("{name}={value}; Path=/{age}; Secure; HttpOnly; SameSite=Lax");
    answer.headers.push(("set-cookie".to_owned(), line));
}

/// Without an age it ends with the browser; the desk ends it sooner.
pub fn give_session(answer: &mut EdgeResponse, opened: &Opened) {
    set(answer, SESSION, &opened.session.0, None);
    if let Some(device) = &opened.device {
        set(answer, DEVICE, &device.0, Some(KNOWN_SECONDS));
    }
}
pub fn give_account(answer: &mut EdgeResponse, id: &str) {
    set(answer, ACCOUNT, id, Some(KNOWN_SECONDS));
}
pub fn give_entry(answer: &mut EdgeResponse, proof: &Hidden) {
    set(answer, ENTRY, &proof.0, Some(ENTRY_SECONDS));
}
pub fn take(answer: &mut EdgeResponse, name: &str) {
    set(answer, name, "", Some(0));
}
pub fn tell(answer: &mut EdgeResponse, word: &str) {
    set(answer, FLASH, word, Some(FLASH_SECONDS));
}

/// A path of ours to lead to: never another host, and nothing that a browser reads as one.
pub fn own_path(text: &str) -> Option<&str> {
    let fits = text.starts_with('/') && !text.starts_with("//") && text.len() <= PATH_LIMIT_CHARS;
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>'));
    (fits && plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::tests::request;

    #[test]
    fn whose_form_it_is() {
        #[track_caller]
        fn check(headers: &[(&str, &str)], expected: bool) {
            let mut asked = request("POST", "/sign-in", "");
            asked.headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            asked.headers.push(("host".to_owned(), "pay.example:8443".to_owned()));
            assert_eq!(from_own_page(&asked), expected, "{headers:?}");
        }
        let own = ("origin", "https://pay.example:8443");
        check(&[own, ("sec-fetch-site", "same-origin")], true);
        check(&[own], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[], false);
        check(&[own, ("sec-fetch-site", "cross-site")], false);
        check(&[own, ("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false);
        check(&[("origin", "http://pay.example:8443")], false);
        check(&[("origin", "https://pay.example")], false);
        check(&[("origin", "null"), ("sec-fetch-site", "same-origin")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false);
        check(&[own, ("origin", "https://evil.example")], false);
    }

    #[test]
    fn where_readers_are_led() {
        #[track_caller]
        fn check(path: &str, fits: bool) {
            assert_eq!(own_path(path).is_some(), fits, "{path}");
        }
        check("/", true);
        check("/audit?group=keys&before=12", true);
        for path in
            ["", "team", "//evil.example", "https://evil.example", "/\\evil.example", "/a b", "/\u{e9}", "/\r\nx", "/<"]
        {
            check(path, false);
        }
        check(&format!("/{}", "a".repeat(600)), false);
    }

    #[test]
    fn what_browsers_are_called() {
        #[track_caller]
        fn check(agent: &str, expected: &str) {
            assert_eq!(browser(agent), expected, "{agent}");
        }
        check("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox · Linux");
        check(
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Safari/537.36 Edg/148.0",
            "Edge · Windows",
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Mobile/15E148 Safari/604",
            "Safari · iPhone",
        );
        check(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/148.0 Safari/537.36",
            "Chrome · Linux",
        );
        check("<script>", "?");
        check("curl/8 Linux", "Linux");
    }

    #[test]
    fn cookies_that_count() {
        #[track_caller]
        fn check(line: &str, expected: Option<&str>) {
            let mut asked = request("GET", "/", "");
            asked.headers = vec![("cookie".to_owned(), line.to_owned())];
            assert_eq!(asker(&asked, "en").session, expected.map(|text| Hidden(text.to_owned())), "{line}");
        }
        check("__Host-florin-session=abc", Some("abc"));
        check("a=b; __Host-florin-session=abc; florin_lang=ko", Some("abc"));
        check("__Host-florin-session=abc; __Host-florin-session=def", None);
        check("florin-session=abc", None);
        check("__Host-florin-session=", None);
        check("__Host-florin-session=a%20b", None);
        check(&format!("__Host-florin-session={}", "a".repeat(3_501)), None);
    }
}
