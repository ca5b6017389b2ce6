//! First factor, second factor, session; and everything that is none of them.

use super::*;

fn first(house: &House, email: &str, password: &str) -> Result<Begun, No> {
    block_on(house.people.sign_in(&visit(), email, password))
}

fn second(house: &House, begun: &Begun, proof: Proof<'_>) -> Result<SignedIn, No> {
    block_on(house.people.second(&visit(), begun.token.expose(), proof))
}

#[test]
fn both_factors_open_a_session_and_one_opens_nothing() {
    let house = house();
    house.owner();
    let begun = first(&house, " KIM@example.com ", PASSWORD).unwrap();
    assert_eq!(begun.offers, Offers { passkey: false, totp: true, recovery: true, sms: None });
    // The token of a sign-in is none of a session.
    assert_eq!(block_on(house.people.who(begun.token.expose())).map(|_| ()), Err(No::SignedOut));
    let signed = second(&house, &begun, Proof::Totp(&house.next_code())).unwrap();
    let who = house.who(&signed).unwrap();
    assert_eq!((who.user.key, signed.method, signed.recovery_left), (signed.user, Method::Totp, 10));
    assert_eq!(second(&house, &begun, Proof::Totp(&house.next_code())), Err(No::Used));
    assert_eq!(house.log()[3..], ["nobody sign_in begun", "user sign_in done totp"]);
    assert_eq!(house.messages(), ["mail kim@example.com new_device"]);
}

#[test]
fn who_does_not_exist_hears_what_everybody_hears() {
    let house = house();
    house.owner();
    for email in ["kim@example.com", "nobody@example.com"] {
        assert_eq!(first(&house, email, "not the password"), Err(No::Wrong), "{email}");
        assert_eq!(first(&house, email, "not the password"), Err(No::Wait(house.now().plus_ms(1_000))), "{email}");
    }
    // Even the right one waits its second.
    assert_eq!(first(&house, EMAIL, PASSWORD).map(|_| ()), Err(No::Wait(house.now().plus_ms(1_000))));
    house.pass(1_000);
    assert!(first(&house, EMAIL, PASSWORD).is_ok());
    assert_eq!(first(&house, EMAIL, &"x".repeat(2_000)), Err(No::Wrong));
    assert_eq!(first(&house, "", ""), Err(No::Wrong));
}

#[test]
fn ten_wrong_passwords_lock_for_half_an_hour_and_a_passkey_still_opens() {
    let house = house();
    let owner = house.owner().signed_in;
    let challenge = block_on(house.people.new_passkey(owner.token.expose())).unwrap();
    block_on(house.people.new_passkey_done(owner.token.expose(), &format!("{challenge}|one|1"), "ring")).unwrap();
    for n in 0..10 {
        house.pass(5_000);
        assert_eq!(first(&house, EMAIL, "not the password"), Err(No::Wrong), "{n}");
    }
    let locked = house.now().plus_ms(1_800_000);
    house.pass(1_799_999);
    assert_eq!(first(&house, EMAIL, PASSWORD).map(|_| ()), Err(No::Wait(locked)));
    let asked = house.people.passkey_ask().unwrap();
    let answer = format!("{}|one|2|{}", asked.options, owner.user.0);
    let signed = block_on(house.people.passkey_sign_in(&visit(), &asked.ticket, &answer)).unwrap();
    assert_eq!(signed.method, Method::Passkey);
    assert!(house.who(&signed).is_ok());
    house.pass(1);
    assert!(first(&house, EMAIL, PASSWORD).is_ok());
    assert!(house.log().contains(&"nobody sign_in.lock refused".to_owned()));
}

#[test]
fn a_code_of_an_app_works_once() {
    let house = house();
    house.owner();
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    let code = house.next_code();
    assert!(second(&house, &begun, Proof::Totp(&code)).is_ok());
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    assert_eq!(second(&house, &begun, Proof::Totp(&code)), Err(No::Used));
    house.pass(1_000);
    // The one before, too, though it was never shown.
    let before = totp_of(house.now().seconds() / 30 - 1);
    assert_eq!(second(&house, &begun, Proof::Totp(&before)), Err(No::Used));
    house.pass(3_000);
    assert!(second(&house, &begun, Proof::Totp(&house.next_code())).is_ok());
}

#[test]
fn five_wrong_factors_close_a_sign_in_and_ten_lock_the_person() {
    let house = house();
    house.owner();
    for n in 1..=10 {
        let begun = first(&house, EMAIL, PASSWORD).unwrap();
        house.pass(5_000);
        assert_eq!(second(&house, &begun, Proof::Totp("000000")), Err(No::Wrong), "{n}");
    }
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    let locked = house.now().plus_ms(1_800_000);
    assert_eq!(second(&house, &begun, Proof::Totp(&house.code())), Err(No::Wait(locked)));
    let house = self::house();
    house.owner();
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    for _ in 0..5 {
        house.pass(5_000);
        assert_eq!(second(&house, &begun, Proof::Recovery("AAAA-AAAA-AAAA-AAAA")), Err(No::Wrong));
    }
    house.pass(5_000);
    assert_eq!(second(&house, &begun, Proof::Totp(&house.code())), Err(No::Expired));
}

#[test]
fn a_sign_in_waits_for_ten_minutes() {
    let house = house();
    house.owner();
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    house.pass(599_999);
    assert!(block_on(house.people.second_offers(begun.token.expose())).is_ok());
    house.pass(1);
    assert_eq!(second(&house, &begun, Proof::Totp(&house.code())), Err(No::Expired));
    for nonsense in ["", "x", &"A".repeat(43)] {
        let done = block_on(house.people.second(&visit(), nonsense, Proof::Totp("000000")));
        assert_eq!(done, Err(No::Expired), "{nonsense}");
    }
}

#[test]
fn a_recovery_code_works_once_however_it_is_written() {
    let house = house();
    let codes = house.owner().recovery_codes;
    let written = codes[3].to_lowercase().replace('-', " ");
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    let signed = second(&house, &begun, Proof::Recovery(&written)).unwrap();
    assert_eq!((signed.method, signed.recovery_left), (Method::Recovery, 9));
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    assert_eq!(second(&house, &begun, Proof::Recovery(&codes[3])), Err(No::Wrong));
    house.pass(1_000);
    assert_eq!(second(&house, &begun, Proof::Recovery(&codes[4])).map(|s| s.recovery_left), Ok(8));
    assert!(house.messages().contains(&"mail kim@example.com recovery_code_used".to_owned()));
}

#[test]
fn a_passkey_answers_one_question_once() {
    let house = house();
    let owner = house.owner().signed_in;
    let token = owner.token.expose();
    let challenge = block_on(house.people.new_passkey(token)).unwrap();
    block_on(house.people.new_passkey_done(token, &format!("{challenge}|one|5"), "ring")).unwrap();
    let asked = house.people.passkey_ask().unwrap();
    let answer = |counter: u32| format!("{}|one|{counter}|{}", asked.options, owner.user.0);
    let sign_in = |ticket: &str, answer: &str| {
        block_on(house.people.passkey_sign_in(&visit(), ticket, answer)).map(|signed| signed.user)
    };
    assert_eq!(sign_in("x", &answer(6)), Err(No::Expired));
    assert_eq!(sign_in(&asked.ticket, "nothing"), Err(No::Passkey(BadPasskey::Unfit)));
    assert_eq!(
        sign_in(&asked.ticket, &format!("{}|two|6|{}", asked.options, owner.user.0)),
        Err(No::Passkey(BadPasskey::Unknown))
    );
    assert_eq!(sign_in(&asked.ticket, &format!("{}|one|6|1", asked.options)), Err(No::Passkey(BadPasskey::Unknown)));
    assert_eq!(sign_in(&asked.ticket, &answer(6)), Ok(owner.user));
    assert_eq!(sign_in(&asked.ticket, &answer(7)), Err(No::Used));
    let late = house.people.passkey_ask().unwrap();
    house.pass(300_000);
    assert_eq!(sign_in(&late.ticket, &format!("{}|one|8|{}", late.options, owner.user.0)), Err(No::Expired));
}

#[test]
fn a_counter_that_goes_back_blocks_the_passkey() {
    let house = house();
    let owner = house.owner().signed_in;
    let token = owner.token.expose();
    let challenge = block_on(house.people.new_passkey(token)).unwrap();
    block_on(house.people.new_passkey_done(token, &format!("{challenge}|one|5"), "ring")).unwrap();
    for (counter, expected) in [(5, No::Cloned), (9, No::Passkey(BadPasskey::Unknown))] {
        let asked = house.people.passkey_ask().unwrap();
        let answer = format!("{}|one|{counter}|{}", asked.options, owner.user.0);
        let done = block_on(house.people.passkey_sign_in(&visit(), &asked.ticket, &answer));
        assert_eq!(done.map(|_| ()), Err(expected));
    }
    let factors = house.people.factors(&house.who(&owner).unwrap());
    assert!(factors.passkeys[0].blocked);
    assert!(house.log().contains(&"nobody passkey.cloned refused".to_owned()));
    // The same in the second step and in a step-up.
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    assert!(!begun.offers.passkey);
}

#[test]
fn a_browser_that_is_known_is_no_news() {
    let house = house();
    let device = house.owner().signed_in.device.unwrap();
    let known = Visit { device: Some(device.expose().to_owned()), ..visit() };
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    let proof = house.next_code();
    let signed = block_on(house.people.second(&known, begun.token.expose(), Proof::Totp(&proof))).unwrap();
    assert_eq!((signed.device, house.messages()), (None, vec![]));
    let stranger = Visit { device: Some("A".repeat(43)), ..visit() };
    let begun = first(&house, EMAIL, PASSWORD).unwrap();
    let proof = house.next_code();
    let signed = block_on(house.people.second(&stranger, begun.token.expose(), Proof::Totp(&proof))).unwrap();
    assert!(signed.device.is_some());
    assert_eq!(house.messages(), ["mail kim@example.com new_device"]);
}

/// Owners get no codes by SMS; others do, and they open nothing dangerous.
#[test]
fn codes_by_sms_are_the_weakest() {
    let house = house();
    let owner = house.owner().signed_in;
    assert_eq!(block_on(house.people.new_phone(owner.token.expose(), "+31612345678")), Err(No::NoSms));
    let park = house.join(&owner, "park@example.com", Role::Admin).signed_in;
    let token = park.token.expose();
    assert_eq!(block_on(house.people.new_phone(token, "0612345678")), Err(No::Field(Field::Phone)));
    block_on(house.people.new_phone(token, "+31 6 1234 5678")).unwrap();
    let wrong = if house.sent_code() == "000000" { "000001" } else { "000000" };
    assert_eq!(block_on(house.people.new_phone_done(token, wrong)), Err(No::Wrong));
    block_on(house.people.new_phone_done(token, &house.sent_code())).unwrap();
    let begun = first(&house, "park@example.com", PASSWORD).unwrap();
    assert_eq!(begun.offers.sms, Some(['7', '8']));
    assert_eq!(second(&house, &begun, Proof::Sms("123456")), Err(No::Expired));
    block_on(house.people.second_sms(begun.token.expose())).unwrap();
    let code = house.sent_code();
    let other = first(&house, "park@example.com", PASSWORD).unwrap();
    // Bound to the sign-in that asked for it.
    assert_eq!(second(&house, &other, Proof::Sms(&code)), Err(No::Expired));
    let signed = second(&house, &begun, Proof::Sms(&code)).unwrap();
    let who = house.who(&signed).unwrap();
    assert_eq!((signed.method, who.fresh_until()), (Method::Sms, None));
    assert_eq!(who.permit(Action::EditTeam, None).map(|_| ()), Err(No::StepUp(Action::EditTeam)));
    assert_eq!(block_on(house.people.step_up(signed.token.expose(), Proof::Sms(&code))), Err(No::NoSms));
    // Five an hour to one number.
    for n in 2..=4 {
        block_on(house.people.second_sms(other.token.expose())).unwrap_or_else(|no| panic!("{n}: {no:?}"));
    }
    let again = block_on(house.people.second_sms(other.token.expose()));
    assert_eq!(again, Err(No::Wait(house.now().plus_ms(3_600_000))));
    // Five minutes.
    let code = house.sent_code();
    house.pass(300_000);
    assert_eq!(second(&house, &other, Proof::Sms(&code)), Err(No::Expired));
}
