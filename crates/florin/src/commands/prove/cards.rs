//! Cards by the thousand, and every way in which a client may send one: whole, in pieces, encoded, where none belongs, half.
//! Makes requests and sends none.

use super::scan::grouped;

/// Canary numbers (`reserved` in connect's test cards): first digits and length.
const RANGES: [(&str, usize); 3] = [("4929123456", 16), ("5457623898", 16), ("3742454554", 15)];
/// Security codes that the cards carry, of three and of four digits, and one that is none: it is refused, but it was sent.
pub const CVC: &str = "839";
pub const LONG_CVC: &str = "8391";
pub const WRONG_CVC: &str = "8391736452";

/// A number that no other `n` below 9,000 has. The first of each range stand in the program itself, as test cards: none is one of them.
pub fn number(n: usize) -> String {
    let n = n + RANGES.len();
    let (first, length) = RANGES.get(n % RANGES.len()).copied().unwrap_or(("4929123456", 16));
    let free = length - first.len() - 1;
    // Spread, so that neighbours share few digits.
    let digits = format!("{first}{:0free$}", n * 7_919 % 10_usize.pow(u32::try_from(free).unwrap_or(4)));
    let value = |(place, digit): (usize, u8)| match (place % 2, u32::from(digit - b'0')) {
        (0, n @ 5..) => n * 2 - 9,
        (0, n) => n * 2,
        (_, n) => n,
    };
    // ISO/IEC 7812-1 annex B.
    let sum: u32 = digits.bytes().rev().enumerate().map(value).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// How a card is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    Whole,
    TwoRecords,
    ManyRecords,
    Encoded,
    Json,
    Chunked,
    Pays,
    Pipelined,
    Aborted,
    SpacedInField,
    DashedInField,
    InQuery,
    InPath,
    InHeader,
    WrongCode,
    WrongKey,
}

impl Way {
    pub const ALL: &[Way] = &[
        Way::Whole,
        Way::TwoRecords,
        Way::ManyRecords,
        Way::Encoded,
        Way::Json,
        Way::Chunked,
        Way::Pays,
        Way::Pipelined,
        Way::Aborted,
        Way::SpacedInField,
        Way::DashedInField,
        Way::InQuery,
        Way::InPath,
        Way::InHeader,
        Way::WrongCode,
        Way::WrongKey,
    ];

    /// The way in which card `n` is sent: each in its turn.
    pub fn of(n: usize) -> Way {
        Way::ALL.get(n % Way::ALL.len()).copied().unwrap_or(Way::Whole)
    }

    pub fn name(self) -> &'static str {
        match self {
            Way::Whole => "whole",
            Way::TwoRecords => "split over two records",
            Way::ManyRecords => "split over many records",
            Way::Encoded => "percent-encoded",
            Way::Json => "JSON",
            Way::Chunked => "chunked",
            Way::Pays => "paid with",
            Way::Pipelined => "pipelined",
            Way::Aborted => "aborted in the body",
            Way::SpacedInField => "spaced in another field",
            Way::DashedInField => "dashed in another field",
            Way::InQuery => "in a query",
            Way::InPath => "in a path",
            Way::InHeader => "in a header",
            Way::WrongCode => "with a wrong code",
            Way::WrongKey => "with a wrong key",
        }
    }

    /// The status that the edge or the gateway must answer with; none where the client does not wait for one.
    pub fn expected(self) -> Option<u16> {
        match self {
            Way::Whole | Way::TwoRecords | Way::ManyRecords | Way::Encoded | Way::Json => Some(200),
            Way::Chunked | Way::Pays | Way::Pipelined => Some(200),
            Way::Aborted => None,
            Way::SpacedInField | Way::DashedInField | Way::InQuery | Way::InPath | Way::InHeader => Some(400),
            Way::WrongCode => Some(402),
            Way::WrongKey => Some(401),
        }
    }
}

/// A request in the pieces in which it is sent, each a TLS record, and how many answers it gets.
pub struct Sent {
    pub pieces: Vec<Vec<u8>>,
    pub answers: usize,
}

/// What every request's head needs.
pub struct Heads {
    pub port: u16,
    pub key: String,
}

impl Heads {
    pub fn write(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let (port, key) = (self.port, &self.key);
        let length =
            if more.contains("chunked") { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {key}\r\n{more}{length}\r\n{body}"
        )
    }

    pub fn form(&self, path: &str, body: &str) -> String {
        self.write("POST", path, "Content-Type: application/x-www-form-urlencoded\r\n", body)
    }

    /// The request that sends card `n` in this way.
    pub fn sent(&self, way: Way, n: usize) -> Sent {
        let number = number(n);
        let cvc = if number.len() == 15 { LONG_CVC } else { CVC };
        let card = |number: &str, cvc: &str| {
            format!("type=card&card[number]={number}&card[exp_month]=11&card[exp_year]=2039&card[cvc]={cvc}")
        };
        let method = |body: &str| self.form("/v1/payment_methods", body);
        let refused = |text: String| self.form("/v1/customers", &text);
        let one = |text: String| Sent { pieces: vec![text.into_bytes()], answers: 1 };
        match way {
            Way::Whole => one(method(&card(&number, cvc))),
            Way::TwoRecords => Sent { pieces: cut(&method(&card(&number, cvc)), &number, 9), answers: 1 },
            Way::ManyRecords => {
                let text = method(&card(&number, cvc)).into_bytes();
                Sent { pieces: text.chunks(23).map(<[u8]>::to_vec).collect(), answers: 1 }
            }
            Way::Encoded => {
                let digits: String = number.bytes().map(|b| format!("%{b:02x}")).collect();
                one(method(&card(&digits, cvc).replace("[number]", "%5Bn%75mber%5D")))
            }
            Way::Json => {
                one(self.write("POST", "/v1/tokens", "Content-Type: application/json\r\n", &json(&number, cvc)))
            }
            Way::Chunked => one(self.chunked(&card(&number, cvc), 40)),
            Way::Pays => {
                let data = card(&number, cvc).replace("card[", "payment_method_data[card][");
                let data = data.replace("type=", "payment_method_data[type]=");
                let pay = "amount=1500&currency=eur&confirm=true&return_url=https://shop.example/back&";
                one(self.form("/v1/payment_intents", &format!("{pay}{data}")))
            }
            Way::Pipelined => {
                let twice = method(&card(&number, cvc)).repeat(2);
                Sent { pieces: vec![twice.into_bytes()], answers: 2 }
            }
            Way::Aborted => {
                let pieces = cut(&method(&card(&number, cvc)), "card[exp_year]", 0);
                Sent { pieces: pieces.into_iter().take(1).collect(), answers: 0 }
            }
            Way::SpacedInField => one(refused(format!("name=Card {}", grouped(&number, " ")).replace(' ', "+"))),
            Way::DashedInField => one(refused(format!("metadata[note]={}", grouped(&number, "-")))),
            Way::InQuery => one(self.write("GET", &format!("/v1/customers?email={number}"), "", "")),
            Way::InPath => one(self.write("GET", &format!("/v1/charges/ch_{number}"), "", "")),
            Way::InHeader => {
                let more = format!("Content-Type: application/x-www-form-urlencoded\r\nIdempotency-Key: {number}\r\n");
                one(self.write("POST", "/v1/customers", &more, "name=Nobody"))
            }
            Way::WrongCode => one(method(&card(&number, WRONG_CVC))),
            Way::WrongKey => {
                let wrong = Heads { port: self.port, key: "sk_test_0000000000000000".to_owned() };
                one(wrong.form("/v1/payment_methods", &card(&number, cvc)))
            }
        }
    }

    fn chunked(&self, body: &str, bytes: usize) -> String {
        let more = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n";
        let chunks = body.as_bytes().chunks(bytes);
        let chunks: String = chunks.map(|c| format!("{:x}\r\n{}\r\n", c.len(), String::from_utf8_lossy(c))).collect();
        self.write("POST", "/v1/payment_methods", more, &format!("{chunks}0\r\n\r\n"))
    }
}

fn json(number: &str, cvc: &str) -> String {
    format!(r#"{{"card":{{"number":"{number}","exp_month":11,"exp_year":2039,"cvc":"{cvc}"}}}}"#)
}

/// Cuts a text so many bytes behind the beginning of a part of it.
fn cut(text: &str, part: &str, behind: usize) -> Vec<Vec<u8>> {
    let at = text.find(part).map_or(0, |at| at + behind);
    let (before, after) = text.as_bytes().split_at_checked(at).unwrap_or((text.as_bytes(), &[]));
    vec![before.to_vec(), after.to_vec()]
}

/// What security codes look like where they stand, for a search: three digits alone are everywhere.
pub fn code_marks() -> Vec<(&'static str, String)> {
    let mut marks = vec![("a wrong security code", WRONG_CVC.to_owned())];
    for cvc in [CVC, LONG_CVC] {
        marks.push(("a security code in a form", format!("[cvc]={cvc}")));
        marks.push(("a security code in an encoded form", format!("cvc%5D={cvc}")));
        marks.push(("a security code in JSON", format!("\"cvc\":\"{cvc}\"")));
        // DE 126, tag 10: length and digits.
        marks.push(("a security code in a message", format!("10{:03}{cvc}", cvc.len())));
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_differ_and_check() {
        let numbers: BTreeSet<String> = (0..3_000).map(number).collect();
        assert_eq!(numbers.len(), 3_000);
        assert_eq!([number(0), number(1), number(2)], ["4929123456237577", "5457623898316761", "374245455495951"]);
    }

    #[test]
    fn every_way_carries_the_number() {
        let heads = Heads { port: 1, key: "k".to_owned() };
        for way in Way::ALL {
            let sent = heads.sent(*way, 7);
            let text = String::from_utf8(sent.pieces.concat()).unwrap().to_lowercase();
            let number = number(7);
            let encoded: String = number.bytes().map(|b| format!("%{b:02x}")).collect();
            let any = [number.clone(), grouped(&number, "+"), grouped(&number, "-"), encoded];
            // Chunks cut it in two.
            assert!(*way == Way::Chunked || any.iter().any(|form| text.contains(form)), "{way:?}");
            assert_eq!(sent.answers > 0, way.expected().is_some(), "{way:?}");
        }
    }
}
