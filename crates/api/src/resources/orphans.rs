//! `florin.orphan`: a payment that the acquirer has and a restored database lost. It is told in events alone.

use crate::look::Look;
use florin_core::id::Kind;
use florin_core::restore::OrphanView;
use serde_json::{Value, json};

/// The charge has the id that the merchant was told before the loss: ids outlive restores.
pub fn shape(look: &Look, view: &OrphanView) -> Value {
    let o = &view.body;
    json!({
        "id": look.id(Kind::Orphan, view.key),
        "object": "florin.orphan",
        "amount": o.attempt.money.minor,
        "amount_taken": o.taken.minor,
        "charge": look.id(Kind::Charge, o.attempt.key),
        "created": o.found.seconds(),
        "currency": o.attempt.money.currency.code(),
        "livemode": o.live,
        "reversed_at": o.undone.map(|at| at.seconds()),
        "rrn": o.attempt.wire.rrn.text(),
        "sent_at": o.attempt.wire.at.seconds(),
        "status": if o.undone.is_some() { "reversed" } else { "reversing" },
    })
}
