//! Change what the merchant wrote on a refund. No money moves.

use super::{Refund, RefundPersonal, RefundView};
use crate::attempt::{Begun, Step, launch};
use crate::codec::Body;
use crate::commit::{EventKind, Personal};
use crate::flow::{Claiming, Done, Failure, View};
use crate::id::Key;
use crate::ports::Ports;

/// `merge` makes the new words of those that are there now.
pub async fn annotate(
    ports: &dyn Ports,
    account: Key,
    refund: Key,
    claim: Option<&Claiming>,
    merge: &(dyn Fn(&RefundView) -> RefundPersonal + Sync),
) -> Result<Done<RefundView>, Failure> {
    let decide = |from: &View<Refund>, _: Begun| {
        let nobody = from.body.customer.unwrap_or(from.body.payment);
        let subject = from.personal.as_ref().map_or(nobody, |p| p.subject);
        let mut step = Step::new(from.body.clone()).events(&[EventKind::RefundUpdated]);
        step.personal = Some(Personal { subject, body: merge(from).encode() });
        Ok(step)
    };
    launch(ports, account, refund, claim, &decide).await
}
