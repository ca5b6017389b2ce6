//! Senders of mail (SMTP) and SMS (SMPP, or a provider's HTTP gateway), and what messages say in three languages.
//! Knows no store: whether a message is sent again is core's to decide, from what is said here of one try.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod http;
mod mail;
mod smpp;
mod tls;
mod words;

pub use http::{Format, HttpSms};
pub use mail::{MailSettings, Security};
pub use smpp::SmppSettings;
pub use tls::is_here;
pub use words::{Text, shortened, text};

use florin_core::id::Key;
use florin_core::notice::{Channel, Courier, Letter, NotSent, Posted};
use florin_core::store::Wait;
use std::fmt;
use zeroize::Zeroizing;

/// A password or a header's secret. Its text stands in no log.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Without the line's end that files have.
    pub fn new(text: &str) -> SecretText {
        SecretText(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// How SMS go out.
#[derive(Clone, Debug)]
pub enum SmsSettings {
    Smpp(SmppSettings),
    Http(HttpSms),
}

/// Settings that cannot be used; in words for whoever wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSettings {
    /// The setting.
    pub key: &'static str,
    pub message: String,
}

impl BadSettings {
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> BadSettings {
        BadSettings { key, message: message.into() }
    }
}

enum Sms {
    Smpp(smpp::Sender),
    Http(http::Sender),
}

/// All senders of an installation.
pub struct Senders {
    mail: Option<mail::Sender>,
    sms: Option<Sms>,
    /// A message's public name, for its Message-ID.
    name: Box<dyn Fn(Key) -> String + Send + Sync>,
}

impl Senders {
    /// Errors: a setting that cannot be used, as a password without TLS.
    pub fn new(
        mail: Option<MailSettings>,
        sms: Option<SmsSettings>,
        name: Box<dyn Fn(Key) -> String + Send + Sync>,
    ) -> Result<Senders, BadSettings> {
        let mail = mail.map(mail::Sender::new).transpose()?;
        let sms = match sms {
            Some(SmsSettings::Smpp(settings)) => Some(Sms::Smpp(smpp::Sender::new(settings)?)),
            Some(SmsSettings::Http(settings)) => Some(Sms::Http(http::Sender::new(settings)?)),
            None => None,
        };
        Ok(Senders { mail, sms, name })
    }
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Mail => self.mail.is_some(),
            Channel::Sms => self.sms.is_some(),
        }
    }
}

impl Courier for Senders {
    fn post<'a>(&'a self, letter: Letter) -> Wait<'a, Posted> {
        Box::pin(async move {
            let name = (self.name)(letter.key);
            match letter.channel {
                Channel::Mail => match &self.mail {
                    Some(sender) => sender.send(&letter, &name).await,
                    None => Posted::Never(NotSent::NoSender),
                },
                Channel::Sms => match &self.sms {
                    Some(Sms::Smpp(sender)) => sender.send(&letter).await,
                    Some(Sms::Http(sender)) => sender.send(&letter, &name).await,
                    None => Posted::Never(NotSent::NoSender),
                },
            }
        })
    }
}

/// `+` and 7 to 15 digits, as E.164 has them.
pub fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for good in ["+31612345678", "+8613812345678", "+1234567"] {
            assert!(is_number(good), "{good}");
        }
        for bad in ["", "+", "0612345678", "31612345678", "+0612345678", "+316 1234", "+1234567890123456", "+12345a7"] {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2\n")), "…");
    }
}
