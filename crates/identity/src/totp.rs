//! Codes of authenticator apps (RFC 6238): SHA-1, six digits, 30 seconds, which every app knows. That a code works once is core's affair.

use data_encoding::BASE32_NOPAD;
use florin_core::people::TotpOffer;
use florin_core::time::Time;
use qrcode::QrCode;
use qrcode::render::svg;
use totp_rs::{Builder, Totp};

/// A code is good in its own step, the one before and the one after (RFC 6238 §5.2).
const SKEW: u16 = 1;
const DIGITS: usize = 6;

fn totp(secret: &[u8], account: &str, issuer: &str) -> Totp {
    let builder = Builder::new().with_skew(SKEW).with_secret(secret.to_vec());
    // Colons part issuer and account.
    let (account, issuer) = (account.replace(':', " "), issuer.replace(':', " "));
    builder.with_account_name(account).with_issuer(Some(issuer)).build_noncompliant()
}

/// The step that a code belongs to.
pub fn step(secret: &[u8], code: &str, now: Time) -> Option<i64> {
    if code.len() != DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) || secret.is_empty() {
        return None;
    }
    let seconds = u64::try_from(now.seconds()).ok()?;
    let step = totp(secret, "", "").check(code, seconds)?;
    i64::try_from(step).ok()
}

pub fn offer(secret: &[u8], email: &str, product: &str) -> TotpOffer {
    let base32 = BASE32_NOPAD.encode(secret);
    let letters: Vec<char> = base32.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
    let uri = totp(secret, email, product).to_url().unwrap_or_default();
    let picture = QrCode::new(uri.as_bytes())
        .map(|code| code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build());
    // Inline in a page: no declaration before it.
    let qr_svg = picture.ok().and_then(|text| text.find("<svg").and_then(|at| text.get(at..).map(str::to_owned)));
    TotpOffer { text: groups.join(" "), uri, qr_svg: qr_svg.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: its codes of eight digits end in the ones of six.
    #[test]
    fn vectors_of_the_standard() {
        let secret = b"12345678901234567890";
        let check = |seconds: i64, code: &str, expected: Option<i64>| {
            assert_eq!(step(secret, code, Time(seconds * 1_000)), expected, "{seconds} {code}");
        };
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let (six, at) = (&code[2..], seconds / 30);
            check(seconds, six, Some(at));
            // One step late, one early, and no further.
            check(at * 30 + 59, six, Some(at));
            check(at * 30 - 30, six, Some(at));
            check(at * 30 + 60, six, None);
            check(at * 30 - 31, six, None);
        }
        for bad in ["", "28708", "2870820", "28708x", "２８７０８２", "-87082", "94287082"] {
            check(59, bad, None);
        }
        assert_eq!(step(&[], "287082", Time(59_000)), None);
    }

    #[test]
    fn what_an_app_is_told() {
        let told = offer(b"12345678901234567890", "kim@example.com", "Florin");
        assert_eq!(told.text, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert_eq!(
            told.uri,
            "otpauth://totp/Florin:kim%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Florin"
        );
        assert!(told.qr_svg.starts_with("<svg") && told.qr_svg.ends_with("</svg>"), "{}", told.qr_svg);
        assert!(!told.qr_svg.contains("script") && !told.qr_svg.contains("GEZD"));
    }
}
