//! What a browser is told of each page of the card origin: who may show it, what it may load, what it may do. Knows no key and no card.

use super::pages::REPORTS;
use crate::core::edge::{ancestors, is_origin};

/// What no page of ours needs (Permissions Policy §6): scripts that got in could not ask for it either.
const NOTHING: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), \
    screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()";

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Cards are typed here.
    Field,
    /// Calls the API.
    Controller,
    /// Shows an issuer's page.
    Challenge,
    /// Says why there is no form.
    Notice,
}

/// Who wants to show a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Showing {
    pub live: bool,
    /// Origins that the account registered: scheme, host, port.
    pub origins: Vec<String>,
    /// The origin of the page that asked, if its browser says so.
    pub page: Option<String>,
}

/// Why a page gets no form. Browsers would show nothing at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is registered, and this key is for live mode.
    NoDomain,
    /// This page is not among what is registered.
    OtherPage(String),
    /// The key opens nothing, or is not one for browsers.
    Key,
}

impl Problem {
    pub fn message(&self) -> String {
        match self {
            Problem::NoDomain => "No domain is registered for this account, so no page may show its card form in live mode. \
                Register the domain of your shop with your secret key: POST /v1/payment_method_domains, domain_name=shop.example"
                .to_owned(),
            Problem::OtherPage(origin) => {
                let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
                let name = host.split(':').next().unwrap_or(host);
                format!(
                    "{origin} is not registered for this account, so it may not show its card form. Serve the page over https on the \
                     usual port, and register its domain with your secret key: POST /v1/payment_method_domains, domain_name={name}"
                )
            }
            Problem::Key => "This API key opens no card form. Give a publishable key (pk_…) of this installation that is not expired or revoked."
                .to_owned(),
        }
    }
}

impl Showing {
    /// Why the page that asks gets no form, if that can be told.
    pub fn problem(&self) -> Option<Problem> {
        if self.live && self.origins.is_empty() {
            return Some(Problem::NoDomain);
        }
        let page = self.page.as_ref().filter(|page| is_origin(page))?;
        let fits = self.origins.contains(page) || (!self.live && is_own_machine(page));
        (!fits).then(|| Problem::OtherPage(page.clone()))
    }

    /// `frame-ancestors` (CSP 3 §6.4.2).
    fn ancestors(&self) -> String {
        let ancestors = ancestors(self.live, &self.origins, self.page.as_deref());
        if ancestors.is_empty() { "'none'".to_owned() } else { ancestors }
    }
}

/// The headers of a frame, but for its type.
pub fn headers(purpose: Purpose, showing: &Showing) -> Vec<(String, String)> {
    let ancestors = match purpose {
        Purpose::Field | Purpose::Controller | Purpose::Challenge => showing.ancestors(),
        // Nothing is typed there, and whoever cannot see it cannot mend it.
        Purpose::Notice => "*".to_owned(),
    };
    let calls = if purpose == Purpose::Controller { "'self'" } else { "'none'" };
    let shows = match (purpose, showing.live) {
        (Purpose::Challenge, true) => "https:",
        (Purpose::Challenge, false) => "https: http://localhost:* http://*.localhost:* http://127.0.0.1:*",
        (Purpose::Field | Purpose::Controller | Purpose::Notice, _) => "'none'",
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {calls}; img-src 'self'; frame-src {shows}; \
         frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; \
         report-uri {REPORTS}"
    );
    let mut headers = vec![
        ("cache-control", "no-store".to_owned()),
        ("content-security-policy", policy),
        ("cross-origin-resource-policy", "cross-origin".to_owned()),
        // Frames of one form look at each other, which pages of other origins must not.
        ("origin-agent-cluster", "?1".to_owned()),
    ];
    match purpose {
        // An issuer's page says nothing of embedding, and would not be shown under a page that demands it.
        Purpose::Challenge => {
            headers.push(("permissions-policy", format!("{NOTHING}, publickey-credentials-get=*, payment=*")))
        }
        Purpose::Field | Purpose::Controller | Purpose::Notice => {
            headers.push(("cross-origin-embedder-policy", "require-corp".to_owned()));
            headers.push(("permissions-policy", format!("{NOTHING}, publickey-credentials-get=()")));
        }
    }
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The page that says why there is no form.
pub fn notice(problem: &Problem) -> Vec<u8> {
    // Its one variable part is an origin, which has no character of markup.
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Florin</title><link rel=\"stylesheet\" href=\"/js/frames/notice.css\">\
         <script type=\"module\" src=\"/js/frames/notice.js\"></script></head>\
         <body><main><p id=\"problem\" role=\"alert\">{}</p></main></body></html>\n",
        problem.message()
    )
    .into_bytes()
}

/// The origin of a page, from the header that its browser sent: `https://shop.example/cart` -> `https://shop.example`.
pub fn origin_of(referer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(referer).ok()?;
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let origin = format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    is_origin(&origin).then_some(origin)
}

/// What `OWN_MACHINE` stands for.
fn is_own_machine(origin: &str) -> bool {
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    is_loopback_name(host.rsplit_once(':').map_or(host, |(host, _)| host))
}

/// Names that lead to this machine alone: RFC 6761 §6.3, RFC 1122 §3.2.1.3.
pub fn is_loopback_name(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::edge::OWN_MACHINE;

    fn showing(live: bool, origins: &[&str], page: Option<&str>) -> Showing {
        Showing { live, origins: origins.iter().map(|o| (*o).to_owned()).collect(), page: page.map(str::to_owned) }
    }

    fn of<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
        headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn who_may_show_a_frame() {
        #[track_caller]
        fn check(showing: Showing, expected: &str) {
            let headers = headers(Purpose::Field, &showing);
            let policy = of(&headers, "content-security-policy");
            let ancestors = policy.split("; ").find_map(|part| part.strip_prefix("frame-ancestors "));
            assert_eq!(ancestors, Some(expected), "{showing:?}");
        }
        check(showing(true, &[], None), "'none'");
        check(showing(true, &["https://shop.example"], None), "https://shop.example");
        let two = &["https://a.example", "https://b.example"];
        check(showing(true, two, Some("https://b.example")), "https://b.example https://a.example");
        check(showing(true, two, Some("https://c.example")), "https://a.example https://b.example");
        check(showing(true, &["https://a.example; script-src *", "https://x.example/ *", "*"], None), "'none'");
        check(showing(false, &[], None), OWN_MACHINE);
        check(showing(false, &["https://a.example"], None), &format!("{OWN_MACHINE} https://a.example"));
    }

    #[test]
    fn a_page_without_a_form_is_told_why() {
        #[track_caller]
        fn check(showing: Showing, expected: Option<Problem>) {
            assert_eq!(showing.problem(), expected, "{showing:?}");
        }
        let other = |origin: &str| Some(Problem::OtherPage(origin.to_owned()));
        let shop = &["https://shop.example"];
        check(showing(true, &[], None), Some(Problem::NoDomain));
        check(showing(true, &[], Some("https://shop.example")), Some(Problem::NoDomain));
        check(showing(true, shop, None), None);
        check(showing(true, shop, Some("https://shop.example")), None);
        check(showing(true, shop, Some("http://shop.example")), other("http://shop.example"));
        check(showing(true, shop, Some("https://www.shop.example")), other("https://www.shop.example"));
        check(showing(true, shop, Some("http://localhost:3000")), other("http://localhost:3000"));
        check(showing(false, &[], None), None);
        check(showing(false, &[], Some("http://localhost:3000")), None);
        check(showing(false, &[], Some("http://shop.localhost:3000")), None);
        check(showing(false, &[], Some("https://127.0.0.1:3000")), None);
        check(showing(false, &[], Some("https://localhost.example")), other("https://localhost.example"));
        check(showing(false, shop, Some("https://shop.example")), None);
    }

    #[test]
    fn what_is_missing_is_said() {
        #[track_caller]
        fn check(problem: Problem, part: &str) {
            let page = String::from_utf8(notice(&problem)).unwrap();
            assert!(problem.message().ends_with(part) && page.contains(&problem.message()), "{page}");
        }
        check(Problem::NoDomain, "domain_name=shop.example");
        check(Problem::OtherPage("https://a.example:8443".into()), "domain_name=a.example");
        check(Problem::OtherPage("http://a.example".into()), "domain_name=a.example");
        check(Problem::Key, "not expired or revoked.");
    }

    #[test]
    fn origins_of_pages() {
        #[track_caller]
        fn check(referer: &str, expected: Option<&str>) {
            assert_eq!(origin_of(referer.as_bytes()).as_deref(), expected, "{referer}");
        }
        check("https://shop.example/", Some("https://shop.example"));
        check("https://Shop.Example:8443/cart?a=b", Some("https://shop.example:8443"));
        check("http://localhost:3000", Some("http://localhost:3000"));
        check("https://a.example<script>/", None);
        check("https://user@a.example/", None);
        check("data:text/html,x", None);
        check("ftp://a.example/", None);
        check("", None);
    }

    #[test]
    fn each_kind_of_page_may_do_what_it_must() {
        #[track_caller]
        fn check(purpose: Purpose, live: bool, with: &[&str], embeds: &str) {
            let headers = headers(purpose, &showing(live, &["https://shop.example"], None));
            let policy = of(&headers, "content-security-policy");
            for part in with {
                assert!(policy.contains(part), "{purpose:?}: {part} in {policy}");
            }
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "));
            assert!(policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"));
            assert!(!policy.contains("unsafe"));
            assert_eq!(of(&headers, "cross-origin-embedder-policy"), embeds);
            assert_eq!(of(&headers, "cross-origin-resource-policy"), "cross-origin");
            assert_eq!(of(&headers, "cache-control"), "no-store");
            assert!(of(&headers, "permissions-policy").contains("camera=()"));
        }
        check(Purpose::Field, true, &["connect-src 'none'", "frame-src 'none'"], "require-corp");
        check(Purpose::Controller, true, &["connect-src 'self'", "frame-src 'none'"], "require-corp");
        check(Purpose::Challenge, true, &["connect-src 'none'", "frame-src https:;"], "");
        check(Purpose::Challenge, false, &["frame-src https: http://localhost:*"], "");
        check(Purpose::Notice, true, &["connect-src 'none'", "frame-ancestors *;"], "require-corp");
    }
}
