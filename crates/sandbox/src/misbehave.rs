//! Scripted misbehaviour: which messages are lost, late, doubled, altered and so on. Pure: chance comes from each rule's seed.

use crate::settlement::ReportFault;
use florin_connect::core::wire::Network;
use serde::{Deserialize, Serialize};

/// At most so many rules at a time.
pub const RULES_LIMIT: usize = 64;
/// Reports that one rule spoils.
pub const REPORTS_LIMIT: u32 = 100;
/// No delay is longer.
pub const DELAY_LIMIT_MS: u32 = 3_600_000;

/// What goes wrong. Delays are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Fault {
    /// The request is worked on, its answer is lost.
    Lost,
    /// The request never arrives.
    Drop,
    /// The answer comes this much later.
    Late { ms: u32 },
    /// The answer comes twice, the second this much later.
    Doubled { ms: u32 },
    /// DE 4 of the answer is another.
    AlteredAmount,
    /// DE 11 of the answer is another.
    AlteredStan,
    /// DE 37 of the answer is another.
    AlteredRrn,
    /// The answer comes byte by byte.
    Slow { ms_per_byte: u32 },
    /// The connection stays open, nothing is read or written any more.
    HalfOpen,
    /// The connection is closed in place of the answer.
    Close,
    /// The answer comes after those to later requests.
    Reorder { ms: u32 },
    /// A frame of bytes that are no message comes in place of the answer.
    Garbage,
    /// Half of the answer's frame, then nothing more on this connection.
    PartialFrame,
    /// The answer has a message type that does not exist.
    UnknownMti,
    /// The host closes every connection and takes none for this long.
    Down { ms: u32 },
    /// Issuers of this network (all, if none is named) do not answer for this long: the network stands in.
    IssuerDown { network: Option<NetworkName>, ms: u32 },
    /// The settlement report of the next day goes wrong.
    Report(ReportFault),
}

impl Fault {
    /// For a journal.
    pub const fn words(self) -> &'static str {
        match self {
            Fault::Lost => "the answer is lost",
            Fault::Drop => "the request is lost",
            Fault::Late { .. } => "the answer comes late",
            Fault::Doubled { .. } => "the answer comes twice",
            Fault::AlteredAmount => "the answer has another amount",
            Fault::AlteredStan => "the answer has another STAN",
            Fault::AlteredRrn => "the answer has another RRN",
            Fault::Slow { .. } => "the answer comes byte by byte",
            Fault::HalfOpen => "the connection goes dead",
            Fault::Close => "the connection is closed in place of the answer",
            Fault::Reorder { .. } => "the answer comes after later ones",
            Fault::Garbage => "bytes that are no message come in place of the answer",
            Fault::PartialFrame => "half of the answer comes",
            Fault::UnknownMti => "the answer has a message type that does not exist",
            Fault::Down { .. } => "the host is down",
            Fault::IssuerDown { .. } => "issuers do not answer",
            Fault::Report(_) => "a settlement report is wrong",
        }
    }
}

/// A network as the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkName {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Jcb,
    Diners,
    UnionPay,
}

impl NetworkName {
    pub const fn network(self) -> Network {
        match self {
            NetworkName::Visa => Network::Visa,
            NetworkName::Mastercard => Network::Mastercard,
            NetworkName::Amex => Network::Amex,
            NetworkName::Discover => Network::Discover,
            NetworkName::Jcb => Network::Jcb,
            NetworkName::Diners => Network::Diners,
            NetworkName::UnionPay => Network::UnionPay,
        }
    }
}

/// One rule of the script, as the control call gives it. `down` and `issuer_down` begin at once and take no filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    #[serde(flatten)]
    pub fault: Fault,
    /// Only messages of this type, for example `0200`; a prefix such as `04` takes all of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mti: Option<String>,
    /// For so many messages; without it until the script is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// Chance of each message that fits, 1 to 100; 100 if not given.
    #[serde(default = "always")]
    pub percent: u8,
    /// Start of this rule's chances.
    #[serde(default)]
    pub seed: u64,
}

fn always() -> u8 {
    100
}

impl Rule {
    /// Every message, for ever.
    pub fn new(fault: Fault) -> Rule {
        Rule { fault, mti: None, next: None, percent: 100, seed: 0 }
    }
    pub fn next(self, messages: u32) -> Rule {
        Rule { next: Some(messages), ..self }
    }
    pub fn mti(self, mti: &str) -> Rule {
        Rule { mti: Some(mti.to_owned()), ..self }
    }
    pub fn percent(self, percent: u8, seed: u64) -> Rule {
        Rule { percent, seed, ..self }
    }

    /// Reads a rule from JSON. The error names the field and what is wrong with it.
    pub fn from_json(text: &str) -> Result<Rule, (String, String)> {
        const FIELDS: [&str; 9] = ["what", "how", "ms", "ms_per_byte", "network", "mti", "next", "percent", "seed"];
        let wrong = |field: &str, why: &str| Err((field.to_owned(), why.to_owned()));
        let object = match serde_json::from_str::<serde_json::Value>(text) {
            Ok(serde_json::Value::Object(object)) => object,
            Ok(_) => return wrong("body", "give a JSON object"),
            Err(why) => return wrong("body", &why.to_string()),
        };
        if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return wrong(unknown, "no such field");
        }
        let what = object.get("what").and_then(|what| what.as_str()).unwrap_or("").to_owned();
        let rule = match serde_json::from_value::<Rule>(object.into()) {
            Ok(rule) => rule,
            Err(why) => {
                let why = why.to_string();
                // The reader puts the missing field, or the value that it does not know, in backquotes.
                let quoted = why.split('`').nth(1).unwrap_or("");
                let field = match why.as_str() {
                    _ if quoted == what => "what",
                    missing if missing.starts_with("missing") => quoted,
                    variant if variant.starts_with("unknown variant") => {
                        if what == "report" {
                            "how"
                        } else {
                            "network"
                        }
                    }
                    _ => "body",
                };
                return wrong(field, &why);
            }
        };
        rule.check().map_err(|bad| (bad.field.to_owned(), bad.why.to_owned()))?;
        Ok(rule)
    }

    /// The field that is wrong, and why.
    pub fn check(&self) -> Result<(), BadRule> {
        let digits = |mti: &String| (1..=4).contains(&mti.len()) && mti.bytes().all(|b| b.is_ascii_digit());
        if self.mti.as_ref().is_some_and(|mti| !digits(mti)) {
            return Err(BadRule { field: "mti", why: "give one to four digits, for example 0200" });
        }
        if !(1..=100).contains(&self.percent) {
            return Err(BadRule { field: "percent", why: "give 1 to 100" });
        }
        if self.next == Some(0) {
            return Err(BadRule { field: "next", why: "give 1 or more messages" });
        }
        let ms = match self.fault {
            Fault::Late { ms } | Fault::Doubled { ms } | Fault::Reorder { ms } | Fault::Down { ms } => ms,
            Fault::IssuerDown { ms, .. } | Fault::Report(ReportFault::Delayed { ms }) => ms,
            Fault::Slow { ms_per_byte } => ms_per_byte.saturating_mul(200),
            Fault::Lost
            | Fault::Drop
            | Fault::AlteredAmount
            | Fault::AlteredStan
            | Fault::AlteredRrn
            | Fault::HalfOpen
            | Fault::Close
            | Fault::Garbage
            | Fault::PartialFrame
            | Fault::UnknownMti
            | Fault::Report(_) => 0,
        };
        if matches!(self.fault, Fault::Report(_)) && self.next.is_some_and(|next| next > REPORTS_LIMIT) {
            return Err(BadRule { field: "next", why: "give at most 100 reports" });
        }
        if ms > DELAY_LIMIT_MS {
            return Err(BadRule { field: "ms", why: "give at most one hour" });
        }
        Ok(())
    }
}

/// A rule that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRule {
    pub field: &'static str,
    pub why: &'static str,
}

/// The rules in force, in the order in which they were given; the first that fits a message wins.
#[derive(Default)]
pub struct Script {
    rules: Vec<(Rule, u64)>,
}

impl Script {
    pub fn add(&mut self, rule: Rule) -> Result<(), BadRule> {
        rule.check()?;
        if self.rules.len() >= RULES_LIMIT {
            return Err(BadRule { field: "what", why: "too many rules are in force: clear them first" });
        }
        let state = rule.seed ^ 0x9e37_79b9_7f4a_7c15;
        self.rules.push((rule, state));
        Ok(())
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule)
    }

    /// What happens to this message, if anything; uses up one of the rule's messages.
    pub fn pick(&mut self, mti: &str) -> Option<Fault> {
        for place in 0..self.rules.len() {
            let Some((rule, state)) = self.rules.get_mut(place) else { break };
            if !rule.mti.as_deref().is_none_or(|wanted| mti.starts_with(wanted)) {
                continue;
            }
            if chance(state) % 100 >= u64::from(rule.percent) {
                continue;
            }
            let fault = rule.fault;
            if let Some(left) = &mut rule.next {
                *left -= 1;
                if *left == 0 {
                    self.rules.remove(place);
                }
            }
            return Some(fault);
        }
        None
    }
}

/// SplitMix64: a whole sequence from one seed.
fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(rule: Rule, mti: &str, of: usize) -> usize {
        let mut script = Script::default();
        script.add(rule).unwrap();
        (0..of).filter(|_| script.pick(mti).is_some()).count()
    }

    #[test]
    fn counts_filters_and_chances() {
        assert_eq!(hits(Rule::new(Fault::Lost), "0100", 5), 5);
        assert_eq!(hits(Rule::new(Fault::Lost).next(2), "0100", 5), 2);
        assert_eq!(hits(Rule::new(Fault::Lost).mti("04"), "0100", 5), 0);
        assert_eq!(hits(Rule::new(Fault::Lost).mti("04"), "0401", 5), 5);
        let half = hits(Rule::new(Fault::Lost).percent(50, 7), "0100", 1000);
        assert!((400..600).contains(&half), "{half}");
        assert_eq!(half, hits(Rule::new(Fault::Lost).percent(50, 7), "0100", 1000), "the same seed, the same chances");
    }

    #[test]
    fn rules_are_checked_and_read_from_json() {
        let read = |json: &str| Rule::from_json(json).map_err(|(field, _)| field);
        assert_eq!(read(r#"{"what":"late","ms":500}"#), Ok(Rule::new(Fault::Late { ms: 500 })));
        assert_eq!(
            read(r#"{"what":"issuer_down","network":"visa","ms":5}"#).map(|r| r.fault),
            Ok(Fault::IssuerDown { network: Some(NetworkName::Visa), ms: 5 })
        );
        let full = r#"{"what":"late","ms":5,"mti":"02","next":3,"percent":50,"seed":9}"#;
        assert_eq!(read(full), Ok(Rule::new(Fault::Late { ms: 5 }).mti("02").next(3).percent(50, 9)));
        for (json, field) in [
            (r#"{"what":"sulk"}"#, "what"),
            (r#"{"ms":5}"#, "what"),
            (r#"{"what":"late"}"#, "ms"),
            (r#"{"what":"lost","nxt":1}"#, "nxt"),
            (r#"{"what":"issuer_down","network":"bank","ms":5}"#, "network"),
            (r#"{"what":"lost","percent":101}"#, "percent"),
            (r#"{"what":"report"}"#, "how"),
            (r#"{"what":"report","how":"sulk"}"#, "how"),
            (r#"{"what":"report","how":"twice","next":101}"#, "next"),
            (r#"{"what":"report","how":"delayed"}"#, "ms"),
            (r#"{"what":"lost","percent":-1}"#, "body"),
            ("[]", "body"),
            ("{", "body"),
        ] {
            assert_eq!(read(json), Err(field.to_owned()), "{json}");
        }
        let delayed = Fault::Report(ReportFault::Delayed { ms: 5 });
        for fault in [
            delayed,
            Fault::Report(ReportFault::Twice),
            Fault::Lost,
            Fault::Slow { ms_per_byte: 1 },
            Fault::IssuerDown { network: None, ms: 1 },
        ] {
            let rule = Rule::new(fault).next(1);
            assert_eq!(read(&serde_json::to_string(&rule).unwrap()), Ok(rule));
        }
        let field = |rule: Rule| rule.check().err().map(|e| e.field);
        assert_eq!(field(Rule::new(Fault::Lost)), None);
        assert_eq!(field(Rule::new(Fault::Lost).mti("x")), Some("mti"));
        assert_eq!(field(Rule::new(Fault::Lost).percent(0, 0)), Some("percent"));
        assert_eq!(field(Rule::new(Fault::Lost).next(0)), Some("next"));
        assert_eq!(field(Rule::new(Fault::Late { ms: u32::MAX })), Some("ms"));
        let mut script = Script::default();
        for _ in 0..RULES_LIMIT {
            script.add(Rule::new(Fault::Drop)).unwrap();
        }
        assert!(script.add(Rule::new(Fault::Drop)).is_err());
    }
}
