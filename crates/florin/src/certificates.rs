//! When the certificates of the settings end: for warnings and metrics. Reads files, opens no connection.

use crate::config::Config;
use crate::fail::Fail;
use crate::home::Home;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, X509Certificate};

const DAY_SECONDS: i64 = 86_400;

/// One certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The setting that names its file, or the file's own name in the data folder.
    pub name: String,
    pub path: PathBuf,
    /// Whole days until the first certificate of the file ends, below 0 once it has; None where the file cannot be read.
    pub days_left: Option<i64>,
}

/// The first end of validity in a PEM file (RFC 5280 §4.1.2.5), in seconds since 1970.
pub fn ends(path: &Path) -> Option<i64> {
    let pem = std::fs::read(path).ok()?;
    let read = |der: CertificateDer<'static>| {
        X509Certificate::from_der(&der).ok().map(|(_, certificate)| certificate.validity().not_after.timestamp())
    };
    let all: Option<Vec<i64>> = CertificateDer::pem_slice_iter(&pem).map(|der| der.ok().and_then(read)).collect();
    all?.into_iter().min()
}

/// Every certificate that the settings name, and the demo's own: the setting or the file's own name, and the file.
pub fn named(config: &Config, home: &Home) -> Vec<(String, PathBuf)> {
    const NAMED: [&str; 7] =
        ["api.cert", "api.client_ca", "card.cert", "dashboard.cert", "acquirer.ca", "acquirer.cert", "backup.s3_ca"];
    let named = NAMED.iter().filter_map(|key| Some(((*key).to_owned(), config.path(key)?)));
    let own = ["api.pem", "ca.pem"].map(|name| (name.to_owned(), home.tls(name)));
    named.chain(own.into_iter().filter(|(_, path)| path.exists())).collect()
}

/// When each of them ends.
pub fn all(config: &Config, home: &Home) -> Vec<Expiry> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
    let expiry = |(name, path): (String, PathBuf)| {
        let days_left = ends(&path).map(|ends| (ends - now).div_euclid(DAY_SECONDS));
        Expiry { name, path, days_left }
    };
    named(config, home).into_iter().map(expiry).collect()
}

/// What is to be said of those that end soon, cannot be read, or have ended; empty while all is well.
pub fn warnings(config: &Config, home: &Home) -> Result<Vec<String>, Fail> {
    let soon = i64::try_from(config.number("certificates.warn_days", 0, 3_650)?).unwrap_or(0);
    Ok(all(config, home).iter().filter_map(|one| warning(one, soon)).collect())
}

fn warning(one: &Expiry, soon: i64) -> Option<String> {
    let (name, path) = (&one.name, one.path.display());
    match one.days_left {
        None => Some(format!("{name} ({path}) holds no certificate that can be read")),
        Some(days) if days < 0 => {
            Some(format!("{name} ({path}) has ended: replace it now, it is read again by itself"))
        }
        Some(days) if days < soon => {
            Some(format!("{name} ({path}) ends in {days} days: replace it, it is read again by itself"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_certificate() {
        #[track_caller]
        fn check(days_left: Option<i64>, expected: Option<&str>) {
            let one = Expiry { name: "api.cert".into(), path: "a.pem".into(), days_left };
            let said = warning(&one, 21);
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.is_none_or(|s| s.contains(expected.unwrap_or("?"))));
        }
        check(Some(21), None);
        check(Some(20), Some("ends in 20 days"));
        check(Some(0), Some("ends in 0 days"));
        check(Some(-1), Some("has ended"));
        check(None, Some("no certificate that can be read"));
    }

    #[test]
    fn the_first_end_of_a_chain_counts() {
        let made = |year: i32| {
            let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        let path = std::env::temp_dir().join(format!("florin-certificates-{}.pem", std::process::id()));
        std::fs::write(&path, made(2090) + &made(2031)).unwrap();
        assert_eq!(ends(&path), Some(1_924_992_000));
        std::fs::write(&path, "nothing").unwrap();
        assert_eq!(ends(&path), None);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(ends(&path), None);
    }
}
