//! What pages say, in the reader's language: Project Fluent files, one for each language. Knows no page.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// The languages that there are words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Korean,
    Chinese,
}

impl Language {
    pub const ALL: [Language; 3] = [Language::English, Language::Korean, Language::Chinese];

    /// BCP 47, as pages and the cookie name it.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
            Language::Chinese => "zh-Hans",
        }
    }

    /// In the language itself.
    pub const fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Korean => "한국어",
            Language::Chinese => "简体中文",
        }
    }

    /// The short name in addresses and in the cookie.
    pub const fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
            Language::Chinese => "zh",
        }
    }

    pub fn parse(code: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The best of what a browser accepts (RFC 9110 §12.5.4), English if nothing fits.
    pub fn accepted(header: &str) -> Language {
        let mut best = (0, Language::English);
        for range in header.split(',').take(MOST_RANGES) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1_000), thousandths).unwrap_or(0);
            if let Some(language) = Language::parse(&primary)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }

    fn text(self) -> &'static str {
        match self {
            Language::English => concat!(include_str!("../words/en.ftl"), "\n", include_str!("../words/en-people.ftl")),
            Language::Korean => concat!(include_str!("../words/ko.ftl"), "\n", include_str!("../words/ko-people.ftl")),
            Language::Chinese => concat!(include_str!("../words/zh.ftl"), "\n", include_str!("../words/zh-people.ftl")),
        }
    }
}

/// Ranges of one header that are looked at.
const MOST_RANGES: usize = 32;

/// A weight of RFC 9110 §12.4.2 in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: u32 = format!("{part:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1_000),
        _ => None,
    }
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Marks around what is put in would be copied together with ids and numbers.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(language.text().to_owned()).unwrap_or_else(|(good, _)| good);
    // The test of this file proves that all of it was read, and nothing twice.
    let _ = bundle.add_resource(resource);
    bundle
}

/// The words of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words(pub Language);

impl Words {
    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        let [english, korean, chinese] = &*BUNDLES;
        match self.0 {
            Language::English => english,
            Language::Korean => korean,
            Language::Chinese => chinese,
        }
    }

    fn find(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(key)?.value()?;
        let mut faults = Vec::new();
        Some(bundle.format_pattern(pattern, args, &mut faults).into_owned())
    }

    /// The text of that key; the key itself if there is none.
    pub fn say(&self, key: &str) -> String {
        self.find(key, None).unwrap_or_else(|| missing(key))
    }

    /// The text of that key with one thing put in.
    pub fn with(&self, key: &str, name: &str, value: &str) -> String {
        self.put(key, &[(name, value)])
    }

    pub fn put(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set((*name).to_owned(), (*value).to_owned());
        }
        self.find(key, Some(&args)).unwrap_or_else(|| missing(key))
    }

    /// A number's own word: for plurals.
    pub fn count(&self, key: &str, n: usize) -> String {
        let mut args = FluentArgs::new();
        args.set("n", n);
        self.find(key, Some(&args)).unwrap_or_else(|| missing(key))
    }

    /// The word for something that processes name in English; as they name it if there is none.
    pub fn of(&self, group: &str, name: &str) -> String {
        self.find(&slug(group, name), None).unwrap_or_else(|| name.to_owned())
    }

    /// The same, or nothing.
    pub fn known(&self, group: &str, name: &str) -> Option<String> {
        self.find(&slug(group, name), None)
    }
}

/// A key without words shows as itself. Tests hear of it.
fn missing(key: &str) -> String {
    #[cfg(test)]
    MISSED.with(|missed| missed.borrow_mut().push(key.to_owned()));
    key.to_owned()
}

#[cfg(test)]
thread_local! {
    pub static MISSED: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// `note` and "the answer is lost" make `note-the-answer-is-lost`.
fn slug(group: &str, name: &str) -> String {
    let mut key = group.to_owned();
    let mut gap = true;
    for c in name.chars().take(120) {
        if c.is_ascii_alphanumeric() || c == '_' {
            if gap {
                key.push('-');
            }
            gap = false;
            key.push(c);
        } else {
            gap = true;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Keys of a file with the names that each message is given.
    fn keys(language: Language) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        let mut key = String::new();
        for line in language.text().lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
                key = name.to_owned();
                assert!(found.insert(key.clone(), BTreeSet::new()).is_none(), "{language:?}: {key} is there twice");
            }
            let names = line.split("{ $").skip(1).filter_map(|rest| rest.split([' ', '}']).next());
            found.get_mut(&key).unwrap().extend(names.map(str::to_owned));
        }
        found
    }

    #[test]
    fn every_language_has_the_same_words() {
        let english = keys(Language::English);
        for language in Language::ALL {
            let other = keys(language);
            let missing: Vec<_> = english.keys().filter(|key| !other.contains_key(*key)).collect();
            let extra: Vec<_> = other.keys().filter(|key| !english.contains_key(*key)).collect();
            assert_eq!((missing, extra), (vec![], vec![]), "{language:?}");
            assert_eq!(english, other, "{language:?} puts the same things in");
        }
    }

    #[test]
    fn every_file_is_read_whole() {
        for language in Language::ALL {
            let resource = FluentResource::try_new(language.text().to_owned());
            assert!(resource.is_ok(), "{language:?}: {:?}", resource.err().map(|(_, faults)| faults));
            for key in keys(language).keys() {
                assert!(Words(language).find(key, None).is_some(), "{language:?}: {key} has no text");
            }
        }
    }

    #[test]
    fn no_language_repeats_another() {
        // Names, numbers and short words may be the same; sentences are not.
        for key in keys(Language::English).keys().filter(|key| key.starts_with("say-")) {
            let said = Language::ALL.map(|language| Words(language).say(key));
            assert!(said[0] != said[1] && said[0] != said[2] && said[1] != said[2], "{key}");
        }
    }

    #[test]
    fn what_browsers_accept() {
        #[track_caller]
        fn check(header: &str, expected: Language) {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
        check("", Language::English);
        check("ko-KR,ko;q=0.9,en-US;q=0.8", Language::Korean);
        check("zh-TW, zh;q=0.9", Language::Chinese);
        check("de-DE,de;q=0.9,zh;q=0.5,en;q=0.4", Language::Chinese);
        check("en;q=0.1, KO;q=1.000", Language::Korean);
        check("ko;q=0", Language::English);
        check("ko;q=2, zh;q=0.2", Language::Chinese);
        check("ko;q=0.12345", Language::English);
        check("fr", Language::English);
        check("*", Language::English);
    }

    #[test]
    fn names_become_keys() {
        assert_eq!(slug("note", "the answer is lost"), "note-the-answer-is-lost");
        assert_eq!(slug("rc", "1A"), "rc-1A");
        assert_eq!(slug("x", "../<b>&"), "x-b");
        assert_eq!(Words(Language::English).of("note", "never said"), "never said");
    }
}
