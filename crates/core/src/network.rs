//! Networks of addresses (RFC 4632, RFC 4291 §2.3): from where a key may ask, which proxies are believed. Knows no socket.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// `203.0.113.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// With or without its length in bits. None where bits are set behind it, too: `10.0.0.1/8` is one address or a network by mistake.
    pub fn parse(text: &str) -> Option<Network> {
        let text = text.trim();
        let net = match text.parse::<IpNet>() {
            Ok(net) => net,
            Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?.to_canonical()),
        };
        (net.trunc() == net).then(|| Network { address: net.addr(), bits: net.prefix_len() })
    }

    /// Addresses of IPv4 within IPv6 (RFC 4291 §2.5.5.2) are those of IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        IpNet::new(self.address, self.bits).is_ok_and(|net| net.contains(&address.to_canonical()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        match self.bits == whole {
            true => write!(f, "{}", self.address),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

/// Who is behind a connection: the last address of `X-Forwarded-For` that is no proxy of ours, if the peer is one. What stands before it a
/// client can make up.
pub fn client(peer: IpAddr, proxies: &[Network], forwarded: &[&str]) -> IpAddr {
    let trusted = |address: IpAddr| proxies.iter().any(|network| network.holds(address));
    if !trusted(peer) {
        return peer;
    }
    let mut last = peer;
    for part in forwarded.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = part.trim().parse::<IpAddr>() else { break };
        last = address.to_canonical();
        if !trusted(last) {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_what() {
        #[track_caller]
        fn check(network: &str, shown: Option<&str>, inside: &[&str], outside: &[&str]) {
            let read = Network::parse(network);
            assert_eq!(read.map(|n| n.to_string()).as_deref(), shown);
            let holds = |text: &&str| read.is_some_and(|n| n.holds(text.parse().unwrap()));
            assert!(inside.iter().all(&holds) && !outside.iter().any(&holds), "{network}");
        }
        check(
            "203.0.113.0/24",
            Some("203.0.113.0/24"),
            &["203.0.113.9", "::ffff:203.0.113.9"],
            &["203.0.114.1", "::1"],
        );
        check(" 203.0.113.7 ", Some("203.0.113.7"), &["203.0.113.7"], &["203.0.113.8"]);
        check("203.0.113.7/32", Some("203.0.113.7"), &["203.0.113.7"], &["203.0.113.8"]);
        check("2001:db8::/32", Some("2001:db8::/32"), &["2001:db8:1::1"], &["2001:db9::1", "203.0.113.7"]);
        check("::ffff:203.0.113.7", Some("203.0.113.7"), &["203.0.113.7"], &[]);
        check("0.0.0.0/0", Some("0.0.0.0/0"), &["1.2.3.4"], &["::1"]);
        for bad in ["", "10.0.0.1/8", "203.0.113.0/33", "203.0.113", "example.com", "2001:db8::/129", "/8"] {
            check(bad, None, &[], &["10.0.0.1"]);
        }
    }

    #[test]
    fn who_is_behind_a_proxy() {
        let proxies: Vec<Network> = ["10.0.0.0/8", "2001:db8::/64"].iter().filter_map(|t| Network::parse(t)).collect();
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
            assert_eq!(client(ip(peer), &proxies, forwarded), ip(expected), "{peer} {forwarded:?}");
        };
        check("203.0.113.7", &["198.51.100.1"], "203.0.113.7");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        // What the client wrote itself stands in front.
        check("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["1.1.1.1", "198.51.100.1, 10.9.9.9"], "198.51.100.1");
        check("2001:db8::1", &["::ffff:198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["nonsense"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1");
    }
}
