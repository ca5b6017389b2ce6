//! The signature of a notification: `Stripe-Signature: t=…,v1=…`, HMAC-SHA-256 over `t.body`. Pure.

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;

/// A notification older than this, or from so far ahead, is not taken.
pub const TOLERANCE_SECONDS: i64 = 300;
const HEADER_LIMIT_BYTES: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// No header, or not of that form.
    Unreadable,
    Old,
    /// No signature in it is of this secret.
    Forged,
}

/// Checks the signature of `body`, byte for byte as it came, at `now` (seconds since 1970).
pub fn check(secret: &str, header: &str, body: &[u8], now: i64) -> Result<(), Wrong> {
    if header.len() > HEADER_LIMIT_BYTES {
        return Err(Wrong::Unreadable);
    }
    let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
    let stamp = fields().find(|(name, _)| *name == "t").map(|(_, value)| value).ok_or(Wrong::Unreadable)?;
    let time: i64 = stamp.parse().map_err(|_| Wrong::Unreadable)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [stamp.as_bytes(), b".", body].concat();
    let tag = |value: &str| HEXLOWER_PERMISSIVE.decode(value.as_bytes()).ok();
    // Several while a secret is being changed.
    let known = fields()
        .filter(|(name, _)| *name == "v1")
        .any(|(_, value)| tag(value).is_some_and(|tag| hmac::verify(&key, &signed, &tag).is_ok()));
    if !known {
        return Err(Wrong::Forged);
    }
    if now.checked_sub(time).is_none_or(|age| age.saturating_abs() > TOLERANCE_SECONDS) {
        return Err(Wrong::Old);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(secret: &str, time: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        HEXLOWER_PERMISSIVE.encode(hmac::sign(&key, &[time.to_string().as_bytes(), b".", body].concat()).as_ref())
    }

    #[test]
    fn signatures() {
        let (body, now) = (b"{\"id\":\"evt_1\"}".as_slice(), 1_800_000_000);
        let good = sign("whsec_a", now, body);
        #[track_caller]
        fn check(header: &str, body: &[u8], now: i64, expected: Result<(), Wrong>) {
            assert_eq!(super::check("whsec_a", header, body, now), expected, "{header}");
        }
        let header = format!("t={now},v1={good}");
        check(&header, body, now, Ok(()));
        check(&header, body, now + TOLERANCE_SECONDS, Ok(()));
        check(&header, body, now + TOLERANCE_SECONDS + 1, Err(Wrong::Old));
        check(&header, body, now - TOLERANCE_SECONDS - 1, Err(Wrong::Old));
        check(&header, b"{\"id\":\"evt_2\"}", now, Err(Wrong::Forged));
        check(&format!("t={},v1={good}", now + 1), body, now, Err(Wrong::Forged));
        check(&format!("t={now},v0={good}"), body, now, Err(Wrong::Forged));
        check(&format!("t={now},v1={}", sign("whsec_b", now, body)), body, now, Err(Wrong::Forged));
        check(&format!("t={now},v1={},v1={good}", sign("whsec_b", now, body)), body, now, Ok(()));
        check(&format!("v1={good}"), body, now, Err(Wrong::Unreadable));
        check("", body, now, Err(Wrong::Unreadable));
        check(&format!("t=x,v1={good}"), body, now, Err(Wrong::Unreadable));
        check(&format!("t={now},v1=é{good}"), body, now, Err(Wrong::Forged));
        check(&format!("t={},v1={}", i64::MIN, sign("whsec_a", i64::MIN, body)), body, now, Err(Wrong::Old));
    }
}
