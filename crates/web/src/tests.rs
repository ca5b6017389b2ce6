//! Pages as a browser gets them: what they say, in which language, under which headers, and what they keep to themselves.

use crate::Web;
use crate::link::{Link, Links, OPENS_MS, Subject};
use crate::sample::{ACCOUNT, NOW, PAYMENT, REFUND, approved, declined, lost};
use crate::told::{Around, House, NotTold, Told};
use crate::words::Language;
use florin_core::edge::{EdgeRequest, EdgeResponse, Site};
use florin_core::id::{IdCodec, Key};
use florin_core::seal::Secret;
use florin_core::store::Wait;
use florin_core::time::Time;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

struct Sample {
    told: Result<Told, NotTold>,
    now: Time,
}

impl House for Sample {
    fn now(&self) -> Time {
        self.now
    }
    fn around<'a>(&'a self) -> Wait<'a, Around> {
        let at = |host: &str| Some(format!("http://{host}.test"));
        Box::pin(std::future::ready(Around { shop: at("shop"), api: at("api") }))
    }
    fn tell<'a>(&'a self, account: Key, subject: Subject) -> Wait<'a, Result<Told, NotTold>> {
        let ours = account == ACCOUNT && self.told.as_ref().is_ok_and(|told| told.subject == subject);
        let told = if ours || self.told.is_err() { self.told.clone() } else { Err(NotTold::Missing) };
        Box::pin(std::future::ready(told))
    }
}

/// No payment, no shop.
pub struct Nowhere;

impl House for Nowhere {
    fn now(&self) -> Time {
        NOW
    }
    fn around<'a>(&'a self) -> Wait<'a, Around> {
        Box::pin(std::future::ready(Around::default()))
    }
    fn tell<'a>(&'a self, _: Key, _: Subject) -> Wait<'a, Result<Told, NotTold>> {
        Box::pin(std::future::ready(Err(NotTold::Missing)))
    }
}

fn links() -> Links {
    Links::new(&Secret::new([1; 32]), IdCodec::new(&[7; 16]))
}

fn link(subject: Subject) -> Link {
    Link { subject, account: ACCOUNT, expires: NOW.plus_ms(OPENS_MS) }
}

struct Got {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// Nothing waits here.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

fn ask(told: Result<Told, NotTold>, method: &str, target: &str, headers: &[(&str, &str)]) -> Got {
    ask_at(Sample { told, now: NOW.plus_ms(20_000) }, false, method, target, headers)
}

fn ask_at(house: Sample, live: bool, method: &str, target: &str, headers: &[(&str, &str)]) -> Got {
    let web = Web::new(Arc::new(house), live, Arc::new(links()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = EdgeRequest {
        id: "req_1".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: vec![],
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        site: Site::Dashboard,
        tls: true,
        cards: vec![],
        codes: vec![],
    };
    let EdgeResponse { status, headers, body } = now(web.handle(request));
    Got { status, headers, body: String::from_utf8(body).unwrap() }
}

fn journey(told: Told, language: Language) -> String {
    let target = format!("{}&lang={}", links().path(&link(told.subject)), language.code());
    let got = ask(Ok(told), "GET", &target, &[]);
    assert_eq!(got.status, 200);
    got.body
}

/// What a reader sees: no tags, entities read, spaces as one.
fn text(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let out = out.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"");
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(page: &str, words: &[&str]) {
    let text = text(page);
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn an_approved_payment_is_told_hop_by_hop() {
    let page = journey(approved(), Language::English);
    let parties = ["Shop", "Card form", "Vault", "Gateway", "Acquirer", "Visa", "Issuer"];
    says(&page, &parties);
    says(&page, &["19.99 EUR Succeeded", "Visa ···· 4242", "Debits equal credits", "Sum 40.51 EUR 40.51 EUR"]);
    says(&page, &["Vault → Acquirer 0200 financial request: sale", "Issuer → Visa 0210 financial answer: sale"]);
    says(&page, &["00 · approved", "under way for 0.20 ms", "4 Amount 000000001999 19.99 EUR", "49 Currency 978 EUR"]);
    says(&page, &["Line 3 of the acquirer’s report 20779", "delivered HTTP 200 · 12.0 ms · 1 try we_sample"]);
    says(&page, &["Approval code US4CLE", "Refund of 5.00 EUR · Succeeded"]);
    // Eight hops are six messages, because two were seen at both ends.
    assert_eq!(page.matches("class=\"ask\"").count() + page.matches("class=\"answer\"").count(), 6);
    assert!(!page.contains("data-live"), "it is over: nothing is asked again");
}

#[test]
fn a_decline_says_why() {
    let page = journey(declined(), Language::English);
    says(
        &page,
        &["Failed Nothing was charged. The issuer answered 51: insufficient funds.", "51 · insufficient funds"],
    );
    says(&page, &["Nothing was booked: no money moved.", "Nothing to settle."]);
}

#[test]
fn what_is_not_known_is_said_so_and_looked_at_again() {
    let page = journey(lost(), Language::English);
    says(
        &page,
        &["Until its answer is certain, this is neither success nor failure.", "The answer is lost on the way."],
    );
    says(&page, &["Taken back", "being taken back", "No answer came from: Sandbox."]);
    assert!(page.contains("data-live=\"") && page.contains("<noscript><meta http-equiv=\"refresh\""));
}

#[test]
fn every_page_in_every_language_is_whole() {
    for language in Language::ALL {
        for told in [approved(), declined(), lost(), Told { subject: REFUND, ..approved() }] {
            let page = journey(told, language);
            assert!(page.contains(&format!("<html lang=\"{}\">", language.tag())));
            // A key without words would show as itself.
            let text = text(&page);
            for group in ["say-", "party-", "book-", "reason-", "rc-", "mti-", "attempt-", "status-", "group-", "de-"] {
                let shown = text.split(' ').find(|word| word.starts_with(group));
                assert_eq!(shown, None, "{language:?}");
            }
        }
        let home = ask(Err(NotTold::Missing), "GET", &format!("/?lang={}", language.code()), &[]);
        assert!(
            home.status == 200 && home.body.contains("http://shop.test") && home.body.contains("4242 4242 4242 4242")
        );
    }
}

#[test]
fn templates_hold_no_words_of_their_own() {
    let of = |folder: &str| {
        let folder = format!("{}/templates{folder}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.extension().is_some())
    };
    for path in of("").chain(of("/people")) {
        let name = path.display();
        let template = std::fs::read_to_string(&path).unwrap();
        let mut rest = String::new();
        let mut left = template.as_str();
        // Without expressions and statements of the template language.
        while let Some(at) = left.find("{%").into_iter().chain(left.find("{{")).min() {
            rest.push_str(&left[..at]);
            let close = if left[at..].starts_with("{%") { "%}" } else { "}}" };
            left = &left[at + left[at..].find(close).unwrap() + 2..];
        }
        rest.push_str(left);
        let said: String =
            text(&rest).split(' ').filter(|w| w.chars().filter(|c| c.is_alphabetic()).count() > 1).collect();
        // Two commands, as they are typed.
        let said = said
            .replace("GET/v1/florin/payments/pi_…/journey", "")
            .replace("florintracepi_…--open", "")
            .replace("florinauditcheck-proof", "");
        assert_eq!(said, "", "{name}");
    }
}

#[test]
fn what_links_open() {
    #[track_caller]
    fn check(target: &str, told: Result<Told, NotTold>, now: Time, status: u16, words: &str) {
        let got = ask_at(Sample { told, now }, false, "GET", target, &[]);
        assert_eq!(got.status, status, "{target}");
        says(&got.body, &[words]);
    }
    let path = links().path(&link(PAYMENT));
    let other = Link { account: Key(9 << 20), ..link(PAYMENT) };
    let (id, query) = path.split_once('?').unwrap();
    check(&path, Ok(approved()), NOW, 200, "19.99 EUR");
    check(&path, Ok(approved()), NOW.plus_ms(OPENS_MS), 410, "This link has expired");
    check(&format!("{path}A"), Ok(approved()), NOW, 403, "This link does not open anything");
    check(id, Ok(approved()), NOW, 403, "This link does not open anything");
    check(&format!("/journey/pi_other?{query}"), Ok(approved()), NOW, 403, "This link does not open anything");
    check(&links().path(&other), Ok(approved()), NOW, 404, "There is no such page");
    check(&links().path(&link(REFUND)), Ok(approved()), NOW, 404, "There is no such page");
    check(&path, Err(NotTold::Trouble), NOW, 503, "The page cannot be shown at the moment");
    check("/journey/", Ok(approved()), NOW, 403, "This link does not open anything");
    check(&format!("{id}/more?{query}"), Ok(approved()), NOW, 404, "There is no such page");
    check("/admin", Ok(approved()), NOW, 404, "There is no such page");
    check("/", Ok(approved()), NOW, 200, "watch at work");
}

#[test]
fn only_looking_is_allowed() {
    for method in ["POST", "DELETE", "PUT", "PATCH", "OPTIONS"] {
        assert_eq!(ask(Ok(approved()), method, "/", &[]).status, 405, "{method}");
    }
}

#[test]
fn a_real_installation_says_nothing_of_test_cards() {
    let got = ask_at(Sample { told: Err(NotTold::Missing), now: NOW }, true, "GET", "/", &[]);
    assert!(got.status == 200 && !got.body.contains("4242") && !got.body.contains("shop.test"), "{}", got.body);
    assert!(!got.body.contains("class=\"band\""));
}

#[test]
fn the_page_tells_its_script_whether_to_look_again() {
    let path = links().path(&link(PAYMENT));
    let (id, query) = path.split_once('?').unwrap();
    let state = format!("{id}/state?{query}");
    let moving = ask(Ok(lost()), "GET", &state, &[]);
    assert_eq!((moving.status, moving.body.ends_with(",\"moving\":true}")), (200, true));
    let over = ask(Ok(approved()), "GET", &state, &[]);
    assert!(over.body.ends_with(",\"moving\":false}") && over.body != moving.body);
    let shown = journey(lost(), Language::English);
    let version = moving.body.split('"').nth(3).unwrap();
    assert!(shown.contains(&format!("data-live=\"{version}\"")), "the page knows what it shows");
    assert_eq!(ask(Ok(approved()), "GET", &format!("{id}/state"), &[]).status, 403);
}

#[test]
fn heads_of_pages() {
    let path = links().path(&link(PAYMENT));
    let got = ask(Ok(approved()), "GET", &path, &[]);
    let policy = got.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
    assert_eq!((got.header("cache-control"), got.header("referrer-policy")), ("no-store", "no-referrer"));
    // The policy would refuse it, so nobody writes it.
    for inline in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
        assert!(!got.body.contains(inline), "{inline}");
    }
    for source in got.body.split("src=\"").skip(1).chain(got.body.split("href=\"").skip(1)) {
        let inside =
            source.starts_with(['?', '#']) || source.strip_prefix('/').is_some_and(|rest| !rest.starts_with('/'));
        assert!(inside, "{source:.40}");
    }
}

#[test]
fn languages() {
    #[track_caller]
    fn check(target: &str, headers: &[(&str, &str)], tag: &str, cookie: &str) {
        let got = ask(Err(NotTold::Missing), "GET", target, headers);
        assert!(got.body.contains(&format!("<html lang=\"{tag}\">")), "{target} {headers:?}");
        assert_eq!(got.header("set-cookie").split(';').next().unwrap(), cookie);
    }
    check("/", &[], "en", "");
    check("/", &[("accept-language", "ko-KR,en;q=0.5")], "ko", "");
    check("/", &[("accept-language", "ko"), ("cookie", "a=b; florin_lang=zh")], "zh-Hans", "");
    check("/?lang=ko", &[("cookie", "florin_lang=zh")], "ko", "florin_lang=ko");
    check("/?lang=xx", &[("cookie", "florin_lang=\"><script>")], "en", "");
    let got = ask(Err(NotTold::Missing), "GET", "/?x=%22%3E&lang=ko&y=<script>", &[]);
    assert!(got.body.contains("href=\"?x=%22%3E&#38;y=&#60;script&#62;&#38;lang=zh\""), "{}", got.body);
    // A path that reads as another host leads nowhere.
    let got = ask(Err(NotTold::Missing), "GET", "//evil.example/?lang=ko", &[]);
    assert!(!got.body.contains("evil.example"), "{}", got.body);
}

#[test]
fn whatever_is_told_is_text() {
    let canary = "<script>alert(1)</script>\"'&";
    let mut told = approved();
    for hop in &mut told.hops {
        hop.note = canary.to_owned();
        hop.by = canary.to_owned();
        hop.to = canary.to_owned();
        hop.title = canary.to_owned();
        hop.fields.iter_mut().for_each(|f| (f.name, f.value) = (canary.to_owned(), canary.to_owned()));
    }
    for step in &mut told.steps {
        (step.of, step.request) = (canary.to_owned(), Some(canary.to_owned()));
    }
    for attempt in &mut told.attempts {
        (attempt.rrn, attempt.approval) = (canary.to_owned(), Some(canary.to_owned()));
    }
    told.events.iter_mut().for_each(|e| e.id = canary.to_owned());
    let page = journey(told, Language::English);
    assert!(!page.contains("<script>") && page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert_eq!(page.matches("<script ").count(), 1, "its own");
}
