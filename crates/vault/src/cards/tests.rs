//! Cards at the boundary: what is taken, what is refused and by which name, what rests on disk.

use super::rotation::{DataKey, KeysAnswer, KeysAsk, KeysStatus, Next, answer, reseal_all, tally};
use super::*;
use crate::keys::{KekKind, OpenedKek, SoftKek, create_raw, proof};
use crate::testing::{Folder, assert_no_card_data};
use std::sync::mpsc::channel;

/// 2026-11-21 22:15:00 UTC.
const NOW: Time = Time(1_795_299_300_000);
const ACCOUNT: Key = Key(1 << 20);
const OTHER_ACCOUNT: Key = Key(2 << 20);
/// Canary numbers: they approve, and nothing may ever contain them.
const VISA: &str = "4929123456000009";
const AMEX: &str = "374245455400001";

fn open(folder: &Folder, live: bool) -> Cards {
    let kek = folder.path("kek");
    if !kek.exists() {
        create_raw(&kek).unwrap();
    }
    Cards::open(&folder.path("data"), kek_of(folder), live).unwrap_or_else(|e| panic!("{e}"))
}

fn kek_of(folder: &Folder) -> Box<dyn KekProvider> {
    match crate::keys::open(&folder.path("kek"), None) {
        Ok(OpenedKek::Ready(kek)) => kek,
        Ok(OpenedKek::Locked(_)) => panic!("locked"),
        Err(e) => panic!("{e}"),
    }
}

fn card(number: &str, year: u16, month: u8, cvc: Option<&str>) -> NewCard {
    let text = |s: &str| Zeroizing::new(s.to_string());
    let cvc = cvc.map(text);
    NewCard { account: ACCOUNT, live: false, number: text(number), exp_month: month, exp_year: year, cvc }
}

fn tokenise(cards: &Cards, card: NewCard) -> Result<Tokenised, CardRefusal> {
    let (tell, told) = channel();
    cards.tokenise(Time(0), NOW, card, move |outcome| tell.send(outcome).unwrap());
    told.recv().unwrap()
}

/// A number of the right length with its check digit.
fn with_check_digit(head: &str) -> String {
    (0..10).map(|d| format!("{head}{d}")).find(|n| florin_connect::card::luhn(n.as_bytes())).unwrap()
}

#[test]
fn the_canaries_are_numbers() {
    for (number, head) in [(VISA, "492912345600000"), (AMEX, "37424545540000")] {
        assert_eq!(number, with_check_digit(head));
    }
}

#[test]
fn cards_are_taken_or_refused_by_name() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let check = |card: NewCard, expected: Result<&str, &str>| {
        let what = format!("{} {}/{}", card.number.len(), card.exp_month, card.exp_year);
        let got = tokenise(&cards, card);
        let got = got.as_ref().map(|t| t.network.as_str()).map_err(|e| e.code());
        assert_eq!(got, expected, "{what}");
    };
    check(card(VISA, 2031, 12, Some("123")), Ok("visa"));
    check(card(AMEX, 31, 1, Some("1234")), Ok("amex"));
    check(card("4242 4242-4242 4242", 2026, 11, None), Ok("visa"));
    check(card("visa", 0, 0, None), Ok("visa"));
    check(card("pm_card_visa", 0, 0, None), Ok("visa"));
    check(card("mastercard", 2031, 12, Some("999")), Ok("mastercard"));
    check(card("4242424242424241", 2031, 12, None), Err("incorrect_number"));
    check(card("424242424242424", 2031, 12, None), Err("incorrect_number"));
    check(card("4242", 2031, 12, None), Err("invalid_number"));
    check(card("", 2031, 12, None), Err("invalid_number"));
    check(card("4242424242424242", 2031, 13, None), Err("invalid_expiry_month"));
    check(card("4242424242424242", 2031, 0, None), Err("invalid_expiry_month"));
    check(card("4242424242424242", 1999, 1, None), Err("invalid_expiry_year"));
    check(card("4242424242424242", 2026, 10, None), Err("expired_card"));
    check(card("4242424242424242", 2031, 12, Some("1234")), Err("invalid_cvc"));
    check(card("4242424242424242", 2031, 12, Some("12x")), Err("invalid_cvc"));
    check(card("4242424242424242", 2031, 12, Some("")), Err("invalid_cvc"));
    check(card(AMEX, 2031, 12, Some("123")), Err("invalid_cvc"));
    check(card("visa", 2026, 10, None), Err("expired_card"));
    check(card("nobody", 2031, 12, None), Err("resource_missing"));
    check(card(&with_check_digit("453957876362148"), 2031, 12, None), Err("test_mode_live_card"));
    check(card(&with_check_digit("999912345678901"), 2031, 12, None), Err("card_not_supported"));
    check(NewCard { live: true, ..card(VISA, 2031, 12, None) }, Err("livemode_mismatch"));
}

#[test]
fn live_mode_takes_no_test_card() {
    let folder = Folder::new();
    let cards = open(&folder, true);
    let live = |number: &str| NewCard { live: true, ..card(number, 2031, 12, None) };
    assert_eq!(tokenise(&cards, live(VISA)).err(), Some(CardRefusal::LiveModeTestCard));
    assert_eq!(tokenise(&cards, live("visa")).err(), Some(CardRefusal::NoSuchName));
    let real = tokenise(&cards, live(&with_check_digit("453957876362148"))).unwrap();
    assert_eq!((real.last4.as_str().len(), real.funding), (4, None));
    drop(cards);
    let error = Cards::open(&folder.path("data"), kek_of(&folder), false).err().unwrap().to_string();
    assert!(error.contains("live cards"), "{error}");
}

#[test]
fn equal_numbers_are_known_as_equal_within_an_account_alone() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let take = |account, number, year| tokenise(&cards, NewCard { account, ..card(number, year, 12, None) }).unwrap();
    let first = take(ACCOUNT, VISA, 2031);
    let again = take(ACCOUNT, "4929 1234 5600 0009", 2031);
    let renewed = take(ACCOUNT, VISA, 2032);
    let elsewhere = take(OTHER_ACCOUNT, VISA, 2031);
    let other = take(ACCOUNT, AMEX, 2031);
    assert_eq!(first.fingerprint.len(), 16);
    assert_eq!((&first.fingerprint, first.card_digest), (&again.fingerprint, again.card_digest));
    assert_ne!(first.token, again.token);
    assert_eq!(first.fingerprint, renewed.fingerprint);
    assert_ne!(first.card_digest, renewed.card_digest);
    for different in [&elsewhere, &other] {
        assert_ne!(first.fingerprint, different.fingerprint);
        assert_ne!(first.card_digest, different.card_digest);
    }
}

#[test]
fn a_token_opens_for_its_account_and_mode_and_after_a_restart() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let token = tokenise(&cards, card(VISA, 2031, 12, Some("739"))).unwrap().token;
    assert_eq!(token.vault, cards.instance);
    let opens = |cards: &Cards, account, live, token: CardToken| {
        let found = cards.find(NOW, account, live, token).unwrap_or_else(|e| panic!("{e:?}"));
        found.map(|c| (c.pan.reveal().to_string(), c.expiry.yymm(), c.cvc.is_some()))
    };
    let whole = Some((VISA.to_string(), "3112".to_string(), false));
    assert_eq!(opens(&cards, ACCOUNT, false, token), whole);
    assert_eq!(opens(&cards, OTHER_ACCOUNT, false, token), None);
    assert_eq!(opens(&cards, ACCOUNT, true, token), None);
    assert_eq!(opens(&cards, ACCOUNT, false, CardToken { key: Key(9), ..token }), None);
    let code = cards.take_cvc(Time(0), token).map(|c| c.reveal().to_string());
    assert_eq!(code.as_deref(), Some("739"));
    assert!(cards.take_cvc(Time(0), token).is_none(), "once");
    let second = tokenise(&cards, card(VISA, 2031, 12, Some("739"))).unwrap().token;
    assert!(second.key > token.key);
    drop(cards);
    let cards = open(&folder, false);
    assert_eq!(opens(&cards, ACCOUNT, false, token), whole);
    assert!(cards.take_cvc(Time(0), second).is_none(), "the code is gone with the start that took it");
    assert!(tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token.key > second.key);
}

#[test]
fn nothing_on_disk_is_a_card() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    for (number, code) in [(VISA, "739"), (AMEX, "7391")] {
        tokenise(&cards, card(number, 2031, 12, Some(code))).unwrap();
    }
    assert_no_card_data(folder.root(), &[VISA, AMEX], &["7391"]);
    drop(cards);
    assert_no_card_data(folder.root(), &[VISA, AMEX], &["7391"]);
}

#[test]
fn sealed_cards_open_in_their_place_alone() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let tokens = [VISA, AMEX].map(|n| tokenise(&cards, card(n, 2031, 12, None)).unwrap().token);
    drop(cards);
    let change = |sql: &str| {
        let db = rusqlite::Connection::open(folder.path("data").join("vault.db")).unwrap();
        db.execute_batch(sql).unwrap();
    };
    change("CREATE TABLE kept AS SELECT * FROM card");
    let [a, b] = tokens.map(|t| t.key.0);
    let check = |what: &str, sql: &str| {
        change(sql);
        let cards = open(&folder, false);
        assert_eq!(cards.find(NOW, ACCOUNT, false, tokens[0]).err(), Some(DbTrouble::Unreadable), "{what}");
        drop(cards);
        change("UPDATE card SET sealed = (SELECT sealed FROM kept WHERE kept.key = card.key)");
        let cards = open(&folder, false);
        assert!(cards.find(NOW, ACCOUNT, false, tokens[0]).unwrap_or(None).is_some(), "{what}, put right");
    };
    check(
        "another card's",
        &format!("UPDATE card SET sealed = (SELECT sealed FROM kept WHERE key = {b}) WHERE key = {a}"),
    );
    check("cut", &format!("UPDATE card SET sealed = substr(sealed, 1, 20) WHERE key = {a}"));
    check("empty", &format!("UPDATE card SET sealed = x'' WHERE key = {a}"));
}

#[test]
fn data_keys_follow_each_other() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let first = tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token;
    locked(&cards.ring).cards = CARDS_PER_DEK;
    let second = tokenise(&cards, card(AMEX, 2031, 12, None)).unwrap().token;
    let dek = |cards: &Cards, token: CardToken| cards.db.card(token.key).unwrap().unwrap().dek;
    assert_eq!((dek(&cards, first), dek(&cards, second)), (1, 2));
    drop(cards);
    let cards = open(&folder, false);
    assert_eq!(locked(&cards.ring).cards, 1, "counted again at start");
    for (token, number) in [(first, VISA), (second, AMEX)] {
        let found = cards.find(NOW, ACCOUNT, false, token).unwrap_or(None).unwrap();
        assert!(found.pan.reveal() == number);
    }
}

/// A runtime as the vault's.
fn block_on<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(what)
}

fn status(answered: KeysAnswer) -> KeysStatus {
    match answered {
        KeysAnswer::Status(status) => status,
        KeysAnswer::Refused { code, message } => panic!("{code}: {message}"),
    }
}

fn opens(cards: &Cards, token: CardToken) -> bool {
    cards.find(NOW, ACCOUNT, false, token).is_ok_and(|found| found.is_some_and(|card| card.pan.reveal() == VISA))
}

#[test]
fn another_kek_wraps_the_same_keys() {
    let folder = Folder::new();
    let cards = Arc::new(open(&folder, false));
    let before = tokenise(&cards, card(VISA, 2031, 12, None)).unwrap();
    let later = NOW.plus_ms(1);
    let first = Secret::new(std::fs::read(folder.path("kek")).unwrap().try_into().unwrap());
    let next =
        |of: &Secret| KeysAsk::RotateKek(Next::Secret { secret: [6; 32], proof: proof(of, &Secret::new([6; 32])) });
    let stranger = block_on(answer(Arc::clone(&cards), later, next(&Secret::new([6; 32]))));
    assert!(matches!(stranger, KeysAnswer::Refused { code, .. } if code == "not_proven"));
    let told = block_on(answer(Arc::clone(&cards), later, next(&first)));
    let told = status(told);
    assert_eq!((told.kind, told.kek_since), (KekKind::File, Some(later.0)));
    let again = block_on(answer(Arc::clone(&cards), later, next(&Secret::new([6; 32]))));
    assert!(matches!(again, KeysAnswer::Refused { code, .. } if code == "same_key"));
    let labelled = block_on(answer(Arc::clone(&cards), later, KeysAsk::RotateKek(Next::Labelled("a".into()))));
    assert!(matches!(labelled, KeysAnswer::Refused { code, .. } if code == "other_kind_of_key"));
    // While it serves, and for keys that are made from now on.
    assert!(opens(&cards, before.token));
    locked(&cards.ring).cards = CARDS_PER_DEK;
    let after = tokenise(&cards, card(VISA, 2031, 12, None)).unwrap();
    assert_eq!(after.fingerprint, before.fingerprint);
    drop(cards);
    let old = Cards::open(&folder.path("data"), kek_of(&folder), false).err().unwrap().to_string();
    assert!(old.contains("does not belong"), "{old}");
    let new = Box::new(SoftKek::new(&Secret::new([6; 32]), KekKind::File));
    let cards = Cards::open(&folder.path("data"), new, false).unwrap();
    assert!(opens(&cards, before.token) && opens(&cards, after.token));
}

#[test]
fn every_card_goes_under_the_new_data_key_and_the_old_one_goes() {
    let folder = Folder::new();
    let cards = Arc::new(open(&folder, false));
    let count = rotation::BATCH_CARDS as usize * 2 + 7;
    let mut tokens: Vec<_> = (0..count).map(|_| tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token).collect();
    let sealed = |cards: &Cards, token: CardToken| cards.db.card(token.key).unwrap().unwrap();
    let first = sealed(&cards, tokens[0]).sealed;
    block_on(async {
        let told = status(answer(Arc::clone(&cards), NOW, KeysAsk::RotateData { algorithm: None }).await);
        assert_eq!(told.resealing, Some(2));
        // Cards go on being taken and read.
        tokens.push(tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token);
        while cards.resealing().unwrap().is_some() {
            assert!(tokens.iter().all(|token| opens(&cards, *token)));
            tokio::task::yield_now().await;
        }
        let told = status(answer(Arc::clone(&cards), NOW, KeysAsk::Status).await);
        let algorithm = Algorithm::Aes256Gcm.name().to_owned();
        let all = DataKey { version: 2, created: NOW.0, cards: tokens.len() as u64, algorithm };
        assert_eq!((told.data_keys, told.resealing), (vec![all], None));
    });
    assert_ne!(sealed(&cards, tokens[0]).sealed, first);
    drop(cards);
    let cards = open(&folder, false);
    assert!(tokens.iter().all(|token| opens(&cards, *token)));
}

#[test]
fn a_rotation_that_was_cut_off_goes_on_at_the_next_start() {
    let folder = Folder::new();
    let cards = Arc::new(open(&folder, false));
    let tokens: Vec<_> = (0..600).map(|_| tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token).collect();
    block_on(async {
        let (tell, told) = channel();
        cards.rotate_dek(NOW, Box::new(|_| {})).unwrap();
        cards.reseal(2, Key(i64::MIN), Box::new(move |written| tell.send(written).unwrap())).unwrap();
        told.recv().unwrap().unwrap();
    });
    drop(cards);
    let cards = Arc::new(open(&folder, false));
    assert_eq!(cards.resealing(), Ok(Some(2)));
    block_on(async {
        let before = tally(cards.db.path().to_owned()).await;
        assert_eq!(before, [(1, 600 - u64::from(rotation::BATCH_CARDS)), (2, u64::from(rotation::BATCH_CARDS))]);
        reseal_all(Arc::clone(&cards), 2).await;
        let after = status(answer(Arc::clone(&cards), NOW, KeysAsk::Status).await);
        assert_eq!((after.data_keys.len(), after.data_keys[0].cards, after.resealing), (1, 600, None));
    });
    assert!(tokens.iter().all(|token| opens(&cards, *token)));
}

#[test]
fn the_last_use_is_kept_by_the_day() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let token = tokenise(&cards, card(VISA, 2031, 12, None)).unwrap().token;
    let used = |cards: &Cards| cards.db.card(token.key).unwrap().unwrap().last_used;
    for (after_ms, expected) in [(USED_EVERY_MS, NOW), (USED_EVERY_MS + 1, NOW.plus_ms(USED_EVERY_MS + 1))] {
        assert!(cards.find(NOW.plus_ms(after_ms), ACCOUNT, false, token).unwrap_or(None).is_some());
        // A write that is answered comes after all before it.
        tokenise(&cards, card(AMEX, 2031, 12, None)).unwrap();
        assert_eq!(used(&cards), expected, "{after_ms}");
    }
}

/// A vault goes from one algorithm to the other and back; cards of both are read all the time, and a restart changes nothing.
#[test]
fn cards_go_from_one_algorithm_to_the_other_and_back() {
    let folder = Folder::new();
    let mut tokens = vec![];
    for (n, algorithm) in [Algorithm::ChaCha20Poly1305, Algorithm::Aes256Gcm].into_iter().enumerate() {
        let cards = Arc::new(open(&folder, false));
        let readable = |tokens: &[Tokenised]| {
            let reads = |t: &Tokenised| matches!(cards.find(NOW, ACCOUNT, false, t.token), Ok(Some(_)));
            assert!(tokens.iter().all(reads), "{}", algorithm.name());
        };
        tokens.push(tokenise(&cards, card(VISA, 2034, 12, None)).unwrap());
        cards.seal_with(algorithm);
        tokens.push(tokenise(&cards, card(AMEX, 2034, 12, None)).unwrap());
        readable(&tokens);
        // What the vault does by itself ends with its runtime: a task that holds it would keep the folder from the next.
        let status = block_on(async {
            let name = Some(algorithm.name().to_owned());
            answer(Arc::clone(&cards), NOW, KeysAsk::RotateData { algorithm: name }).await;
            loop {
                readable(&tokens);
                match answer(Arc::clone(&cards), NOW, KeysAsk::Status).await {
                    KeysAnswer::Status(status) if status.resealing.is_none() => return status,
                    KeysAnswer::Status(_) => tokio::task::yield_now().await,
                    KeysAnswer::Refused { code, .. } => panic!("{code}"),
                }
            }
        });
        let held: Vec<(&str, u64)> = status.data_keys.iter().map(|k| (k.algorithm.as_str(), k.cards)).collect();
        assert_eq!(held, [(algorithm.name(), 2 * (n as u64 + 1))]);
        readable(&tokens);
    }
    let cards = open(&folder, false);
    assert_eq!(cards.audit().unwrap(), (4, 0));
}

/// Vaults of before the second algorithm have no column for it.
#[test]
fn a_vault_of_schema_1_is_opened() {
    let folder = Folder::new();
    let cards = open(&folder, false);
    let token = tokenise(&cards, card(VISA, 2034, 12, None)).unwrap().token;
    drop(cards);
    let c = rusqlite::Connection::open(folder.path("data").join("vault.db")).unwrap();
    c.execute_batch("ALTER TABLE dek DROP COLUMN algorithm; PRAGMA user_version = 1").unwrap();
    drop(c);
    for _ in 0..2 {
        assert!(open(&folder, false).find(NOW, ACCOUNT, false, token).unwrap().is_some());
    }
}
