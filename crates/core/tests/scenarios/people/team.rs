//! Roles, owners, and what a second person has to approve.

use super::*;
use florin_core::money::{Currency, Money};

fn permit(house: &House, signed: &SignedIn, action: Action) -> Result<Permit, No> {
    house.who(signed)?.permit(action, None)
}

fn seat(role: Role) -> Vec<Seat> {
    vec![Seat { account: None, role }]
}

#[test]
fn owners_are_made_by_owners_and_one_stays() {
    let house = house();
    let owner = house.owner().signed_in;
    let admin = house.join(&owner, "park@example.com", Role::Admin).signed_in;
    let by_owner = permit(&house, &owner, Action::EditTeam).unwrap();
    let by_admin = permit(&house, &admin, Action::EditTeam).unwrap();
    let only_owners = || Err(No::Denied { action: Action::EditTeam, who: vec![Role::Owner] });
    let people = &house.people;
    let set = |permit: &Permit, user: Key, role: Role| {
        block_on(people.set_seats(permit, user, &seat(role))).map(|member| member.seats)
    };
    assert_eq!(set(&by_admin, owner.user, Role::Auditor), only_owners());
    assert_eq!(set(&by_admin, admin.user, Role::Owner), Err(No::Oneself).or(only_owners()));
    assert_eq!(block_on(people.disable(&by_admin, owner.user)).map(|_| ()), only_owners().map(|_: Vec<Seat>| ()));
    assert_eq!(set(&by_owner, owner.user, Role::Auditor), Err(No::Oneself));
    assert_eq!(set(&by_owner, admin.user, Role::Owner), Ok(seat(Role::Owner)));
    // Now there are two, and either may go, but not both.
    let second = permit(&house, &admin, Action::EditTeam).unwrap();
    assert_eq!(set(&second, owner.user, Role::Auditor), Ok(seat(Role::Auditor)));
    assert_eq!(set(&Permit::local(Action::EditTeam), admin.user, Role::Admin), Err(No::LastOwner));
    assert_eq!(block_on(people.disable(&Permit::local(Action::EditTeam), admin.user)).map(|_| ()), Err(No::LastOwner));
}

/// Who sits on one account decides nothing about people of others, and rights that are taken away are not left behind in links.
#[test]
fn rights_reach_as_far_as_their_seat() {
    let house = house();
    let owner = house.owner().signed_in;
    let by_owner = permit(&house, &owner, Action::EditTeam).unwrap();
    let people = &house.people;
    let (one, two) = (Key(101), Key(102));
    let on = |account: Key, role: Role| Seat { account: Some(account), role };
    let local = house.join(&owner, "local@example.com", Role::Admin).signed_in;
    block_on(people.set_seats(&by_owner, local.user, &[on(one, Role::Admin)])).unwrap();
    let both = house.join(&owner, "both@example.com", Role::Analyst).signed_in;
    block_on(people.set_seats(&by_owner, both.user, &[on(one, Role::Analyst), on(two, Role::Admin)])).unwrap();
    let by_local = house.who(&local).unwrap().permit(Action::EditTeam, Some(one)).unwrap();
    assert_eq!(block_on(people.disable(&by_local, both.user)).map(|_| ()), Err(No::NoSuch));
    block_on(people.disable(&by_owner, both.user)).unwrap();
    assert_eq!(block_on(people.enable(&by_local, both.user)).map(|_| ()), Err(No::NoSuch));
    // Invitations of the installation are not theirs to see, nor to take back.
    let all = block_on(people.invite(&by_owner, "all@example.com", seat(Role::Auditor), "en")).unwrap();
    let read = house.who(&local).unwrap().permit(Action::ReadTeam, Some(one)).unwrap();
    assert_eq!(block_on(people.invitations(&read)), Ok(vec![]));
    assert!(block_on(people.withdraw(&by_local, all.invitation)).is_err());
    // Their own links end with their rights.
    let issued = block_on(people.invite(&by_local, "late@example.com", vec![on(one, Role::Admin)], "en")).unwrap();
    let own = block_on(people.enrol_name(issued.token.expose(), "Late", "", PASSWORD, "en")).unwrap();
    block_on(people.enrol_totp(own.expose())).unwrap();
    block_on(people.disable(&by_owner, local.user)).unwrap();
    let late = block_on(people.enrol_totp_done(own.expose(), &visit(), &house.code())).map(|_| ());
    assert_eq!(late, Err(No::NoLink));
}

#[test]
fn who_is_kept_out_is_out_at_once() {
    let house = house();
    let owner = house.owner().signed_in;
    let park = house.join(&owner, "park@example.com", Role::Analyst).signed_in;
    let by_owner = permit(&house, &owner, Action::EditTeam).unwrap();
    let member = block_on(house.people.disable(&by_owner, park.user)).unwrap();
    assert_eq!(member.state, UserState::Disabled { at: house.now() });
    assert_eq!(house.who(&park).map(|_| ()), Err(No::SignedOut));
    assert_eq!(block_on(house.people.sign_in(&visit(), "park@example.com", PASSWORD)), Err(No::Wrong));
    house.pass(1_000);
    assert_eq!(block_on(house.people.enable(&by_owner, park.user)).unwrap().state, UserState::Active);
    // The old session stays over.
    assert_eq!(house.who(&park).map(|_| ()), Err(No::SignedOut));
    assert!(block_on(house.people.sign_in(&visit(), "park@example.com", PASSWORD)).is_ok());
    assert_eq!(permit(&house, &owner, Action::ReadTeam).map(|_| ()), Ok(()));
    let read = permit(&house, &owner, Action::ReadTeam).unwrap();
    let team = block_on(house.people.team(&read)).unwrap();
    let told: Vec<(&str, bool)> = team.iter().map(|m| (m.email.as_str(), m.totp)).collect();
    assert_eq!(told, [("kim@example.com", true), ("park@example.com", true)]);
    assert_eq!(
        block_on(house.people.team(&by_owner)).map(|_| ()),
        Err(No::Denied { action: Action::ReadTeam, who: Action::ReadTeam.who() })
    );
}

#[test]
fn a_permit_for_one_account_changes_seats_there() {
    let house = house();
    let owner = house.owner().signed_in;
    let by_owner = permit(&house, &owner, Action::EditTeam).unwrap();
    let (one, two) = (Key(7), Key(8));
    let on = |account, role| Seat { account: Some(account), role };
    let issued = block_on(house.people.invite(
        &by_owner,
        "park@example.com",
        vec![on(one, Role::Admin), on(two, Role::Analyst)],
        "en",
    ));
    let park = house.enrolled(issued.unwrap().token.expose(), "Park", "").signed_in;
    let who = house.who(&park).unwrap();
    assert!(who.permit(Action::EditTeam, None).is_err() && who.permit(Action::EditTeam, Some(two)).is_err());
    let here = who.permit(Action::EditTeam, Some(one)).unwrap();
    let invite = |seats: Vec<Seat>| block_on(house.people.invite(&here, "choi@example.com", seats, "en")).map(|_| ());
    assert_eq!(invite(vec![on(two, Role::Auditor)]), Err(No::Field(Field::Role)));
    assert_eq!(invite(seat(Role::Auditor)), Err(No::Field(Field::Role)));
    let support = Role::Support { refund_limit: Money::new(-1, Currency::EUR) };
    assert_eq!(invite(vec![on(one, support)]), Err(No::Field(Field::RefundLimit)));
    assert_eq!(invite(vec![on(one, Role::Auditor)]), Ok(()));
    assert!(block_on(house.people.set_seats(&here, owner.user, &[])).is_err());
}

#[test]
fn four_eyes_are_two_people() {
    let house = house();
    let owner = house.owner().signed_in;
    let admin = house.join(&owner, "park@example.com", Role::Admin).signed_in;
    let lost = house.join(&owner, "choi@example.com", Role::Analyst).signed_in;
    let people = &house.people;
    let local = Permit::local(Action::EditTeam);
    let wish = Wish::ResetFactors { user: lost.user };
    let asked = block_on(people.wish(&permit(&house, &admin, Action::EditTeam).unwrap(), wish)).unwrap();
    assert_eq!(block_on(people.reset(&local, asked.approval)).map(|_| ()), Err(No::SecondPerson(Action::EditTeam)));
    let approve = |signed: &SignedIn, yes: bool| {
        let permit = permit(&house, signed, Action::Approve)?;
        block_on(people.approve(&permit, asked.approval, yes)).map(|asked| asked.state)
    };
    assert_eq!(approve(&admin, true), Err(No::Oneself));
    assert_eq!(approve(&lost, true), Err(No::Denied { action: Action::Approve, who: Action::Approve.who() }));
    let at = house.now();
    assert_eq!(approve(&owner, true), Ok(ApprovalState::Approved { by: Some(owner.user), at }));
    assert_eq!(approve(&owner, true), Err(No::Used));
    let link = block_on(people.reset(&local, asked.approval)).unwrap();
    assert_eq!(block_on(people.reset(&local, asked.approval)).map(|_| ()), Err(No::Used));
    // What opened before goes on until the link is used, and is over then.
    assert!(house.who(&lost).is_ok());
    let opening = block_on(people.open_link(link.token.expose())).unwrap();
    assert_eq!((opening.purpose, opening.email.as_str()), (Purpose::Reset, "choi@example.com"));
    let again = house.enrolled(link.token.expose(), "", "");
    assert_eq!((again.signed_in.user, house.who(&lost).is_err()), (lost.user, true));
    assert_eq!(house.who(&again.signed_in).unwrap().person.name, "Park");
    // A wish holds for a day.
    let asked = block_on(people.wish(&local, wish)).unwrap();
    house.pass(86_400_000);
    let fresh = house.sign_in(EMAIL).unwrap();
    let late = permit(&house, &fresh, Action::Approve).unwrap();
    assert_eq!(block_on(people.approve(&late, asked.approval, true)).map(|_| ()), Err(No::Expired));
    assert_eq!(block_on(people.wishes(&late)).unwrap().len(), 2);
    let payout = Wish::EditPayout { account: Key(7), details: [1; 32] };
    let fresh_admin = house.sign_in("park@example.com").unwrap();
    assert!(permit(&house, &fresh_admin, Action::EditPayout).is_err());
    let asked = block_on(people.wish(&permit(&house, &fresh, Action::EditPayout).unwrap(), payout)).unwrap();
    let by_admin = permit(&house, &fresh_admin, Action::Approve).unwrap();
    let denied = No::Denied { action: Action::EditPayout, who: vec![Role::Owner] };
    assert_eq!(block_on(people.approve(&by_admin, asked.approval, true)).map(|_| ()), Err(denied));
    // A seat on one account decides what is about that account, and sees no more.
    let elsewhere = house.who(&fresh).unwrap().permit(Action::Approve, Some(Key(8))).unwrap();
    assert_eq!(block_on(people.wishes(&elsewhere)), Ok(vec![]));
    assert_eq!(block_on(people.approve(&elsewhere, asked.approval, false)).map(|_| ()), Err(No::NoSuch));
}

/// Nobody could approve: then the machine's owner lets the only one in again.
#[test]
fn the_only_owner_is_let_in_by_whoever_owns_the_machine() {
    let house = house();
    let owner = house.owner().signed_in;
    let local = Permit::local(Action::EditTeam);
    let ask = || block_on(house.people.wish(&local, Wish::ResetFactors { user: owner.user })).unwrap();
    let asked = ask();
    assert_eq!(asked.state, ApprovalState::Approved { by: None, at: house.now() });
    assert!(block_on(house.people.reset(&local, asked.approval)).is_ok());
    assert!(house.log().contains(&"local approval.give done alone".to_owned()));
    house.join(&owner, "park@example.com", Role::Admin);
    assert_eq!(ask().state, ApprovalState::Waiting);
}

#[test]
fn who_is_erased_is_gone_and_the_address_is_free() {
    let house = house();
    let owner = house.owner().signed_in;
    let park = house.join(&owner, "park@example.com", Role::Analyst).signed_in;
    let by_owner = permit(&house, &owner, Action::EditTeam).unwrap();
    block_on(house.people.erase(&by_owner, park.user)).unwrap();
    assert_eq!(block_on(house.people.name(park.user)), Ok(None));
    assert_eq!(block_on(house.people.enable(&by_owner, park.user)).map(|_| ()), Err(No::NoSuch));
    let again = house.join(&owner, "park@example.com", Role::Auditor).signed_in;
    assert_ne!(again.user, park.user);
}
