//! One's own factors.

use super::*;

#[test]
fn one_factor_stays() {
    let house = house();
    let owner = house.owner().signed_in;
    let token = owner.token.expose();
    let people = &house.people;
    assert_eq!(block_on(people.remove_totp(token)), Err(No::LastFactor));
    let challenge = block_on(people.new_passkey(token)).unwrap();
    assert_eq!(
        block_on(people.new_passkey_done(token, &format!("{challenge}|one|1"), " ")),
        Err(No::Field(Field::Name))
    );
    block_on(people.new_passkey_done(token, &format!("{challenge}|one|1"), "ring")).unwrap();
    assert_eq!(block_on(people.new_passkey_done(token, &format!("{challenge}|two|1"), "ring")), Err(No::Expired));
    let factors = people.factors(&house.who(&owner).unwrap());
    let id = factors.passkeys[0].id.clone();
    block_on(people.rename_passkey(token, &id, "drawer")).unwrap();
    assert_eq!(block_on(people.rename_passkey(token, "other", "drawer")), Err(No::NoSuch));
    block_on(people.remove_totp(token)).unwrap();
    assert_eq!(block_on(people.remove_totp(token)), Err(No::NoSuch));
    assert_eq!(block_on(people.remove_passkey(token, &id)), Err(No::LastFactor));
    let offer = block_on(people.new_totp(token)).unwrap();
    assert_eq!(people.pending_totp(&house.who(&owner).unwrap()), Some(offer));
    assert_eq!(block_on(people.new_totp_done(token, "000000")), Err(No::Wrong));
    block_on(people.new_totp_done(token, &house.next_code())).unwrap();
    block_on(people.remove_passkey(token, &id)).unwrap();
    let factors = people.factors(&house.who(&owner).unwrap());
    assert_eq!((factors.passkeys.len(), factors.totp_added.is_some()), (0, true));
    let changed = "mail kim@example.com factors_changed";
    assert_eq!(house.messages(), [changed; 4]);
}

#[test]
fn changes_want_a_fresh_factor() {
    let house = house();
    let owner = house.owner().signed_in;
    house.pass(300_000);
    let token = owner.token.expose();
    let step_up = Err(No::StepUp(Action::OwnSecurity));
    let people = &house.people;
    assert_eq!(block_on(people.new_totp(token)).map(|_| ()), step_up);
    assert_eq!(block_on(people.new_passkey(token)).map(|_| ()), step_up);
    assert_eq!(block_on(people.remove_totp(token)), step_up);
    assert_eq!(block_on(people.new_recovery_codes(token)).map(|_| ()), step_up);
    assert_eq!(block_on(people.change_password(token, PASSWORD, "a quiet lake in june")), step_up);
}

#[test]
fn another_password_ends_other_sessions() {
    let house = house();
    house.owner();
    let other = house.sign_in(EMAIL).unwrap();
    let here = house.sign_in(EMAIL).unwrap();
    let change = |old: &str, new: &str| block_on(house.people.change_password(here.token.expose(), old, new));
    assert_eq!(change(PASSWORD, "short"), Err(No::Password(BadPassword::TooShort)));
    assert_eq!(change("not the password", "a quiet lake in june"), Err(No::Wrong));
    house.pass(1_000);
    assert_eq!(change(PASSWORD, "a quiet lake in june"), Ok(()));
    assert_eq!((house.who(&other).is_err(), house.who(&here).is_ok()), (true, true));
    assert_eq!(block_on(house.people.sign_in(&visit(), EMAIL, PASSWORD)), Err(No::Wrong));
    house.pass(1_000);
    assert!(block_on(house.people.sign_in(&visit(), EMAIL, "a quiet lake in june")).is_ok());
}

#[test]
fn new_recovery_codes_end_the_old_ones() {
    let house = house();
    let enrolled = house.owner();
    let fresh = block_on(house.people.new_recovery_codes(enrolled.signed_in.token.expose())).unwrap();
    assert_eq!(fresh.len(), 10);
    let use_code = |code: &str| {
        let begun = block_on(house.people.sign_in(&visit(), EMAIL, PASSWORD)).unwrap();
        block_on(house.people.second(&visit(), begun.token.expose(), Proof::Recovery(code))).map(|_| ())
    };
    assert_eq!(use_code(&enrolled.recovery_codes[0]), Err(No::Wrong));
    house.pass(1_000);
    assert_eq!(use_code(&fresh[0]), Ok(()));
}
