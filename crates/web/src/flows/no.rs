//! What flows refuse, as pages tell it. A pure table.

use crate::desk::{Refused, Role};
use florin_core::flow::Failure;
use florin_core::people::{self, BadPassword, Field, No};
use florin_core::refusal::Refusal;

pub fn role(role: people::Role) -> Role {
    match role {
        people::Role::Owner => Role::Owner,
        people::Role::Admin => Role::Admin,
        people::Role::Developer => Role::Developer,
        people::Role::Support { .. } => Role::Support,
        people::Role::Analyst => Role::Analyst,
        people::Role::Auditor => Role::Auditor,
    }
}

fn field(field: Field) -> Refused {
    let (name, why) = match field {
        Field::Name => ("name", "fault-name"),
        Field::Email => ("email", "fault-email"),
        Field::Password => ("new-password", "fault-password-missing"),
        Field::Code => ("code", "fault-code"),
        Field::Phone => ("phone", "fault-phone"),
        Field::Role => ("role", "fault-role"),
        Field::RefundLimit => ("limit", "fault-limit"),
    };
    Refused::Field { name, why }
}

fn password(bad: BadPassword) -> Refused {
    let why = match bad {
        BadPassword::TooShort => "fault-password-short",
        BadPassword::TooLong => "fault-password-long",
        BadPassword::Common => "fault-password-common",
        BadPassword::Context => "fault-password-context",
    };
    Refused::Field { name: "new-password", why }
}

pub fn refused(no: No) -> Refused {
    let rule = |why| Refused::Rule { why };
    match no {
        No::Wrong | No::Passkey(_) => Refused::Wrong,
        No::Wait(until) => Refused::Locked { until },
        No::SignedOut => Refused::SignedOut,
        No::Expired => Refused::Expired,
        No::NoLink => Refused::Unknown,
        No::Used => Refused::Used,
        No::Field(what) => field(what),
        No::Password(bad) => password(bad),
        No::Cloned => rule("refused-cloned"),
        No::EmailTaken => Refused::Field { name: "email", why: "fault-email-taken" },
        No::Denied { who, .. } => Refused::Role { can: who.into_iter().map(role).collect() },
        No::StepUp(_) => Refused::StepUp,
        No::SecondPerson(_) => rule("refused-second-person"),
        No::Oneself => rule("refused-oneself"),
        No::LastFactor => rule("refused-last-factor"),
        No::LastOwner => rule("refused-last-owner"),
        No::NoSms => rule("refused-no-phone"),
        No::NoSuch => Refused::Missing,
        No::TooMany => rule("refused-too-many"),
        No::Busy => rule("refused-busy"),
        No::Contended => Refused::Stale,
        No::Trouble(_) => Refused::Trouble,
    }
}

pub fn failed(failure: Failure) -> Refused {
    match failure {
        Failure::Refused(Refusal::NoSuch(_)) => Refused::Missing,
        Failure::Refused(_) => Refused::Stale,
        Failure::Trouble(_) => Refused::Trouble,
    }
}
