//! EMV 3DS messages (JSON, EMVCo 2.2) between 3DS Server, directory server and access control server: the fields that Florin uses.
//! Knows no socket and no page.

use crate::card::Cavv;
use florin_core::threeds::{Eci, TransId, VERSION};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// The longest message, in bytes: EMV 3DS messages are smaller by far.
pub const MESSAGE_LIMIT_BYTES: usize = 16 * 1024;
/// Card ranges in one PRes.
pub const RANGES_LIMIT: usize = 10_000;

/// A message that cannot be read; names the element at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMessage(pub &'static str);

/// Authentication request. No `Debug`: it holds the card number.
pub struct Request {
    pub server: TransId,
    pub number: Zeroizing<String>,
    /// `cardExpiryDate`, YYMM.
    pub expiry: String,
    /// `purchaseAmount`, minor units of ISO 4217.
    pub amount: i64,
    /// `purchaseCurrency`, ISO 4217 numeric.
    pub currency: u16,
    /// `purchaseExponent`.
    pub exponent: u8,
    pub merchant_name: String,
    /// `threeDSRequestorChallengeInd` 04: a challenge is wanted whatever the issuer thinks.
    pub mandated: bool,
    pub notification_url: String,
    pub accept: String,
    pub user_agent: String,
    pub language: String,
    pub address: Option<String>,
}

/// What the issuer says: ARes or RReq. No `Debug`: it may hold the authentication value.
pub struct Said {
    pub server: TransId,
    pub directory: TransId,
    pub acs: TransId,
    /// `transStatus`, one letter.
    pub status: String,
    pub eci: Option<Eci>,
    pub value: Option<Cavv>,
    /// `acsURL`, with `C` alone.
    pub acs_url: Option<String>,
}

/// Numbers from the first to the last, digits only, of equal length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: String,
    pub end: String,
}

impl Range {
    pub fn holds(&self, number: &str) -> bool {
        number.len() == self.start.len() && (self.start.as_str()..=self.end.as_str()).contains(&number)
    }
}

impl Request {
    /// AReq as JSON, in memory that is wiped.
    pub fn write(&self) -> Zeroizing<String> {
        // Over nothing it is a card that is kept (04), and no payment (messageCategory 02).
        let (category, why) = if self.amount == 0 { ("02", "04") } else { ("01", "01") };
        let mut rest = json!({
            "messageType": "AReq",
            "messageVersion": VERSION,
            "messageCategory": category,
            "deviceChannel": "02",
            "threeDSServerTransID": self.server.text(),
            "threeDSRequestorAuthenticationInd": why,
            "threeDSRequestorChallengeInd": if self.mandated { "04" } else { "01" },
            "threeDSCompInd": "U",
            "cardExpiryDate": self.expiry,
            "purchaseAmount": self.amount.to_string(),
            "purchaseCurrency": format!("{:03}", self.currency),
            "purchaseExponent": self.exponent.to_string(),
            "merchantName": self.merchant_name,
            "notificationURL": self.notification_url,
            "browserAcceptHeader": self.accept,
            "browserUserAgent": self.user_agent,
            "browserLanguage": self.language,
            "browserJavascriptEnabled": false,
        });
        if let Some(address) = &self.address {
            rest["browserIP"] = json!(address);
        }
        let rest = rest.to_string();
        let mut out = Zeroizing::new(String::with_capacity(rest.len() + self.number.len() + 20));
        out.push_str("{\"acctNumber\":\"");
        out.push_str(&self.number);
        out.push_str("\",");
        out.push_str(rest.strip_prefix('{').unwrap_or(""));
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Request, BadMessage> {
        let map = read(bytes, "AReq")?;
        let owned = |name| text(&map, name).map(str::to_owned);
        let digits = |name: &'static str| {
            text(&map, name).and_then(|t| if all_digits(t) { Ok(t) } else { Err(BadMessage(name)) })
        };
        let browser = |name| map.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
        Ok(Request {
            server: id(&map, "threeDSServerTransID")?,
            number: Zeroizing::new(digits("acctNumber")?.to_owned()),
            expiry: owned("cardExpiryDate")?,
            amount: digits("purchaseAmount")?.parse().map_err(|_| BadMessage("purchaseAmount"))?,
            currency: digits("purchaseCurrency")?.parse().map_err(|_| BadMessage("purchaseCurrency"))?,
            exponent: digits("purchaseExponent")?.parse().map_err(|_| BadMessage("purchaseExponent"))?,
            merchant_name: owned("merchantName")?,
            mandated: text(&map, "threeDSRequestorChallengeInd")? == "04",
            notification_url: owned("notificationURL")?,
            accept: browser("browserAcceptHeader"),
            user_agent: browser("browserUserAgent"),
            language: browser("browserLanguage"),
            address: map.get("browserIP").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

impl Said {
    /// As JSON, in memory that is wiped. `kind` is `ARes` or `RReq`.
    pub fn write(&self, kind: &str) -> Zeroizing<String> {
        let mut rest = json!({
            "messageType": kind,
            "messageVersion": VERSION,
            "threeDSServerTransID": self.server.text(),
            "dsTransID": self.directory.text(),
            "acsTransID": self.acs.text(),
            "transStatus": self.status,
        });
        if let Some(eci) = self.eci {
            rest["eci"] = json!(eci.text());
        }
        if let Some(url) = &self.acs_url {
            rest["acsURL"] = json!(url);
        }
        let rest = rest.to_string();
        let mut out = Zeroizing::new(String::with_capacity(rest.len() + 64));
        out.push('{');
        if let Some(value) = &self.value {
            out.push_str("\"authenticationValue\":\"");
            out.push_str(value.reveal());
            out.push_str("\",");
        }
        out.push_str(rest.strip_prefix('{').unwrap_or(""));
        out
    }

    pub fn read(bytes: &[u8], kind: &'static str) -> Result<Said, BadMessage> {
        let map = read(bytes, kind)?;
        let eci = map.get("eci").and_then(Value::as_str);
        let value = map.get("authenticationValue").and_then(Value::as_str);
        Ok(Said {
            server: id(&map, "threeDSServerTransID")?,
            directory: id(&map, "dsTransID")?,
            acs: id(&map, "acsTransID")?,
            status: text(&map, "transStatus")?.to_owned(),
            eci: eci.map(|t| Eci::parse(t).ok_or(BadMessage("eci"))).transpose()?,
            value: value.map(|t| Cavv::parse(t).ok_or(BadMessage("authenticationValue"))).transpose()?,
            acs_url: map.get("acsURL").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// PReq.
pub fn ranges_request(server: TransId) -> String {
    json!({ "messageType": "PReq", "messageVersion": VERSION, "threeDSServerTransID": server.text() }).to_string()
}

/// PRes.
pub fn ranges_answer(ranges: &[Range]) -> String {
    let data: Vec<Value> = ranges.iter().map(|r| json!({ "startRange": r.start, "endRange": r.end })).collect();
    json!({ "messageType": "PRes", "messageVersion": VERSION, "cardRangeData": data }).to_string()
}

pub fn read_ranges(bytes: &[u8]) -> Result<Vec<Range>, BadMessage> {
    let map: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| BadMessage("messageType"))?;
    is(&map, "PRes")?;
    let data = map.get("cardRangeData").and_then(Value::as_array).ok_or(BadMessage("cardRangeData"))?;
    let range = |entry: &Value| {
        let part = |name| entry.get(name).and_then(Value::as_str).filter(|t| all_digits(t)).map(str::to_owned);
        let range = Range { start: part("startRange")?, end: part("endRange")? };
        (range.start.len() == range.end.len() && range.start <= range.end).then_some(range)
    };
    data.iter().take(RANGES_LIMIT).map(range).collect::<Option<Vec<Range>>>().ok_or(BadMessage("cardRangeData"))
}

/// Asks for what came of a challenge: the content of RReq, fetched by the 3DS Server instead of pushed to it.
pub fn result_request(server: TransId) -> String {
    json!({ "messageType": "ResultReq", "messageVersion": VERSION, "threeDSServerTransID": server.text() }).to_string()
}

pub fn read_result_request(bytes: &[u8]) -> Result<TransId, BadMessage> {
    id(&read(bytes, "ResultReq")?, "threeDSServerTransID")
}

/// Erro, from the directory server.
pub fn error(code: &str, detail: &str) -> String {
    json!({
        "messageType": "Erro", "messageVersion": VERSION, "errorCode": code, "errorComponent": "D", "errorDetail": detail,
    })
    .to_string()
}

/// CReq in base64url, as the browser carries it to `acsURL`.
pub fn challenge_request(server: TransId, acs: TransId) -> String {
    let creq = json!({
        "messageType": "CReq", "messageVersion": VERSION, "threeDSServerTransID": server.text(),
        "acsTransID": acs.text(), "challengeWindowSize": "05",
    });
    base64url(creq.to_string().as_bytes())
}

/// The access control server's transaction id out of a CReq.
pub fn read_challenge_request(creq: &str) -> Result<TransId, BadMessage> {
    let bytes = from_base64url(creq).ok_or(BadMessage("creq"))?;
    id(&read(&bytes, "CReq")?, "acsTransID")
}

fn read(bytes: &[u8], kind: &'static str) -> Result<Map<String, Value>, BadMessage> {
    if bytes.len() > MESSAGE_LIMIT_BYTES {
        return Err(BadMessage("messageType"));
    }
    let map: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| BadMessage("messageType"))?;
    is(&map, kind)?;
    Ok(map)
}

fn is(map: &Map<String, Value>, kind: &str) -> Result<(), BadMessage> {
    if text(map, "messageType")? != kind {
        return Err(BadMessage("messageType"));
    }
    if text(map, "messageVersion")? != VERSION { Err(BadMessage("messageVersion")) } else { Ok(()) }
}

fn text<'a>(map: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, BadMessage> {
    map.get(name).and_then(Value::as_str).ok_or(BadMessage(name))
}

fn id(map: &Map<String, Value>, name: &'static str) -> Result<TransId, BadMessage> {
    TransId::parse(text(map, name)?).ok_or(BadMessage(name))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// RFC 4648 §5, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0u32, |n, b| (n << 8) | u32::from(*b)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let six = (number >> (18 - 6 * place)) & 0x3f;
            out.push(URL_SAFE.get(six as usize).map_or('A', |b| char::from(*b)));
        }
    }
    out
}

fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = u32::try_from(URL_SAFE.iter().position(|b| *b == byte)?).ok()?;
        bits = ((bits << 6) | six) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: TransId = TransId([1; 16]);
    const ACS: TransId = TransId([2; 16]);

    fn request() -> Request {
        Request {
            server: SERVER,
            number: Zeroizing::new("4929123456000004".into()),
            expiry: "3412".into(),
            amount: 1999,
            currency: 978,
            exponent: 2,
            merchant_name: "Café \"Florin\"".into(),
            mandated: true,
            notification_url: "http://127.0.0.1:1/3ds/return".into(),
            accept: "text/html".into(),
            user_agent: "curl".into(),
            language: "ko".into(),
            address: None,
        }
    }

    #[test]
    fn requests_survive_the_way() {
        let back = Request::read(request().write().as_bytes()).unwrap_or_else(|bad| panic!("{bad:?}"));
        assert_eq!((back.server, back.amount, back.currency, back.exponent), (SERVER, 1999, 978, 2));
        assert_eq!((back.number.as_str(), back.merchant_name.as_str()), ("4929123456000004", "Café \"Florin\""));
        assert!(back.mandated);
        assert_eq!((back.language.as_str(), back.address), ("ko", None));
    }

    #[test]
    fn what_is_no_request_names_its_element() {
        #[track_caller]
        fn check(from: &str, to: &str, expected: &'static str) {
            let text = request().write().replace(from, to);
            assert_eq!(Request::read(text.as_bytes()).err(), Some(BadMessage(expected)));
        }
        check("AReq", "ARes", "messageType");
        check("2.2.0", "2.1.0", "messageVersion");
        check("acctNumber", "number", "acctNumber");
        check("4929123456000004", "4929 123456", "acctNumber");
        check("\"1999\"", "\"-1\"", "purchaseAmount");
        check("01010101-", "0101010-", "threeDSServerTransID");
        check("{", "[", "messageType");
        assert_eq!(Request::read(&[b' '; MESSAGE_LIMIT_BYTES + 1]).err(), Some(BadMessage("messageType")));
    }

    #[test]
    fn what_the_issuer_says() {
        let value = "AAECAwQFBgcICQoLDA0ODxAREhM=";
        let said = |status: &str, value: Option<&str>| Said {
            server: SERVER,
            directory: TransId([3; 16]),
            acs: ACS,
            status: status.into(),
            eci: value.and(Eci::parse("05")),
            value: value.and_then(Cavv::parse),
            acs_url: None,
        };
        let back =
            Said::read(said("Y", Some(value)).write("RReq").as_bytes(), "RReq").unwrap_or_else(|b| panic!("{b:?}"));
        assert_eq!((back.status.as_str(), back.eci, back.acs), ("Y", Eci::parse("05"), ACS));
        assert_eq!(back.value.map(|v| v.reveal().to_owned()).as_deref(), Some(value));
        let no = Said::read(said("N", None).write("ARes").as_bytes(), "ARes").unwrap_or_else(|b| panic!("{b:?}"));
        assert!(no.value.is_none() && no.eci.is_none());
        let damaged = said("Y", Some(value)).write("RReq").replace(value, "short");
        assert_eq!(Said::read(damaged.as_bytes(), "RReq").err(), Some(BadMessage("authenticationValue")));
        assert_eq!(Said::read(error("101", "no").as_bytes(), "ARes").err(), Some(BadMessage("messageType")));
    }

    #[test]
    fn challenge_requests_and_ranges() {
        assert_eq!(read_challenge_request(&challenge_request(SERVER, ACS)), Ok(ACS));
        for bad in ["", "ä", "e30", "AAAA"] {
            assert!(read_challenge_request(bad).is_err(), "{bad}");
        }
        let range = Range { start: "4000000000000000".into(), end: "4000000000009999".into() };
        assert_eq!(read_ranges(ranges_answer(std::slice::from_ref(&range)).as_bytes()), Ok(vec![range.clone()]));
        let holds =
            ["4000000000003220", "4000000000010000", "400000000000322", "3999999999999999"].map(|n| range.holds(n));
        assert_eq!(holds, [true, false, false, false]);
        let backwards = Range { start: range.end, end: range.start };
        assert_eq!(read_ranges(ranges_answer(&[backwards]).as_bytes()), Err(BadMessage("cardRangeData")));
        assert_eq!(read_result_request(result_request(SERVER).as_bytes()), Ok(SERVER));
    }
}
