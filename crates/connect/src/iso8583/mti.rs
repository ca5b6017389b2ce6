//! Message type indicator: version, class, function, origin (ISO 8583:1987, 4.1). Knows no fields.

use std::fmt;

/// Four digits. Only version 0 (1987) exists here, with the classes and functions of that edition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mti([u8; 4]);

/// Second digit: what the message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Authorization = 1,
    Financial = 2,
    FileUpdate = 3,
    Reversal = 4,
    Reconciliation = 5,
    Administrative = 6,
    Fee = 7,
    Network = 8,
}

/// Third digit: who is to do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    Request = 0,
    Response = 1,
    Advice = 2,
    AdviceResponse = 3,
    Notification = 4,
}

impl Mti {
    pub const AUTHORIZATION: Mti = Mti(*b"0100");
    pub const AUTHORIZATION_ADVICE: Mti = Mti(*b"0120");
    pub const FINANCIAL: Mti = Mti(*b"0200");
    /// Completion: claims what an authorization holds.
    pub const COMPLETION: Mti = Mti(*b"0220");
    pub const REVERSAL: Mti = Mti(*b"0400");
    pub const REVERSAL_ADVICE: Mti = Mti(*b"0420");
    pub const RECONCILIATION: Mti = Mti(*b"0500");
    pub const NETWORK: Mti = Mti(*b"0800");

    /// Four digits of the 1987 edition: version 0, class 1 to 8, function 0 to 4, origin 0 to 5.
    pub fn parse(text: &str) -> Option<Mti> {
        Mti::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Mti> {
        match bytes {
            [b'0', class @ b'1'..=b'8', function @ b'0'..=b'4', origin @ b'0'..=b'5'] => {
                Some(Mti([b'0', *class, *function, *origin]))
            }
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    pub fn class(self) -> Class {
        match self.0[1] {
            b'1' => Class::Authorization,
            b'2' => Class::Financial,
            b'3' => Class::FileUpdate,
            b'4' => Class::Reversal,
            b'5' => Class::Reconciliation,
            b'6' => Class::Administrative,
            b'7' => Class::Fee,
            _ => Class::Network,
        }
    }

    pub fn function(self) -> Function {
        match self.0[2] {
            b'0' => Function::Request,
            b'1' => Function::Response,
            b'2' => Function::Advice,
            b'3' => Function::AdviceResponse,
            _ => Function::Notification,
        }
    }

    /// True for answers: 0110, 0230. Some hosts answer a repeat with 0411 or 0231: those are answers too.
    pub fn is_response(self) -> bool {
        matches!(self.function(), Function::Response | Function::AdviceResponse)
    }

    /// True for messages that may have been sent before: 0121, 0221, 0401.
    pub fn is_repeat(self) -> bool {
        matches!(self.0[3], b'1' | b'3' | b'5')
    }

    /// The message that a repeat repeats: 0401 becomes 0400. Others stay as they are.
    pub fn first_try(self) -> Mti {
        let [version, class, function, origin] = self.0;
        Mti([version, class, function, if self.is_repeat() { origin - 1 } else { origin }])
    }

    /// The repeat of this message: 0400 becomes 0401.
    pub fn repeat(self) -> Mti {
        let [version, class, function, origin] = self.0;
        Mti([version, class, function, if self.is_repeat() { origin } else { origin + 1 }])
    }

    /// The answer: function plus one, origin back to 0 (0100 and 0101 are answered by 0110, 0421 by 0430). Nothing answers an
    /// answer or a notification.
    pub fn response(self) -> Option<Mti> {
        let [version, class, function, _] = self.0;
        match self.function() {
            Function::Request | Function::Advice => Some(Mti([version, class, function + 1, b'0'])),
            Function::Response | Function::AdviceResponse | Function::Notification => None,
        }
    }

    /// True when `answer` answers this message, whatever origin digit the host put there.
    pub fn is_answered_by(self, answer: Mti) -> bool {
        self.response().is_some_and(|response| response.0[..3] == answer.0[..3])
    }
}

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
