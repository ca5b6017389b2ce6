//! What messages say, in the reader's language: Project Fluent files, one for each language. Knows no address.

use florin_core::notice::{Language, Words};
use florin_core::time::Time;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use unic_langid::LanguageIdentifier;

/// Of the text of an SMS, in characters, where its alphabet is GSM 7-bit and where it is UCS-2.
const LONGEST_SMS_GSM: usize = 160;
const LONGEST_SMS_UCS2: usize = 70;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub body: String,
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> = LazyLock::new(|| {
    [
        bundle("en", include_str!("../words/en.ftl")),
        bundle("ko", include_str!("../words/ko.ftl")),
        bundle("zh-Hans", include_str!("../words/zh.ftl")),
    ]
});

fn bundle(tag: &str, text: &str) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Marks of direction around values belong to no mail and no SMS.
    bundle.set_use_isolating(false);
    // A file with a mistake still has its other words; a test reads them all.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, _)| resource);
    bundle.add_resource_overriding(resource);
    bundle
}

fn of(language: Language) -> &'static FluentBundle<FluentResource> {
    let [english, korean, chinese] = &*BUNDLES;
    match language {
        Language::English => english,
        Language::Korean => korean,
        Language::Chinese => chinese,
    }
}

/// A mail's subject and text.
pub fn text(language: Language, words: &Words) -> Text {
    let name = words.name().replace('_', "-");
    let args = args(words);
    let subject = say(language, &format!("{name}-subject"), &args).unwrap_or_default();
    let mut body = say(language, &format!("{name}-body"), &args).unwrap_or_default();
    if let Some(footer) = say(language, "footer", &args) {
        body = format!("{body}\n\n{footer}\n");
    }
    Text { subject: subject.lines().collect::<Vec<_>>().join(" "), body }
}

/// The same in one SMS.
pub fn shortened(language: Language, words: &Words) -> String {
    let name = words.name().replace('_', "-");
    let said = say(language, &format!("{name}-sms"), &args(words));
    let said = said.unwrap_or_else(|| text(language, words).subject);
    let longest = if said.is_ascii() { LONGEST_SMS_GSM } else { LONGEST_SMS_UCS2 };
    said.chars().take(longest).collect()
}

fn say(language: Language, id: &str, args: &FluentArgs<'_>) -> Option<String> {
    let bundle = of(language);
    let pattern = bundle.get_message(id)?.value()?;
    Some(bundle.format_pattern(pattern, Some(args), &mut vec![]).into_owned())
}

fn args(words: &Words) -> FluentArgs<'static> {
    let mut args = FluentArgs::new();
    let mut set = |name: &'static str, value: &str| args.set(name, FluentValue::from(plain(value)));
    match words {
        Words::Code { code, minutes } => {
            set("code", code);
            set("minutes", &minutes.to_string());
        }
        Words::NewDevice { device, address, at } => {
            set("device", device);
            set("address", address);
            set("at", &when(*at));
        }
        Words::Invitation { by, link, hours } => {
            set("by", by);
            set("link", link);
            set("hours", &hours.to_string());
        }
        Words::FactorsChanged { what, at } => {
            set("what", what);
            set("at", &when(*at));
        }
        Words::RecoveryCodeUsed { left, at } => {
            set("left", &left.to_string());
            set("at", &when(*at));
        }
        Words::Checkpoint { note } => args.set("note", FluentValue::from(note.clone())),
        Words::Test => {}
    }
    args
}

/// Text of somebody else: without what breaks lines, and not long.
fn plain(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn when(at: Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000)).ok();
    moment.and_then(|m| m.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGES: [Language; 3] = [Language::English, Language::Korean, Language::Chinese];

    fn every_words() -> [Words; 7] {
        let text = |s: &str| s.to_owned();
        let at = Time(1_795_299_300_000);
        [
            Words::Code { code: text("123456"), minutes: 5 },
            Words::NewDevice { device: text("Firefox on Linux"), address: text("203.0.113.9"), at },
            Words::Invitation { by: text("Ada"), link: text("https://pay.example/join#t"), hours: 24 },
            Words::FactorsChanged { what: text("totp"), at },
            Words::RecoveryCodeUsed { left: 9, at },
            Words::Checkpoint { note: text("pay.example/audit\n3\nAA==\n") },
            Words::Test,
        ]
    }

    /// Each has all of its values in each language, and nothing that was forgotten shows.
    #[test]
    fn every_message_is_said_in_every_language() {
        let values: [&[&str]; 7] = [
            &["123456", "5"],
            &["Firefox on Linux", "203.0.113.9", "2026-11-21T22:15:00Z"],
            &["Ada", "https://pay.example/join#t", "24"],
            &["2026-11-21T22:15:00Z"],
            &["9", "2026-11-21T22:15:00Z"],
            &["pay.example/audit\n3\nAA==\n"],
            &[],
        ];
        let mut subjects = std::collections::BTreeSet::new();
        for language in LANGUAGES {
            for (words, values) in every_words().iter().zip(values) {
                let Text { subject, body } = text(language, words);
                let told = format!("{language:?} {words:?}: {subject} / {body}");
                assert!(!subject.is_empty() && !subject.contains('{') && !body.contains("{ $"), "{told}");
                assert!(values.iter().all(|value| body.contains(value)), "{told}");
                assert!(subjects.insert(subject), "{told}");
                let sms = shortened(language, words);
                assert!(!sms.is_empty() && sms.chars().count() <= if sms.is_ascii() { 160 } else { 70 }, "{sms}");
            }
        }
    }

    #[test]
    fn a_code_fits_in_one_sms_whole() {
        for language in LANGUAGES {
            let sms = shortened(language, &Words::Code { code: "123456".into(), minutes: 5 });
            assert!(sms.contains("123456") && sms.contains('5') && !sms.contains('{'), "{sms}");
        }
        // Whoever's name has an end of line in it adds no line.
        let odd = Words::Invitation { by: "Ada\r\nBcc: x".into(), link: "https://pay.example".into(), hours: 1 };
        assert!(!text(Language::English, &odd).subject.contains(['\r', '\n']));
    }
}
