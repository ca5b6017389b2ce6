//! Pages for people as a browser gets them and forms as it sends them, before a desk that answers as it is told.

use super::sample::{Sample, ada, codes, first, hidden, invited, opened};
use crate::Web;
use crate::desk::*;
use crate::link::Links;
use crate::sample::{NOW, eur};
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

/// What a form asks of the desk.
#[test]
fn forms_become_acts() {
    #[track_caller]
    fn check(desk: Sample, target: &str, body: &str, expected: Act, to: &str) {
        let desk = Arc::new(desk);
        let got = post(&desk, target, body);
        assert_eq!(desk.acts(), [expected], "{target} {body}");
        assert_eq!((got.status, got.header("location")), (303, to), "{target}: {}", got.body);
    }
    let text = |t: &str| t.to_owned();
    let own = Sample::signed;
    let entry = || Sample::stranger().answers(Ok(Done::Entry(hidden("entry-2"))));
    let session = || Sample::stranger().answers(Ok(Done::Session(opened("ses-2"))));
    let in_act = || Act::SignIn { email: text("ada@shop.example"), password: hidden(" a b ") };
    check(entry(), "/sign-in", "email=+ada%40shop.example+&password=+a+b+", in_act(), "/sign-in/second");
    check(
        entry(),
        "/sign-in",
        "email=ada%40shop.example&password=+a+b+&to=/audit?a=b",
        in_act(),
        "/sign-in/second?to=%2Faudit%3Fa%3Db",
    );
    check(
        entry(),
        "/sign-in",
        "email=ada%40shop.example&password=+a+b+&to=//evil.example",
        in_act(),
        "/sign-in/second",
    );
    check(
        session(),
        "/sign-in/passkey",
        "credential={}&to=/team",
        Act::SignInPasskey { credential: hidden("{}") },
        "/team",
    );
    check(
        session(),
        "/sign-in/second",
        "by=totp&code=123+456",
        Act::Prove(Factor::Totp { code: hidden("123456") }),
        "/",
    );
    check(session(), "/sign-in/second", "by=sms&code=123456", Act::Prove(Factor::Sms { code: hidden("123456") }), "/");
    check(Sample::stranger(), "/sign-in/code", "", Act::SendCode, "/sign-in/second?by=sms&sent=1");
    check(own(), "/sign-out", "", Act::SignOut, "/sign-in");
    let label = || text("Key");
    check(
        own(),
        "/security/passkeys/pk_1/rename",
        "label=+Key",
        Act::RenamePasskey { id: text("pk_1"), label: label() },
        "/security",
    );
    check(own(), "/security/passkeys/pk_1/remove", "", Act::RemovePasskey { id: text("pk_1") }, "/security");
    let made = Act::AddFactor(NewFactor::Passkey { label: label(), credential: hidden("{}") });
    check(own(), "/security/passkey", "label=Key&credential={}", made, "/security");
    check(
        own(),
        "/security/totp",
        "code=123456",
        Act::AddFactor(NewFactor::Totp { code: hidden("123456") }),
        "/security",
    );
    check(
        own(),
        "/security/phone",
        "phone=%2B49151",
        Act::SetPhone { phone: text("+49151") },
        "/security/phone?sent=1",
    );
    check(own(), "/security/phone/code", "code=1", Act::CheckPhone { code: hidden("1") }, "/security");
    let (old, new) = (hidden("old"), hidden("fifteen or more!"));
    check(
        own(),
        "/security/password",
        "old-password=old&new-password=fifteen+or+more!",
        Act::ChangePassword { old, new },
        "/security",
    );
    check(own(), "/sessions/ses_2/end", "", Act::EndSession { id: text("ses_2") }, "/sessions");
    check(own(), "/sessions/others/end", "", Act::EndOthers, "/sessions");
    let invite = |role, limit| Act::Invite { email: text("x@y.example"), role, limit };
    let support = "email=x@y.example&role=support&limit=100.00&currency=eur";
    check(own(), "/team/invite", support, invite(Role::Support, Some(eur(10_000))), "/team");
    check(own(), "/team/invite", "email=x@y.example&role=admin&limit=junk", invite(Role::Admin, None), "/team");
    let role = Act::SetRole { member: text("usr_2"), role: Role::Auditor, limit: None };
    check(own(), "/team/members/usr_2/role", "role=auditor", role, "/team");
    check(own(), "/team/members/usr_2/disable", "", Act::Disable { member: text("usr_2") }, "/team");
    check(own(), "/team/members/usr_2/enable", "", Act::Enable { member: text("usr_2") }, "/team");
    check(own(), "/team/members/inv_3/withdraw", "", Act::Withdraw { id: text("inv_3") }, "/team");
    let waits = || own().answers(Ok(Done::Waits(text("apr_9"))));
    check(
        waits(),
        "/approvals/apr_1/approve",
        "",
        Act::Decide { approval: text("apr_1"), approve: true },
        "/approvals",
    );
    check(own(), "/approvals/apr_1/refuse", "", Act::Decide { approval: text("apr_1"), approve: false }, "/approvals");
    let name = || Act::Enrol {
        email: Some(text("a@b.example")),
        name: text("Ada"),
        password: hidden("correct horse battery"),
    };
    check(
        Sample::at(first()),
        "/enrol",
        "name=Ada&email=a@b.example&new-password=correct+horse+battery",
        name(),
        "/enrol/factor",
    );
}

/// What was typed stays, secrets do not, and each fault stands at its field.
#[test]
fn forms_with_faults() {
    #[track_caller]
    fn check(desk: Sample, target: &str, body: &str, there: &[&str], not: &[&str]) {
        let desk = Arc::new(desk);
        let got = post(&desk, target, body);
        assert_eq!(got.status, 422, "{target}");
        for words in there {
            assert!(got.body.contains(words), "{target}: {words} in {}", got.body);
        }
        for words in not {
            assert!(!got.body.contains(words), "{target}: {words}");
        }
        sound(target, &got);
    }
    let wrong = || Sample::stranger().answers(Err(Refused::Wrong));
    let lead = "autofocus";
    check(
        Sample::stranger(),
        "/sign-in",
        "email=&password=hush",
        &["id=\"email-fault\"", lead, "aria-invalid=\"true\""],
        &["hush"],
    );
    check(wrong(), "/sign-in", "email=ada%40x&password=hush", &["value=\"ada@x\"", "That does not fit"], &["hush"]);
    let locked = Sample::stranger().answers(Err(Refused::Locked { until: NOW.plus_ms(5_000) }));
    check(locked, "/sign-in", "email=ada%40x&password=hush", &["Wait 5 seconds", "value=\"ada@x\""], &["hush"]);
    let second = || Sample { outcome: Err(Refused::Wrong), ..Sample::at(Stage::Second(Sample::stranger().ways)) };
    check(second(), "/sign-in/second", "by=totp&code=000000", &["That does not fit", "name=\"code\""], &["000000"]);
    check(second(), "/sign-in/second", "by=recovery&code=", &["Enter the code", "name=\"by\" value=\"recovery\""], &[]);
    check(
        Sample::at(first()),
        "/enrol",
        "name=Ada&email=&new-password=short",
        &["value=\"Ada\"", "id=\"email-fault\"", "Use 15 characters"],
        &["short\""],
    );
    let taken = Sample::signed().answers(Err(Refused::Field { name: "email", why: "fault-email-taken" }));
    check(
        taken,
        "/team/invite",
        "email=a@b.example&role=admin",
        &["value=\"a@b.example\"", "Somebody here has", "value=\"admin\" aria-describedby=\"role-admin-hint\" checked"],
        &[],
    );
    check(
        Sample::signed(),
        "/team/invite",
        "email=a@b.example&role=support&limit=-5&currency=usd",
        &["Enter an amount", "value=\"-5\"", "value=\"usd\" selected"],
        &[],
    );
    check(Sample::signed(), "/team/invite", "email=a@b.example&role=king", &["Choose a role"], &[]);
    check(
        Sample::signed(),
        "/security/password",
        "old-password=&new-password=hush",
        &["Enter the password", "Use 15"],
        &["hush"],
    );
    let canary = "email=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&password=";
    check(wrong(), "/sign-in", canary, &["&#34;&#62;&#60;script&#62;"], &["<script>alert"]);
}

#[test]
fn nothing_comes_from_another_site() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], status: u16, acts: usize) {
        let desk = Arc::new(Sample::signed());
        let headers: Vec<_> = headers.iter().copied().chain([SESSION]).collect();
        let got = send(&desk, request("POST", "/sessions/others/end", ""), &headers);
        assert_eq!((got.status, desk.acts().len()), (status, acts), "{headers:?}");
    }
    check(&[OWN, ("sec-fetch-site", "same-origin")], 303, 1);
    check(&[], 403, 0);
    check(&[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403, 0);
    check(&[("origin", "null")], 403, 0);
    let desk = Arc::new(Sample::signed());
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(send(&desk, request(method, "/team", ""), &[SESSION, OWN]).status, 405, "{method}");
    }
    // Looking changes nothing, whatever the address says.
    for target in ["/sign-out", "/sessions/others/end", "/approvals/apr_1/approve", "/passkey/add", "/account"] {
        assert_eq!(get(&desk, target).status, 404, "{target}");
    }
    assert_eq!(desk.acts(), []);
}

#[test]
fn cookies_of_whoever_gets_in() {
    let desk = Arc::new(Sample::stranger().answers(Ok(Done::Session(opened("ses-2")))));
    let got = post(&desk, "/sign-in/second", "by=totp&code=123456");
    let cookies = got.all("set-cookie");
    assert_eq!(
        cookies,
        [
            "__Host-florin-session=ses-2; Path=/; Secure; HttpOnly; SameSite=Lax",
            "__Host-florin-entry=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
    );
    let got = post(&Arc::new(Sample::signed()), "/sign-out", "");
    assert!(
        got.all("set-cookie").iter().all(|cookie| cookie.contains("=; Path=/; Max-Age=0"))
            && got.all("set-cookie").len() == 2
    );
    assert_eq!(got.header("clear-site-data"), "\"cache\", \"storage\"");
}

#[test]
fn a_links_token_leaves_the_address() {
    let desk = Arc::new(Sample::at(first()));
    let got = get(&desk, "/enrol/abc-DEF_123");
    assert_eq!((got.status, got.header("location")), (303, "/enrol"));
    assert_eq!(
        got.header("set-cookie"),
        "__Host-florin-entry=abc-DEF_123; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax"
    );
    assert!(!got.body.contains("abc"));
    // What cannot be a token is not taken.
    let got = get(&desk, "/enrol/a%3B%20x=y");
    assert!(got.header("set-cookie").starts_with("__Host-florin-entry=; Path=/; Max-Age=0"));
    for (why, status) in [(Refused::Unknown, 404), (Refused::Expired, 410), (Refused::Used, 410)] {
        let desk = Arc::new(Sample { stage: Err(why), ..Sample::stranger() });
        assert_eq!(get(&desk, "/enrol").status, status);
    }
}

#[test]
fn whoever_is_not_signed_in_comes_back_to_where_they_wanted() {
    #[track_caller]
    fn check(target: &str, to: &str) {
        let got = get(&Arc::new(Sample::stranger()), target);
        assert_eq!((got.status, got.header("location")), (303, to), "{target}");
    }
    check("/team", "/sign-in?to=%2Fteam");
    check("/audit?group=keys&lang=ko", "/sign-in?to=%2Faudit%3Fgroup%3Dkeys");
    check("/security/passkey", "/sign-in?to=%2Fsecurity%2Fpasskey");
    check("/confirm?to=/team", "/sign-in?to=%2Fconfirm%3Fto%3D%2Fteam");
    // The start page is for everybody.
    let got = get(&Arc::new(Sample::stranger()), "/");
    assert!(got.status == 200 && got.body.contains("href=\"/sign-in\""));
    // Whoever is in already goes on.
    assert_eq!(get(&Arc::new(Sample::signed()), "/sign-in?to=/audit").header("location"), "/audit");
}

#[test]
fn a_fresh_factor_comes_first_and_the_form_is_not_lost() {
    let stale = || Sample { person: Some(Person { fresh_until: None, ..ada() }), ..Sample::stranger() };
    for target in ["/security/passkey", "/security/totp", "/security/password", "/security/codes", "/team/invite"] {
        let to = target.replace('/', "%2F");
        assert_eq!(get(&Arc::new(stale()), target).header("location"), format!("/confirm?to={to}"), "{target}");
    }
    // A form that came too late is held in the page, without secrets.
    let late = Arc::new(stale().answers(Err(Refused::StepUp)));
    let got = post(&late, "/team/invite", "email=x@y.example&role=admin");
    assert!(
        got.body.contains("name=\"held-path\" value=\"/team/invite\"")
            && got.body.contains("name=\"held.email\" value=\"x@y.example\"")
    );
    assert!(!got.body.contains("name=\"held.credential\""));
    let got = post(&late, "/security/password", "old-password=old&new-password=fifteen+or+more!");
    assert_eq!(got.header("location"), "/confirm?to=%2Fsecurity%2Fpassword");
    // Confirmed: it is done under the session's new name.
    let desk = Arc::new(stale().answers(Ok(Done::Session(opened("ses-2")))));
    let body = "code=123456&held-path=/team/invite&held.email=x@y.example&held.role=admin";
    let got = post(&desk, "/confirm", body);
    let acts = desk.acts.lock().unwrap();
    let [(_, confirmed), (asker, done)] = acts.as_slice() else { panic!("{acts:?}") };
    assert_eq!(*confirmed, Act::Confirm(Factor::Totp { code: hidden("123456") }));
    assert_eq!(*done, Act::Invite { email: "x@y.example".to_owned(), role: Role::Admin, limit: None });
    assert_eq!(asker.session, Some(hidden("ses-2")));
    assert_eq!((got.status, got.header("location")), (303, "/team"));
    assert!(got.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-florin-session=ses-2;")));
    drop(acts);
    // A held form leads nowhere else.
    for path in ["//evil.example", "https://evil.example", "/confirm"] {
        let desk = Arc::new(stale().answers(Ok(Done::Session(opened("ses-2")))));
        assert_eq!(post(&desk, "/confirm", &format!("code=1&held-path={path}")).header("location"), "/", "{path}");
    }
}

#[test]
fn a_form_that_is_sent_twice_does_nothing_twice() {
    // The second sign-in finds its entry used, and its sender in.
    let desk = Arc::new(Sample::signed().answers(Err(Refused::Used)));
    let got = post(&desk, "/sign-in/second", "by=totp&code=123456");
    assert_eq!((got.status, got.header("location")), (303, "/"));
    let got = post(&desk, "/enrol/factor", "credential={}");
    assert_eq!((got.status, got.header("location")), (303, "/"));
    // Codes are not shown again.
    let got = post(&desk, "/security/codes", "");
    assert!(got.status == 410 && got.body.contains("nothing happened a second time"));
}

#[test]
fn what_was_done_is_said_once_in_known_words() {
    let desk = Arc::new(Sample::signed());
    let flash = |word: &str| format!("__Host-florin-session=a; __Host-florin-done={word}");
    let asked = |word: &str| send(&desk, request("GET", "/security", ""), &[("cookie", &flash(word))]);
    let got = asked("passkey-added");
    assert!(
        got.body.contains("The passkey was added.") && got.header("set-cookie").starts_with("__Host-florin-done=; ")
    );
    assert!(!asked("Your+account+is+locked").body.contains("locked"));
}

#[test]
fn accounts_are_chosen_among_ones_own() {
    let desk = Arc::new(Sample::signed());
    let got = post(&desk, "/account", "account=acct_2");
    assert!(got.status == 303 && got.header("set-cookie").starts_with("__Host-florin-done=switched"));
    assert!(got.all("set-cookie").iter().any(|cookie| cookie.starts_with("__Host-florin-account=acct_2;")));
    assert_eq!(post(&desk, "/account", "account=acct_9").status, 404);
}

#[test]
fn a_code_that_was_used_is_said_to_be() {
    let desk = Arc::new(Sample::at(Stage::Second(Sample::stranger().ways)).answers(Err(Refused::Used)));
    let got = post(&desk, "/sign-in/second", "by=totp&code=123456");
    assert!(got.status == 422 && got.body.contains("works once"), "{}", got.body);
}

#[test]
fn roles_see_their_pages() {
    let plain = Person { may: vec![], role: Role::Analyst, ..ada() };
    let got = get(&Arc::new(Sample { person: Some(plain), ..Sample::stranger() }), "/");
    assert!(
        !got.body.contains("href=\"/team\"")
            && !got.body.contains("href=\"/audit\"")
            && got.body.contains("href=\"/security\"")
    );
    let auditor = Person { may: vec![Right::SeeTeam], role: Role::Auditor, ..ada() };
    let got = get(&Arc::new(Sample { person: Some(auditor), ..Sample::stranger() }), "/team/invite");
    assert!(got.status == 403 && got.body.contains("<li>Owner</li>") && got.body.contains("<li>Admin</li>"));
    let got = get(&Arc::new(Sample::signed()), "/approvals");
    assert_eq!(got.body.matches("action=\"/approvals/apr_1/").count(), 2, "somebody else's wish");
    assert_eq!(got.body.matches("action=\"/approvals/apr_2/").count(), 0, "one's own wish");
}

#[test]
fn the_log_is_walked_by_number() {
    let desk = Arc::new(Sample::signed());
    let got = get(&desk, "/audit?group=keys&actor=ada&from=2026-11-01");
    assert!(
        got.body.contains("href=\"/audit?group=keys&#38;actor=ada&#38;from=2026-11-01&#38;before=1\""),
        "{}",
        got.body
    );
    assert!(get(&desk, "/audit?from=soon").body.contains("Enter a date"));
    for target in ["/audit/x", "/audit/07", "/audit/-1", "/audit/7/more"] {
        assert_eq!(get(&desk, target).status, 404, "{target}");
    }
    let got = get(&desk, "/audit/7/proof");
    assert_eq!((got.status, got.body.as_str()), (200, "proof of 7\n"));
    assert_eq!(got.header("content-disposition"), "attachment; filename=\"audit-7.proof\"");
}

#[test]
fn the_authenticator_is_asked_by_script_alone() {
    let desk = Arc::new(Sample::stranger());
    let got = post(&desk, "/passkey/sign-in", "");
    assert_eq!((got.status, got.body.as_str()), (200, "{\"publicKey\":{}}"));
    assert!(got.header("set-cookie").starts_with("__Host-florin-entry=challenge-1; "));
    assert_eq!(post(&desk, "/passkey/else", "").status, 404);
    // Without scripts the part is not shown, and the page says why.
    let page = get(&desk, "/sign-in");
    assert!(
        page.body.contains("<div data-part=\"passkey\" class=\"stack scripted\"")
            && page.body.contains("Passkeys need JavaScript")
    );
}
