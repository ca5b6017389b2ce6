//! Where the edge serves each of its sites: on loopback in the demo, under names and certificates of its own in `serve`. Opens nothing.

use super::settings::{EdgePorts, SitePorts};
use crate::config::Config;
use crate::fail::{Fail, io};
use crate::home::Home;
use florin_core::edge::Site;
use florin_core::network::Network;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Which ports of loopback a demo takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Public {
    /// None: nobody asks it from outside.
    Nothing,
    /// Free ones.
    Free,
    /// Those of the settings.
    Settings,
}

/// The demo's sites, each over TLS and without.
pub fn demo(config: &Config, home: &Home, public: Public) -> Result<Option<EdgePorts>, Fail> {
    let port = |site: Site, what: &str| match public {
        Public::Settings => config.port(&format!("{}.{what}", site.name())),
        Public::Nothing | Public::Free => Ok(0),
    };
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ports = |site: &Site| {
        let (address, http) = (at(port(*site, "port")?), Some(at(port(*site, "http_port")?)));
        Ok(SitePorts { site: *site, address, http, cert: home.tls("api.pem"), key: home.tls("api.key"), name: None })
    };
    if public == Public::Nothing {
        return Ok(None);
    }
    let sites = Site::ALL.iter().map(ports).collect::<Result<Vec<_>, Fail>>()?;
    let (gateway, in_flight, proxies) = (home.socket("api.sock")?, in_flight(config)?, proxies(config)?);
    Ok(Some(EdgePorts { gateway, in_flight, sites, proxies, client_ca: None, given: false }))
}

/// Where `serve` answers: TLS alone, under certificates that are not the demo's. Sites for browsers are served if they have an address.
pub fn serve(config: &Config, home: &Home) -> Result<EdgePorts, Fail> {
    let mut sites = Vec::new();
    for site in Site::ALL {
        let setting = |what: &str| format!("{}.{what}", site.name());
        let address = setting("address");
        if *site != Site::Api && config.text(&address).is_empty() {
            continue;
        }
        let parsed = config.text(&address).parse();
        let parsed =
            parsed.map_err(|_| Fail::usage("invalid_setting", &address, "write it as 192.0.2.1:443 or [::]:443."))?;
        let (cert, key) = (own_file(config, home, &setting("cert"))?, own_file(config, home, &setting("key"))?);
        // The API has the name that its clients know; browsers are sent to the others, so those must have one.
        let name = match site {
            Site::Api => None,
            Site::Card | Site::Dashboard => Some(name(config, &setting("name"))?),
        };
        sites.push(SitePorts { site: *site, address: parsed, http: None, cert, key, name });
    }
    let (gateway, in_flight, proxies) = (home.socket("api.sock")?, in_flight(config)?, proxies(config)?);
    let wanted = !config.text("api.client_ca").is_empty();
    let client_ca = wanted.then(|| own_file(config, home, "api.client_ca")).transpose()?;
    Ok(EdgePorts { gateway, in_flight, sites, proxies, client_ca, given: false })
}

/// Networks with commas between them.
fn proxies(config: &Config) -> Result<Vec<Network>, Fail> {
    let wrong = || Fail::usage("invalid_setting", PROXIES, "write networks, as 10.0.0.0/8, 192.0.2.7.");
    let texts = config.text(PROXIES).split(',').map(str::trim).filter(|text| !text.is_empty());
    texts.map(|text| Network::parse(text).ok_or_else(wrong)).collect()
}

const PROXIES: &str = "edge.trusted_proxies";

/// As many as the gateway takes from one edge, or fewer.
fn in_flight(config: &Config) -> Result<usize, Fail> {
    Ok(usize::try_from(config.number("limits.in_flight", 1, 1_024)?).unwrap_or(1))
}

/// A host, with its port if that is not 443: `pay.shop.example`.
fn name(config: &Config, key: &str) -> Result<String, Fail> {
    let name = config.text(key).to_ascii_lowercase();
    if name.is_empty() {
        return Err(needed(key));
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
    if name.len() > 255 || !name.bytes().all(known) {
        return Err(Fail::usage(
            "invalid_setting",
            key,
            "write the host alone, as pay.example.com or pay.example.com:8443.",
        ));
    }
    Ok(name)
}

/// A certificate or key of the operator's own.
fn own_file(config: &Config, home: &Home, key: &str) -> Result<PathBuf, Fail> {
    let path = config.path(key).ok_or_else(|| needed(key))?;
    let whole = path.canonicalize().map_err(|e| io("open", &path, &e))?;
    if whole.starts_with(home.tls("")) {
        return Err(Fail::usage("sample_certificate", key, "that is a certificate of the demo. Give one of your own."));
    }
    Ok(whole)
}

pub fn needed(key: &str) -> Fail {
    Fail::usage(
        "setting_missing",
        key,
        "`florin serve` needs it. Set it in florin.toml; `florin doctor` lists all settings.",
    )
}
