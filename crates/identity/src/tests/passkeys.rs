//! Making and using a passkey, and everything that is none.

use super::authenticator::Authenticator;
use super::passwords::identity;
use florin_core::id::Key;
use florin_core::people::{BadPasskey, Checker, NamedPasskey, Passkey};
use florin_core::time::Time;

const USER: Key = Key(0x1234_5678_9abc_0020);
const NOW: Time = Time(1_795_299_300_000);

fn made(identity: &dyn Checker, authenticator: &mut Authenticator) -> Result<Passkey, BadPasskey> {
    let asked = identity.passkey_make(USER, "kim@example.com", "Kim", &[]).unwrap();
    let answer = authenticator.create(&asked.options);
    identity.passkey_made(&asked.state, &answer, NOW)
}

#[test]
fn a_passkey_is_made_and_used() {
    let (identity, mut authenticator) = (identity(1), Authenticator::new(7));
    let made = made(&identity, &mut authenticator).unwrap();
    assert_eq!((&made.id, made.added, made.used, made.blocked), (&vec![7; 16], NOW, None, false));
    for known in [None, Some(std::slice::from_ref(&made))] {
        let asked = identity.passkey_ask(known).unwrap();
        let answer = authenticator.get(&asked.options);
        let named = identity.passkey_named(&answer);
        assert_eq!(named, Some(NamedPasskey { user: Some(USER), id: vec![7; 16] }));
        let used = identity.passkey_used(&asked.state, &answer, std::slice::from_ref(&made), NOW).unwrap();
        assert_eq!((used.id, used.used), (vec![7; 16], Some(NOW)));
    }
    // Another installation gave another name.
    let asked = identity.passkey_ask(None).unwrap();
    let answer = authenticator.get(&asked.options);
    let elsewhere = super::passwords::identity(2).passkey_named(&answer);
    assert_eq!(elsewhere, Some(NamedPasskey { user: None, id: vec![7; 16] }));
}

#[test]
fn what_is_asked_of_authenticators() {
    let identity = identity(1);
    let asked = identity.passkey_make(USER, "kim@example.com", "Kim", &[]).unwrap();
    let options: serde_json::Value = serde_json::from_str(&asked.options).unwrap();
    let key = &options["publicKey"];
    assert_eq!(key["rp"]["id"], "localhost");
    assert_eq!(key["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(key["authenticatorSelection"]["userVerification"], "required");
    assert_eq!((&key["user"]["name"], &key["user"]["displayName"]), (&"kim@example.com".into(), &"Kim".into()));
    let options: serde_json::Value = serde_json::from_str(&identity.passkey_ask(None).unwrap().options).unwrap();
    assert_eq!(options["publicKey"]["userVerification"], "required");
    assert_eq!(options["publicKey"]["rpId"], "localhost");
    assert!(options.get("mediation").is_none());
}

/// Bends the authenticator once it is known, and says what comes of its answer.
#[track_caller]
fn check(bend: impl FnOnce(&mut Authenticator), expected: Result<(), BadPasskey>) {
    let (identity, mut authenticator) = (identity(1), Authenticator::new(7));
    authenticator.counter = 10;
    let made = made(&identity, &mut authenticator).unwrap();
    bend(&mut authenticator);
    let asked = identity.passkey_ask(None).unwrap();
    let answer = authenticator.get(&asked.options);
    assert_eq!(identity.passkey_used(&asked.state, &answer, &[made], NOW).map(|_| ()), expected);
}

#[test]
fn what_is_no_answer() {
    check(|_| {}, Ok(()));
    check(|a| a.counter = 9, Err(BadPasskey::Cloned));
    check(|a| a.counter = 2, Err(BadPasskey::Cloned));
    check(|a| a.origin = "http://evil.localhost:4000", Err(BadPasskey::Refused));
    check(|a| a.origin = "http://localhost:4002", Err(BadPasskey::Refused));
    check(|a| a.origin = "https://localhost:4001", Ok(()));
    check(|a| a.relying_party = "evil.example", Err(BadPasskey::Refused));
    check(|a| a.verified = false, Err(BadPasskey::Refused));
    check(|a| a.id = vec![8; 16], Err(BadPasskey::Unknown));
    // The same id, and another's key.
    check(
        |a| {
            *a = Authenticator::new(7);
            a.counter = 20;
        },
        Err(BadPasskey::Refused),
    );
}

#[test]
fn an_answer_is_for_its_own_question() {
    let (identity, mut authenticator) = (identity(1), Authenticator::new(7));
    let made = made(&identity, &mut authenticator).unwrap();
    let [first, second] = [(); 2].map(|()| identity.passkey_ask(None).unwrap());
    let answer = authenticator.get(&first.options);
    let used = |state: &str, answer: &str| identity.passkey_used(state, answer, std::slice::from_ref(&made), NOW);
    assert_eq!(used(&second.state, &answer).map(|_| ()), Err(BadPasskey::Refused));
    assert_eq!(used(&first.state, "{}").map(|_| ()), Err(BadPasskey::Unfit));
    assert_eq!(used(&first.state, &"x".repeat(40_000)).map(|_| ()), Err(BadPasskey::Unfit));
    assert_eq!(used(&first.state, &answer).map(|_| ()), Ok(()));
    // Kept with its counter, the same answer opens nothing again.
    let kept = used(&first.state, &answer).unwrap();
    assert_eq!(identity.passkey_used(&first.state, &answer, &[kept], NOW).map(|_| ()), Err(BadPasskey::Cloned));
    assert!(!made.blocked);
    let not_verified = &mut Authenticator::new(9);
    not_verified.verified = false;
    assert_eq!(self::made(&identity, not_verified).map(|_| ()), Err(BadPasskey::Refused));
}
