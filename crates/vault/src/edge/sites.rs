//! What is served at which of our addresses, and from where a browser may ask there. Knows no key and no card.

use super::head::Head;
use super::pages;
use super::policy::is_loopback_name;
use super::refusal::Refusal;
use super::request::Asker;
use crate::core::edge::Site;

/// The name that a site has for people: requests for others were led here by somebody's trick with names.
pub fn check_host(asker: Asker, name: Option<&str>, head: &Head<'_>) -> Result<(), Refusal> {
    if asker.site == Site::Api {
        // Whoever asks there has a key, and browsers send none by themselves.
        return Ok(());
    }
    let host = String::from_utf8_lossy(head.header("host").unwrap_or_default()).to_ascii_lowercase();
    let fits = match name {
        Some(name) => host == name || bare(&host) == bare(name),
        // The certificate says for whom it is.
        None if asker.tls => true,
        // Without one, a name that leads to loopback today may have led elsewhere when the page was loaded.
        None => is_loopback_name(bare(&host)),
    };
    if fits { Ok(()) } else { Err(Refusal::OtherHost) }
}

/// Without its port.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Each site serves what it is for, and nothing else.
pub fn check(asker: Asker, head: &Head<'_>) -> Result<(), Refusal> {
    let path = head.path;
    match asker.site {
        Site::Api if pages::is_of_card_site(path) => Err(Refusal::AtCardSite),
        Site::Api | Site::Dashboard => Ok(()),
        Site::Card if path.starts_with("/v1/") => check_origin(asker, head),
        Site::Card if pages::is_of_card_site(path) || path.starts_with("/3ds/") => Ok(()),
        Site::Card => Err(Refusal::OnlyCardSite),
    }
}

/// Our own frames call the API, not the pages that show them: so no page needs to be trusted with a key's answers.
/// Fetch §3.1: browsers name the origin of whoever asks across origins, and Fetch Metadata §2.2 its relation.
fn check_origin(asker: Asker, head: &Head<'_>) -> Result<(), Refusal> {
    let host = head.header("host").unwrap_or_default();
    let own = [if asker.tls { &b"https://"[..] } else { b"http://" }, host].concat();
    let origin = head.header("origin").is_none_or(|origin| origin.eq_ignore_ascii_case(&own));
    let site = head.header("sec-fetch-site").is_none_or(|site| matches!(site, b"same-origin" | b"none"));
    if origin && site { Ok(()) } else { Err(Refusal::OtherOrigin) }
}

#[cfg(test)]
mod tests {
    use super::super::head::parse;
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn asker(site: Site, tls: bool) -> Asker {
        Asker { address: IpAddr::V4(Ipv4Addr::LOCALHOST), site, tls }
    }

    #[test]
    fn names_that_sites_answer_to() {
        #[track_caller]
        fn check(site: Site, tls: bool, name: Option<&str>, host: &str, fits: bool) {
            let text = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let got = check_host(asker(site, tls), name, &parse(text.as_bytes()).unwrap());
            assert_eq!(got, if fits { Ok(()) } else { Err(Refusal::OtherHost) }, "{site:?} {tls} {name:?} {host}");
        }
        check(Site::Api, false, None, "evil.example", true);
        check(Site::Card, false, None, "card.localhost:8080", true);
        check(Site::Card, false, None, "localhost:8080", true);
        check(Site::Card, false, None, "127.0.0.1:8080", true);
        check(Site::Card, false, None, "[::1]:8080", true);
        check(Site::Card, false, None, "evil.example:8080", false);
        check(Site::Card, false, None, "localhost.evil.example", false);
        check(Site::Dashboard, false, None, "evil.example", false);
        check(Site::Card, true, None, "js.stripe.com", true);
        check(Site::Card, true, Some("pay.example"), "pay.example", true);
        check(Site::Card, true, Some("pay.example"), "Pay.Example:443", true);
        check(Site::Card, true, Some("pay.example:8443"), "pay.example:8443", true);
        check(Site::Card, true, Some("pay.example"), "other.example", false);
    }

    #[test]
    fn what_each_site_serves() {
        #[track_caller]
        fn check(site: Site, path: &str, expected: Result<(), Refusal>) {
            let text = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(super::check(asker(site, true), &parse(text.as_bytes()).unwrap()), expected, "{site:?} {path}");
        }
        check(Site::Api, "/v1/tokens", Ok(()));
        check(Site::Api, "/openapi.json", Ok(()));
        for path in ["/js/v1/florin.js", "/js/inventory.json", "/frames/field", "/v3/", "/v3", "/csp-reports"] {
            check(Site::Api, path, Err(Refusal::AtCardSite));
            check(Site::Card, path, Ok(()));
        }
        check(Site::Card, "/v1/tokens", Ok(()));
        check(Site::Card, "/3ds/authenticate/pi_1/x", Ok(()));
        check(Site::Card, "/openapi.json", Err(Refusal::OnlyCardSite));
        check(Site::Card, "/", Err(Refusal::OnlyCardSite));
        check(Site::Dashboard, "/journey/pi_1", Ok(()));
    }

    #[test]
    fn from_where_the_api_is_asked_at_the_card_site() {
        #[track_caller]
        fn check(tls: bool, headers: &str, fits: bool) {
            let text = format!("POST /v1/tokens HTTP/1.1\r\nHost: pay.example\r\n{headers}\r\n");
            let got = super::check(asker(Site::Card, tls), &parse(text.as_bytes()).unwrap());
            assert_eq!(got, if fits { Ok(()) } else { Err(Refusal::OtherOrigin) }, "{headers}");
        }
        check(true, "", true);
        check(true, "Origin: https://pay.example\r\n", true);
        check(false, "Origin: http://pay.example\r\n", true);
        check(true, "Origin: http://pay.example\r\n", false);
        check(true, "Origin: https://shop.example\r\n", false);
        check(true, "Origin: null\r\n", false);
        check(true, "Sec-Fetch-Site: same-origin\r\n", true);
        check(true, "Sec-Fetch-Site: none\r\n", true);
        check(true, "Sec-Fetch-Site: cross-site\r\n", false);
        check(true, "Sec-Fetch-Site: same-site\r\n", false);
    }
}
