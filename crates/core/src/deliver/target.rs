//! Where an endpoint's URL leads, and which addresses must never be dialled. Resolves and dials nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest URL of an endpoint.
pub const LONGEST_URL_BYTES: usize = 2_048;
/// Live endpoints listen at one of these.
const LIVE_PORTS: [u16; 2] = [443, 8443];

/// An endpoint's URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub tls: bool,
    /// A name in lower case, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// The `Host` header.
    pub authority: String,
    /// Path and query, never empty.
    pub path: String,
}

/// Why a URL is no endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUrl {
    TooLong,
    /// Not `https`, nor in test mode `http`.
    Scheme,
    Host,
    /// A user name or password stands in it.
    Credentials,
    Port,
    /// The host is an address, or a name of one, that must not be dialled.
    Forbidden,
    /// A number as long as a card's stands in it.
    CardNumber,
}

impl BadUrl {
    pub const fn message(self) -> &'static str {
        match self {
            BadUrl::TooLong => "Invalid URL: at most 2,048 characters are allowed.",
            BadUrl::Scheme => "Invalid URL: write it with https:// in front.",
            BadUrl::Host => "Invalid URL: it needs the name of a host, in ASCII.",
            BadUrl::Credentials => "Invalid URL: it must not hold a user name or password.",
            BadUrl::Port => "Invalid URL: in live mode the port is 443 or 8443; in test mode 1 to 65535.",
            BadUrl::Forbidden => "Invalid URL: webhooks are not sent to private, local or reserved addresses.",
            BadUrl::CardNumber => "Invalid URL: it must not hold a card number.",
        }
    }
}

/// Reads an endpoint's URL (RFC 3986). `local` allows loopback, in test mode.
pub fn target(url: &str, live: bool, local: bool) -> Result<Target, BadUrl> {
    if url.len() > LONGEST_URL_BYTES {
        return Err(BadUrl::TooLong);
    }
    if !url.bytes().all(|b| b.is_ascii_graphic()) || url.contains(['\\', '"', '<', '>']) {
        return Err(BadUrl::Host);
    }
    let (tls, rest) = match url.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") && !live => (false, rest),
        _ => return Err(BadUrl::Scheme),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).ok_or(BadUrl::Host)?;
    if authority.contains('@') {
        return Err(BadUrl::Credentials);
    }
    let (host, port) = host_and_port(authority, tls)?;
    if live && !LIVE_PORTS.contains(&port) {
        return Err(BadUrl::Port);
    }
    if names_forbidden(&host, live, local) {
        return Err(BadUrl::Forbidden);
    }
    if holds_card_number(url) {
        return Err(BadUrl::CardNumber);
    }
    let path = tail.split('#').next().unwrap_or("");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(Target { tls, host, port, authority: authority.to_ascii_lowercase(), path })
}

fn host_and_port(authority: &str, tls: bool) -> Result<(String, u16), BadUrl> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(BadUrl::Host)?;
            address.parse::<Ipv6Addr>().map_err(|_| BadUrl::Host)?;
            (address, port)
        }
        None => {
            let at = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(at).ok_or(BadUrl::Host)?;
            let label = |l: &str| {
                (1..=63).contains(&l.len()) && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            };
            let name = host.strip_suffix('.').unwrap_or(host);
            if name.len() > 253 || !name.split('.').all(label) {
                return Err(BadUrl::Host);
            }
            (name, port)
        }
    };
    let port = match (port.strip_prefix(':'), port.is_empty()) {
        (_, true) => {
            if tls {
                443
            } else {
                80
            }
        }
        (Some(digits), _) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse::<u16>().ok().filter(|p| *p > 0).ok_or(BadUrl::Port)?
        }
        _ => return Err(BadUrl::Port),
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// What can be said of a host without asking anybody. Every address is looked at again when it is dialled.
fn names_forbidden(host: &str, live: bool, local: bool) -> bool {
    let loopback_allowed = local && !live;
    if let Ok(address) = host.parse::<IpAddr>() {
        return !may_dial(address, loopback_allowed);
    }
    let is_local = host == "localhost" || host.ends_with(".localhost");
    let inside = [".local", ".internal", ".home.arpa", ".lan"].iter().any(|end| host.ends_with(end));
    // 2130706433, 0x7f.1, 017700000001: addresses to some resolvers, never names.
    let last = host.rsplit('.').next().unwrap_or("");
    let number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    (is_local && !loopback_allowed) || inside || number
}

/// Whether an address may be dialled: one that is reached over the internet, or, where that is allowed, this machine's loopback.
pub fn may_dial(address: IpAddr, loopback: bool) -> bool {
    match address {
        IpAddr::V4(v4) => (loopback && v4.is_loopback()) || is_global_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => may_dial(IpAddr::V4(v4), loopback),
            None => (loopback && v6.is_loopback()) || is_global_v6(v6),
        },
    }
}

/// The IANA special-purpose registry, IPv4: none of it is anybody's webhook.
fn is_global_v4(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    let special = a.is_unspecified()
        || first == 0
        || a.is_private()
        || a.is_loopback()
        || a.is_link_local()
        || a.is_broadcast()
        || a.is_documentation()
        || a.is_multicast()
        // Carrier-grade NAT, RFC 6598.
        || (first == 100 && (second & 0xc0) == 64)
        // IETF protocol assignments and 6to4 relays.
        || (first == 192 && second == 0 && third == 0)
        || (first == 192 && second == 88 && third == 99)
        // Benchmarks, RFC 2544.
        || (first == 198 && (second & 0xfe) == 18)
        // Reserved, RFC 1112.
        || first >= 240;
    !special
}

/// Only 2000::/3 is routed; of it not Teredo, ORCHID, documentation or 6to4 with what it embeds.
fn is_global_v6(a: Ipv6Addr) -> bool {
    let [first, second, ..] = a.segments();
    let special = (first & 0xe000) != 0x2000
        || (first == 0x2001 && second < 0x0200)
        || (first == 0x2001 && second == 0x0db8)
        || first == 0x2002
        || (first == 0x3fff && second < 0x1000);
    !special
}

/// The IPv4 address within an IPv6 one that leads to it: mapped, compatible, NAT64 (RFC 6052).
fn embedded(a: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(v4) = a.to_ipv4_mapped() {
        return Some(v4);
    }
    let segments = a.segments();
    let [.., high, low] = segments;
    let v4 = || {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let nat64 = segments.starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]);
    let compatible = segments.starts_with(&[0; 6]) && !a.is_loopback() && !a.is_unspecified();
    (nat64 || compatible).then(v4)
}

/// A run of 13 to 19 digits whose check digit is right (ISO/IEC 7812-1).
fn holds_card_number(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|run| (13..=19).contains(&run.len()) && luhn(run))
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = (0..)
        .zip(digits.bytes().rev())
        .map(|(at, b)| {
            let n = u32::from(b - b'0');
            match (at % 2 == 1, n * 2) {
                (false, _) => n,
                (true, doubled) => doubled / 10 + doubled % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        #[track_caller]
        fn check(url: &str, live: bool, local: bool, expected: Result<(bool, &str, u16, &str), BadUrl>) {
            let found = target(url, live, local);
            let found = found.as_ref().map(|t| (t.tls, t.host.as_str(), t.port, t.path.as_str())).map_err(|e| *e);
            assert_eq!(found, expected, "{url}");
        }
        check("https://shop.example/hook?a=1#x", true, false, Ok((true, "shop.example", 443, "/hook?a=1")));
        check("HTTPS://Shop.Example", true, false, Ok((true, "shop.example", 443, "/")));
        check("https://shop.example?a", true, false, Ok((true, "shop.example", 443, "/?a")));
        check("https://shop.example:8443/", true, false, Ok((true, "shop.example", 8443, "/")));
        check("https://shop.example:22/", true, false, Err(BadUrl::Port));
        check("https://shop.example:4000/", false, false, Ok((true, "shop.example", 4000, "/")));
        check("http://shop.example/", false, false, Ok((false, "shop.example", 80, "/")));
        check("https://[2606:4700::1111]:8443/", true, false, Ok((true, "2606:4700::1111", 8443, "/")));
        check("http://127.0.0.1:9000/hook", false, true, Ok((false, "127.0.0.1", 9000, "/hook")));
        check("http://localhost:9000/hook", false, true, Ok((false, "localhost", 9000, "/hook")));
        check("http://[::1]:9000/", false, true, Ok((false, "::1", 9000, "/")));
        let refused = [
            ("http://shop.example/", BadUrl::Scheme),
            ("ftp://shop.example/", BadUrl::Scheme),
            ("shop.example/hook", BadUrl::Scheme),
            ("", BadUrl::Scheme),
            ("https://", BadUrl::Host),
            ("https:///x", BadUrl::Host),
            ("https://a b/", BadUrl::Host),
            ("https://münchen.example/", BadUrl::Host),
            ("https://-/..\\x", BadUrl::Host),
            ("https://a..b/", BadUrl::Host),
            ("https://[::1/", BadUrl::Host),
            ("https://[zz]/", BadUrl::Host),
            ("https://u:p@shop.example/", BadUrl::Credentials),
            ("https://shop.example:0/", BadUrl::Port),
            ("https://shop.example:99999/", BadUrl::Port),
            ("https://shop.example:+1/", BadUrl::Port),
            ("https://shop.example:/", BadUrl::Port),
            ("https://localhost/", BadUrl::Forbidden),
            ("https://a.localhost./", BadUrl::Forbidden),
            ("https://db.internal/", BadUrl::Forbidden),
            ("https://2130706433/", BadUrl::Forbidden),
            ("https://0x7f000001/", BadUrl::Forbidden),
            ("https://017700000001/", BadUrl::Forbidden),
            ("https://127.1/", BadUrl::Forbidden),
            ("https://0x7f.1/", BadUrl::Forbidden),
            ("https://169.254.169.254/latest/meta-data", BadUrl::Forbidden),
            ("https://[fd00:ec2::254]/", BadUrl::Forbidden),
            ("https://shop.example/4242424242424242", BadUrl::CardNumber),
        ];
        for (url, why) in refused {
            check(url, true, true, Err(why));
        }
        check(&format!("https://shop.example/{}", "a".repeat(2_048)), true, false, Err(BadUrl::TooLong));
        check(
            "https://shop.example/4242424242424241",
            true,
            false,
            Ok((true, "shop.example", 443, "/4242424242424241")),
        );
    }

    #[test]
    fn addresses() {
        let forbidden = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ];
        for text in forbidden {
            assert!(!may_dial(text.parse().unwrap(), false), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
        ] {
            assert!(may_dial(text.parse().unwrap(), false), "{text}");
        }
        // Loopback where a demo allows it, and nothing else of this machine's network.
        for (text, allowed) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("169.254.169.254", false),
        ] {
            assert_eq!(may_dial(text.parse().unwrap(), true), allowed, "{text}");
        }
    }
}
