//! What the pages say, in English, Korean and Chinese (Project Fluent). Knows no page; a test holds the three against each other and
//! against what is asked for.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    En,
    Ko,
    Zh,
}

impl Lang {
    pub const ALL: &[Lang] = &[Lang::En, Lang::Ko, Lang::Zh];

    pub const fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ko => "ko",
            Lang::Zh => "zh",
        }
    }
    /// As its speakers call it.
    pub const fn label(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::Ko => "한국어",
            Lang::Zh => "中文",
        }
    }
    pub fn parse(text: &str) -> Option<Lang> {
        Lang::ALL.iter().copied().find(|lang| lang.code() == text)
    }
    /// The first that we have of what a browser asks for, by weight (RFC 9110 §12.5.4).
    pub fn accepted(header: &str) -> Lang {
        let mut asked: Vec<(u32, Lang)> = header
            .split(',')
            .take(20)
            .filter_map(|part| {
                let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
                let lang = Lang::parse(&tag.trim().split('-').next()?.to_ascii_lowercase())?;
                let weight = rest.trim().strip_prefix("q=").map_or(1_000, thousandths);
                (weight > 0).then_some((weight, lang))
            })
            .collect();
        asked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        asked.first().map_or(Lang::En, |(_, lang)| *lang)
    }
    const fn source(self) -> &'static str {
        match self {
            Lang::En => include_str!("../words/en.ftl"),
            Lang::Ko => include_str!("../words/ko.ftl"),
            Lang::Zh => include_str!("../words/zh.ftl"),
        }
    }
    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> =
            LazyLock::new(|| [bundle(Lang::En), bundle(Lang::Ko), bundle(Lang::Zh)]);
        let [en, ko, zh] = &*BUNDLES;
        match self {
            Lang::En => en,
            Lang::Ko => ko,
            Lang::Zh => zh,
        }
    }
}

/// `0.8` is 800.
fn thousandths(text: &str) -> u32 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let number = |t: &str| t.parse::<u32>().ok();
    let part: String = part.chars().take(3).collect();
    number(whole).unwrap_or(0).min(1) * 1_000 + number(&format!("{part:0<3}")).unwrap_or(0)
}

fn bundle(lang: Lang) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = lang.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Marks around what is put in would get into titles and attributes.
    bundle.set_use_isolating(false);
    // What cannot be read is left out, and found missing by the test.
    let resource = FluentResource::try_new(lang.source().to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The words of one language.
#[derive(Clone, Copy, Debug)]
pub struct Words(pub Lang);

impl Words {
    fn say(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = self.0.bundle();
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = vec![];
        let text = bundle.format_pattern(pattern, args, &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }
    /// A word, or its name where it is missing.
    pub fn t(self, key: &str) -> String {
        self.say(key, None).unwrap_or_else(|| key.to_owned())
    }
    /// With a number, `n`.
    pub fn n(self, key: &str, n: i64) -> String {
        let args = FluentArgs::from_iter([("n", FluentValue::from(n))]);
        self.say(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }
    /// With a text, `x`.
    pub fn s(self, key: &str, x: &str) -> String {
        let args = FluentArgs::from_iter([("x", FluentValue::from(x))]);
        self.say(key, Some(&args)).unwrap_or_else(|| key.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn keys(lang: Lang) -> BTreeSet<String> {
        let lines = lang.source().lines().filter(|l| l.starts_with(|c: char| c.is_ascii_lowercase()));
        lines.filter_map(|l| Some(l.split_once(" =")?.0.to_owned())).collect()
    }

    #[test]
    fn every_language_has_the_same_words() {
        let en = keys(Lang::En);
        assert!(en.len() > 100);
        for lang in Lang::ALL {
            assert_eq!(keys(*lang), en, "{lang:?}");
            for key in &en {
                let words = Words(*lang);
                let said = [words.t(key), words.n(key, 1), words.n(key, 2), words.s(key, "x")];
                assert!(said.iter().any(|s| s != key && !s.trim().is_empty()), "{lang:?} {key}");
            }
        }
    }

    /// What templates and code ask for by name.
    fn asked() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = BTreeSet::new();
        let mut folders = vec![root.join("src/web"), root.join("templates")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for start in [".t(\"", ".n(\"", ".s(\"", " word(\"", "(word(\""] {
                    for part in text.split(start).skip(1) {
                        // Names that are put together are below.
                        let key = part.split_once('"').map(|(key, _)| key).filter(|key| !key.contains('{'));
                        found.extend(key.map(str::to_owned));
                    }
                }
            }
        }
        let of = |start: &str, names: &[&str]| names.iter().map(|name| format!("{start}-{name}")).collect::<Vec<_>>();
        for stage in crate::order::Stage::ALL {
            found.extend([format!("stage-{}", stage.name()), format!("stage-{}-text", stage.name())]);
            found.insert(format!("step-{}", stage.name()));
        }
        for (slug, ..) in crate::catalogue::FIRST {
            found.extend([format!("product-{slug}"), format!("product-{slug}-about")]);
        }
        found.extend(of("country", crate::web::COUNTRIES));
        found.extend(of("by", &["customer", "shop", "webhook", "catch-up", "answer"]));
        let states: Vec<&str> = crate::db::refunds::Progress::ALL.iter().map(|p| p.name()).collect();
        found.extend(of("refund", &states));
        found.extend(of("wish", &["open", "granted", "refused"]));
        let steps = [
            "declined",
            "refunded-part",
            "moved",
            "address",
            "refund-asked",
            "refund-failed",
            "refund-wished",
            "wish-granted",
            "wish-refused",
        ];
        found.extend(of("step", &steps));
        found
    }

    #[test]
    fn every_word_that_is_asked_for_is_there() {
        let (there, asked) = (keys(Lang::En), asked());
        assert!(asked.len() > 60, "{asked:?}");
        assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
        // Plural forms and pages that are not asked for any more go with their words.
        assert_eq!(there.difference(&asked).collect::<Vec<_>>(), Vec::<&String>::new(), "nobody asks for these");
    }

    #[test]
    fn languages_of_browsers() {
        #[track_caller]
        fn check(header: &str, expected: Lang) {
            assert_eq!(Lang::accepted(header), expected, "{header}");
        }
        check("", Lang::En);
        check("ko", Lang::Ko);
        check("ko-KR,ko;q=0.9,en;q=0.8", Lang::Ko);
        check("de,zh-Hans-CN;q=0.5,en;q=0.4", Lang::Zh);
        check("en;q=0.1,zh;q=0.25", Lang::Zh);
        check("ko;q=0,zh;q=0.1", Lang::Zh);
        check("fr,*;q=0.5", Lang::En);
        check(";;;,q=,ZH", Lang::Zh);
    }

    #[test]
    fn plurals_and_texts() {
        let en = Words(Lang::En);
        assert_eq!((en.n("things", 1), en.n("things", 2)), ("1 thing".to_owned(), "2 things".to_owned()));
        assert_eq!(en.t("no-such-word"), "no-such-word");
    }
}
