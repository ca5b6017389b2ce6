//! A KEK that nobody holds alone: n custodians have a share each, k of them together are the key (Shamir over GF(256), byte by byte).
//! The key file knows each share by a keyed hash, so that a wrong one is named before it spoils the rest.

use super::{KekError, check_value, fresh_secret};
use crate::core::seal::Secret;
use blahaj::{Share, Sharks};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const PREFIX: &str = "FLORIN-SHARE-";
/// Number of the share, and a byte of it for each byte of the key.
const SHARE_BYTES: usize = 33;
const SUM_BYTES: usize = 4;
const GROUP_CHARACTERS: usize = 4;
pub const MOST_CUSTODIANS: usize = 32;

/// What the key file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Custodians {
    /// How many must come together.
    pub needed: u8,
    pub custodians: Vec<Custodian>,
    /// Check value of the key, hexadecimal.
    pub check: String,
    /// Keys the hashes of the shares; hexadecimal.
    pub salt: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Custodian {
    pub name: String,
    /// Keyed hash of the share, hexadecimal. A share has 256 random bits: its hash tells nothing of it.
    pub share: String,
}

/// What one custodian is given, once.
pub struct Given {
    pub name: String,
    pub share: Zeroizing<String>,
}

impl Custodians {
    /// Splits this key among people. The shares are not kept anywhere.
    pub fn split(secret: &Secret, needed: u8, names: &[String]) -> Result<(Custodians, Vec<Given>), KekError> {
        let salt = fresh_secret()?;
        let (mut custodians, mut given) = (Vec::new(), Vec::new());
        for (name, share) in names.iter().zip(Sharks(needed).dealer(secret.expose())) {
            let bytes = Zeroizing::new(Vec::from(&share));
            custodians.push(Custodian { name: name.clone(), share: HEXLOWER.encode(&salt.mac(&[&bytes])) });
            given.push(Given { name: name.clone(), share: text(&bytes) });
        }
        let check = HEXLOWER.encode(&check_value(secret));
        Ok((Custodians { needed, custodians, check, salt: HEXLOWER.encode(salt.expose()) }, given))
    }

    /// Whose share this is.
    pub fn whose(&self, share: &ShareBytes) -> Result<&str, KekError> {
        let salt = HEXLOWER.decode(self.salt.as_bytes()).ok().and_then(|salt| <[u8; 32]>::try_from(salt).ok());
        let salt = Secret::new(salt.ok_or(KekError::WrongShare)?);
        let hash = HEXLOWER.encode(&salt.mac(&[&share.0]));
        let owner = self.custodians.iter().find(|custodian| custodian.share == hash);
        owner.map(|owner| owner.name.as_str()).ok_or(KekError::WrongShare)
    }

    /// The key of `needed` shares.
    pub fn combine(&self, shares: &[ShareBytes]) -> Result<Secret, KekError> {
        let shares: Vec<Share> = shares.iter().filter_map(|share| Share::try_from(share.0.as_slice()).ok()).collect();
        let bytes = Sharks(self.needed).recover(&shares).map(Zeroizing::new).map_err(|_| KekError::SharesDiffer)?;
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).map(Secret::new).map_err(|_| KekError::SharesDiffer)?;
        match HEXLOWER.encode(&check_value(&secret)) == self.check {
            true => Ok(secret),
            false => Err(KekError::SharesDiffer),
        }
    }
}

/// A share that was typed without a mistake. Wiped when dropped; has no text form.
pub struct ShareBytes(Zeroizing<Vec<u8>>);

impl ShareBytes {
    /// Reads a share as a person types it: any case, spaces and dashes anywhere.
    pub fn parse(text: &str) -> Result<ShareBytes, KekError> {
        let plain: Zeroizing<String> = Zeroizing::new(
            text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_uppercase()).collect(),
        );
        let body = plain.strip_prefix("FLORINSHARE").ok_or(KekError::NotAShare)?;
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(body.as_bytes()).map_err(|_| KekError::NotAShare)?);
        let (share, sum) = bytes.split_at_checked(SHARE_BYTES).ok_or(KekError::NotAShare)?;
        match sum == sum_of(share) {
            true => Ok(ShareBytes(Zeroizing::new(share.to_vec()))),
            false => Err(KekError::NotAShare),
        }
    }
}

/// Finds slips of the pen, nothing more.
fn sum_of(share: &[u8]) -> [u8; SUM_BYTES] {
    let mac = Secret::new([0; 32]).mac(&[b"share", share]);
    let mut sum = [0u8; SUM_BYTES];
    sum.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
    sum
}

/// As it is written down: groups of four letters and digits.
fn text(share: &[u8]) -> Zeroizing<String> {
    let whole = Zeroizing::new([share, &sum_of(share)].concat());
    let plain = Zeroizing::new(BASE32_NOPAD.encode(&whole));
    let mut out = Zeroizing::new(String::with_capacity(plain.len() * 2));
    out.push_str(PREFIX);
    for (n, letter) in plain.chars().enumerate() {
        if n > 0 && n % GROUP_CHARACTERS == 0 {
            out.push('-');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(n: usize) -> Vec<String> {
        (0..n).map(|n| format!("custodian {n}")).collect()
    }

    #[test]
    fn so_many_together_are_the_key_and_fewer_are_nothing() {
        let secret = Secret::new(std::array::from_fn(|n| n as u8));
        let (file, given) = Custodians::split(&secret, 3, &names(5)).unwrap();
        let share = |n: usize| ShareBytes::parse(&given[n].share).unwrap();
        for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let shares: Vec<ShareBytes> = chosen.into_iter().map(share).collect();
            assert_eq!(file.combine(&shares).unwrap().expose(), secret.expose(), "{chosen:?}");
        }
        assert!(matches!(file.combine(&[share(0), share(1)]), Err(KekError::SharesDiffer)));
        assert!(matches!(file.combine(&[share(0), share(1), share(1)]), Err(KekError::SharesDiffer)));
        for n in 0..5 {
            assert_eq!(file.whose(&share(n)).unwrap(), format!("custodian {n}"));
        }
        let (_, others) = Custodians::split(&secret, 3, &names(5)).unwrap();
        let stranger = ShareBytes::parse(&others[0].share).unwrap();
        assert!(matches!(file.whose(&stranger), Err(KekError::WrongShare)));
        // The file tells nothing that opens.
        let told = serde_json::to_string(&file).unwrap();
        assert!(!told.contains(&HEXLOWER.encode(secret.expose())));
    }

    #[test]
    fn a_share_is_typed_as_people_type() {
        let (file, given) = Custodians::split(&Secret::new([5; 32]), 2, &names(2)).unwrap();
        let shown = given[0].share.as_str();
        assert!(shown.starts_with("FLORIN-SHARE-") && shown.len() < 100, "{shown}");
        let known = |text: &str| ShareBytes::parse(text).map(|share| file.whose(&share).is_ok());
        assert!(matches!(known(&shown.to_lowercase().replace('-', " ")), Ok(true)));
        assert!(matches!(known(&shown.replace("FLORIN-SHARE-", "")), Err(KekError::NotAShare)));
        assert!(matches!(known(&shown[..shown.len() - 1]), Err(KekError::NotAShare)));
        let wrong = if shown.ends_with('A') { 'B' } else { 'A' };
        assert!(matches!(known(&format!("{}{wrong}", &shown[..shown.len() - 1])), Err(KekError::NotAShare)));
        assert!(matches!(known(""), Err(KekError::NotAShare)));
    }
}
