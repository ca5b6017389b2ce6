//! What forms ask of the desk, and how they are shown again when something is wrong.

use super::super::sample::{Sample, first, hidden, opened};
use super::{post, sound};
use crate::desk::*;
use crate::sample::{NOW, eur};
use std::sync::Arc;

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
