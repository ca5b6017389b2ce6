//! Balances, guards, transfers and sums.

use super::Case;
use super::build::*;
use crate::block_on::block_on;
use florin_core::commit::{Commit, Refused, Version};
use florin_core::id::Key;
use florin_core::ledger::{Balance, Book, Transfer};
use florin_core::money::{Currency, Money};
use florin_core::store::{Query, Report, Store, Sum};

pub const CASES: &[Case] = &[
    ("guards hold whatever the order", guards),
    ("sums beyond 64 bits are refused", overflow),
    ("balances move by deltas", deltas),
    ("transfers lie under their step", transfers),
    ("sums of balances and of transfers agree", sums),
];

fn balance(store: &dyn Store, owner: i64, book: Book) -> (i64, i64) {
    let found = find(store, Query::Balances { accounts: vec![ledger(owner, book)] }).balances();
    (found[0].debits, found[0].credits)
}

fn hold(minor: i64) -> Transfer {
    transfer((1, Book::Holds), (2, Book::Held), minor)
}

fn claim(minor: i64) -> Transfer {
    transfer((2, Book::Held), (1, Book::Holds), minor)
}

/// Transfers, what comes of them, and debits and credits of the guarded account afterwards.
type GuardCase = (Vec<Transfer>, Result<(), Refused>, (i64, i64));

fn guards(store: &dyn Store) {
    let refused = || Err(Refused::Guard(ledger(2, Book::Held)));
    let other = transfer((3, Book::Refundable), (1, Book::RefundableTotal), 1);
    let cases: Vec<GuardCase> = vec![
        (vec![claim(1)], refused(), (0, 0)),
        (vec![hold(100)], Ok(()), (0, 100)),
        (vec![claim(101)], refused(), (0, 100)),
        (vec![claim(60), claim(41)], refused(), (0, 100)),
        (vec![claim(60)], Ok(()), (60, 100)),
        (vec![claim(41)], refused(), (60, 100)),
        (vec![claim(50), hold(10)], Ok(()), (110, 110)),
        (vec![claim(1), other], refused(), (110, 110)),
        (vec![other, claim(1)], Err(Refused::Guard(ledger(3, Book::Refundable))), (110, 110)),
        (vec![hold(5), claim(5)], Ok(()), (115, 115)),
    ];
    for (version, (transfers, expected, after)) in cases.into_iter().enumerate() {
        let text = format!("{transfers:?}");
        check(store, moves(10 + version as i64, 1, transfers), expected);
        assert_eq!(balance(store, 2, Book::Held), after, "{text}");
    }
}

fn overflow(store: &dyn Store) {
    let debit = |minor| transfer((1, Book::Receivable), (1, Book::Merchant), minor);
    apply(store, moves(1, 1, vec![debit(i64::MAX - 1)]));
    check(store, moves(2, 1, vec![debit(1), debit(1)]), Err(Refused::Guard(ledger(1, Book::Receivable))));
    apply(store, moves(2, 1, vec![debit(1)]));
    check(store, moves(3, 1, vec![debit(1)]), Err(Refused::Guard(ledger(1, Book::Receivable))));
    assert_eq!(balance(store, 1, Book::Receivable), (i64::MAX, 0));
    let other = |minor| transfer((4, Book::Receivable), (4, Book::Merchant), minor);
    apply(store, moves(3, 1, vec![other(i64::MAX)]));
    let sum = |book, debits, credits| Sum { book, currency: Currency::EUR, debits, credits };
    let twice = 2 * i128::from(i64::MAX);
    let expected = [sum(Book::Receivable, twice, 0), sum(Book::Merchant, 0, twice)];
    assert_eq!(block_on(store.sums(Report::Balances)).as_deref(), Ok(expected.as_slice()));
    assert_eq!(block_on(store.sums(Report::Transfers)).as_deref(), Ok(expected.as_slice()));
}

fn deltas(store: &dyn Store) {
    apply(store, moves(1, 1, vec![hold(100), claim(30)]));
    apply(store, moves(2, 1, vec![hold(7)]));
    let dollars = Transfer { money: Money::new(9, Currency::USD), ..hold(1) };
    apply(store, moves(3, 1, vec![dollars]));
    assert_eq!(balance(store, 2, Book::Held), (30, 107));
    assert_eq!(balance(store, 1, Book::Holds), (107, 30));
    assert_eq!(balance(store, 1, Book::Held), (0, 0));
    let accounts = vec![ledger(2, Book::Held), ledger(9, Book::Held), ledger(1, Book::Holds)];
    let found = find(store, Query::Balances { accounts }).balances();
    let expected = [(30, 107), (0, 0), (107, 30)].map(|(debits, credits)| Balance { debits, credits });
    assert_eq!(found, expected, "in the order asked");
}

fn transfers(store: &dyn Store) {
    apply(store, moves(1, 1, vec![hold(100)]));
    apply(store, step(1, 2));
    // Kept under the row of the first event.
    let two = Commit {
        expect: vec![(Key(1), Version(2)), (Key(2), Version(0))],
        put: vec![row(1, 3), row(2, 1)],
        ..Commit::default()
    };
    apply(store, Commit { events: vec![event(70, 2, 1), event(71, 1, 3)], transfers: vec![claim(3), hold(4)], ..two });
    apply(store, moves(1, 4, vec![claim(1), claim(2)]));
    let of = |key| find(store, Query::Transfers { cause: Key(key) }).transfers();
    assert_eq!(of(1), [(Version(1), hold(100)), (Version(4), claim(1)), (Version(4), claim(2))]);
    assert_eq!(of(2), [(Version(1), claim(3)), (Version(1), hold(4))]);
    assert_eq!(of(3), []);
}

fn sums(store: &dyn Store) {
    let both = || (block_on(store.sums(Report::Balances)), block_on(store.sums(Report::Transfers)));
    assert_eq!(both(), (Ok(Vec::new()), Ok(Vec::new())));
    let yen = Transfer { money: Money::new(500, Currency::JPY), ..hold(1) };
    apply(store, moves(1, 1, vec![hold(100), yen]));
    apply(store, moves(2, 1, vec![claim(40), transfer((7, Book::Receivable), (7, Book::Merchant), 60)]));
    let sum = |book, currency, debits, credits| Sum { book, currency, debits, credits };
    let expected = vec![
        sum(Book::Receivable, Currency::EUR, 60, 0),
        sum(Book::Merchant, Currency::EUR, 0, 60),
        sum(Book::Held, Currency::JPY, 0, 500),
        sum(Book::Held, Currency::EUR, 40, 100),
        sum(Book::Holds, Currency::JPY, 500, 0),
        sum(Book::Holds, Currency::EUR, 100, 40),
    ];
    assert_eq!(both(), (Ok(expected.clone()), Ok(expected)));
}
