//! Pages for people as a browser gets them and forms as it sends them, before a desk that answers as it is told.

use super::sample::{Sample, ada, codes, first, invited};
use crate::Web;
use crate::desk::*;
use crate::link::Links;
use crate::sample::NOW;
use crate::tests::{Nowhere, now};
use crate::words::{Language, MISSED};
use florin_core::edge::{EdgeRequest, EdgeResponse, Site};
use florin_core::id::IdCodec;
use florin_core::seal::Secret;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub fn request(method: &str, target: &str, body: &str) -> EdgeRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    EdgeRequest {
        id: "req_1".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: vec![],
        body: body.as_bytes().to_vec(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        site: Site::Dashboard,
        tls: true,
        cards: vec![],
        codes: vec![],
    }
}

struct Got {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }
    fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }
}

const SESSION: (&str, &str) = ("cookie", "__Host-florin-session=ses-1; __Host-florin-entry=entry-1");
const OWN: (&str, &str) = ("origin", "https://pay.example");

fn send(desk: &Arc<Sample>, asked: EdgeRequest, headers: &[(&str, &str)]) -> Got {
    let links = Links::new(&Secret::new([1; 32]), IdCodec::new(&[7; 16]));
    let web = Web::new(Arc::new(Nowhere), false, Arc::new(links)).with_desk(desk.clone());
    let mut asked = asked;
    let host = ("host", "pay.example");
    asked.headers = headers.iter().chain([&host]).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let EdgeResponse { status, headers, body } = now(web.handle(asked));
    Got { status, headers, body: String::from_utf8(body).unwrap() }
}

fn get(desk: &Arc<Sample>, target: &str) -> Got {
    send(desk, request("GET", target, ""), &[SESSION])
}

fn post(desk: &Arc<Sample>, target: &str, body: &str) -> Got {
    send(desk, request("POST", target, body), &[SESSION, OWN, ("sec-fetch-site", "same-origin")])
}

/// Every page, as it is first shown: name, address, and the desk behind it.
fn pages() -> Vec<(&'static str, &'static str, Sample)> {
    let second = || Sample::at(Stage::Second(Sample::stranger().ways));
    let factor = || Sample::at(Stage::Factor { email: "ada@shop.example".to_owned(), done: false });
    let plain = Person { tasks: vec![], waiting: 0, may: vec![], role: Role::Analyst, ..ada() };
    let mut all = vec![
        ("sign-in", "/sign-in", Sample::stranger()),
        ("second-passkey", "/sign-in/second", second()),
        ("second-totp", "/sign-in/second?by=totp", second()),
        ("second-sms", "/sign-in/second?by=sms", second()),
        ("second-sms-sent", "/sign-in/second?by=sms&sent=1", second()),
        ("second-recovery", "/sign-in/second?by=recovery", second()),
        ("enrol-first", "/enrol", Sample::at(first())),
        ("enrol-invited", "/enrol", Sample::at(invited())),
        ("enrol-factor", "/enrol/factor", factor()),
        ("enrol-totp", "/enrol/totp", factor()),
        ("start-analyst", "/", Sample { person: Some(plain), ..Sample::stranger() }),
    ];
    let inside = [
        ("start", "/"),
        ("confirm", "/confirm"),
        ("security", "/security"),
        ("passkey", "/security/passkey"),
        ("rename", "/security/passkeys/pk_1/rename"),
        ("remove", "/security/passkeys/pk_2/remove"),
        ("totp", "/security/totp"),
        ("phone", "/security/phone"),
        ("codes-new", "/security/codes"),
        ("password", "/security/password"),
        ("sessions", "/sessions"),
        ("team", "/team"),
        ("invite", "/team/invite"),
        ("role", "/team/members/usr_2/role"),
        ("disable", "/team/members/usr_2/disable"),
        ("enable", "/team/members/usr_4/enable"),
        ("withdraw", "/team/members/inv_3/withdraw"),
        ("approvals", "/approvals"),
        ("audit", "/audit"),
        ("audit-entry", "/audit/7"),
    ];
    all.extend(inside.map(|(name, target)| (name, target, Sample::signed())));
    all
}

/// What is wrong with a page whoever reads it.
#[track_caller]
fn sound(name: &str, got: &Got) {
    assert!(got.body.len() < 100_000, "{name}: {} bytes", got.body.len());
    assert_eq!(got.header("cache-control"), "no-store", "{name}");
    assert_eq!(got.header("referrer-policy"), "same-origin", "{name}");
    for inline in [" style=", "<style", " onclick=", "javascript:", "<script>", "data:"] {
        assert!(!got.body.contains(inline), "{name}: {inline}");
    }
    assert_eq!(got.body.matches("<h1").count(), 1, "{name}");
    // Each field has its label, and what it is described by is there.
    for input in got.body.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let id = input.split("id=\"").nth(1).map(|rest| rest.split('"').next().unwrap());
        let hidden = input.contains("type=\"hidden\"");
        assert!(hidden || id.is_some_and(|id| got.body.contains(&format!("for=\"{id}\""))), "{name}: {input}");
    }
    for ids in got.body.split("aria-describedby=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        for id in ids.split(' ') {
            assert!(got.body.contains(&format!("id=\"{id}\"")), "{name}: {id}");
        }
    }
}

/// `FLORIN_PAGES=DIR` keeps what was rendered, for a browser to look at.
fn keep(name: &str, language: Language, got: &Got) {
    if let Ok(dir) = std::env::var("FLORIN_PAGES") {
        let dir = std::path::Path::new(&dir);
        std::fs::create_dir_all(dir.join("assets")).unwrap();
        std::fs::write(dir.join(format!("{name}.{}.html", language.code())), &got.body).unwrap();
    }
}

mod forms;
mod ways;

#[test]
fn every_page_in_every_language_is_whole() {
    for language in Language::ALL {
        for (name, target, desk) in pages() {
            let sign = if target.contains('?') { '&' } else { '?' };
            let got = get(&Arc::new(desk), &format!("{target}{sign}lang={}", language.code()));
            assert_eq!(got.status, 200, "{name}: {}", got.header("location"));
            assert!(got.body.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
            sound(name, &got);
            keep(name, language, &got);
        }
        let shown = Sample::signed().answers(Ok(Done::Codes { session: None, codes: codes() }));
        let cookie = ("cookie", format!("__Host-florin-session=a; florin_lang={}", language.code()));
        let headers = [(cookie.0, cookie.1.as_str()), OWN];
        let got = send(&Arc::new(shown), request("POST", "/security/codes", ""), &headers);
        assert_eq!((got.status, got.body.matches("K7QF-").count()), (200, 10));
        sound("codes", &got);
        keep("codes", language, &got);
        for (name, why) in refusals() {
            let desk = Arc::new(Sample::signed().answers(Err(why)));
            let got = send(&desk, request("POST", "/team/members/usr_2/disable", ""), &headers);
            sound(name, &got);
            keep(&format!("no-{name}"), language, &got);
        }
        let wrong = "email=nobody&role=support&limit=much&currency=eur";
        let got = send(&Arc::new(Sample::signed()), request("POST", "/team/invite", wrong), &headers);
        assert_eq!(got.status, 422);
        sound("invite with faults", &got);
        keep("invite-faults", language, &got);
        let got = send(
            &Arc::new(Sample::stranger().answers(Err(Refused::Wrong))),
            request("POST", "/sign-in", "email=ada@shop.example&password=no"),
            &headers,
        );
        assert_eq!(got.status, 422);
        keep("sign-in-wrong", language, &got);
    }
    let missed = MISSED.with(|missed| missed.borrow().clone());
    assert!(missed.is_empty(), "no words for {missed:?}");
}

fn refusals() -> Vec<(&'static str, Refused)> {
    vec![
        ("signed-out", Refused::SignedOut),
        ("over", Refused::Expired),
        ("used", Refused::Used),
        ("unknown", Refused::Unknown),
        ("stale", Refused::Stale),
        ("missing", Refused::Missing),
        ("wrong", Refused::Wrong),
        ("house", Refused::Trouble),
        ("role", Refused::Role { can: vec![Role::Owner, Role::Admin] }),
        ("rule", Refused::Rule { why: "refused-last-owner" }),
        ("locked", Refused::Locked { until: NOW.plus_ms(1_800_000) }),
        ("step-up", Refused::StepUp),
    ]
}

#[test]
fn what_cannot_be_done_has_a_page() {
    #[track_caller]
    fn check(why: Refused, status: u16, words: &str) {
        let got = post(&Arc::new(Sample::signed().answers(Err(why.clone()))), "/team/members/usr_2/disable", "");
        assert_eq!(got.status, status, "{why:?}");
        assert!(got.body.contains(words), "{why:?}: {}", got.body);
    }
    check(Refused::SignedOut, 401, "You are signed out");
    check(Refused::Expired, 410, "This is over");
    check(Refused::Used, 410, "This was used already");
    check(Refused::Stale, 409, "Somebody was faster");
    check(Refused::Missing, 404, "There is no such page");
    check(Refused::Role { can: vec![Role::Admin] }, 403, "<li>Admin</li>");
    check(Refused::Rule { why: "refused-last-owner" }, 409, "There must be an owner");
    check(Refused::Locked { until: NOW.plus_ms(1_800_000) }, 429, "Wait 31 minutes");
    check(Refused::Trouble, 503, "nothing is done that cannot be written down");
}
