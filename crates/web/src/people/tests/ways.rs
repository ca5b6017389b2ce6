//! Who gets where: other sites, cookies, links, confirming, forms sent twice, roles, the log.

use super::super::sample::{Sample, ada, first, hidden, opened};
use super::{OWN, SESSION, get, post, request, send};
use crate::desk::*;
use std::sync::Arc;

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
    // An address holds no form: a link of somebody else's would have it done.
    let got = get(&Arc::new(stale()), "/confirm?held-path=/team/invite&held.email=x@evil.example&held.role=owner");
    assert_eq!(
        (got.status, got.body.contains("name=\"held"), got.body.contains("value=\"x@evil")),
        (200, false, false)
    );
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
