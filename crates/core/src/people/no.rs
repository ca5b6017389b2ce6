//! Why somebody is not let in, or something is not done: closed and named. Says nothing of who exists.

use super::checker::{BadPasskey, BadPassword};
use super::role::{Action, Role};
use crate::flow::{Failure, Trouble};
use crate::refusal::Refusal;
use crate::store::StoreTrouble;
use crate::time::Time;

/// What of a form is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Name,
    Email,
    Password,
    Code,
    Phone,
    Role,
    RefundLimit,
}

/// Nothing was changed, but for counts of tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum No {
    /// Address, password or code do not fit. Which of them is not told.
    Wrong,
    /// Too many tries: not before then.
    Wait(Time),
    /// Nobody is signed in with that: it never was, it ended, or it was idle too long.
    SignedOut,
    /// The sign-in, the challenge or the code took too long: begin again.
    Expired,
    /// The link never was, or was withdrawn.
    NoLink,
    /// The link or the code was used.
    Used,
    /// A field is missing, too long or not what it should be.
    Field(Field),
    Password(BadPassword),
    Passkey(BadPasskey),
    /// The passkey's counter went back: there may be two of it. It opens nothing any more until it is replaced.
    Cloned,
    /// Somebody else has that address.
    EmailTaken,
    /// The role has no such right; these have.
    Denied {
        action: Action,
        who: Vec<Role>,
    },
    /// A fresh factor is needed first.
    StepUp(Action),
    /// Another person has to approve first.
    SecondPerson(Action),
    /// One's own wish cannot be approved by oneself, nor can one's own seat be changed.
    Oneself,
    /// Without it nobody could get in: the last factor of a person, or the last owner.
    LastFactor,
    LastOwner,
    /// Codes are not sent to this person's phone.
    NoSms,
    /// There is no such user, session, factor, invitation or wish.
    NoSuch,
    /// As many as there may be.
    TooMany,
    /// Too many passwords are being checked. Come back in a second.
    Busy,
    /// Others changed the same too often in the meantime: try again.
    Contended,
    Trouble(Trouble),
}

impl From<Failure> for No {
    fn from(failure: Failure) -> No {
        match failure {
            Failure::Refused(Refusal::NoSuch(_)) => No::NoSuch,
            Failure::Refused(_) => No::Contended,
            Failure::Trouble(trouble) => No::Trouble(trouble),
        }
    }
}

impl From<StoreTrouble> for No {
    fn from(trouble: StoreTrouble) -> No {
        No::Trouble(Trouble::Store(trouble))
    }
}

impl From<BadPassword> for No {
    fn from(bad: BadPassword) -> No {
        No::Password(bad)
    }
}

impl From<BadPasskey> for No {
    fn from(bad: BadPasskey) -> No {
        match bad {
            BadPasskey::Cloned => No::Cloned,
            BadPasskey::Unfit | BadPasskey::Unknown | BadPasskey::Refused => No::Passkey(bad),
        }
    }
}
