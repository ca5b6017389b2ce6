//! `florin keys inventory`: every algorithm and key of an installation, from one table. A test compares it with what the sources use.

use super::account_keys::{self, ask};
use super::key_age;
use super::system::home_of;
use crate::cli::Common;
use crate::config::Config;
use crate::fail::Outcome;
use crate::gateway::keys::KeysAsk;
use crate::out::out;
use crate::process::block_on;
use serde_json::json;

/// One use of an algorithm.
pub struct Used {
    pub purpose: &'static str,
    pub algorithm: &'static str,
    /// Of the key; 0 for none.
    pub bits: u16,
    pub place: &'static str,
    pub standard: &'static str,
    /// How another takes its place.
    pub replaced_by: &'static str,
}

const fn used(
    purpose: &'static str,
    (algorithm, bits): (&'static str, u16),
    place: &'static str,
    standard: &'static str,
    replaced_by: &'static str,
) -> Used {
    Used { purpose, algorithm, bits, place, standard, replaced_by }
}

const AES: (&str, u16) = ("AES-256-GCM", 256);
const CHACHA: (&str, u16) = ("ChaCha20-Poly1305", 256);
const HMAC: (&str, u16) = ("HMAC-SHA256", 256);
const SETTING: &str = "seal.algorithm, then florin keys rotate accounts";

/// All there is. What is hybrid against quantum computers says so.
pub const USED: &[Used] = &[
    used("cards at rest", AES, "vault", "NIST SP 800-38D", "seal.algorithm, then florin keys rotate data"),
    used("cards at rest", CHACHA, "vault", "RFC 8439", "seal.algorithm, then florin keys rotate data"),
    used(
        "data keys under the key-encryption key",
        AES,
        "vault",
        "NIST SP 800-38D, SP 800-57",
        "florin keys rotate kek",
    ),
    used("data keys in a hardware module", ("CKM_AES_GCM", 256), "vault", "PKCS#11 2.40", "florin keys rotate kek"),
    used("security codes, authentication values", AES, "vault, memory alone", "NIST SP 800-38D", "the next start"),
    used("a key behind a passphrase", ("Argon2id", 256), "vault", "RFC 9106", "florin keys init"),
    used(
        "a key among custodians",
        ("Shamir's sharing over GF(256)", 256),
        "vault",
        "PCI DSS 3.7.6",
        "florin keys init",
    ),
    used("fingerprints, digests of cards", HMAC, "vault", "FIPS 198-1", "none: equal cards must stay equal"),
    used("records of accounts, idempotency answers", AES, "gateway", "NIST SP 800-38D", SETTING),
    used("records of accounts, idempotency answers", CHACHA, "gateway", "RFC 8439", SETTING),
    used("keys of persons under their account's", AES, "gateway", "NIST SP 800-38D", SETTING),
    used("keys of persons under their account's", CHACHA, "gateway", "RFC 8439", SETTING),
    used("keys of accounts under the root", AES, "gateway", "NIST SP 800-38D, SP 800-57", "florin keys rotate root"),
    used("keys from keys", ("HKDF-SHA256", 256), "gateway, vault", "RFC 5869", "a format of its own"),
    used("API keys and idempotency keys as stored", HMAC, "gateway", "FIPS 198-1", "a new API key"),
    used("links to pages, webhooks, end of the ledger", HMAC, "gateway", "FIPS 198-1", "florin keys roll; a new link"),
    used("chains of events and ledger, commitments", ("SHA-256", 0), "gateway", "FIPS 180-4", "a format of its own"),
    used(
        "public ids",
        ("AES-128, one block", 128),
        "gateway",
        "FIPS 197",
        "none: ids that were given out must lead back",
    ),
    used(
        "TLS: key exchange",
        ("X25519MLKEM768 (hybrid), X25519, P-256", 256),
        "vault, gateway, sandbox, shop",
        "RFC 8446, FIPS 203",
        "the library's next release",
    ),
    used(
        "TLS: records",
        ("AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305", 256),
        "vault, gateway, sandbox, shop",
        "RFC 8446",
        "the library's next release",
    ),
    used(
        "certificates of the demo",
        ("ECDSA P-256", 256),
        "starter",
        "FIPS 186-5",
        "a new certificate, read while it serves",
    ),
    used("integrity of the browser's scripts", ("SHA-384", 0), "vault", "W3C SRI", "the next release"),
    used(
        "codes over orders, signed requests",
        HMAC,
        "merchant, gateway",
        "RFC 9421",
        "florin order-keys roll; keys set",
    ),
    used("signed requests", ("Ed25519", 256), "merchant, gateway", "RFC 9421, RFC 8032", "florin keys set --signing"),
    used("digests of bodies", ("SHA-256, SHA-512", 0), "merchant, vault", "RFC 9530", "the merchant's choice"),
    used(
        "backups",
        ("age: X25519 or scrypt, ChaCha20-Poly1305", 256),
        "backup",
        "age-encryption.org/v1",
        "backup.recipients",
    ),
    used("manifests of backups", HMAC, "backup", "FIPS 198-1", "florin keys rotate root"),
    used("the shop's own records", AES, "shop", "NIST SP 800-38D", "a format of its own"),
    used("passwords of people", ("Argon2id over HMAC-SHA256", 256), "gateway", "RFC 9106", "the next password"),
    used("sessions, links, recovery codes as stored", HMAC, "gateway", "FIPS 198-1", "the next sign-in; new codes"),
    used("codes of authenticator apps", ("HMAC-SHA1", 160), "gateway", "RFC 6238", "another app, or a passkey"),
    used("passkeys", ("ECDSA P-256, RSA PKCS#1 v1.5", 256), "gateway", "WebAuthn level 3", "another passkey"),
    used("passwords of the shop", ("Argon2id", 0), "shop", "RFC 9106", "the next password"),
];

pub fn run(common: &Common) -> Outcome {
    let home = home_of(&Config::load(common)?)?;
    let now = key_age::now_ms();
    // What seals records now, where somebody can say.
    let accounts = block_on(ask(&home, KeysAsk::Status { counted: true })).ok();
    if common.json {
        let rows: Vec<_> = USED
            .iter()
            .map(|u| {
                json!({
                    "purpose": u.purpose, "algorithm": u.algorithm, "key_bits": u.bits, "place": u.place,
                    "standard": u.standard, "replaced_by": u.replaced_by,
                })
            })
            .collect();
        out!("{}", json!({ "used": rows, "keys": account_keys::ages(&home), "accounts": accounts }));
        return Ok(0);
    }
    for u in USED {
        let bits = if u.bits == 0 { String::new() } else { format!("{} bit", u.bits) };
        out!("{:<46} {:<44} {bits:<8} {:<30} {}", u.purpose, u.algorithm, u.place, u.standard);
    }
    out!("");
    key_age::all(&home).iter().for_each(|key| out!("{}", key.line(now)));
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_core::seal::Algorithm;
    use std::path::Path;

    /// What the sources take from the cryptographic library, and the word of the table that stands for it.
    const TAKEN: &[(&str, &str)] = &[
        ("AES_256_GCM", "AES-256-GCM"),
        ("CHACHA20_POLY1305", "ChaCha20-Poly1305"),
        ("HMAC_SHA256", "HMAC-SHA256"),
        ("HKDF_SHA256", "HKDF-SHA256"),
        ("SHA256", "SHA-256"),
        ("AES_128", "AES-128"),
        ("SHA384", "SHA-384"),
        ("SHA512", "SHA-512"),
        ("ED25519", "Ed25519"),
    ];
    const OTHERS: &[&str] = &["AES_128_GCM", "HMAC_SHA1", "HMAC_SHA512", "SHA1_FOR_LEGACY", "AES_256_CBC", "MD5"];

    fn sources(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("read").map(|entry| entry.expect("read").path()) {
            let name = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            match entry.is_dir() {
                true if name != "tests" && name != "target" => sources(&entry, all),
                false if name.ends_with(".rs") && name != "inventory.rs" => {
                    all.push_str(&std::fs::read_to_string(&entry).expect("read"));
                }
                true | false => {}
            }
        }
    }

    fn has_word(text: &str, word: &str) -> bool {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.match_indices(word)
            .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
    }

    #[test]
    fn the_inventory_names_what_the_sources_use() {
        let mut text = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut text);
        for (symbol, name) in TAKEN {
            assert!(has_word(&text, symbol), "{symbol} is used nowhere: take {name} out of the inventory");
            assert!(USED.iter().any(|u| u.algorithm.contains(name)), "{name} is not in the inventory");
        }
        let unlisted: Vec<&&str> = OTHERS.iter().filter(|symbol| has_word(&text, symbol)).collect();
        assert!(unlisted.is_empty(), "used, and not in the inventory: {unlisted:?}");
        for algorithm in Algorithm::ALL {
            let named = |place: &str| {
                USED.iter().any(|u| u.place == place && u.algorithm.eq_ignore_ascii_case(algorithm.name()))
            };
            assert!(named("gateway") && named("vault"), "{}", algorithm.name());
        }
    }
}
