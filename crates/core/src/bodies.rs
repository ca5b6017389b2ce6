//! Whether a stored row is one that this program reads: for audits and for trials of backups. Knows every kind of row, and nothing of
//! what is in it.

use crate::access::ApiKey;
use crate::account::Account;
use crate::audit;
use crate::catalog::{Lookup, Price, Product};
use crate::codec::Body;
use crate::confirmation::Confirmation;
use crate::consent::Consent;
use crate::customer::Customer;
use crate::deliver::{Delivery, Outbox};
use crate::domain::{Domain, Named};
use crate::endpoint::Endpoint;
use crate::id::Kind;
use crate::key_rules::KeyRules;
use crate::method::{CardOnce, CodeOnce, PaymentMethod};
use crate::movement::Movement;
use crate::notice::Notice;
use crate::order::{OrderKey, OrderUse};
use crate::payment::Payment;
use crate::people::{Approval, Invitation, Roster, Session, SignIn, Spent, Tries, User, UserName};
use crate::refund::Refund;
use crate::restore::{Orphan, Restore};
use crate::settlement::{Break, Cursor, Report, Settlement};
use crate::setup::Setup;
use crate::terminal;

/// Its format is known and all of it is there. False for kinds that have ids and no rows.
pub fn is_read(kind: Kind, body: &[u8]) -> bool {
    fn of<T: Body>(body: &[u8]) -> bool {
        T::decode(body).is_ok()
    }
    let reads = match kind {
        Kind::Account => of::<Account>,
        Kind::Payment => of::<Payment>,
        Kind::Refund => of::<Refund>,
        Kind::Customer => of::<Customer>,
        Kind::Terminal => terminal::is_read,
        Kind::Method => of::<PaymentMethod>,
        Kind::ApiKey => of::<ApiKey>,
        Kind::Setup => of::<Setup>,
        Kind::Endpoint => of::<Endpoint>,
        Kind::Product => of::<Product>,
        Kind::Price => of::<Price>,
        Kind::Movement => of::<Movement>,
        Kind::CardToken => of::<CardOnce>,
        Kind::Delivery => of::<Delivery>,
        Kind::Outbox => of::<Outbox>,
        Kind::Report => of::<Report>,
        Kind::Break => of::<Break>,
        Kind::Settlement => of::<Settlement>,
        Kind::Cursor => of::<Cursor>,
        Kind::Lookup => of::<Lookup>,
        Kind::Confirmation => of::<Confirmation>,
        Kind::CodeToken => of::<CodeOnce>,
        Kind::Domain => of::<Domain>,
        Kind::DomainName => of::<Named>,
        Kind::Orphan => of::<Orphan>,
        Kind::Restore => of::<Restore>,
        Kind::OrderKey => of::<OrderKey>,
        Kind::OrderUse => of::<OrderUse>,
        Kind::KeyRules => of::<KeyRules>,
        Kind::Consent => of::<Consent>,
        Kind::AuditEntry => of::<audit::Recorded>,
        Kind::AuditHead => of::<audit::Head>,
        Kind::Notice => of::<Notice>,
        Kind::User => of::<User>,
        Kind::UserName => of::<UserName>,
        Kind::Session => of::<Session>,
        Kind::SignIn => of::<SignIn>,
        Kind::Invitation => of::<Invitation>,
        Kind::Approval => of::<Approval>,
        Kind::Tries => of::<Tries>,
        Kind::Spent => of::<Spent>,
        Kind::Roster => of::<Roster>,
        Kind::Charge | Kind::Event | Kind::Job | Kind::Chain | Kind::Card | Kind::Attempt | Kind::Tombstone => {
            |_: &[u8]| false
        }
    };
    reads(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::{CaptureMethod, Stage};
    use crate::sample::payment;

    #[test]
    fn a_row_is_read_whole_or_not() {
        let body = payment(CaptureMethod::Automatic, Stage::RequiresConfirmation).encode();
        let newer = [&[u8::MAX], &body[1..]].concat();
        assert!(is_read(Kind::Payment, &body));
        for odd in [&[][..], &body[..body.len() - 1], &newer, &[&body[..], &[0]].concat()] {
            assert!(!is_read(Kind::Payment, odd), "{odd:?}");
        }
        assert!(!is_read(Kind::Charge, &body) && !is_read(Kind::Terminal, &[]));
    }
}
