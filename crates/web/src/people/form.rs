//! A form as it came and as it is shown again: what was typed stays, secrets do not, and each fault stands at its field. Knows no page.

use crate::desk::Refused;
use crate::words::Words;
use url::form_urlencoded;

/// Fields of one form that are read.
const MOST_FIELDS: usize = 60;
/// Longest text that is taken into a form again. A passkey's answer is longer, and is not shown.
const KEPT_LIMIT_CHARS: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct Form {
    pairs: Vec<(String, String)>,
    /// Field and the key of the words.
    faults: Vec<(String, &'static str)>,
    /// What is wrong with all of it.
    pub note: Option<String>,
}

impl Form {
    pub fn read(text: &[u8]) -> Form {
        let pairs =
            form_urlencoded::parse(text).take(MOST_FIELDS).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        Form { pairs, ..Form::default() }
    }
    /// With a value that was not typed.
    pub fn with(mut self, name: &str, value: &str) -> Form {
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }
    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }
    /// As it was typed. Of two of a name the first counts.
    pub fn raw(&self, name: &str) -> &str {
        self.pairs.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
    /// Without spaces around it, without characters that cannot be seen.
    pub fn text(&self, name: &str) -> String {
        self.raw(name).trim().chars().filter(|c| !c.is_control()).collect()
    }
    pub fn wrong(&mut self, name: &str, why: &'static str) {
        self.faults.push((name.to_owned(), why));
    }
    /// The field has something in it, or this is said of it.
    pub fn required(&mut self, name: &str, why: &'static str) {
        if self.raw(name).trim().is_empty() {
            self.wrong(name, why);
        }
    }
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty() && self.note.is_none()
    }
    pub fn fault(&self, name: &str) -> Option<&'static str> {
        self.faults.iter().find(|(n, _)| n == name).map(|(_, why)| *why)
    }
    fn first(&self) -> Option<&str> {
        self.faults.first().map(|(name, _)| name.as_str())
    }

    /// What can be told on the same page again is; all else has a page of its own.
    pub fn told(mut self, why: Refused, words: Words, now_seconds: i64) -> Result<Form, Refused> {
        match why {
            Refused::Field { name, why } => self.wrong(name, why),
            Refused::Wrong => self.note = Some(words.say("refused-wrong")),
            Refused::Locked { until } => {
                let seconds = usize::try_from(until.seconds().saturating_sub(now_seconds).max(1)).unwrap_or(1);
                let key = if seconds < 120 { "refused-locked-seconds" } else { "refused-locked-minutes" };
                self.note = Some(words.count(key, if seconds < 120 { seconds } else { seconds.div_ceil(60) }));
            }
            Refused::Rule { why } => self.note = Some(words.say(why)),
            why @ (Refused::SignedOut
            | Refused::Expired
            | Refused::Used
            | Refused::Unknown
            | Refused::StepUp
            | Refused::Role { .. }
            | Refused::Stale
            | Refused::Missing
            | Refused::Trouble) => return Err(why),
        }
        Ok(self)
    }
}

/// How a field is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Email,
    Phone,
    /// Is not shown and not kept.
    Password,
    /// A code of digits or letters, once; not kept.
    Code,
    Date,
    Choice,
    Select,
}

/// One of several.
#[derive(Clone, Debug)]
pub struct Pick {
    pub value: String,
    pub label: String,
    pub hint: String,
    pub chosen: bool,
}

/// A field as templates show it.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub label: String,
    pub hint: Option<String>,
    pub value: String,
    pub fault: Option<String>,
    /// The first that is wrong: the reader is led to it.
    pub first: bool,
    pub required: bool,
    /// HTML §4.10.18.7.1.
    pub autocomplete: &'static str,
    /// Fewest characters, counted aloud while a new password is typed.
    pub least: Option<usize>,
    pub picks: Vec<Pick>,
}

impl Field {
    /// Its words are `input-NAME`.
    pub fn new(words: Words, form: &Form, name: &'static str, kind: Kind, autocomplete: &'static str) -> Field {
        let kept = match kind {
            Kind::Password | Kind::Code => String::new(),
            Kind::Text | Kind::Email | Kind::Phone | Kind::Date | Kind::Choice | Kind::Select => {
                form.raw(name).chars().take(KEPT_LIMIT_CHARS).collect()
            }
        };
        Field {
            name,
            kind,
            label: words.say(&format!("input-{name}")),
            hint: None,
            value: kept,
            fault: form.fault(name).map(|why| words.say(why)),
            first: form.first() == Some(name),
            required: true,
            autocomplete,
            least: None,
            picks: vec![],
        }
    }
    pub fn hint(mut self, hint: String) -> Field {
        self.hint = Some(hint);
        self
    }
    pub fn optional(mut self) -> Field {
        self.required = false;
        self
    }
    pub fn least(mut self, chars: usize) -> Field {
        self.least = Some(chars);
        self
    }
    pub fn picks(mut self, picks: Vec<Pick>) -> Field {
        self.picks = picks;
        self
    }
    pub fn input(&self) -> &'static str {
        match self.kind {
            Kind::Email => "email",
            Kind::Phone => "tel",
            Kind::Password => "password",
            Kind::Date => "date",
            Kind::Text | Kind::Code | Kind::Choice | Kind::Select => "text",
        }
    }
    /// What is read out with the field.
    pub fn described(&self) -> String {
        let hint = self.hint.as_ref().map(|_| format!("{}-hint", self.name));
        let fault = self.fault.as_ref().map(|_| format!("{}-fault", self.name));
        hint.into_iter().chain(fault).collect::<Vec<_>>().join(" ")
    }
    pub fn is_choice(&self) -> bool {
        self.kind == Kind::Choice
    }
    pub fn is_select(&self) -> bool {
        self.kind == Kind::Select
    }
    pub fn is_code(&self) -> bool {
        self.kind == Kind::Code
    }
    /// Names and codes are not checked for spelling, and no keyboard writes capitals into them.
    pub fn is_literal(&self) -> bool {
        matches!(self.kind, Kind::Email | Kind::Password | Kind::Code)
    }
}
