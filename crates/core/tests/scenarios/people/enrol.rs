//! Links: the first owner, invitations; what opens one once and nothing twice.

use super::*;
use florin_core::time::Time;

#[test]
fn the_first_owner_comes_by_a_link_and_is_the_only_first() {
    let house = house();
    let old = block_on(house.people.first_link()).unwrap().unwrap();
    let link = block_on(house.people.first_link()).unwrap().unwrap();
    let open = |token: &Token| block_on(house.people.open_link(token.expose()));
    assert_eq!(open(&old.token), Err(No::NoLink));
    let opening = open(&link.token).unwrap();
    assert_eq!((opening.purpose, opening.named, opening.until), (Purpose::FirstOwner, false, link.until));
    assert_eq!(link.until, house.now().plus_ms(86_400_000));
    let enrolled = house.enrolled(link.token.expose(), " Kim Lee ", "Kim@Example.com");
    assert_eq!(open(&link.token), Err(No::Used));
    assert_eq!(block_on(house.people.first_link()), Ok(None));
    let signed = house.who(&enrolled.signed_in).unwrap();
    assert_eq!((signed.person.name.as_str(), signed.person.email.as_str()), ("Kim Lee", EMAIL));
    assert_eq!(signed.seats(), [Seat { account: None, role: Role::Owner }]);
    assert!(signed.fresh_until().is_some());
    let codes = &enrolled.recovery_codes;
    assert_eq!((codes.len(), codes[0].len(), codes[0].matches('-').count()), (10, 19, 3));
    assert_eq!(
        house.log(),
        [
            "system enrol_link.make done",
            "system enrol_link.make done",
            "user sign_in done enrolment",
            "user enrol done"
        ]
    );
    assert_eq!(house.messages(), Vec::<String>::new());
}

#[test]
fn a_second_factor_cannot_be_skipped() {
    let house = house();
    let link = block_on(house.people.first_link()).unwrap().unwrap();
    let token = link.token.expose();
    let people = &house.people;
    // No factor before a password.
    assert_eq!(block_on(people.enrol_totp(token)), Err(No::Field(Field::Password)));
    assert_eq!(block_on(people.enrol_passkey(token)), Err(No::Field(Field::Password)));
    let name = |name, email, password| block_on(people.enrol_name(token, name, email, password, "en"));
    assert_eq!(name("", EMAIL, PASSWORD).err(), Some(No::Field(Field::Name)));
    assert_eq!(name("Kim", "kim", PASSWORD).err(), Some(No::Field(Field::Email)));
    assert_eq!(name("Kim", EMAIL, "short").err(), Some(No::Password(BadPassword::TooShort)));
    let own = name("Kim", EMAIL, PASSWORD).unwrap();
    // Whoever opens the link itself now gets no further: the rest is this browser's.
    assert_eq!(block_on(people.open_link(token)).err(), Some(No::Used));
    assert_eq!(block_on(people.enrol_totp(token)).err(), Some(No::Used));
    let token = own.expose();
    // Nobody is there yet: the password opens nothing.
    assert_eq!(block_on(people.sign_in(&visit(), EMAIL, PASSWORD)), Err(No::Wrong));
    assert_eq!(block_on(people.enrol_totp_done(token, &visit(), &house.code())), Err(No::Expired));
    let offer = block_on(people.enrol_totp(token)).unwrap();
    assert_eq!(block_on(people.enrol_totp(token)), Ok(offer));
    assert_eq!(block_on(people.enrol_totp_done(token, &visit(), "000000")), Err(No::Wrong));
    let challenge = block_on(people.enrol_passkey(token)).unwrap();
    let answer = |challenge: &str| format!("{challenge}|one|1");
    let done = |answer: &str| block_on(people.enrol_passkey_done(token, &visit(), answer, "Key on my ring"));
    assert_eq!(done("make 1 2|one|1"), Err(No::Passkey(BadPasskey::Refused)));
    house.pass(300_000);
    assert_eq!(done(&answer(&challenge)), Err(No::Expired));
    let challenge = block_on(people.enrol_passkey(token)).unwrap();
    let enrolled = done(&answer(&challenge)).unwrap();
    let signed = house.who(&enrolled.signed_in).unwrap();
    let factors = people.factors(&signed);
    assert_eq!((factors.passkeys.len(), factors.totp_added, factors.recovery_left), (1, None, 10));
    assert_eq!(factors.passkeys[0].name, "Key on my ring");
    assert_eq!(done(&answer(&challenge)), Err(No::Used));
}

#[test]
fn a_link_opens_for_a_day() {
    let house = house();
    let link = block_on(house.people.first_link()).unwrap().unwrap();
    house.pass(86_399_999);
    assert!(block_on(house.people.open_link(link.token.expose())).is_ok());
    house.pass(1);
    assert_eq!(block_on(house.people.open_link(link.token.expose())), Err(No::Expired));
    let made = block_on(house.people.enrol_name(link.token.expose(), "Kim", EMAIL, PASSWORD, "en"));
    assert_eq!(made.err(), Some(No::Expired));
    for nonsense in ["", "x", &"A".repeat(43), &"A".repeat(10_000), "../../../../../../../../../../etc/passwd/xx"] {
        assert_eq!(block_on(house.people.open_link(nonsense)), Err(No::NoLink), "{nonsense}");
    }
}

#[test]
fn an_invitation_is_for_one_address() {
    let house = house();
    let owner = house.owner().signed_in;
    let joined = house.join(&owner, "park@example.com", Role::Developer);
    let signed = house.who(&joined.signed_in).unwrap();
    assert_eq!(signed.person.language, "en");
    assert_eq!(signed.seats(), [Seat { account: None, role: Role::Developer }]);
    let permit = house.who(&owner).unwrap().permit(Action::EditTeam, None).unwrap();
    let invite = |email: &str| {
        block_on(house.people.invite(&permit, email, vec![Seat { account: None, role: Role::Auditor }], "ko"))
    };
    assert_eq!(invite("park@example.com").map(|_| ()), Err(No::EmailTaken));
    assert_eq!(invite("nobody").map(|_| ()), Err(No::Field(Field::Email)));
    let first = invite("choi@example.com").unwrap();
    let second = invite("CHOI@example.com").unwrap();
    assert_eq!(block_on(house.people.open_link(first.token.expose())).map(|_| ()), Err(No::NoLink));
    // The address of the form does not count.
    let enrolled = house.enrolled(second.token.expose(), "Choi", "park@example.com");
    assert_eq!(house.who(&enrolled.signed_in).unwrap().person.email, "choi@example.com");
    assert_eq!(
        house.messages(),
        ["mail park@example.com invitation", "mail choi@example.com invitation", "mail choi@example.com invitation",]
    );
    let third = invite("moon@example.com").unwrap();
    let read = house.who(&owner).unwrap().permit(Action::ReadTeam, None).unwrap();
    let waiting = block_on(house.people.invitations(&read)).unwrap();
    assert_eq!(waiting.iter().map(|w| w.email.as_str()).collect::<Vec<_>>(), ["moon@example.com"]);
    block_on(house.people.withdraw(&permit, third.invitation)).unwrap();
    assert_eq!(block_on(house.people.open_link(third.token.expose())).map(|_| ()), Err(No::NoLink));
    assert_eq!(block_on(house.people.withdraw(&permit, third.invitation)), Err(No::NoSuch));
    assert_ne!(house.now(), Time(0));
}
