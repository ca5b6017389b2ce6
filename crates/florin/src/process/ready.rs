//! The ready line's addresses: one table of what is told where, filled from what each process said when it began to serve. Starts nothing.

use super::supervise::Part;
use serde_json::{Map, Value};
use std::net::SocketAddr;

/// An address as people and programs get it.
pub struct Address {
    /// Its name in the ready line, and in the first line of the process that serves it (there `IP:port`).
    pub name: &'static str,
    /// Which process serves it.
    pub role: &'static str,
    /// What stands before the port. Programs get `localhost` and TLS; people a loopback name without TLS, which browsers hold for a secure
    /// context and ask nothing about; each site a name of its own, because cookies and storage do not tell ports apart.
    pub begins: &'static str,
    /// What it is called on a terminal; None if it is for programs alone.
    pub said: Option<&'static str>,
}

const fn address(name: &'static str, role: &'static str, begins: &'static str, said: Option<&'static str>) -> Address {
    Address { name, role, begins, said }
}

/// What is not served is null. A new address is a line here, and a fact of that name in its process's first line.
pub const ADDRESSES: &[Address] = &[
    address("api", "vault", "https://localhost", Some("API")),
    address("http_api", "vault", "http://127.0.0.1", Some("without TLS")),
    address("card", "vault", "https://localhost", None),
    address("http_card", "vault", "http://card.localhost", Some("card form")),
    address("dashboard", "front", "https://localhost", None),
    address("http_dashboard", "front", "http://dashboard.localhost", Some("dashboard")),
    address("shop", "shop", "https://localhost", None),
    address("metrics", "gateway", "http://127.0.0.1", Some("metrics")),
    address("http_shop", "shop", "http://shop.localhost", Some("shop")),
];

impl Address {
    /// As a URL, by what its process said.
    fn url(&self, told: &Value, begins: &str) -> Option<String> {
        if let Some(name) = told["names"][self.name].as_str() {
            return Some(format!("https://{name}"));
        }
        let at: SocketAddr = told[self.name].as_str()?.parse().ok()?;
        Some(format!("{begins}:{}", at.port()))
    }
}

/// The URL of one of the addresses, by what `role` said, under another name of this machine.
pub fn at(role: &str, name: &str, told: &Value, begins: &str) -> Option<String> {
    ADDRESSES.iter().find(|a| a.role == role && a.name == name)?.url(told, begins)
}

/// All of them by name.
pub fn addresses(parts: &[Part]) -> Map<String, Value> {
    let of = |address: &Address| {
        parts.iter().find(|p| p.role == address.role).and_then(|p| address.url(&p.ready, address.begins))
    };
    ADDRESSES.iter().map(|address| (address.name.to_owned(), of(address).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_told_as_they_are_used() {
        let told = json!({ "api": "127.0.0.1:4430", "http_card": "127.0.0.1:8080", "pid": 7 });
        #[track_caller]
        fn check(told: &Value, role: &str, name: &str, expected: Option<&str>) {
            assert_eq!(at(role, name, told, "https://x").as_deref(), expected);
        }
        check(&told, "vault", "api", Some("https://x:4430"));
        check(&told, "vault", "http_card", Some("https://x:8080"));
        check(&told, "vault", "card", None);
        let named = json!({ "card": "192.0.2.1:443", "names": { "card": "pay.example" } });
        check(&named, "vault", "card", Some("https://pay.example"));
        check(&told, "shop", "api", None);
        check(&told, "vault", "pid", None);
    }

    #[test]
    fn each_name_stands_once() {
        let mut names: Vec<&str> = ADDRESSES.iter().map(|a| a.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ADDRESSES.len());
    }
}
