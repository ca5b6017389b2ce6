//! Setups as format 1 wrote them. Only read: what is written has the present format.

use super::{Purpose, Setup, SetupPersonal, SetupStage};
use crate::attempt::Attempt;
use crate::codec::{BadBody, whole};
use crate::id::Key;
use crate::payment::{Contact, FutureUse, Method};
use serde::Deserialize;

/// Before a setup could ask its cardholder.
#[derive(Deserialize)]
struct Setup1 {
    live: bool,
    purpose: Purpose,
    customer: Option<Key>,
    method: Option<Method>,
    methods: Vec<Method>,
    usage: FutureUse,
    automatic_methods: Option<bool>,
    stage: SetupStage,
    attempts: Vec<Attempt>,
}

/// Before a setup knew where its customer goes.
#[derive(Deserialize)]
struct SetupPersonal1 {
    description: Option<String>,
    metadata: Vec<(String, String)>,
    billing: Option<Contact>,
}

/// For a while the present layout was written under the number 1 as well: neither layout takes all the bytes of the other.
pub(super) fn setup(rest: &[u8]) -> Result<Setup, BadBody> {
    let Ok(old) = whole::<Setup1>(rest) else { return whole(rest) };
    let Setup1 { live, purpose, customer, method, methods, usage, automatic_methods, stage, attempts } = old;
    let plain = Setup::plain(live, purpose);
    Ok(Setup { customer, method, methods, usage, automatic_methods, stage, attempts, ..plain })
}

pub(super) fn personal(rest: &[u8]) -> Result<SetupPersonal, BadBody> {
    let Ok(old) = whole::<SetupPersonal1>(rest) else { return whole(rest) };
    let SetupPersonal1 { description, metadata, billing } = old;
    Ok(SetupPersonal { description, metadata, billing, return_url: None })
}
