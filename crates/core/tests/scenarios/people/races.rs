//! Two at once with one code, one link, one question: exactly one gets in. And a process that dies leaves all of it or nothing.

use super::*;
use crate::gate::{Call, Gate, Point, run};
use std::cell::RefCell;

/// Runs `first` up to its commit, then all of `second`, then the rest of `first`.
fn race<T>(
    house: &House,
    first: impl AsyncFn(&People) -> Result<T, No>,
    second: impl AsyncFn(&People) -> Result<T, No>,
) -> (Result<T, No>, Result<T, No>) {
    let slow = people(&house.world, Gate::stopping(&[Point::Before(Call::Commit, 1)]), 100);
    let fast = people(&house.world, Gate::open(), 200);
    let met = RefCell::new(None);
    let done = run(first(&slow), || {
        *met.borrow_mut() = Some(block_on(second(&fast)));
        true
    });
    (done.unwrap(), met.into_inner().unwrap())
}

#[test]
fn one_code_of_an_app_lets_in_one() {
    let house = house();
    house.owner();
    let begun = [(); 2].map(|()| block_on(house.people.sign_in(&visit(), EMAIL, PASSWORD)).unwrap());
    let code = house.next_code();
    let come = |n: usize| {
        let (begun, code) = (&begun, &code);
        async move |people: &People| {
            people.second(&visit(), begun[n].token.expose(), Proof::Totp(code)).await.map(|_| ())
        }
    };
    assert_eq!(race(&house, come(0), come(1)), (Err(No::Used), Ok(())));
}

#[test]
fn one_recovery_code_lets_in_one() {
    let house = house();
    let codes = house.owner().recovery_codes;
    let begun = [(); 2].map(|()| block_on(house.people.sign_in(&visit(), EMAIL, PASSWORD)).unwrap());
    let come = |n: usize| {
        let (begun, code) = (&begun, &codes[0]);
        async move |people: &People| {
            people.second(&visit(), begun[n].token.expose(), Proof::Recovery(code)).await.map(|_| ())
        }
    };
    assert_eq!(race(&house, come(0), come(1)), (Err(No::Wrong), Ok(())));
}

#[test]
fn one_link_makes_one_person() {
    let house = house();
    let link = block_on(house.people.first_link()).unwrap().unwrap();
    let token = link.token.expose();
    let own = block_on(house.people.enrol_name(token, "Kim", EMAIL, PASSWORD, "en")).unwrap();
    let token = own.expose();
    block_on(house.people.enrol_totp(token)).unwrap();
    let code = house.code();
    let come = || async |people: &People| people.enrol_totp_done(token, &visit(), &code).await.map(|_| ());
    assert_eq!(race(&house, come(), come()), (Err(No::Used), Ok(())));
}

#[test]
fn two_links_for_one_address_make_one_person() {
    let house = house();
    let owner = house.owner().signed_in;
    let permit = house.who(&owner).unwrap().permit(Action::EditTeam, None).unwrap();
    let seats = || vec![Seat { account: None, role: Role::Auditor }];
    let invite = || async |people: &People| people.invite(&permit, "park@example.com", seats(), "en").await;
    let (first, second) = race(&house, invite(), invite());
    let links = [first.unwrap(), second.unwrap()];
    let links = links.map(|link| {
        let own = block_on(house.people.enrol_name(link.token.expose(), "Park", "", PASSWORD, "en"));
        let token = own.unwrap_or(link.token);
        let _ = block_on(house.people.enrol_totp(token.expose()));
        token
    });
    let code = house.code();
    let done = links.each_ref().map(|link| block_on(house.people.enrol_totp_done(link.expose(), &visit(), &code)));
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
}

#[test]
fn one_answer_of_a_passkey_lets_in_one() {
    let house = house();
    let owner = house.owner().signed_in;
    let challenge = block_on(house.people.new_passkey(owner.token.expose())).unwrap();
    block_on(house.people.new_passkey_done(owner.token.expose(), &format!("{challenge}|one|1"), "ring")).unwrap();
    let asked = house.people.passkey_ask().unwrap();
    let answer = format!("{}|one|2|{}", asked.options, owner.user.0);
    let come = || async |people: &People| people.passkey_sign_in(&visit(), &asked.ticket, &answer).await.map(|_| ());
    assert_eq!(race(&house, come(), come()), (Err(No::Used), Ok(())));
}

#[test]
fn two_owners_do_not_put_each_other_out() {
    let house = house();
    let one = house.owner().signed_in;
    let two = house.join(&one, "park@example.com", Role::Owner).signed_in;
    let permit = |signed: &SignedIn| house.who(signed).unwrap().permit(Action::EditTeam, None).unwrap();
    let (by_one, by_two) = (permit(&one), permit(&two));
    let out = |permit: &Permit, user: Key| {
        let permit = *permit;
        async move |people: &People| people.disable(&permit, user).await.map(|_| ())
    };
    assert_eq!(race(&house, out(&by_one, two.user), out(&by_two, one.user)), (Err(No::LastOwner), Ok(())));
}

#[test]
fn guesses_at_once_are_counted_each() {
    let house = house();
    house.owner();
    let guess = || async |people: &People| people.sign_in(&visit(), EMAIL, "not the password").await.map(|_| ());
    assert_eq!(race(&house, guess(), guess()), (Err(No::Wait(house.now().plus_ms(1_000))), Err(No::Wrong)));
}

/// Dies before and after the only commit of an enrolment's end: nobody is there, or all of it is.
#[test]
fn a_death_leaves_nothing_half() {
    for (point, there) in [(Point::Before(Call::Commit, 1), false), (Point::After(Call::Commit, 1), true)] {
        let house = house();
        let link = block_on(house.people.first_link()).unwrap().unwrap();
        let token = link.token.expose();
        let own = block_on(house.people.enrol_name(token, "Kim", EMAIL, PASSWORD, "en")).unwrap();
        let token = own.expose();
        block_on(house.people.enrol_totp(token)).unwrap();
        let dying = people(&house.world, Gate::stopping(&[point]), 100);
        assert!(run(dying.enrol_totp_done(token, &visit(), &house.code()), || false).is_none());
        let opened = block_on(house.people.open_link(token)).map(|_| ());
        assert_eq!(opened, if there { Err(No::Used) } else { Ok(()) });
        let known = block_on(house.people.sign_in(&visit(), EMAIL, PASSWORD)).map(|_| ());
        assert_eq!(known, if there { Ok(()) } else { Err(No::Wrong) });
        assert_eq!(block_on(house.people.first_link()).unwrap().is_none(), there);
    }
}
