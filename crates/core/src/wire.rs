//! What the gateway asks of the vault's link to the acquirer, and what comes back. No card data, no message format.

use crate::avs::AddressCheck;
use crate::decline::{DeclineCode, Retry};
use crate::id::Key;
use crate::money::Money;
use crate::threeds::Proof;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// A card in the vault. `vault` names the vault instance (one start of one vault) that may hold the card's CVC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CardToken {
    pub key: Key,
    pub vault: u32,
}

impl CardToken {
    /// A card that nobody here knows any more: the message goes without DE 2, and DE 90 with the RRN names its original.
    pub const LOST: CardToken = CardToken { key: Key(0), vault: 0 };

    pub fn is_lost(&self) -> bool {
        *self == CardToken::LOST
    }
}

/// The card networks. The numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Network {
    Visa = 1,
    Mastercard = 2,
    Amex = 3,
    Discover = 4,
    Jcb = 5,
    Diners = 6,
    UnionPay = 7,
}

impl Network {
    pub const ALL: [Network; 7] = [
        Network::Visa,
        Network::Mastercard,
        Network::Amex,
        Network::Discover,
        Network::Jcb,
        Network::Diners,
        Network::UnionPay,
    ];
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Network::Visa => "visa",
            Network::Mastercard => "mastercard",
            Network::Amex => "amex",
            Network::Discover => "discover",
            Network::Jcb => "jcb",
            Network::Diners => "diners",
            Network::UnionPay => "unionpay",
        }
    }
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Network::Visa => "Visa",
            Network::Mastercard => "Mastercard",
            Network::Amex => "American Express",
            Network::Discover => "Discover",
            Network::Jcb => "JCB",
            Network::Diners => "Diners Club",
            Network::UnionPay => "UnionPay",
        }
    }
}

/// Terminal number: `FL` and six digits on the wire (DE 41).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Terminal(pub u32);

impl Terminal {
    pub fn text(self) -> String {
        format!("FL{:06}", self.0 % 1_000_000)
    }
}

/// Retrieval reference number (DE 37): last digit of the year, day of the year, eight base-36 characters of the attempt's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rrn(pub Key);

impl Rrn {
    /// Twelve characters. One for one with the key within a year: the characters are the key's millisecond of the day and its 15 low bits.
    pub fn text(self) -> String {
        let at = self.0.time();
        let civil = at.civil();
        let mut n = at.ms_of_day() * 32_640 + self.0.within();
        let mut tail = [b'0'; 8];
        for d in tail.iter_mut().rev() {
            let digit = u8::try_from(n % 36).unwrap_or(0);
            *d = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
            n /= 36;
        }
        let tail: String = tail.iter().map(|b| char::from(*b)).collect();
        format!("{}{:03}{tail}", civil.year % 10, civil.day_of_year)
    }

    /// Reads what `text` wrote, in the decade whose end is nearest before a day after `near`. None for what it never writes.
    pub fn read(text: &[u8; 12], near: Time) -> Option<Rrn> {
        let digit = |byte: u8, radix: u32| char::from(byte).to_digit(radix).map(i64::from).filter(|_| byte.is_ascii());
        let (head, tail) = text.split_first_chunk::<4>()?;
        let number = |bytes: &[u8], radix: u32| {
            bytes.iter().try_fold(0i64, |n, byte| {
                let upper = !byte.is_ascii_lowercase();
                Some(n * i64::from(radix) + digit(*byte, radix).filter(|_| upper)?)
            })
        };
        let (year, day) = (number(head.get(..1)?, 10)?, number(head.get(1..)?, 10)?);
        let within_day = number(tail, 36)?;
        let (ms, within) = (within_day / 32_640, within_day % 32_640);
        if ms >= 86_400_000 {
            return None;
        }
        let latest = near.plus_ms(86_400_000);
        let newest = i64::from(latest.civil().year);
        let back = (newest - year).rem_euclid(10);
        [newest - back, newest - back - 10].into_iter().find_map(|year| {
            let start = Time::of_day(year, day)?;
            let at = start.plus_ms(ms);
            (at <= latest).then_some(Rrn(Key((at.0 << 20) | within)))
        })
    }
}

/// What makes a message unique at the acquirer: STAN + DE 7 + DE 32 + DE 41. Durable before the message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WireId {
    pub terminal: Terminal,
    /// System trace audit number (DE 11), 1 to 999999.
    pub stan: u32,
    /// The time of the durable attempt; DE 7 is this in UTC to the second. A repeat keeps it.
    pub at: Time,
    pub rrn: Rrn,
}

/// Who started the payment (DE 60.01) and whether the card is kept (DE 60.02).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Initiator {
    /// The cardholder is present, the card is not kept.
    Customer,
    /// The cardholder is present and agrees that the card is kept for later.
    CustomerStoring,
    /// The cardholder is present and pays with a kept card.
    CustomerStored,
    /// The merchant charges a kept card; carries the network id of the first use.
    Merchant,
}

/// What a new transaction says of the card besides who starts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Credential {
    /// The network id of the card's first use: a merchant's charge must name it (our DE 62).
    pub first_use: Option<NetworkId>,
    /// A security code that was given apart from the card, named as a card's token would be. Without one the card's own is taken.
    pub code: Option<CardToken>,
}

/// Approval code (DE 38): six characters, kept as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ApprovalCode(pub [u8; 6]);

impl ApprovalCode {
    pub fn text(self) -> String {
        self.0.iter().map(|b| char::from(*b)).collect()
    }
}

/// Network transaction id (our DE 62): 15 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkId(pub u64);

impl NetworkId {
    pub fn text(self) -> String {
        format!("{:015}", self.0)
    }
}

/// The message that an advice, a reversal or a refund refers to (DE 90 and what must be repeated of it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Original {
    pub class: OriginalClass,
    pub wire: WireId,
    pub money: Money,
    pub approval: Option<ApprovalCode>,
    pub network_id: Option<NetworkId>,
}

/// The original's message type, for DE 90.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OriginalClass {
    /// 0100
    Authorization,
    /// 0200, processing code 00
    Sale,
    /// 0200, processing code 20
    Refund,
}

/// Why something is taken back (our DE 63.03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReversalReason {
    /// 2501
    CancelledByCustomer,
    /// 2502
    NotCompleted,
    /// 2503: no answer in time, or an answer that does not fit its request.
    NoConfirmation,
    /// 2504: a part was approved that nobody asked for.
    Partial,
}

/// What a message is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Act {
    /// 0200: authorize and capture in one message.
    Sale { initiator: Initiator, network_id: Option<NetworkId> },
    /// 0100: hold.
    Authorization { initiator: Initiator, network_id: Option<NetworkId> },
    /// 0100 with reason 3900: hold the money more for the hold that it names by its network id.
    Increment { original: Original },
    /// 0220: claim a hold. The money is what is claimed; the host releases the rest.
    Completion { original: Original },
    /// 0200 with processing code 20.
    Refund { original: Original },
    /// 0400: take back the original, whole. Voids and time-outs alike.
    Reversal { original: Original, reason: ReversalReason },
    /// 0100 over nothing, DE 25 = 51: asks whether the account is good, and holds nothing.
    Verification { initiator: Initiator },
}

/// One message for the acquirer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub account: Key,
    /// The payment or refund that the attempt belongs to: late answers are handed back with it.
    pub owner: Key,
    /// The attempt; for a reversal the attempt that is taken back.
    pub attempt: Key,
    pub live: bool,
    pub act: Act,
    /// That the cardholder was authenticated for it (DE 60.08, 48.66; the vault adds DE 126.09).
    pub proof: Option<Proof>,
    pub money: Money,
    pub card: CardToken,
    /// The card's number as the account knows it under whatever token: tries are counted by it. Not for the vault.
    #[serde(skip)]
    pub fingerprint: Option<[u8; 16]>,
    /// The security code to send instead of the card's own.
    pub code: Option<CardToken>,
    /// The cardholder's address, for the issuer to compare.
    pub address: Option<AddressCheck>,
    pub wire: WireId,
    /// No first byte leaves after this. Advices and reversals are sent until answered and take the time of their try.
    pub send_by: Time,
    /// A repeat of a message that may have been sent before: 0221, 0401.
    pub repeat: bool,
}

/// Result of a check of the cardholder's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Check {
    Pass,
    Fail,
    /// Given, and the issuer did not look.
    Unchecked,
    /// Not given, or the network cannot check it.
    #[default]
    Unavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Checks {
    pub address_line1: Check,
    pub postal_code: Check,
    pub cvc: Check,
}

/// DE 39 as it came: two characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResponseCode(pub [u8; 2]);

impl ResponseCode {
    pub fn text(self) -> String {
        self.0.iter().map(|b| char::from(*b)).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Approval {
    pub response: ResponseCode,
    pub code: Option<ApprovalCode>,
    pub network_id: Option<NetworkId>,
    pub checks: Checks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decline {
    pub code: DeclineCode,
    pub response: ResponseCode,
    /// Merchant advice code (DE 48.84), if the network gave one.
    pub advice: Option<[u8; 2]>,
    pub retry: Retry,
    pub checks: Checks,
    pub network_id: Option<NetworkId>,
}

/// Why nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unsure {
    /// The time limit of the link passed.
    NoAnswer,
    /// The link or the vault went away after the first byte may have left.
    LinkLost,
    /// An answer came that does not fit its request (amount, currency, RRN).
    Mismatch,
    /// Less than the amount was approved, and nobody asked for that.
    Partial,
    /// The answer could not be read, or has a code that says neither yes nor no.
    Unreadable,
}

/// Why nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotSent {
    /// No link to the acquirer, or not signed on.
    LinkDown,
    /// `send_by` had passed.
    TooLate,
    /// Too many messages are in flight.
    Busy,
    /// The vault does not know the card.
    NoSuchCard,
    /// The message cannot be built (for example an amount that the wire cannot carry).
    NotEncodable,
    /// The vault could not be reached.
    NoVault,
    /// A merchant's charge without the network id of the card's first use: networks take none without an agreement that it names.
    NoAgreement,
    /// Our own defence against card testing: the issuer was not asked.
    Blocked,
}

/// What came of an order. `Unknown` is never success and never failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    Approved(Approval),
    Declined(Decline),
    /// The processor took the request and will tell later. ISO 8583 links never answer so.
    Pending,
    Unknown(Unsure),
    NotSent(NotSent),
}

/// An answer that no waiter was left for, handed back by the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    pub account: Key,
    pub owner: Key,
    pub attempt: Key,
    /// The message that was answered.
    pub wire: WireId,
    pub verdict: Verdict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rrn_is_one_for_one_within_a_day() {
        let at = |ms: i64, low: i64| Rrn(Key(((1_795_219_200_000 + ms) << 20) | low)).text();
        assert_eq!(at(0, 0), "632500000000");
        assert_eq!(at(0, 32_607), format!("6325{}", "00000P5R"));
        assert_eq!(at(86_399_999, 32_607).len(), 12);
        assert!(at(1, 0) > at(0, 32_607));
    }

    #[test]
    fn texts_for_the_wire() {
        #[track_caller]
        fn check(text: String, expected: &str) {
            assert_eq!(text, expected);
        }
        check(Terminal(0).text(), "FL000000");
        check(Terminal(42).text(), "FL000042");
        check(Terminal(999_999).text(), "FL999999");
        // DE 41 has eight characters, whatever the number.
        check(Terminal(1_000_001).text(), "FL000001");
        check(NetworkId(0).text(), "000000000000000");
        check(NetworkId(123_456_789_012).text(), "000123456789012");
        check(NetworkId(999_999_999_999_999).text(), "999999999999999");
        check(ApprovalCode(*b"00 1A ").text(), "00 1A ");
        check(ResponseCode(*b"N7").text(), "N7");
        let names: Vec<&str> = Network::ALL.iter().map(|n| n.as_str()).collect();
        check(names.join(" "), "visa mastercard amex discover jcb diners unionpay");
    }

    /// What was written comes back, within ten years; what was never written does not.
    #[test]
    fn rrns_are_read_back() {
        const NEAR: Time = Time(1_795_299_300_000);
        let read = |text: &str, near: Time| Rrn::read(text.as_bytes().first_chunk().unwrap(), near);
        // Now, a moment ago, years ago; a clock a little ahead of the acquirer's; the last moment of a year; a leap day.
        let days = |n: i64| NEAR.plus_ms(-n * 86_400_000);
        let times = [NEAR, NEAR.plus_ms(-1), days(1), days(3_640), NEAR.plus_ms(60_000), Time(1_767_225_599_999)];
        for at in times.into_iter().chain([Time(1_709_164_800_000)]) {
            for within in [0, 32, 32_607] {
                let rrn = Rrn(Key((at.0 << 20) | within));
                assert_eq!(read(&rrn.text(), NEAR), Some(rrn));
            }
        }
        // Ten years later it is another day's.
        let old = Rrn(Key(days(3_660).0 << 20));
        assert_ne!(read(&old.text(), NEAR), Some(old));
        for bad in [
            "000000UNKNWN",
            "6325 0000000",
            "632500zzzzzz",
            "6325ZZZZZZZZ",
            "600000000000",
            "6-2500000000",
            "63250000000É",
        ] {
            assert_eq!(read(bad, NEAR), None, "{bad}");
        }
    }

    /// The year's last digit, the day of the year, the millisecond of the day and what tells keys of one millisecond apart.
    #[test]
    fn rrn_texts() {
        #[track_caller]
        fn check(ms: i64, within: i64, expected: &str) {
            assert_eq!(Rrn(Key((ms << 20) | within)).text(), expected);
        }
        check(0, 0, "000100000000");
        check(0, 35, "00010000000Z");
        check(1, 0, "000100000P6O");
        check(1_709_164_800_000, 0, "406000000000");
        check(1_735_689_599_999, 32_607, "4366ZZJ8CFZ3");
    }
}
