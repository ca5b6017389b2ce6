//! Settings: flags over FLORIN_* variables over florin.toml over defaults, each remembered with where it came from.

use crate::cli::Common;
use crate::fail::{Fail, io};
use crate::log::Format;
use florin_core::seal::Algorithm;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// (key in florin.toml, default, what it is). The variable is FLORIN_ and the key in capitals, dots as underscores.
pub const SETTINGS: &[(&str, &str, &str)] = &[
    ("data", "./florin-data", "folder that keeps everything"),
    ("answer_ms", "15000", "how long an answer of the acquirer may take, in milliseconds"),
    ("vault.kek", "", "key file of the vault; `serve` wants it outside the data folder"),
    (
        "vault.passphrase_file",
        "",
        "file of the passphrase that opens it; without one `florin keys unlock` is waited for",
    ),
    (
        "seal.algorithm",
        "aes-256-gcm",
        "what new records and cards are sealed with: aes-256-gcm or chacha20-poly1305; `florin keys rotate` brings over what is there",
    ),
    (
        "vault.user",
        "",
        "name, UID or UID:GID that the vault runs as when root starts it [default: florin-vault, if there is such a user]",
    ),
    ("acquirer.address", "", "host:port of the acquirer (serve)"),
    ("acquirer.name", "", "name in the acquirer's certificate (serve)"),
    ("acquirer.ca", "", "CA certificate of the acquirer, PEM (serve)"),
    ("acquirer.cert", "", "our client certificate, PEM (serve)"),
    ("acquirer.key", "", "key of our client certificate, PEM (serve)"),
    ("api.port", "0", "port of the demo's API (TLS) on loopback; 0 takes a free one"),
    ("api.http_port", "0", "port of the demo's API without TLS, on loopback; 0 takes a free one"),
    ("fees.basis_points", "140", "what merchants pay of a capture, in hundredths of a percent: 140 is 1.4 %"),
    ("fees.fixed_minor", "25", "added to it, in the smallest unit of the currency: 25 is 0.25 eur, 25 jpy"),
    (
        "fees.settles_after_seconds",
        "172800",
        "when captured money is expected to be available (serve; demo: a day of its network)",
    ),
    ("api.address", "127.0.0.1:8443", "address:port of the API (serve)"),
    ("api.cert", "", "certificate of the API with what leads to its root, PEM; read again when it changes (serve)"),
    ("api.key", "", "key of that certificate, PEM (serve)"),
    (
        "api.client_ca",
        "",
        "CA certificate of the API's clients, PEM: who shows no certificate of it is not served (serve); without one none is asked for",
    ),
    (
        "edge.trusted_proxies",
        "",
        "addresses and networks of proxies before the edge, with commas: their X-Forwarded-For says who asks",
    ),
    (
        "certificates.warn_days",
        "21",
        "certificates that end sooner are a finding of doctor and a warning of serve, in days",
    ),
    ("card.port", "0", "port of the demo's card form (TLS) on loopback; 0 takes a free one"),
    ("card.http_port", "0", "port of the demo's card form without TLS, on loopback; 0 takes a free one"),
    ("card.address", "", "address:port of the card form; without one none is served (serve)"),
    ("card.cert", "", "certificate of the card form, as api.cert (serve)"),
    ("card.key", "", "key of that certificate, PEM (serve)"),
    ("card.name", "", "host that browsers know the card form by, with its port if that is not 443 (serve)"),
    ("dashboard.port", "0", "port of the demo's dashboard (TLS) on loopback; 0 takes a free one"),
    ("dashboard.http_port", "0", "port of the demo's dashboard without TLS, on loopback; 0 takes a free one"),
    ("dashboard.address", "", "address:port of the dashboard; without one none is served (serve)"),
    ("dashboard.cert", "", "certificate of the dashboard, as api.cert (serve)"),
    ("dashboard.key", "", "key of that certificate, PEM (serve)"),
    ("dashboard.name", "", "host that browsers know the dashboard by, with its port if that is not 443 (serve)"),
    ("shop.port", "0", "port of the demo's shop (TLS) on loopback; 0 takes a free one"),
    ("shop.http_port", "0", "port of the demo's shop without TLS, on loopback; 0 takes a free one"),
    ("limits.key_per_second", "", "requests a second of one API key; 0 for no limit [default: serve 100, demo 20000]"),
    ("limits.key_burst", "", "requests of one API key at once [default: serve 500, demo 20000]"),
    (
        "limits.address_per_second",
        "",
        "requests a second of one address; 0 for no limit [default: serve 200, demo 20000]",
    ),
    ("limits.address_burst", "", "requests of one address at once [default: serve 1000, demo 20000]"),
    (
        "limits.in_flight",
        "1024",
        "requests under way at once; more are told to come back (503), before anything is begun",
    ),
    (
        "limits.account_per_second",
        "",
        "requests a second of all keys of an account; 0 for no limit [default: serve 400, demo 20000]",
    ),
    ("limits.account_burst", "", "requests of an account at once [default: serve 2000, demo 20000]"),
    (
        "limits.card_per_second",
        "",
        "requests a second with one card's number; 0 for no limit [default: serve 1, demo 20000]",
    ),
    ("limits.card_burst", "", "requests with one card's number at once [default: serve 30, demo 20000]"),
    (
        "abuse.defence",
        "auto",
        "on or off: the defence against card testing; auto is on in live mode, so that test suites may decline as often as they like",
    ),
    (
        "abuse.address_challenge",
        "4",
        "declines of a buyer's address in an hour, those of small amounts twice: 3-D Secure is asked first",
    ),
    ("abuse.address_declines", "10", "the same: refused; 0 for no limit"),
    ("abuse.address_cards", "8", "cards of an address in an hour, hardly any approved: refused; 0 for no limit"),
    ("abuse.card_declines", "8", "declines of one card in a day: refused; 0 for no limit"),
    ("abuse.intent_declines", "10", "declines of one payment or setup in a day: refused; 0 for no limit"),
    ("abuse.intent_cards", "6", "cards of one payment or setup in a day: refused; 0 for no limit"),
    (
        "abuse.alarm_declines",
        "8",
        "addresses declined in a minute, small amounts twice, and a third of all tries: strangers to the account must authenticate for a while; 0 for never",
    ),
    (
        "abuse.bot_check",
        "",
        "https address of a service that tells people from programs (the siteverify of hCaptcha, reCAPTCHA or Turnstile); whom it vouches for authenticates instead of being refused for an address",
    ),
    ("abuse.bot_site_key", "", "its public key, which browsers get in the header Florin-Bot-Check"),
    ("abuse.bot_secret_file", "", "file of its secret, mode 0600"),
    ("abuse.small_minor", "500", "amounts below this many of the smallest unit count as small"),
    ("limits.failures_per_second", "10", "requests a second of one address with a wrong key; 0 for no limit"),
    ("limits.failures_burst", "200", "requests of one address with a wrong key at once"),
    ("requests.kept_days", "30", "how long the log of requests is kept, in days"),
    ("requests.kept", "1000000", "entries of that log that are kept at most"),
    (
        "retention.personal_days",
        "0",
        "when names, addresses and texts of payments, refunds, setups and tokens become unreadable, in days; 0: when their customer is erased",
    ),
    ("settlement.address", "", "host:port of the acquirer's report service; certificates as for the link (serve)"),
    ("settlement.name", "", "name in its certificate, if it is not acquirer.name (serve)"),
    ("settlement.every_seconds", "300", "how often settlement reports are fetched (serve; demo: every second)"),
    ("settlement.missing_after_days", "2", "closed days after which what no report names is a break"),
    (
        "erasures.file",
        "",
        "where erasures are written down for restores: outside of the databases, best on another disk [default: keys/erased.log in the data folder]",
    ),
    (
        "audit.origin",
        "",
        "name of the audit log in its checkpoints, as pay.example.com/audit [default: made from its key]",
    ),
    ("audit.checkpoint_minutes", "10", "when new entries are signed over, in minutes"),
    ("audit.checkpoint_entries", "100", "entries after which that does not wait"),
    (
        "audit.checkpoint_file",
        "",
        "where checkpoints of the audit log are kept: best on another machine's disk [default: keys/audit.checkpoints in the data folder]",
    ),
    ("audit.checkpoint_mail", "", "who gets each checkpoint by mail"),
    ("mail.host", "", "server that mail goes out by; without one none does"),
    ("mail.port", "", "its port [default: 465 with tls, 587 with starttls]"),
    ("mail.security", "tls", "tls, starttls, or none for a server on this machine"),
    ("mail.ca", "", "CA certificate of the server besides the system's, PEM"),
    ("mail.user", "", "who signs in there"),
    ("mail.password_file", "", "file with the password"),
    ("mail.from", "", "who mail comes from, as Florin <florin@pay.example.com>"),
    ("sms.protocol", "", "smpp or http; without one no SMS is sent"),
    ("sms.from", "", "who SMS come from: a number, a short code, or at most 11 letters and digits"),
    ("sms.ca", "", "CA certificate of the message centre or gateway besides the system's, PEM"),
    ("sms.host", "", "host of the message centre (smpp)"),
    ("sms.port", "2775", "its port (smpp)"),
    ("sms.tls", "true", "false for a message centre on this machine (smpp)"),
    ("sms.system_id", "", "who binds there (smpp)"),
    ("sms.password_file", "", "file with the password, of at most 8 characters (smpp)"),
    ("sms.smpp_version", "3.4", "3.4 or 5.0"),
    ("sms.url", "", "https:// address that each SMS is posted to (http)"),
    ("sms.format", "form", "form or json (http)"),
    ("sms.fields", "to,from,text", "names of the fields of number, sender and text (http)"),
    ("sms.secret_file", "", "file with all of the header Authorization, as Bearer … (http)"),
    ("backup.place", "", "where backups go: a folder, or s3://bucket/prefix"),
    ("backup.s3_endpoint", "", "https://host[:port] of S3-compatible storage [default: Amazon's of the region]"),
    ("backup.s3_region", "us-east-1", "region of the bucket"),
    (
        "backup.s3_credentials",
        "",
        "file with aws_access_key_id and aws_secret_access_key [default: AWS_* of the environment]",
    ),
    ("backup.s3_ca", "", "CA certificate of the storage besides the system's, PEM"),
    ("backup.recipients", "", "who can read backups: age1…, several with commas between them"),
    ("backup.keep_days", "35", "how long a backup of each day is kept, in days"),
    ("backup.keep_all_hours", "48", "how long every backup is kept, in hours"),
    ("backup.stale_after_seconds", "300", "an older newest backup is a finding of doctor, once there is one; 0: never"),
    ("backup.verify_after_days", "7", "a last trial that is older is a finding of doctor; 0: never"),
    (
        "metrics.address",
        "127.0.0.1:0",
        "loopback address:port of /metrics, /healthz and /readyz; port 0 takes a free one; empty: none",
    ),
    (
        "pages.watch_seconds",
        "3600",
        "how often a running system asks for its own card form's scripts as a browser does, and says when they are not this version's; 0: never",
    ),
    ("pages.watch_url", "", "the card form's address as customers reach it [default: where it is served]"),
    ("log.format", "text", "how processes write what they say of themselves: text, or json (one object a line)"),
    (
        "upgrade.keys",
        "",
        "public keys that releases are trusted by, ssh-ed25519 AAAA…, with commas between several; none is built in",
    ),
    ("upgrade.from", "", "where releases are published: https://…, or a folder"),
    ("upgrade.ca", "", "CA certificate of that address besides the system's, PEM"),
    ("network.port", "8583", "port of the sandbox's acquirer when it runs alone"),
    ("network.control_port", "0", "port of the sandbox's control interface; 0 takes a free one"),
    (
        "network.day_seconds",
        "60",
        "how long a business day of the demo's network lasts; 0: until it is closed by command",
    ),
    ("network.magic_amounts", "false", "exact amounts ask the sandbox for misbehaviour"),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    pub source: String,
}

#[derive(Clone, Debug)]
pub struct Config {
    values: BTreeMap<&'static str, Setting>,
}

impl Config {
    /// Reads all sources. A key that does not exist is an error: a typing mistake must not become a default.
    pub fn load(common: &Common) -> Result<Config, Fail> {
        let mut values: BTreeMap<&'static str, Setting> = SETTINGS
            .iter()
            .map(|(key, default, _)| (*key, Setting { value: (*default).to_owned(), source: "default".to_owned() }))
            .collect();
        if let Some(home) = user_file().filter(|p| p.exists()) {
            read_file(&home, &mut values)?;
        }
        let local = common.config.clone().or_else(|| Some(PathBuf::from("florin.toml")).filter(|p| p.exists()));
        if let Some(path) = local {
            read_file(&path, &mut values)?;
        }
        for (key, _, _) in SETTINGS {
            let name = variable(key);
            if let Ok(value) = std::env::var(&name) {
                values.insert(key, Setting { value, source: name });
            }
        }
        let mut config = Config { values };
        if let Some(data) = &common.data {
            config.set("data", data.display().to_string());
        }
        Ok(config)
    }

    /// A flag's value.
    pub fn set(&mut self, key: &'static str, value: String) {
        self.values.insert(key, Setting { value, source: "flag".to_owned() });
    }

    pub fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |s| s.value.as_str())
    }

    pub fn path(&self, key: &str) -> Option<PathBuf> {
        Some(self.text(key)).filter(|v| !v.is_empty()).map(PathBuf::from)
    }

    pub fn number(&self, key: &str, least: u64, most: u64) -> Result<u64, Fail> {
        let number = self.text(key).parse::<u64>().ok().filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| self.bad(key, &format!("a whole number from {least} to {most}")))
    }

    /// The same where nothing given means `default`.
    pub fn number_or(&self, key: &str, most: u32, default: u32) -> Result<u32, Fail> {
        if self.text(key).is_empty() {
            return Ok(default);
        }
        let number = self.number(key, 0, u64::from(most))?;
        Ok(u32::try_from(number).unwrap_or(default))
    }

    pub fn flag(&self, key: &str) -> Result<bool, Fail> {
        self.text(key).parse().map_err(|_| self.bad(key, "true or false"))
    }

    /// What new records and cards are sealed with.
    pub fn algorithm(&self) -> Result<Algorithm, Fail> {
        let key = "seal.algorithm";
        Algorithm::parse(self.text(key)).ok_or_else(|| self.bad(key, "aes-256-gcm or chacha20-poly1305"))
    }

    /// `on`, `off`, or `auto` for what is usual here.
    /// How processes write what they say of themselves.
    pub fn log_format(&self) -> Result<Format, Fail> {
        let key = "log.format";
        Format::parse(self.text(key)).ok_or_else(|| self.bad(key, "text or json"))
    }

    pub fn switch(&self, key: &str, usual: bool) -> Result<bool, Fail> {
        match self.text(key) {
            "on" => Ok(true),
            "off" => Ok(false),
            "auto" => Ok(usual),
            _ => Err(self.bad(key, "on, off or auto")),
        }
    }

    pub fn port(&self, key: &str) -> Result<u16, Fail> {
        let number = self.number(key, 0, u64::from(u16::MAX))?;
        u16::try_from(number).map_err(|_| self.bad(key, "a port"))
    }

    fn bad(&self, key: &str, wanted: &str) -> Fail {
        let source = self.values.get(key).map_or("", |s| s.source.as_str());
        Fail::usage("invalid_setting", key, format!("the value from {source} is not {wanted}. Correct it there."))
    }

    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.values.iter().map(|(k, s)| (*k, s))
    }
}

pub fn variable(key: &str) -> String {
    format!("FLORIN_{}", key.replace('.', "_").to_uppercase())
}

fn user_file() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".config")))?;
    Some(base.join("florin/config.toml"))
}

fn read_file(path: &Path, values: &mut BTreeMap<&'static str, Setting>) -> Result<(), Fail> {
    let text = std::fs::read_to_string(path).map_err(|e| io("read the settings file", path, &e))?;
    let table: toml::Table = toml::from_str(&text)
        .map_err(|e| Fail::new("invalid_settings_file", format!("{} is not TOML: {}", path.display(), e.message())))?;
    let mut flat = Vec::new();
    flatten("", &table, &mut flat);
    for (key, value) in flat {
        match SETTINGS.iter().find(|(known, _, _)| *known == key) {
            Some((known, _, _)) => {
                values.insert(known, Setting { value, source: path.display().to_string() });
            }
            None => {
                let message = format!("{} has a setting that does not exist. Known: {}.", path.display(), known_keys());
                return Err(Fail::usage("unknown_setting", &key, message));
            }
        }
    }
    Ok(())
}

fn known_keys() -> String {
    SETTINGS.iter().map(|(k, _, _)| *k).collect::<Vec<_>>().join(", ")
}

fn flatten(prefix: &str, table: &toml::Table, out: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(&name, inner, out),
            toml::Value::String(text) => out.push((name, text.clone())),
            other => out.push((name, other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_variable_of_its_own() {
        let mut names: Vec<String> = SETTINGS.iter().map(|(k, _, _)| variable(k)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), SETTINGS.len());
        assert_eq!(variable("network.control_port"), "FLORIN_NETWORK_CONTROL_PORT");
    }

    #[test]
    fn nested_tables_become_dotted_keys() {
        let table: toml::Table = toml::from_str("answer_ms = 9000\n[network]\nport = 1\nmagic_amounts = true").unwrap();
        let mut flat = Vec::new();
        flatten("", &table, &mut flat);
        flat.sort();
        let flat: Vec<(&str, &str)> = flat.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(flat, [("answer_ms", "9000"), ("network.magic_amounts", "true"), ("network.port", "1")]);
    }
}
