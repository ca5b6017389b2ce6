//! What response codes, check results and advice codes mean: tables read from `responses.json`. Knows no message.

use crate::bins::network_by_name;
use florin_core::decline::{DeclineCode, Retry};
use florin_core::wire::{Check, Network, ResponseCode};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a response code (DE 39) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Approved,
    /// Less than the amount.
    Partial,
    Declined {
        code: DeclineCode,
        retry: Retry,
    },
    /// The issuer may have approved all the same: nothing but a reversal makes sure.
    Unsure {
        code: DeclineCode,
        retry: Retry,
    },
}

/// One row: what a code says to everybody or, in `networks`, to one network.
struct Row {
    meaning: String,
    says: Says,
    networks: BTreeMap<Network, Row>,
}

#[derive(Clone, Copy)]
enum Says {
    Approved,
    ApprovedIfZero,
    Partial,
    Declined { code: DeclineCode, retry: Retry, if_cvc_failed: Option<DeclineCode> },
    Unsure { code: DeclineCode, retry: Retry },
}

/// A row as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RowText {
    meaning: String,
    outcome: String,
    decline_code: Option<String>,
    retry: Option<String>,
    if_cvc_failed: Option<String>,
    #[serde(default)]
    networks: BTreeMap<String, RowText>,
}

#[derive(Deserialize)]
struct AdviceText {
    meaning: String,
    retry: String,
}

#[derive(Deserialize)]
struct File {
    codes: BTreeMap<String, RowText>,
    otherwise: RowText,
    advice: BTreeMap<String, AdviceText>,
    avs: BTreeMap<String, BTreeMap<char, [String; 2]>>,
    cvc: BTreeMap<char, String>,
}

struct Tables {
    codes: BTreeMap<[u8; 2], Row>,
    otherwise: Row,
    advice: BTreeMap<[u8; 2], (String, Retry)>,
    avs: BTreeMap<Option<Network>, BTreeMap<u8, (Check, Check)>>,
    cvc: BTreeMap<u8, Check>,
}

/// What DE 39 says, on this network. `zero_amount`: the message asked for a check of the card only; `cvc`: what the same answer says
/// of the security code.
pub fn outcome(response: ResponseCode, network: Option<Network>, zero_amount: bool, cvc: Check) -> Outcome {
    let tables = tables();
    match row(response, network).says {
        Says::Approved => Outcome::Approved,
        Says::ApprovedIfZero if zero_amount => Outcome::Approved,
        Says::ApprovedIfZero => match tables.otherwise.says {
            Says::Declined { code, retry, .. } | Says::Unsure { code, retry } => Outcome::Unsure { code, retry },
            Says::Approved | Says::ApprovedIfZero | Says::Partial => Outcome::Partial,
        },
        Says::Partial => Outcome::Partial,
        Says::Declined { retry, if_cvc_failed: Some(code), .. } if cvc == Check::Fail => {
            Outcome::Declined { code, retry }
        }
        Says::Declined { code, retry, .. } => Outcome::Declined { code, retry },
        Says::Unsure { code, retry } => Outcome::Unsure { code, retry },
    }
}

/// A response code in plain words, for people.
pub fn meaning(response: ResponseCode, network: Option<Network>) -> &'static str {
    &row(response, network).meaning
}

/// A merchant advice code (DE 48.84) in plain words.
pub fn advice_meaning(advice: [u8; 2]) -> Option<&'static str> {
    tables().advice.get(&advice).map(|(meaning, _)| meaning.as_str())
}

/// Every advice code of the table.
pub fn advice_codes() -> impl Iterator<Item = [u8; 2]> {
    tables().advice.keys().copied()
}

/// Whether the network's advice allows another try: it wins over the table of codes.
pub fn advice_retry(advice: [u8; 2]) -> Option<Retry> {
    tables().advice.get(&advice).map(|(_, retry)| *retry)
}

/// An address check result (DE 44, position 2): line 1, then postal code.
pub fn avs(code: u8, network: Option<Network>) -> (Check, Check) {
    let tables = &tables().avs;
    let own = tables.get(&network).and_then(|table| table.get(&code));
    own.or_else(|| tables.get(&None).and_then(|table| table.get(&code))).copied().unwrap_or_default()
}

/// A security code result (DE 44, position 10).
pub fn cvc(code: u8) -> Check {
    tables().cvc.get(&code).copied().unwrap_or_default()
}

/// Every code of the table.
pub fn codes() -> impl Iterator<Item = ResponseCode> {
    tables().codes.keys().map(|code| ResponseCode(*code))
}

fn row(response: ResponseCode, network: Option<Network>) -> &'static Row {
    let tables = tables();
    let row = tables.codes.get(&response.0).unwrap_or(&tables.otherwise);
    network.and_then(|network| row.networks.get(&network)).unwrap_or(row)
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| match read(include_str!("responses.json")) {
        Ok(tables) => tables,
        Err(e) => unreachable!("responses.json is part of the program and is tested: {e}"),
    })
}

fn read(text: &str) -> Result<Tables, String> {
    let file: File = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let mut codes = BTreeMap::new();
    for (code, text) in file.codes {
        codes.insert(two(&code)?, read_row(text)?);
    }
    let mut advice = BTreeMap::new();
    for (code, text) in file.advice {
        advice.insert(two(&code)?, (text.meaning, read_retry(&text.retry)?));
    }
    let mut avs = BTreeMap::new();
    for (network, rows) in file.avs {
        let network = match network.as_str() {
            "default" => None,
            name => Some(network_by_name(name).ok_or(format!("no network {name}"))?),
        };
        let mut table = BTreeMap::new();
        for (code, [line1, postal_code]) in rows {
            table.insert(one(code)?, (read_check(&line1)?, read_check(&postal_code)?));
        }
        avs.insert(network, table);
    }
    let mut cvc = BTreeMap::new();
    for (code, check) in file.cvc {
        cvc.insert(one(code)?, read_check(&check)?);
    }
    Ok(Tables { codes, otherwise: read_row(file.otherwise)?, advice, avs, cvc })
}

fn read_row(text: RowText) -> Result<Row, String> {
    let decline = || -> Result<(DeclineCode, Retry), String> {
        let code = text.decline_code.as_deref().ok_or("a decline needs a decline_code")?;
        let retry = text.retry.as_deref().ok_or("a decline needs a retry")?;
        Ok((read_decline(code)?, read_retry(retry)?))
    };
    let says = match text.outcome.as_str() {
        "approved" => Says::Approved,
        "approved_if_zero" => Says::ApprovedIfZero,
        "partial" => Says::Partial,
        "declined" => {
            let (code, retry) = decline()?;
            let if_cvc_failed = text.if_cvc_failed.as_deref().map(read_decline).transpose()?;
            Says::Declined { code, retry, if_cvc_failed }
        }
        "unsure" => {
            let (code, retry) = decline()?;
            Says::Unsure { code, retry }
        }
        other => return Err(format!("no outcome is called {other}")),
    };
    let mut networks = BTreeMap::new();
    for (name, text) in text.networks {
        let network = network_by_name(&name).ok_or(format!("no network {name}"))?;
        networks.insert(network, read_row(text)?);
    }
    Ok(Row { meaning: text.meaning, says, networks })
}

fn read_decline(text: &str) -> Result<DeclineCode, String> {
    DeclineCode::ALL.into_iter().find(|c| c.as_str() == text).ok_or(format!("no decline code {text}"))
}

fn read_retry(text: &str) -> Result<Retry, String> {
    let all = [Retry::No, Retry::Later, Retry::Fix, Retry::Now, Retry::WithAuthentication];
    all.into_iter().find(|r| r.as_str() == text).ok_or(format!("no retry {text}"))
}

fn read_check(text: &str) -> Result<Check, String> {
    match text {
        "pass" => Ok(Check::Pass),
        "fail" => Ok(Check::Fail),
        "unchecked" => Ok(Check::Unchecked),
        "unavailable" => Ok(Check::Unavailable),
        other => Err(format!("no check result {other}")),
    }
}

fn two(code: &str) -> Result<[u8; 2], String> {
    code.as_bytes().try_into().map_err(|_| format!("{code} does not have two characters"))
}

fn one(code: char) -> Result<u8, String> {
    u8::try_from(code).map_err(|_| format!("{code} is not ASCII"))
}
