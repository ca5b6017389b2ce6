//! SMS over SMPP (3.4, 5.0): bind as transmitter, one submit_sm, unbind. Codes are rare, so each has a session of its own: nothing is
//! kept alive, and what a message centre forgets does not matter. What was submitted without an answer may have gone.

use crate::words::shortened;
use crate::{BadSettings, SecretText, is_number, tls};
use florin_core::notice::{Letter, NotSent, Posted};
use florin_core::time::Time;
use futures_util::{SinkExt, StreamExt};
use rusmpp::extra::encoding::EncodedSubmitSmExt;
use rusmpp::extra::encoding::ucs2::Ucs2;
use rusmpp::pdus::{BindTransmitter, SubmitSm};
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::{COctetString, EmptyOrFullCOctetString};
use rusmpp::values::{InterfaceVersion, Npi, Ton};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::codec::Framed;

/// For the answer to bind_transmitter.
const BIND_LIMIT: Duration = Duration::from_secs(15);
/// For the answer to submit_sm.
const SUBMIT_LIMIT: Duration = Duration::from_secs(30);
/// For the answer to unbind, which changes nothing.
const UNBIND_LIMIT: Duration = Duration::from_secs(3);
/// Of a PDU that is read, in bytes.
const LONGEST_PDU_BYTES: usize = 64 * 1024;
/// PDUs that are passed over while an answer is waited for.
const MOST_PASSED: usize = 64;

#[derive(Clone, Debug)]
pub struct SmppSettings {
    pub host: String,
    pub port: u16,
    /// Without it for a message centre on this machine alone.
    pub tls: bool,
    /// An authority besides the system's, PEM.
    pub ca: Option<PathBuf>,
    /// At most 15 characters.
    pub system_id: String,
    /// At most 8 characters, as SMPP has them.
    pub password: SecretText,
    /// Who it comes from: a number, a short code, or at most 11 letters and digits.
    pub from: String,
    /// 3.4 unless the message centre speaks 5.0.
    pub version_5: bool,
}

pub struct Sender {
    settings: SmppSettings,
    tls: Option<TlsConnector>,
    bind: BindTransmitter,
}

type Link = Framed<Box<dyn tls::Stream>, CommandCodec>;

impl Sender {
    pub fn new(settings: SmppSettings) -> Result<Sender, BadSettings> {
        let tls = match settings.tls {
            true => Some(tls::connector("sms.ca", settings.ca.as_deref())?),
            false if tls::is_here(&settings.host) => None,
            false => return Err(BadSettings::new("sms.tls", "SMS leave this machine with TLS only: true")),
        };
        let version = if settings.version_5 { InterfaceVersion::Smpp5_0 } else { InterfaceVersion::Smpp3_4 };
        let bind = BindTransmitter::builder()
            .system_id(
                octets(&settings.system_id).ok_or_else(|| BadSettings::new("sms.system_id", "1 to 15 characters"))?,
            )
            .password(
                octets(settings.password.reveal()).ok_or_else(|| {
                    BadSettings::new("sms.password_file", "a password of SMPP has at most 8 characters")
                })?,
            )
            .interface_version(version)
            .build();
        if octets::<1, 21>(&settings.from).is_none() {
            return Err(BadSettings::new("sms.from", "a number, a short code, or at most 11 letters and digits"));
        }
        Ok(Sender { settings, tls, bind })
    }

    pub async fn send(&self, letter: &Letter) -> Posted {
        let Some(submit) = self.submit(letter) else { return Posted::Never(NotSent::BadAddress) };
        let SmppSettings { host, port, .. } = &self.settings;
        let Some(stream) = tls::dial(host, *port, self.tls.as_ref()).await else {
            return Posted::NotYet(NotSent::NoConnection);
        };
        let mut link = Framed::new(stream, CommandCodec::new().with_max_length(LONGEST_PDU_BYTES));
        let bound = timeout(BIND_LIMIT, ask(&mut link, 1, self.bind.clone().into())).await;
        match bound {
            Ok(Some((CommandStatus::EsmeRok, CommandId::BindTransmitterResp))) => {}
            Ok(Some(_)) => return Posted::NotYet(NotSent::NotSignedIn),
            Ok(None) | Err(_) => return Posted::NotYet(NotSent::NoConnection),
        }
        let posted = match timeout(SUBMIT_LIMIT, ask(&mut link, 2, submit.into())).await {
            Ok(Some((status, CommandId::SubmitSmResp))) => answered(status),
            // What is not understood was not taken, whatever else it says.
            Ok(Some((status, CommandId::GenericNack))) if status != CommandStatus::EsmeRok => answered(status),
            // It broke, it took too long, or it is no answer: it may have gone.
            Ok(_) | Err(_) => Posted::Unknown,
        };
        let _ = timeout(UNBIND_LIMIT, ask(&mut link, 3, Pdu::Unbind)).await;
        posted
    }

    fn submit(&self, letter: &Letter) -> Option<SubmitSm> {
        let to = letter.to.strip_prefix('+').filter(|_| is_number(&letter.to))?;
        let from = self.settings.from.as_str();
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let (from, ton, npi) = match from.strip_prefix('+') {
            Some(number) => (number, Ton::International, Npi::Isdn),
            None if digits(from) => (from, Ton::NetworkSpecific, Npi::Unknown),
            None => (from, Ton::Alphanumeric, Npi::Unknown),
        };
        let message = SubmitSm::builder()
            .source_addr_ton(ton)
            .source_addr_npi(npi)
            .source_addr(octets(from)?)
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(octets(to)?)
            .validity_period(validity(letter.ends, now())?)
            .build();
        let text = shortened(letter.language, &letter.words);
        // GSM 7-bit where its alphabet has all of it, UCS-2 otherwise.
        message.encode(&text).gsm7bit_unpacked().fallback(Ucs2::new()).build().ok()
    }
}

fn octets<const MIN: usize, const MAX: usize>(text: &str) -> Option<COctetString<MIN, MAX>> {
    text.parse().ok().filter(|_| !text.is_empty() && text.is_ascii())
}

/// How long the message centre may try, as `YYMMDDhhmmsst00R` from now on: a code that is over is not delivered.
fn validity(ends: Time, now: Time) -> Option<EmptyOrFullCOctetString<17>> {
    let seconds = (ends.0.saturating_sub(now.0) / 1_000).clamp(30, 86_399);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("000000{hours:02}{minutes:02}{seconds:02}000R").parse().ok()
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Sends a request and gives the status and kind of its answer. Requests of the other side are answered in between.
async fn ask(link: &mut Link, number: u32, pdu: Pdu) -> Option<(CommandStatus, CommandId)> {
    link.send(Command::new(CommandStatus::EsmeRok, number, pdu)).await.ok()?;
    for _ in 0..MOST_PASSED {
        let command = link.next().await?.ok()?;
        let answers = command.sequence_number() == number && u32::from(command.id()) & RESPONSE != 0;
        match command.id() {
            id if answers => return Some((command.status(), id)),
            CommandId::EnquireLink => {
                let alive = Command::new(CommandStatus::EsmeRok, command.sequence_number(), Pdu::EnquireLinkResp);
                link.send(alive).await.ok()?;
            }
            _ => {}
        }
    }
    None
}

/// The bit that marks answers among the numbers of commands.
const RESPONSE: u32 = 0x8000_0000;

/// What the message centre's status means.
fn answered(status: CommandStatus) -> Posted {
    match status {
        CommandStatus::EsmeRok => Posted::Accepted,
        CommandStatus::EsmeRthrottled | CommandStatus::EsmeRmsgqful => Posted::NotYet(NotSent::Later),
        CommandStatus::EsmeRinvdstadr | CommandStatus::EsmeRinvdstton | CommandStatus::EsmeRinvdstnpi => {
            Posted::Never(NotSent::BadAddress)
        }
        // Its own trouble: nobody knows how far it came.
        CommandStatus::EsmeRsyserr | CommandStatus::EsmeRunknownerr | CommandStatus::EsmeRdeliveryfailure => {
            Posted::Unknown
        }
        _ => Posted::Never(NotSent::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> SmppSettings {
        SmppSettings {
            host: "localhost".into(),
            port: 2775,
            tls: false,
            ca: None,
            system_id: "florin".into(),
            password: SecretText::new("secret08"),
            from: "Florin".into(),
            version_5: false,
        }
    }

    #[test]
    fn what_cannot_be_used_names_its_setting() {
        #[track_caller]
        fn check(change: impl FnOnce(&mut SmppSettings), expected: Option<&str>) {
            let mut settings = settings();
            change(&mut settings);
            assert_eq!(Sender::new(settings).err().map(|bad| bad.key), expected);
        }
        check(|_| {}, None);
        check(|s| s.host = "smsc.example".into(), Some("sms.tls"));
        check(|s| (s.host, s.tls) = ("smsc.example".into(), true), None);
        check(|s| s.system_id = "sixteen letters!".into(), Some("sms.system_id"));
        check(|s| s.system_id = String::new(), Some("sms.system_id"));
        check(|s| s.password = SecretText::new("nine char"), Some("sms.password_file"));
        check(|s| s.from = "a sender of more than twenty".into(), Some("sms.from"));
    }

    #[test]
    fn a_code_that_is_over_is_not_delivered() {
        let of = |ms| validity(Time(ms), Time(0)).map(|v| v.to_string());
        assert_eq!(of(300_000).as_deref(), Some("000000000500000R"));
        assert_eq!(of(-5).as_deref(), Some("000000000030000R"));
        assert_eq!(of(90_000_000).as_deref(), Some("000000235959000R"));
    }
}
