//! The acquirer's journal over its report service: JSON becomes core's entries here, or a reason why not. Decides nothing.

use super::reports::{ReportService, money, unreadable};
use florin_connect::acquirer::responses::{self, Outcome};
use florin_connect::bins::network_by_name;
use florin_core::restore::{Entry, Journal, Page, Standing, What};
use florin_core::settlement::Unavailable;
use florin_core::store::Wait;
use florin_core::time::Time;
use florin_core::wire::{
    Approval, ApprovalCode, Checks, Decline, NetworkId, ResponseCode, Rrn, Terminal, Unsure, Verdict, WireId,
};
use serde::Deserialize;

/// Messages of one answer.
const MOST_MESSAGES: usize = 1_000;

#[derive(Deserialize)]
struct PageJson {
    entries: Vec<EntryJson>,
    next: Option<u64>,
    of: u64,
}

#[derive(Deserialize)]
struct EntryJson {
    id: u64,
    at: i64,
    mti: String,
    kind: String,
    stan: String,
    de7: String,
    terminal: String,
    rrn: String,
    processing_code: String,
    network: Option<String>,
    amount: i64,
    currency: String,
    response: String,
    approval: Option<String>,
    network_id: Option<String>,
    advice: Option<String>,
    avs: char,
    cvc: char,
    original: Option<OriginalJson>,
    standing: Option<StandingJson>,
}

#[derive(Deserialize)]
struct OriginalJson {
    rrn: Option<String>,
}

#[derive(Deserialize)]
struct StandingJson {
    held: i64,
    captured: i64,
    refunded: i64,
    reversed: i64,
}

/// Our ids of a message; none when it has none that we make.
fn wire(json: &EntryJson) -> Option<WireId> {
    let near = Time(json.at);
    let de7: &[u8; 10] = json.de7.as_bytes().try_into().ok()?;
    let terminal = json.terminal.strip_prefix("FL").filter(|n| n.len() == 6)?.parse().ok().map(Terminal)?;
    Some(WireId { terminal, stan: json.stan.parse().ok()?, at: Time::of_de7(de7, near)?, rrn: rrn(&json.rrn, near)? })
}

fn rrn(text: &str, near: Time) -> Option<Rrn> {
    Rrn::read(text.as_bytes().try_into().ok()?, near)
}

fn what(json: &EntryJson) -> Option<What> {
    match (json.mti.as_str(), json.kind.as_str()) {
        (_, "verification") => Some(What::Verification),
        ("0400" | "0420", _) => Some(What::Reversal),
        ("0100", _) => Some(What::Hold),
        ("0220", _) => Some(What::Completion),
        ("0200", _) if json.processing_code.starts_with("20") => Some(What::Refund),
        ("0200", _) => Some(What::Sale),
        _ => None,
    }
}

/// What the gateway would have read in the answer.
fn verdict(json: &EntryJson) -> Option<Verdict> {
    let network = json.network.as_deref().and_then(network_by_name);
    let response = ResponseCode(json.response.as_bytes().try_into().ok()?);
    let letter = |c: char| u8::try_from(c).ok().filter(|b| *b != b' ');
    let (address_line1, postal_code) =
        letter(json.avs).map_or_else(Default::default, |code| responses::avs(code, network));
    let cvc = letter(json.cvc).map_or_else(Default::default, responses::cvc);
    let checks = Checks { address_line1, postal_code, cvc };
    let network_id = json.network_id.as_deref().and_then(|id| id.parse().ok()).map(NetworkId);
    Some(match responses::outcome(response, network, json.amount == 0, checks.cvc) {
        Outcome::Approved => {
            let code = json.approval.as_deref().and_then(|code| code.as_bytes().try_into().ok()).map(ApprovalCode);
            Verdict::Approved(Approval { response, code, network_id, checks })
        }
        Outcome::Partial => Verdict::Unknown(Unsure::Partial),
        Outcome::Declined { code, retry } | Outcome::Unsure { code, retry } => {
            let advice: Option<[u8; 2]> = json.advice.as_deref().and_then(|a| a.as_bytes().try_into().ok());
            let retry = advice.and_then(responses::advice_retry).unwrap_or(retry);
            Verdict::Declined(Decline { code, response, advice, retry, checks, network_id })
        }
    })
}

/// None when it does not read; Some(None) when it cannot have been ours.
fn entry(json: &EntryJson) -> Option<Option<Entry>> {
    let (what, answer) = (what(json)?, verdict(json)?);
    let minor = |n: i64| Some(money(n, &json.currency)?.minor);
    let standing = match &json.standing {
        Some(s) => Some(Standing {
            held: minor(s.held)?,
            captured: minor(s.captured)?,
            refunded: minor(s.refunded)?,
            reversed: minor(s.reversed)?,
        }),
        None => None,
    };
    let money = money(json.amount, &json.currency)?;
    let original = json.original.as_ref().and_then(|o| rrn(o.rrn.as_deref()?, Time(json.at)));
    let Some(wire) = wire(json) else { return Some(None) };
    Some(Some(Entry { id: json.id, what, wire, money, answer, original, standing }))
}

impl Journal for ReportService {
    fn page<'a>(&'a self, since: Time, after: u64) -> Wait<'a, Result<Page, Unavailable>> {
        Box::pin(async move {
            let told: PageJson = self.get(format!("/journal?since={}&after={after}", since.0.max(0))).await?;
            if told.entries.len() > MOST_MESSAGES {
                return Err(unreadable("the journal"));
            }
            let read: Option<Vec<Option<Entry>>> = told.entries.iter().map(entry).collect();
            let read = read.ok_or_else(|| unreadable("a message in the journal"))?;
            let all = read.len();
            let entries: Vec<Entry> = read.into_iter().flatten().collect();
            Ok(Page { strangers: (all - entries.len()) as u64, entries, next: told.next, of: told.of })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_core::id::Key;
    use florin_core::money::{Currency, Money};

    const KEY: Key = Key((1_795_299_300_123 << 20) | 32);

    fn read(change: impl FnOnce(&mut serde_json::Value)) -> Option<Option<Entry>> {
        let mut json = serde_json::json!({
            "id": 7, "at": 1_795_299_301_000i64, "mti": "0200", "kind": "sale", "stan": "000042", "de7": "1121221500",
            "terminal": "FL000003", "rrn": Rrn(KEY).text(), "processing_code": "000000", "network": "visa",
            "amount": 1999, "currency": "eur", "response": "00", "approval": "A1B2C3", "network_id": "000000000000099",
            "advice": null, "avs": " ", "cvc": "M", "original": null,
            "standing": { "held": 0, "captured": 1999, "refunded": 0, "reversed": 0 },
        });
        change(&mut json);
        entry(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn messages_of_a_journal() {
        let eur = |minor| Money::new(minor, Currency::EUR);
        let wire = WireId { terminal: Terminal(3), stan: 42, at: Time(1_795_299_300_000), rrn: Rrn(KEY) };
        let sale = read(|_| {}).unwrap().unwrap();
        let standing = Some(Standing { captured: 1999, ..Standing::default() });
        assert_eq!((sale.what, sale.wire, sale.money, sale.standing), (What::Sale, wire, eur(1999), standing));
        let Verdict::Approved(approval) = sale.answer else { panic!("{sale:?}") };
        assert_eq!((approval.code, approval.network_id), (Some(ApprovalCode(*b"A1B2C3")), Some(NetworkId(99))));
        let kind = |mti: &str, kind: &str, processing: &str| {
            read(|j| (j["mti"], j["kind"], j["processing_code"]) = (mti.into(), kind.into(), processing.into()))
                .map(|entry| entry.unwrap().what)
        };
        assert_eq!(kind("0100", "hold", "000000"), Some(What::Hold));
        assert_eq!(kind("0100", "verification", "000000"), Some(What::Verification));
        assert_eq!(kind("0220", "completion", "000000"), Some(What::Completion));
        assert_eq!(kind("0200", "decline", "200000"), Some(What::Refund));
        assert_eq!(kind("0400", "reversal", "200000"), Some(What::Reversal));
        assert_eq!(kind("0800", "sale", "000000"), None);
        let declined = read(|j| j["response"] = "51".into()).unwrap().unwrap();
        assert!(matches!(declined.answer, Verdict::Declined(_)));
        // What we never send was somebody else's; what does not read is an error.
        assert_eq!(read(|j| j["rrn"] = "000000UNKNWN".into()), Some(None));
        assert_eq!(read(|j| j["terminal"] = "POS 0001".into()), Some(None));
        assert_eq!(read(|j| j["currency"] = "xxx".into()), None);
        assert_eq!(read(|j| j["response"] = "0".into()), None);
    }
}
