//! What becomes of a try: one pure table over what was counted. Knows no counter, no clock and no request.

use florin_core::abuse_log::Reason;

/// From where on a try is asked more of, or refused. Each number is a count within the window that its name says; 0 switches it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Declines of one address in an hour, those over small amounts twice: the cardholder is authenticated first.
    pub address_challenge: u32,
    /// The same: refused.
    pub address_declines: u32,
    /// Cards of one address in an hour: refused; half as many: the cardholder is authenticated first.
    pub address_cards: u32,
    /// Declines of one card in a day, wherever it comes from.
    pub card_declines: u32,
    /// Declines of one payment or setup in a day.
    pub intent_declines: u32,
    /// Cards of one payment or setup in a day.
    pub intent_cards: u32,
    /// Declines of so many addresses within a minute, those over small amounts twice, and a third of what browsers tried there: alarm
    /// for the account.
    pub alarm_declines: u32,
    /// Amounts below this, in the smallest unit, are what cards are tested with.
    pub small_minor: i64,
}

impl Thresholds {
    pub const USUAL: Thresholds = Thresholds {
        address_challenge: 4,
        address_declines: 10,
        address_cards: 8,
        card_declines: 8,
        intent_declines: 10,
        intent_cards: 6,
        alarm_declines: 8,
        small_minor: 500,
    };
}

/// What was counted under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub declines: u32,
    pub approvals: u32,
    pub cards: u32,
}

/// All that a decision rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Asked with a publishable key: the address is the buyer's.
    pub browser: bool,
    /// The merchant's own charge of a card on file, within an agreement: nobody tests cards so.
    pub merchant: bool,
    /// The cardholder was authenticated for it.
    pub proven: bool,
    /// A service that tells people from programs vouches for the browser.
    pub person: bool,
    pub address: Seen,
    pub card: Seen,
    pub intent: Seen,
    pub alarm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// The cardholder is to be authenticated first. `strict`: who cannot be is refused.
    Challenge {
        reason: Reason,
        strict: bool,
    },
    Refuse(Reason),
}

const fn reached(count: u32, threshold: u32) -> bool {
    threshold > 0 && count >= threshold
}

/// The first that applies. Many buyers behind one address (an office, a mobile network) are told from one tester by what is approved: an
/// address is suspicious only while its declines outnumber its approvals.
pub fn decide(facts: &Facts, at: &Thresholds) -> Decision {
    if facts.merchant {
        return Decision::Allow;
    }
    if reached(facts.card.declines, at.card_declines) {
        return Decision::Refuse(Reason::CardDeclines);
    }
    if reached(facts.intent.declines, at.intent_declines) {
        return Decision::Refuse(Reason::IntentDeclines);
    }
    if reached(facts.intent.cards, at.intent_cards) {
        return Decision::Refuse(Reason::IntentCards);
    }
    if !facts.browser || facts.proven {
        return Decision::Allow;
    }
    let address = facts.address;
    let suspicious = address.declines > address.approvals;
    // A person behind a bad address is not turned away, but has to be the cardholder.
    let shuts = |reason| match facts.person {
        true => Decision::Challenge { reason, strict: true },
        false => Decision::Refuse(reason),
    };
    if suspicious && reached(address.declines, at.address_declines) {
        return shuts(Reason::AddressDeclines);
    }
    // Cards alone are no sign in an office: here hardly any is approved.
    let hopeless = address.declines > address.approvals.saturating_mul(2) && address.declines >= at.address_challenge;
    if hopeless && reached(address.cards, at.address_cards) {
        return shuts(Reason::AddressCards);
    }
    if facts.alarm && (suspicious || address.approvals == 0) {
        return Decision::Challenge { reason: Reason::AccountDeclines, strict: true };
    }
    if suspicious && reached(address.declines, at.address_challenge) {
        return Decision::Challenge { reason: Reason::AddressDeclines, strict: false };
    }
    if suspicious && reached(address.cards, at.address_cards.div_ceil(2)) {
        return Decision::Challenge { reason: Reason::AddressCards, strict: false };
    }
    Decision::Allow
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seen(declines: u32, approvals: u32, cards: u32) -> Seen {
        Seen { declines, approvals, cards }
    }

    #[test]
    fn the_table() {
        const NONE: Facts = Facts {
            browser: true,
            merchant: false,
            proven: false,
            person: false,
            address: seen(0, 0, 0),
            card: seen(0, 0, 0),
            intent: seen(0, 0, 0),
            alarm: false,
        };
        #[track_caller]
        fn check(facts: Facts, expected: Decision) {
            assert_eq!(decide(&facts, &Thresholds::USUAL), expected, "{facts:?}");
        }
        use Decision::{Allow, Challenge, Refuse};
        let gently = |reason| Challenge { reason, strict: false };
        let address = |declines, approvals, cards| Facts { address: seen(declines, approvals, cards), ..NONE };
        check(NONE, Allow);
        // An address: declines alone, the same behind approvals, cards.
        check(address(3, 0, 3), Allow);
        check(address(4, 0, 3), gently(Reason::AddressDeclines));
        check(address(9, 0, 3), gently(Reason::AddressDeclines));
        check(address(10, 0, 3), Refuse(Reason::AddressDeclines));
        let strictly = |reason| Challenge { reason, strict: true };
        check(Facts { person: true, ..address(10, 0, 3) }, strictly(Reason::AddressDeclines));
        check(address(10, 10, 40), Allow);
        check(address(11, 10, 7), Refuse(Reason::AddressDeclines));
        check(address(1, 0, 4), gently(Reason::AddressCards));
        check(address(3, 2, 8), gently(Reason::AddressCards));
        check(address(5, 2, 8), Refuse(Reason::AddressCards));
        check(address(0, 30, 30), Allow);
        // Who was authenticated is past it; who asks from a server has no address.
        check(Facts { proven: true, ..address(10, 0, 8) }, Allow);
        check(Facts { browser: false, ..address(10, 0, 8) }, Allow);
        // A card and an intent are counted for everybody but the merchant's own charges.
        let card = Facts { card: seen(8, 0, 1), ..NONE };
        check(card, Refuse(Reason::CardDeclines));
        check(Facts { card: seen(7, 0, 1), ..NONE }, Allow);
        check(Facts { proven: true, ..card }, Refuse(Reason::CardDeclines));
        check(Facts { browser: false, ..card }, Refuse(Reason::CardDeclines));
        check(Facts { merchant: true, browser: false, ..card }, Allow);
        check(Facts { intent: seen(10, 0, 1), ..NONE }, Refuse(Reason::IntentDeclines));
        check(Facts { intent: seen(9, 0, 5), ..NONE }, Allow);
        check(Facts { intent: seen(5, 0, 6), browser: false, ..NONE }, Refuse(Reason::IntentCards));
        // Alarm: strangers are authenticated, who paid before goes on.
        let strictly = Challenge { reason: Reason::AccountDeclines, strict: true };
        check(Facts { alarm: true, ..NONE }, strictly);
        check(Facts { alarm: true, ..address(2, 1, 2) }, strictly);
        check(Facts { alarm: true, ..address(1, 1, 2) }, Allow);
        check(Facts { alarm: true, browser: false, ..NONE }, Allow);
        check(Facts { alarm: true, proven: true, ..NONE }, Allow);
    }

    #[test]
    fn zero_switches_off() {
        let off = Thresholds {
            address_challenge: 0,
            address_declines: 0,
            address_cards: 0,
            card_declines: 0,
            intent_declines: 0,
            intent_cards: 0,
            ..Thresholds::USUAL
        };
        let much = Seen { declines: 1_000, approvals: 0, cards: 1_000 };
        let facts = Facts { browser: true, address: much, card: much, intent: much, ..Facts::default() };
        assert_eq!(decide(&facts, &off), Decision::Allow);
    }
}
