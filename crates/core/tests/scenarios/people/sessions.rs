//! How long a session lasts, where there are others, and step-ups.

use super::*;

#[test]
fn idle_for_a_quarter_of_an_hour_and_twelve_hours_in_all() {
    let house = house();
    let signed = house.owner().signed_in;
    let over = |expected: bool| assert_eq!(house.who(&signed).is_err(), expected);
    house.pass(899_999);
    over(false);
    house.pass(899_999);
    over(false);
    house.pass(900_000);
    over(true);
    let signed = house.sign_in(EMAIL).unwrap();
    for _ in 0..51 {
        house.pass(840_000);
        assert!(house.who(&signed).is_ok());
    }
    // 51 times 14 minutes and six more.
    house.pass(359_999);
    assert!(house.who(&signed).is_ok());
    house.pass(1);
    assert_eq!(house.who(&signed).map(|_| ()), Err(No::SignedOut));
}

#[test]
fn that_it_was_seen_is_written_once_a_minute() {
    let house = house();
    let signed = house.owner().signed_in;
    let version = || house.world.row(signed.session).unwrap().version.0;
    let mut seen = vec![];
    for ms in [59_999, 1, 30_000, 29_999, 1] {
        house.pass(ms);
        house.who(&signed).unwrap();
        seen.push(version());
    }
    assert_eq!(seen, [1, 2, 2, 2, 3]);
}

#[test]
fn a_step_up_gives_another_token_and_five_minutes() {
    let house = house();
    house.owner();
    let signed = house.sign_in(EMAIL).unwrap();
    house.pass(300_000);
    let who = house.who(&signed).unwrap();
    assert_eq!((who.fresh_until(), who.permit(Action::ReadMoney, None).is_ok()), (None, true));
    assert_eq!(who.permit(Action::EditTeam, None).map(|_| ()), Err(No::StepUp(Action::EditTeam)));
    let wrong = block_on(house.people.step_up(signed.token.expose(), Proof::Totp("000000")));
    assert_eq!(wrong, Err(No::Wrong));
    house.pass(1_000);
    let again = block_on(house.people.step_up(signed.token.expose(), Proof::Totp(&house.next_code()))).unwrap();
    // What the browser held before opens nothing: whoever planted it holds nothing.
    assert_eq!(house.who(&signed).map(|_| ()), Err(No::SignedOut));
    let who = house.who(&again).unwrap();
    assert_eq!((again.session, who.fresh_until()), (signed.session, Some(house.now().plus_ms(300_000))));
    assert!(who.permit(Action::EditTeam, None).is_ok());
    // With a passkey, too: one answer for one question.
    let token = again.token.expose();
    let challenge = block_on(house.people.new_passkey(token)).unwrap();
    block_on(house.people.new_passkey_done(token, &format!("{challenge}|one|1"), "ring")).unwrap();
    assert_eq!(block_on(house.people.step_up(token, Proof::Passkey("x|one|2"))), Err(No::Expired));
    let asked = block_on(house.people.step_up_challenge(token)).unwrap();
    let answer = format!("{asked}|one|2");
    let last = block_on(house.people.step_up(token, Proof::Passkey(&answer))).unwrap();
    let replayed = block_on(house.people.step_up(last.token.expose(), Proof::Passkey(&answer)));
    assert_eq!(replayed, Err(No::Expired));
}

#[test]
fn one_sees_and_ends_ones_own_sessions() {
    let house = house();
    let first = house.owner().signed_in;
    let second = house.sign_in(EMAIL).unwrap();
    let third = house.sign_in(EMAIL).unwrap();
    let who = house.who(&third).unwrap();
    let listed = |who: &Signed| {
        let all = block_on(house.people.sessions(who)).unwrap();
        all.iter().map(|s| (s.session, s.current)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&who), [(third.session, true), (second.session, false), (first.session, false)]);
    block_on(house.people.revoke(&who, second.session)).unwrap();
    assert_eq!(house.who(&second).map(|_| ()), Err(No::SignedOut));
    assert_eq!(block_on(house.people.revoke(&who, second.session)), Err(No::NoSuch));
    // Somebody else's is none.
    let park = house.join(&first, "park@example.com", Role::Auditor).signed_in;
    assert_eq!(block_on(house.people.revoke(&who, park.session)), Err(No::NoSuch));
    block_on(house.people.revoke_others(&who)).unwrap();
    assert_eq!(listed(&house.who(&third).unwrap()), [(third.session, true)]);
    block_on(house.people.sign_out(third.token.expose())).unwrap();
    assert_eq!(house.who(&third).map(|_| ()), Err(No::SignedOut));
    assert_eq!(block_on(house.people.sign_out(third.token.expose())), Ok(()));
    assert!(house.who(&park).is_ok());
}
