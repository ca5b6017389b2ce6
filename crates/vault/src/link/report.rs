//! How the link tells of what it sent and received: masked hops. Decides nothing.

use crate::core::wire::{Order, Unsure};
use florin_connect::connector::rrn_on_wire;
use florin_connect::iso8583::{Dialect, Message, title};
use florin_connect::journey::Hop;

pub(super) enum Way {
    Out,
    In,
}

impl Way {
    fn ends(&self) -> (&'static str, &'static str) {
        match self {
            Way::Out => ("vault", "acquirer"),
            Way::In => ("acquirer", "vault"),
        }
    }
}

/// The hop that did not happen.
pub(super) fn silence(order: &Order, why: Unsure) -> Hop {
    let note = match why {
        Unsure::LinkLost => "the connection was lost",
        Unsure::NoAnswer | Unsure::Mismatch | Unsure::Partial | Unsure::Unreadable => "no answer in time",
    };
    let (from, to) = Way::In.ends();
    Hop {
        at_us: 0,
        by: "vault".into(),
        from: from.into(),
        to: to.into(),
        title: "no answer".into(),
        rrn: rrn_on_wire(order),
        fields: Vec::new(),
        note: format!("{note}; whether the issuer approved is not known"),
    }
}

/// A message that left or arrived. The time is filled in when it is taken.
pub(super) fn hop(dialect: &Dialect, message: &Message, way: &Way, note: &str) -> Hop {
    let (from, to) = way.ends();
    Hop {
        at_us: 0,
        by: "vault".into(),
        from: from.into(),
        to: to.into(),
        title: title(message),
        rrn: message.get(37).unwrap_or_default().into(),
        fields: dialect.masked(message),
        note: note.into(),
    }
}
