//! Signatures of releases as `ssh-keygen -Y sign` makes them (OpenSSH PROTOCOL.sshsig), Ed25519 alone. The format is ssh-key's, the check
//! aws-lc's. Knows no manifest.

use super::refused::Refused;
use crate::fail::Fail;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use ssh_key::{Algorithm, LineEnding, PublicKey, SshSig};

/// A signature for something else (a commit, a file) is none for a release.
pub const NAMESPACE: &str = "release@florin";
/// More is no list of keys.
const MOST_KEYS: usize = 16;

/// A public key that releases are trusted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    bytes: [u8; 32],
    /// As it stands in settings.
    pub comment: String,
}

/// `ssh-ed25519 AAAA… name`, with commas between several: while keys change, the old and the new one.
pub fn keys(text: &str) -> Result<Vec<Key>, Fail> {
    let setting = |message: &str| Fail::usage("invalid_setting", "upgrade.keys", message);
    let lines: Vec<&str> = text.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return Err(Fail::usage(
            "no_upgrade_keys",
            "upgrade.keys",
            "no key is trusted, and none is built in: put the public key of Florin's releases there, as it was given to you (ssh-ed25519 AAAA…).",
        ));
    }
    if lines.len() > MOST_KEYS {
        return Err(setting("names more than 16 keys. Leave those in that still sign."));
    }
    lines
        .into_iter()
        .map(|line| key(line).ok_or_else(|| setting("is not ssh-ed25519 AAAA…, with commas between several.")))
        .collect()
}

fn key(line: &str) -> Option<Key> {
    let key = PublicKey::from_openssh(line).ok()?;
    Some(Key { bytes: key.key_data().ed25519()?.0, comment: key.comment().to_owned() })
}

/// Which of the keys has signed these bytes.
pub fn signed_by<'a>(bytes: &[u8], signature: &[u8], keys: &'a [Key]) -> Result<&'a Key, Refused> {
    let text = signature;
    let signature = SshSig::from_pem(text).map_err(|_| Refused::Unsigned)?;
    // Lengths, version and algorithm are not signed: there is one way to write a signature, and this must be it.
    let written = signature.to_pem(LineEnding::LF).map_err(|_| Refused::Unsigned)?;
    let usual = signature.version() == SshSig::VERSION && signature.signature().algorithm() == Algorithm::Ed25519;
    if written.as_bytes() != text || !usual || !signature.reserved().is_empty() {
        return Err(Refused::Unsigned);
    }
    let by = signature.public_key().ed25519().ok_or(Refused::Foreign)?;
    let key = keys.iter().find(|key| key.bytes == by.0).ok_or(Refused::Foreign)?;
    if signature.namespace() != NAMESPACE {
        return Err(Refused::Foreign);
    }
    let signed = SshSig::signed_data(NAMESPACE, signature.hash_alg(), bytes).map_err(|_| Refused::Unsigned)?;
    let public = UnparsedPublicKey::new(&ED25519, &key.bytes);
    public.verify(&signed, signature.signature_bytes()).map_err(|_| Refused::Altered)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by ssh-keygen of OpenSSH 9.2 over `{"a":1}` and a line's end; the private halves are gone.
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJiakknsamyaQjR88mK9rQSl2k2tacKZOER+z/IPCuZH florin 2026";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINpepyP23ULJE3QAYw3fEi4OBMizLBN70DMPjyt5mD5M other";
    const BYTES: &[u8] = b"{\"a\":1}\n";
    const SIGNED: &str = "-----BEGIN SSH SIGNATURE-----\n\
        U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmJqSSexqbJpCNHzyYr2tBKXaTa\n\
        1pwpk4RH7P8g8K5kcAAAAOcmVsZWFzZUBmbG9yaW4AAAAAAAAABnNoYTUxMgAAAFMAAAAL\n\
        c3NoLWVkMjU1MTkAAABALMftqKRd7TuwFwLDp/z7wFbK/4cuntECqF4qVMra7cHBbMniy2\n\
        cbYz3NUpo5lTwLzcavgeSAzqcz7TcDeYLDDA==\n\
        -----END SSH SIGNATURE-----\n";
    const FOR_A_FILE: &str = "-----BEGIN SSH SIGNATURE-----\n\
        U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmJqSSexqbJpCNHzyYr2tBKXaTa\n\
        1pwpk4RH7P8g8K5kcAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n\
        OQAAAEC/VGV5EdHS/hZchtJrxnWGizrAiQwnkyGiCp/0SelCom/i6EZYRLO2cRxUjxv4j6\n\
        StlbFALDQVB5Y/TExj160A\n\
        -----END SSH SIGNATURE-----\n";

    #[test]
    fn who_signed() {
        let check = |bytes: &[u8], signature: &str, trusted: &str, expected: Result<&str, Refused>| {
            let keys = keys(trusted).unwrap();
            let found = signed_by(bytes, signature.as_bytes(), &keys).map(|key| key.comment.as_str());
            assert_eq!(found, expected);
        };
        check(BYTES, SIGNED, KEY, Ok("florin 2026"));
        check(BYTES, SIGNED, &format!("{OTHER}, {KEY}"), Ok("florin 2026"));
        check(BYTES, SIGNED, OTHER, Err(Refused::Foreign));
        check(BYTES, FOR_A_FILE, KEY, Err(Refused::Foreign));
        check(b"{\"a\":2}\n", SIGNED, KEY, Err(Refused::Altered));
        check(BYTES, "", KEY, Err(Refused::Unsigned));
        check(BYTES, &SIGNED.replace("SSH SIGNATURE", "PGP SIGNATURE"), KEY, Err(Refused::Unsigned));
    }

    /// Whatever byte of a signature is another: it is not taken.
    #[test]
    fn no_other_byte_signs() {
        let keys = keys(KEY).unwrap();
        for at in 0..SIGNED.len() {
            let mut bytes = SIGNED.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(signed_by(BYTES, &bytes, &keys).is_err(), "byte {at}");
        }
    }

    #[test]
    fn lists_of_keys() {
        let check = |text: &str, expected: Result<usize, &str>| {
            let found = keys(text).map(|keys| keys.len()).map_err(|fail| fail.code);
            assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|code| *code), "{text}");
        };
        check(KEY, Ok(1));
        check(&format!("{KEY},{OTHER}\n"), Ok(2));
        check("", Err("no_upgrade_keys"));
        check(" , ", Err("no_upgrade_keys"));
        check("ssh-rsa AAAA", Err("invalid_setting"));
        check(&format!("{KEY} , key"), Err("invalid_setting"));
        check(&vec![KEY; 17].join(","), Err("invalid_setting"));
    }
}
