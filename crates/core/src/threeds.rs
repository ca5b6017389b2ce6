//! 3-D Secure (EMV 3DS 2.2) as the gateway knows it: statuses, ECI, transaction ids. Knows no card and no authentication value (CAVV):
//! those stay in the vault, which is the 3DS Server.

use crate::attempt::Move;
use crate::id::Key;
use crate::money::Money;
use crate::wire::{CardToken, Credential};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The version of the messages (`messageVersion`).
pub const VERSION: &str = "2.2.0";

/// How an authentication ended (`transStatus` of ARes or RReq). The challenge itself (`C`) is an `Answer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransStatus {
    /// `Y`
    Authenticated,
    /// `A`: the issuer takes no part; a proof of the attempt was given.
    Attempted,
    /// `N`
    Failed,
    /// `R`: the issuer asks that nothing be authorized.
    Rejected,
    /// `U`: it could not be done.
    Unavailable,
    /// `I`: the requestor's wish was noted.
    Informational,
}

impl TransStatus {
    pub fn parse(text: &str) -> Option<TransStatus> {
        Some(match text {
            "Y" => TransStatus::Authenticated,
            "A" => TransStatus::Attempted,
            "N" => TransStatus::Failed,
            "R" => TransStatus::Rejected,
            "U" => TransStatus::Unavailable,
            "I" => TransStatus::Informational,
            _ => return None,
        })
    }
    /// Whether the issuer gave a value that proves it.
    pub const fn is_proven(self) -> bool {
        match self {
            TransStatus::Authenticated | TransStatus::Attempted => true,
            TransStatus::Failed | TransStatus::Rejected | TransStatus::Unavailable | TransStatus::Informational => {
                false
            }
        }
    }
}

/// Electronic commerce indicator: two digits, whose meaning is the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Eci(pub [u8; 2]);

impl Eci {
    pub fn parse(text: &str) -> Option<Eci> {
        let digits: [u8; 2] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(Eci(digits))
    }
    pub fn text(self) -> String {
        self.0.iter().map(|b| char::from(*b)).collect()
    }
}

/// A transaction id (a UUID's 128 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransId(pub [u8; 16]);

impl TransId {
    /// As RFC 9562 writes it: 36 characters.
    pub fn text(self) -> String {
        let mut out = String::with_capacity(36);
        for (n, byte) in self.0.iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            out.push_str(&format!("{byte:02x}"));
        }
        out
    }
    pub fn parse(text: &str) -> Option<TransId> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
        if text.len() != 36 || digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut id = [0u8; 16];
        for (to, pair) in id.iter_mut().zip(digits.chunks(2)) {
            *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(TransId(id))
    }
}

/// What came of an authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settled {
    pub status: TransStatus,
    pub eci: Option<Eci>,
    /// `dsTransID`.
    pub directory: TransId,
    /// The cardholder was asked.
    pub challenged: bool,
}

/// What a message carries of an authentication: the vault adds the value, which it keeps under `authentication`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Proof {
    pub authentication: Key,
    pub eci: Eci,
    pub directory: TransId,
}

/// When the cardholder is authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepUp {
    /// Never: nobody is there, or nobody may be asked.
    #[default]
    Never,
    /// When the issuer refuses softly.
    IfAsked,
    /// Before anything is sent.
    First { mandated: bool },
}

/// An authentication of one payment, under the key of the attempt that the issuer refused softly, or a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    pub key: Key,
    /// What is sent once it succeeded.
    pub what: Move,
    /// What is said of the card with it.
    pub credential: Credential,
    pub money: Money,
    pub card: CardToken,
    /// A challenge is wanted whatever the issuer thinks (`threeDSRequestorChallengeInd` 04).
    pub mandated: bool,
    /// The issuer asked for it; otherwise the merchant did, and the payment may go on without.
    pub asked_by_issuer: bool,
    pub settled: Option<Settled>,
}

impl Authentication {
    /// Whether the message is sent: with a proof always, without one when the merchant alone wanted the authentication and the issuer
    /// said neither yes nor no.
    pub(crate) fn goes_on(&self, settled: Settled) -> bool {
        match settled.status {
            TransStatus::Authenticated | TransStatus::Attempted => self.proof().is_some(),
            TransStatus::Unavailable | TransStatus::Informational => !self.asked_by_issuer,
            TransStatus::Failed | TransStatus::Rejected => false,
        }
    }
    /// What the next message carries; nothing when nothing was proven.
    pub fn proof(&self) -> Option<Proof> {
        let settled = self.settled.filter(|s| s.status.is_proven())?;
        Some(Proof { authentication: self.key, eci: settled.eci?, directory: settled.directory })
    }
}

/// What a browser tells of itself (AReq `browser…`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    pub accept: String,
    pub user_agent: String,
    pub language: String,
    pub address: Option<IpAddr>,
}

/// What the vault is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ask {
    /// Whether the card's range takes part in 3-D Secure (PRes).
    Enrolled { account: Key, live: bool, card: CardToken },
    /// Begins an authentication, or gives again what came of its beginning (AReq, ARes).
    Begin(Box<Begin>),
    /// What came of a challenge (RReq).
    Result { account: Key, live: bool, authentication: Key, card: CardToken, money: Money },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    pub account: Key,
    pub live: bool,
    pub authentication: Key,
    pub card: CardToken,
    pub money: Money,
    pub mandated: bool,
    /// Where the browser goes when the challenge is over.
    pub notification_url: String,
    pub browser: Browser,
}

/// What the vault answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Enrolled(bool),
    Settled(Settled),
    /// The cardholder is to be asked there.
    Challenge {
        url: String,
    },
    /// The challenge is not over.
    Waiting,
    /// The directory cannot be reached, or made no sense. Nothing is known, and it may be asked again.
    Trouble,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transaction_ids() {
        let id = TransId(std::array::from_fn(|n| u8::try_from(n * 17).unwrap()));
        assert_eq!(id.text(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(TransId::parse(&id.text()), Some(id));
        for bad in ["", "00112233445566778899aabbccddeeff", "0011223g-4455-6677-8899-aabbccddeeff"] {
            assert_eq!(TransId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn statuses_and_indicators() {
        let proven: Vec<bool> =
            ["Y", "A", "N", "R", "U", "I"].iter().map(|s| TransStatus::parse(s).unwrap().is_proven()).collect();
        assert_eq!(proven, [true, true, false, false, false, false]);
        assert_eq!((TransStatus::parse("C"), TransStatus::parse("")), (None, None));
        assert_eq!(Eci::parse("05").map(Eci::text).as_deref(), Some("05"));
        assert_eq!((Eci::parse("5"), Eci::parse("0x"), Eci::parse("005")), (None, None, None));
    }
}
