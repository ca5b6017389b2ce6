//! Which races there are, what each racer asks for, and what may come of it. Knows no store and no thread.

use super::acquirer::Book;

/// What each payment is of, in minor units of EUR.
pub const AMOUNT: i64 = 6_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Refunds of parts, together many times what was captured.
    Parts,
    /// Everybody wants all of it back.
    Whole,
    /// Everybody captures, each another amount.
    Captures,
    /// Half of them capture, half of them cancel.
    CaptureOrVoid,
    /// Everybody cancels.
    Voids,
}

impl Kind {
    pub const ALL: [Kind; 5] = [Kind::Parts, Kind::Whole, Kind::Captures, Kind::CaptureOrVoid, Kind::Voids];

    pub const fn of(n: u32) -> Kind {
        Kind::ALL[n as usize % Kind::ALL.len()]
    }
    pub const fn is_held(self) -> bool {
        match self {
            Kind::Parts | Kind::Whole => false,
            Kind::Captures | Kind::CaptureOrVoid | Kind::Voids => true,
        }
    }

    /// Path, body and idempotency key of one racer's request.
    pub fn request(self, id: &str, racer: u32) -> (String, String, Option<String>) {
        let part = AMOUNT / 10 * (1 + i64::from(racer % 10));
        let refund = |amount: i64| ("/v1/refunds".to_owned(), format!("payment_intent={id}&amount={amount}"));
        let capture = || (format!("/v1/payment_intents/{id}/capture"), format!("amount_to_capture={part}"));
        let cancel = || (format!("/v1/payment_intents/{id}/cancel"), String::new());
        let (path, body) = match self {
            Kind::Parts => refund(part),
            Kind::Whole => refund(AMOUNT),
            Kind::Captures => capture(),
            Kind::CaptureOrVoid if racer.is_multiple_of(2) => capture(),
            Kind::CaptureOrVoid | Kind::Voids => cancel(),
        };
        (path, body, Some(format!("{id}-{racer}")))
    }
}

/// A payment as our API and our store have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    pub status: String,
    pub received: i64,
    /// Refunds that succeeded.
    pub refunds: u64,
    pub refunded: i64,
}

/// What is wrong with what a race came to.
pub fn judge(kind: Kind, book: &Book, stands: &Stands) -> Vec<String> {
    let mut wrong = vec![];
    let mut must = |holds: bool, promise: &str| {
        if !holds {
            wrong.push(format!("{promise}: the acquirer has {book:?}, we have {stands:?}"));
        }
    };
    must(book.captures <= 1, "one capture a payment");
    must(book.voids <= 1, "one void a payment");
    must(book.captures + book.voids <= 1, "captured or given up, not both");
    must(book.captured <= AMOUNT, "no more is captured than was held");
    must(book.refunded <= book.captured, "no more is given back than was captured");
    must(book.captured == stands.received, "both have captured the same");
    must((book.refunds, book.refunded) == (stands.refunds, stands.refunded), "both have given back the same");
    // Somebody wins: a race that everybody loses is a lock that nobody opens.
    let won = match kind {
        Kind::Parts => book.refunds >= 1 && AMOUNT - book.refunded < AMOUNT / 10,
        Kind::Whole => book.refunded == AMOUNT,
        Kind::Captures => stands.status == "succeeded",
        Kind::CaptureOrVoid => matches!(stands.status.as_str(), "succeeded" | "canceled"),
        Kind::Voids => stands.status == "canceled" && book.voids == 1,
    };
    must(won, "somebody wins");
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_race_may_come_to() {
        #[track_caller]
        fn check(
            kind: Kind,
            (captures, captured): (u64, i64),
            (refunds, refunded): (u64, i64),
            voids: u64,
            wrong: usize,
        ) {
            let book = Book { captures, captured, refunds, refunded, voids };
            let status = if voids > 0 { "canceled" } else { "succeeded" };
            let stands = Stands { status: status.into(), received: captured, refunds, refunded };
            assert_eq!(judge(kind, &book, &stands).len(), wrong, "{:?}", judge(kind, &book, &stands));
        }
        check(Kind::Whole, (1, 6_000), (1, 6_000), 0, 0);
        check(Kind::Whole, (1, 6_000), (2, 12_000), 0, 2);
        check(Kind::Parts, (1, 6_000), (3, 6_000), 0, 0);
        check(Kind::Parts, (1, 6_000), (0, 0), 0, 1);
        check(Kind::Captures, (1, 600), (0, 0), 0, 0);
        check(Kind::Captures, (2, 7_000), (0, 0), 0, 3);
        check(Kind::CaptureOrVoid, (1, 600), (0, 0), 1, 1);
        check(Kind::Voids, (0, 0), (0, 0), 1, 0);
        check(Kind::Voids, (0, 0), (0, 0), 2, 3);
    }
}
