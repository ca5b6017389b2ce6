//! Mail over SMTP (RFC 5321) with TLS from the first byte (RFC 8314) or by STARTTLS, which is not optional. What was refused before the
//! end of its text was sent surely did not go; what broke after it may have.

use crate::words::{Text, text};
use crate::{BadSettings, SecretText, tls};
use florin_core::notice::{Letter, NotSent, Posted};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;

/// From the connection to the word that the text may come.
const TALK_LIMIT: Duration = Duration::from_secs(40);
/// From the first byte of the text to the server's word for it. A server may think about it for minutes; whoever waits for a code does not.
const TEXT_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte: port 465.
    Tls,
    /// STARTTLS, without which nothing is sent: port 587.
    StartTls,
    /// For a server on this machine alone.
    None,
}

#[derive(Clone, Debug)]
pub struct MailSettings {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// An authority besides the system's, PEM.
    pub ca: Option<PathBuf>,
    pub user: Option<String>,
    pub password: Option<SecretText>,
    /// `Florin <florin@pay.example>`
    pub from: String,
}

pub struct Sender {
    settings: MailSettings,
    from: Mailbox,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
}

impl Sender {
    pub fn new(settings: MailSettings) -> Result<Sender, BadSettings> {
        let from = settings.from.parse::<Mailbox>();
        let from = from.map_err(|_| BadSettings::new("mail.from", "an address as Florin <florin@pay.example.com>"))?;
        let tls = match settings.security {
            Security::None if !tls::is_here(&settings.host) => {
                return Err(BadSettings::new(
                    "mail.security",
                    "mail leaves this machine with TLS only: tls or starttls",
                ));
            }
            Security::None => None,
            Security::Tls | Security::StartTls => Some(parameters(&settings)?),
        };
        let credentials = match (&settings.user, &settings.password) {
            (Some(user), Some(password)) => Some(Credentials::new(user.clone(), password.reveal().to_owned())),
            (None, None) => None,
            (Some(_), None) => {
                return Err(BadSettings::new("mail.password_file", "the file of the password of mail.user"));
            }
            (None, Some(_)) => return Err(BadSettings::new("mail.user", "whose password it is")),
        };
        Ok(Sender { settings, from, tls, credentials })
    }

    pub async fn send(&self, letter: &Letter, name: &str) -> Posted {
        let Text { subject, body } = text(letter.language, &letter.words);
        let Ok(to) = letter.to.parse::<lettre::Address>() else { return Posted::Never(NotSent::BadAddress) };
        let id = format!("<{name}@{}>", self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(body);
        let Ok(mut message) = message else { return Posted::Never(NotSent::BadAddress) };
        // RFC 3834: nobody's holiday answers to it.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        let mut connection = match timeout(TALK_LIMIT, self.talk(&message)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(posted)) => return posted,
            Err(_) => return Posted::NotYet(NotSent::NoConnection),
        };
        let told = timeout(TEXT_LIMIT, connection.message(&message.formatted())).await;
        let posted = match told {
            Ok(Ok(_)) => Posted::Accepted,
            Ok(Err(e)) => replied(&e).unwrap_or(Posted::Unknown),
            Err(_) => Posted::Unknown,
        };
        if posted == Posted::Accepted {
            let _ = timeout(tls::CONNECT_LIMIT, connection.quit()).await;
        }
        posted
    }

    /// Up to the server's word that the text may come. Whatever fails, nothing was sent.
    async fn talk(&self, message: &Message) -> Result<AsyncSmtpConnection, Posted> {
        let lost = |_: Error| Posted::NotYet(NotSent::NoConnection);
        let MailSettings { host, port, security, .. } = &self.settings;
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let from_first_byte = self.tls.clone().filter(|_| *security == Security::Tls);
        let at = (host.as_str(), *port);
        let connect = AsyncSmtpConnection::connect_tokio1(at, Some(tls::CONNECT_LIMIT), &hello, from_first_byte, None);
        let mut connection = connect.await.map_err(lost)?;
        if *security == Security::StartTls {
            let Some(parameters) = self.tls.clone().filter(|_| connection.can_starttls()) else {
                return Err(Posted::NotYet(NotSent::NoConnection));
            };
            connection.starttls(parameters, &hello).await.map_err(lost)?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|_| Posted::NotYet(NotSent::NotSignedIn))?;
        }
        let refused = |e: Error| replied(&e).unwrap_or(Posted::NotYet(NotSent::NoConnection));
        let envelope = message.envelope();
        connection.command(Mail::new(envelope.from().cloned(), vec![])).await.map_err(refused)?;
        for to in envelope.to() {
            connection.command(Rcpt::new(to.clone(), vec![])).await.map_err(refused)?;
        }
        connection.command(Data).await.map_err(refused)?;
        Ok(connection)
    }
}

/// What a server's own word means (RFC 5321 §4.2.1): 4yz is for now, 5yz for good.
fn replied(error: &Error) -> Option<Posted> {
    match (error.is_transient(), error.is_permanent()) {
        (true, _) => Some(Posted::NotYet(NotSent::Later)),
        (_, true) => Some(Posted::Never(NotSent::Refused)),
        (false, false) => None,
    }
}

fn parameters(settings: &MailSettings) -> Result<TlsParameters, BadSettings> {
    // Besides the system's, which are its default.
    let mut builder = TlsParameters::builder(settings.host.clone());
    for authority in settings.ca.as_deref().map(|path| tls::file("mail.ca", path)).transpose()?.unwrap_or_default() {
        let certificate = Certificate::from_der(authority.to_vec());
        builder = builder.add_root_certificate(certificate.map_err(|e| BadSettings::new("mail.ca", e.to_string()))?);
    }
    builder.build_rustls().map_err(|e| BadSettings::new("mail.ca", e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_names_its_setting() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut MailSettings), expected: Option<&str>) {
            let mut settings = MailSettings {
                host: "127.0.0.1".into(),
                port: 25,
                security: Security::None,
                ca: None,
                user: None,
                password: None,
                from: "Florin <florin@pay.example>".into(),
            };
            change(&mut settings);
            assert_eq!(Sender::new(settings).err().map(|bad| bad.key), expected);
        }
        check(|_| {}, None);
        check(|s| s.host = "mail.example".into(), Some("mail.security"));
        check(|s| (s.host, s.security) = ("mail.example".into(), Security::StartTls), None);
        check(|s| s.from = "nobody".into(), Some("mail.from"));
        check(|s| s.from = "a@b.example\r\nBcc: c@d.example".into(), Some("mail.from"));
        check(|s| s.user = Some("florin".into()), Some("mail.password_file"));
        check(|s| s.password = Some(SecretText::new("x")), Some("mail.user"));
        check(|s| (s.security, s.ca) = (Security::Tls, Some("/nowhere".into())), Some("mail.ca"));
    }
}
