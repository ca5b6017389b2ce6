//! Signatures of deliveries: Stripe's scheme and Standard Webhooks', both over the exact bytes that are sent.

use crate::endpoint::SigningSecret;
use crate::time::Time;
use aws_lc_rs::hmac;

/// The headers that prove where a delivery comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `Stripe-Signature: t=…,v1=…`, one `v1` for each secret: HMAC-SHA256 of `t.body` under the whole text of the secret, in hex.
    pub stripe: String,
    /// `webhook-timestamp`, seconds.
    pub timestamp: String,
    /// `webhook-signature: v1,…` for each secret, separated by spaces: HMAC-SHA256 of `id.timestamp.body` under the bytes that the
    /// secret's base64 stands for, in base64.
    pub standard: String,
}

pub fn signed<'a>(id: &str, body: &[u8], now: Time, secrets: impl Iterator<Item = &'a SigningSecret>) -> Signed {
    let timestamp = now.seconds().to_string();
    let (mut stripe, mut standard) = (format!("t={timestamp}"), vec![]);
    for secret in secrets {
        let text = secret.reveal();
        let mac = mac(text.as_bytes(), &[timestamp.as_bytes(), b".", body]);
        stripe.push_str(",v1=");
        mac.iter().for_each(|b| stripe.push_str(&format!("{b:02x}")));
        let key = base64_decode(text.strip_prefix("whsec_").unwrap_or(text));
        let mac = self::mac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]);
        standard.push(format!("v1,{}", base64(&mac)));
    }
    Signed { stripe, timestamp, standard: standard.join(" ") }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    context.sign().as_ref().to_vec()
}

/// RFC 4648 §4.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4u32 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            let letter = BASE64.get(value as usize).copied().unwrap_or(b'=');
            out.push(if digit as usize > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

/// The bytes of base64 digits; what is no digit is skipped.
fn base64_decode(text: &str) -> Vec<u8> {
    let (mut out, mut bits, mut held) = (vec![], 0u32, 0u32);
    for value in text.bytes().filter_map(|b| BASE64.iter().position(|d| *d == b)) {
        bits = (bits << 6 | u32::try_from(value).unwrap_or(0)) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).unwrap_or(0));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_both_ways() {
        // RFC 4648 §10.
        for (plain, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
            assert_eq!(base64_decode(text), plain.as_bytes());
        }
    }

    /// The Standard Webhooks reference value, from its specification's libraries.
    #[test]
    fn the_published_example() {
        let secret = SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let got = signed(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            b"{\"test\": 2432232314}",
            Time(1_614_265_330_000),
            [&secret].into_iter(),
        );
        assert_eq!(got.standard, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(got.timestamp, "1614265330");
    }

    #[test]
    fn two_secrets_sign_while_one_rolls() {
        let (one, two) = (SigningSecret::new("whsec_one".into()), SigningSecret::new("whsec_two".into()));
        let sign = |secrets: &[&SigningSecret]| signed("evt_1", b"{}", Time(5_000), secrets.iter().copied());
        let (first, second, both) = (sign(&[&one]), sign(&[&two]), sign(&[&one, &two]));
        let v1 = |s: &Signed| s.stripe.trim_start_matches("t=5,").to_owned();
        assert_eq!(both.stripe, format!("t=5,{},{}", v1(&first), v1(&second)));
        assert_eq!(both.standard, format!("{} {}", first.standard, second.standard));
        // openssl dgst -sha256 -hmac whsec_one over "5.{}"
        assert_eq!(v1(&first).len(), "v1=".len() + 64);
    }
}
