//! The demo's own certificates: a CA, the acquirer's server certificate, our client certificate. Renewed before they expire.

use crate::fail::{Fail, io};
use crate::home::Home;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// Demo certificates live this long, and are made anew when less than `RENEW_DAYS` are left.
const LIFE_DAYS: i64 = 90;
const RENEW_DAYS: i64 = 30;

/// Makes whatever is missing or old. Certificates of the demo all hang on one CA that nobody else trusts.
pub fn ensure(home: &Home) -> Result<(), Fail> {
    let stamp = home.tls("made");
    let made = std::fs::read_to_string(&stamp).ok().and_then(|t| t.trim().parse::<i64>().ok());
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let fresh = made.is_some_and(|at| now >= at - 3600 && now < at + (LIFE_DAYS - RENEW_DAYS) * 86_400);
    let files = ["ca.pem", "acquirer.pem", "acquirer.key", "link.pem", "link.key", "api.pem", "api.key"];
    if fresh && files.iter().all(|f| home.tls(f).exists()) {
        return Ok(());
    }
    let made =
        make().map_err(|e| Fail::new("certificate_error", format!("cannot make the demo's certificates: {e}")))?;
    for (name, pem) in files.iter().zip(&made) {
        write_private(&home.tls(name), pem.as_bytes())?;
    }
    write_private(&stamp, now.to_string().as_bytes())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fail> {
    let part = path.with_extension("part");
    let _ = std::fs::remove_file(&part);
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    let written = file.and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()));
    written.and_then(|()| std::fs::rename(&part, path)).map_err(|e| io("write", path, &e))
}

/// ca.pem, then certificate and key of acquirer, link and API. The CA's key is used once and kept nowhere.
fn make() -> Result<[String; 7], rcgen::Error> {
    let ca_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = params("Florin demo CA", vec![])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = CertifiedIssuer::self_signed(params, ca_key)?;
    let (acquirer, acquirer_key) = leaf(
        &ca,
        "Florin sandbox acquirer",
        vec!["localhost".into(), "127.0.0.1".into(), "::1".into()],
        ExtendedKeyUsagePurpose::ServerAuth,
    )?;
    let (link, link_key) =
        leaf(&ca, "Florin vault link", vec!["vault.florin.internal".into()], ExtendedKeyUsagePurpose::ClientAuth)?;
    let names = vec!["localhost".into(), "127.0.0.1".into(), "::1".into()];
    let (api, api_key) = leaf(&ca, "Florin demo API", names, ExtendedKeyUsagePurpose::ServerAuth)?;
    Ok([ca.pem(), acquirer, acquirer_key, link, link_key, api, api_key])
}

fn params(name: &str, names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(LIFE_DAYS);
    Ok(params)
}

fn leaf(
    ca: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = params(name, names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, ca)?;
    Ok((certificate.pem(), key.serialize_pem()))
}
