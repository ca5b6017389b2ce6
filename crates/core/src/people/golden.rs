//! Bodies about people as they are stored: one of each stage.

use super::*;
use crate::codec::tests::golden;
use crate::money::{Currency, Money};
use crate::sample::{NOW, START};

const USER: Key = Key(0x55);
const OTHER: Key = Key(0x66);

fn seats() -> Vec<Seat> {
    let mut roles = Role::each(Currency::EUR);
    roles[3] = Role::Support { refund_limit: Money::new(5_000, Currency::EUR) };
    roles.into_iter().enumerate().map(|(n, role)| Seat { account: (n % 2 == 1).then_some(Key(77)), role }).collect()
}

#[test]
fn users() {
    let states = [UserState::Active, UserState::Disabled { at: NOW }, UserState::Erased { at: NOW }];
    let bodies = states.map(|state| User { state, seats: seats(), sessions_from: START });
    golden("users", include_str!("../../tests/golden/users.hex"), &bodies);
    let passkey = Passkey {
        id: vec![1, 2, 3],
        data: "{}".into(),
        name: "ring".into(),
        synced: true,
        added: START,
        used: Some(NOW),
        blocked: false,
    };
    let person = UserPersonal {
        name: "Kim Lee".into(),
        email: "kim@example.com".into(),
        phone: Some("+31612345678".into()),
        password: Some("$argon2id$".into()),
        totp: Some(Totp { secret: vec![7; 20], last_step: 59_843_310, added: START }),
        passkeys: vec![passkey],
        recovery: vec![RecoveryCode([8; 32])],
        devices: vec![Device { mark: [9; 32], label: "Firefox on Linux".into(), first: START, last: NOW }],
        language: "ko".into(),
    };
    golden("who they are", include_str!("../../tests/golden/user_personal.hex"), &[UserPersonal::default(), person]);
    let names = [Some(USER), None].map(|user| UserName { hash: [4; 32], user });
    golden("names of users", include_str!("../../tests/golden/user_names.hex"), &names);
    let roster = Roster { owners: vec![USER, OTHER], people: 3 };
    golden("rosters", include_str!("../../tests/golden/rosters.hex"), &[Roster::default(), roster]);
}

#[test]
fn sign_ins_and_sessions() {
    let states = [SignInState::Second { tries: 2 }, SignInState::Done { session: OTHER }, SignInState::Closed];
    let bodies = states.map(|state| SignIn { user: USER, hash: [5; 32], until: NOW, state });
    golden("sign-ins", include_str!("../../tests/golden/sign_ins.hex"), &bodies);
    let sms = SmsCode { hash: [6; 32], until: NOW, tries: 1 };
    let kept = SignInPersonal { challenge: Some(("state".into(), NOW)), sms: Some(sms.clone()) };
    let file = include_str!("../../tests/golden/sign_in_personal.hex");
    golden("what sign-ins wait for", file, &[SignInPersonal::default(), kept]);
    let methods = [Method::Passkey, Method::Totp, Method::Recovery, Method::Sms, Method::Enrolment];
    let ends = [Ended::SignedOut, Ended::Revoked, Ended::Swept].map(|why| SessionState::Ended { at: NOW, why });
    let states = [SessionState::Open, SessionState::Open].into_iter().chain(ends);
    let session = |(method, state)| {
        let fresh = (method != Method::Sms).then_some(START);
        Session { user: USER, hash: [5; 32], began: START, seen: NOW, fresh, method, state }
    };
    let bodies: Vec<Session> = methods.into_iter().zip(states).map(session).collect();
    golden("sessions", include_str!("../../tests/golden/sessions.hex"), &bodies);
    let pending = [
        None,
        Some(Pending::Totp { secret: vec![7; 20], until: NOW }),
        Some(Pending::Passkey { challenge: "state".into(), until: NOW }),
        Some(Pending::Phone { number: "+31612345678".into(), code: sms }),
        Some(Pending::StepUp { challenge: "state".into(), until: NOW }),
    ];
    let kept = pending.map(|pending| SessionPersonal {
        address: "192.0.2.7".into(),
        label: "Firefox on Linux".into(),
        pending,
    });
    golden("where sessions are", include_str!("../../tests/golden/session_personal.hex"), &kept);
}

#[test]
fn links_wishes_and_counts() {
    let purposes = [Purpose::FirstOwner, Purpose::Join { seats: seats() }, Purpose::Reset, Purpose::Reset];
    let states = [
        InvitationState::Open,
        InvitationState::Named,
        InvitationState::Used { at: NOW },
        InvitationState::Withdrawn { at: NOW },
    ];
    let link = |(purpose, state)| Invitation { purpose, user: USER, hash: [3; 32], until: NOW, by: Some(OTHER), state };
    let bodies: Vec<Invitation> = purposes.into_iter().zip(states).map(link).collect();
    golden("invitations", include_str!("../../tests/golden/invitations.hex"), &bodies);
    let kept = InvitationPersonal {
        name: "Park".into(),
        email: "park@example.com".into(),
        password: Some("$argon2id$".into()),
        totp: Some(vec![7; 20]),
        challenge: Some(("state".into(), NOW)),
        language: "en".into(),
    };
    let file = include_str!("../../tests/golden/invitation_personal.hex");
    golden("who is invited", file, &[InvitationPersonal::default(), kept]);
    let (account, details, money) = (Key(77), [2; 32], Money::new(100_000, Currency::EUR));
    let wishes = [
        Wish::ResetFactors { user: USER },
        Wish::EditPayout { account, details },
        Wish::RefundBig { account, payment: Key(78), money },
        Wish::LiveKey { account, details },
        Wish::RotateKek,
    ];
    let (by, at) = (Some(OTHER), NOW);
    let states = [
        ApprovalState::Waiting,
        ApprovalState::Approved { by, at },
        ApprovalState::Refused { by: None, at },
        ApprovalState::Done { at },
        ApprovalState::Waiting,
    ];
    let approval = |(wish, state)| Approval { wish, by: Some(USER), until: NOW, state };
    let bodies: Vec<Approval> = wishes.into_iter().zip(states).map(approval).collect();
    golden("approvals", include_str!("../../tests/golden/approvals.hex"), &bodies);
    let tries = [Tries::default(), Tries { wrong: 10, last: START, until: NOW }];
    golden("counts of tries", include_str!("../../tests/golden/tries.hex"), &tries);
    golden("spent challenges", include_str!("../../tests/golden/spent.hex"), &[Spent { hash: [1; 32] }]);
}
