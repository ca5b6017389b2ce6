//! Settings of mail and SMS: read from the configuration by the starter, made into senders by the gateway, which alone reads the secrets.

use crate::config::Config;
use crate::fail::Fail;
use crate::home::read_secret;
use florin_core::id::{IdCodec, Kind};
use florin_notify::{
    BadSettings, Format, HttpSms, MailSettings, SecretText, Security, Senders, SmppSettings, SmsSettings,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MessageSettings {
    pub mail: Option<MailAt>,
    pub sms: Option<SmsAt>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MailAt {
    pub host: String,
    pub port: u16,
    /// `tls`, `starttls` or `none`.
    pub security: String,
    pub ca: Option<PathBuf>,
    pub user: Option<String>,
    pub password_file: Option<PathBuf>,
    pub from: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsAt {
    Smpp {
        host: String,
        port: u16,
        tls: bool,
        ca: Option<PathBuf>,
        system_id: String,
        password_file: PathBuf,
        from: String,
        version_5: bool,
    },
    Http {
        url: String,
        json: bool,
        fields: [String; 3],
        secret_file: Option<PathBuf>,
        from: String,
        ca: Option<PathBuf>,
    },
}

/// What the configuration says. Without a host no mail is sent, without a protocol no SMS.
pub fn of(config: &Config) -> Result<MessageSettings, Fail> {
    Ok(MessageSettings { mail: mail(config)?, sms: sms(config)? })
}

fn text(config: &Config, key: &str) -> Option<String> {
    Some(config.text(key).to_owned()).filter(|value| !value.is_empty())
}

fn needed(config: &Config, key: &'static str) -> Result<String, Fail> {
    text(config, key).ok_or_else(|| Fail::usage("setting_missing", key, format!("set {key}: messages need it.")))
}

fn mail(config: &Config) -> Result<Option<MailAt>, Fail> {
    let Some(host) = text(config, "mail.host") else { return Ok(None) };
    let security = config.text("mail.security").to_owned();
    let usual = match security.as_str() {
        "tls" => 465,
        "starttls" => 587,
        "none" => 25,
        _ => {
            let message = "mail.security is tls, starttls or, on this machine alone, none.".to_owned();
            return Err(Fail::usage("invalid_setting", "mail.security", message));
        }
    };
    let port = if config.text("mail.port").is_empty() { usual } else { config.port("mail.port")? };
    Ok(Some(MailAt {
        host,
        port,
        security,
        ca: config.path("mail.ca"),
        user: text(config, "mail.user"),
        password_file: config.path("mail.password_file"),
        from: needed(config, "mail.from")?,
    }))
}

fn sms(config: &Config) -> Result<Option<SmsAt>, Fail> {
    let invalid = |key: &str, message: &str| Err(Fail::usage("invalid_setting", key, message.to_owned()));
    match config.text("sms.protocol") {
        "" => Ok(None),
        "smpp" => Ok(Some(SmsAt::Smpp {
            host: needed(config, "sms.host")?,
            port: config.port("sms.port")?,
            tls: config.flag("sms.tls")?,
            ca: config.path("sms.ca"),
            system_id: needed(config, "sms.system_id")?,
            password_file: needed(config, "sms.password_file")?.into(),
            from: needed(config, "sms.from")?,
            version_5: match config.text("sms.smpp_version") {
                "3.4" => false,
                "5.0" => true,
                _ => return invalid("sms.smpp_version", "sms.smpp_version is 3.4 or 5.0."),
            },
        })),
        "http" => {
            let fields: Vec<String> = config.text("sms.fields").split(',').map(|f| f.trim().to_owned()).collect();
            let Ok(fields) = fields.try_into() else {
                return invalid("sms.fields", "sms.fields names three fields: of number, sender and text.");
            };
            let json = match config.text("sms.format") {
                "form" => false,
                "json" => true,
                _ => return invalid("sms.format", "sms.format is form or json."),
            };
            Ok(Some(SmsAt::Http {
                url: needed(config, "sms.url")?,
                json,
                fields,
                secret_file: config.path("sms.secret_file"),
                from: config.text("sms.from").to_owned(),
                ca: config.path("sms.ca"),
            }))
        }
        _ => invalid("sms.protocol", "sms.protocol is smpp or http, or nothing for no SMS."),
    }
}

/// Reads the secrets and makes the senders.
pub fn senders(settings: MessageSettings, ids: IdCodec) -> Result<Senders, Fail> {
    let secret = |path: &Path| read_secret(path).map(|text| SecretText::new(&text));
    let mail = match settings.mail {
        None => None,
        Some(at) => Some(MailSettings {
            host: at.host,
            port: at.port,
            security: match at.security.as_str() {
                "tls" => Security::Tls,
                "starttls" => Security::StartTls,
                _ => Security::None,
            },
            ca: at.ca,
            user: at.user,
            password: at.password_file.as_deref().map(secret).transpose()?,
            from: at.from,
        }),
    };
    let sms = match settings.sms {
        None => None,
        Some(SmsAt::Smpp { host, port, tls, ca, system_id, password_file, from, version_5 }) => {
            let password = secret(&password_file)?;
            Some(SmsSettings::Smpp(SmppSettings { host, port, tls, ca, system_id, password, from, version_5 }))
        }
        Some(SmsAt::Http { url, json, fields, secret_file, from, ca }) => {
            let authorization = secret_file.as_deref().map(secret).transpose()?;
            let format = if json { Format::Json } else { Format::Form };
            Some(SmsSettings::Http(HttpSms { url, format, fields, authorization, from, ca }))
        }
    };
    let bad = |BadSettings { key, message }: BadSettings| {
        Fail::usage("invalid_setting", key, format!("{key} cannot be used: {message}."))
    };
    Senders::new(mail, sms, Box::new(move |key| ids.encode(Kind::Notice, key))).map_err(bad)
}
