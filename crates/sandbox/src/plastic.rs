//! How the issuer of a card behaves towards one purchase, read from the test cards' data. Keeps no card number.

use crate::text::Text;
use florin_connect::testcards::{self, Behaviour, TestCard, ThreeDs};

/// What becomes of the answer to an authorization or sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// Decided and booked, and the answer is lost.
    Lost,
    /// Decided and booked, and the answer comes after the gateway's time limit.
    Late,
}

/// What a request says of its circumstances.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The cardholder was authenticated.
    pub authenticated: bool,
    pub merchant_initiated: bool,
    /// It asks for nothing but whether the card is good.
    pub verification: bool,
}

/// One card's behaviour. `PLAIN` approves, and matches whatever it is asked to check.
#[derive(Clone, Copy, Debug)]
pub struct Plastic {
    /// DE 39 that the issuer always gives.
    pub respond: Option<Text<2>>,
    /// Merchant advice code that goes with it (DE 48.84).
    pub advice: Option<Text<2>>,
    /// Result of an address check, if an address came along (DE 44 position 2).
    pub avs: Option<u8>,
    /// Result of a security code check, if a code came along (DE 44 position 10).
    pub cvc: Option<u8>,
    pub fate: Fate,
    /// The issuer of this card never answers: its network stands in.
    pub issuer_down: bool,
    /// The account holds half of what is asked.
    pub partial: bool,
}

impl Plastic {
    pub const PLAIN: Plastic = Plastic {
        respond: None,
        advice: None,
        avs: None,
        cvc: None,
        fate: Fate::Answered,
        issuer_down: false,
        partial: false,
    };

    /// The behaviour of the card with this number. Numbers that are no test cards are plain.
    pub fn of(number: &str, said: Told) -> Plastic {
        testcards::find(number).map_or(Plastic::PLAIN, |card| Plastic::of_card(card, said))
    }

    fn of_card(card: &TestCard, said: Told) -> Plastic {
        let behaviour = behaviour(card, said);
        let letter = |c: Option<char>| c.and_then(|c| u8::try_from(c).ok()).filter(u8::is_ascii_graphic);
        let code = |code: [u8; 2]| Text::parse(&String::from_utf8_lossy(&code));
        // 85 is what every good card answers to an amount of zero, and means nothing for others.
        let approve_as = card.approve_as.and_then(code).filter(|code| code.as_str() != "85");
        let plastic = Plastic {
            respond: behaviour.response(card.network()).and_then(|refusal| code(refusal.0)).or(approve_as),
            advice: card.advice.and_then(code),
            avs: letter(card.avs),
            cvc: letter(card.cvc),
            ..Plastic::PLAIN
        };
        match behaviour {
            Behaviour::Approve | Behaviour::Respond(_) | Behaviour::SoftDecline => plastic,
            Behaviour::Timeout | Behaviour::TimeoutDeclined => Plastic { fate: Fate::Lost, ..plastic },
            Behaviour::Late => Plastic { fate: Fate::Late, ..plastic },
            Behaviour::IssuerDown => Plastic { issuer_down: true, ..plastic },
            Behaviour::Partial => Plastic { partial: true, ..plastic },
        }
    }
}

/// A soft decline ends once the cardholder was authenticated, or for a merchant's own payments with a card that was set up for them.
/// A card that can be attached to a customer says yes to being verified, whatever it says to payments; one whose issuer wants the
/// cardholder says so then, too, unless it was set up before.
fn behaviour(card: &TestCard, said: Told) -> Behaviour {
    let Told { authenticated, merchant_initiated, verification } = said;
    let set_up = matches!(card.three_ds, ThreeDs::RequiredUnlessSetUp | ThreeDs::AlreadySetUp);
    match card.behaviour {
        _ if authenticated => card.authenticated,
        Behaviour::SoftDecline if merchant_initiated && set_up => Behaviour::Approve,
        Behaviour::SoftDecline if verification && card.three_ds == ThreeDs::AlreadySetUp => Behaviour::Approve,
        Behaviour::Respond(_) if verification && card.attachable() => Behaviour::Approve,
        behaviour => behaviour,
    }
}
