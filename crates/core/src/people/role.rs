//! Who may do what: roles, actions, and permits that flows demand. One table, read line by line by a test.

use super::no::No;
use crate::audit::Actor;
use crate::id::Key;
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Everything, other owners included.
    Owner,
    /// Everything but owners and the payout account.
    Admin,
    /// Keys, webhooks, logs.
    Developer,
    /// Payments and customers; refunds up to a limit, in the limit's currency alone.
    Support { refund_limit: Money },
    /// Reads money and reports; no personal data.
    Analyst,
    /// Reads everything, the audit log too; changes nothing.
    Auditor,
}

impl Role {
    pub const NAMES: &[&str] = &["owner", "admin", "developer", "support", "analyst", "auditor"];

    pub const fn name(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Developer => "developer",
            Role::Support { .. } => "support",
            Role::Analyst => "analyst",
            Role::Auditor => "auditor",
        }
    }

    /// One of each, the limit being nothing.
    pub const fn each(currency: crate::money::Currency) -> [Role; 6] {
        let refund_limit = Money { minor: 0, currency };
        [Role::Owner, Role::Admin, Role::Developer, Role::Support { refund_limit }, Role::Analyst, Role::Auditor]
    }

    pub fn parse(name: &str, refund_limit: Option<Money>) -> Option<Role> {
        match name {
            "owner" => Some(Role::Owner),
            "admin" => Some(Role::Admin),
            "developer" => Some(Role::Developer),
            "support" => refund_limit.map(|refund_limit| Role::Support { refund_limit }),
            "analyst" => Some(Role::Analyst),
            "auditor" => Some(Role::Auditor),
            _ => None,
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Role::Owner => O,
            Role::Admin => A,
            Role::Developer => D,
            Role::Support { .. } => S,
            Role::Analyst => N,
            Role::Auditor => R,
        }
    }
}

/// A role on one account, or on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// None: on every account, and on the installation.
    pub account: Option<Key>,
    pub role: Role,
}

/// What people do. The numbers of variants are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Action {
    /// Payments, refunds, balances, reports: without who paid.
    ReadMoney = 1,
    /// Names, addresses, texts.
    ReadPersonal = 2,
    /// Capture and cancel.
    MovePayments = 3,
    /// Up to the role's limit.
    Refund = 4,
    /// Above the account's limit.
    RefundBig = 5,
    EditCustomers = 6,
    EraseCustomers = 7,
    Export = 8,
    ReadDeveloper = 9,
    EditTestKeys = 10,
    EditLiveKeys = 11,
    EditWebhooks = 12,
    EditAccount = 13,
    EditPayout = 14,
    ReadTeam = 15,
    EditTeam = 16,
    Approve = 17,
    ReadAudit = 18,
    RotateKeys = 19,
    RotateKek = 20,
    ReadSystem = 21,
    /// One's own factors and sessions.
    OwnSecurity = 22,
}

/// What must come before an action, besides the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// A fresh factor, at most five minutes old.
    StepUp,
    /// That, and another person who approves with a fresh factor too.
    FourEyes,
}

const O: u8 = 1;
const A: u8 = 2;
const D: u8 = 4;
const S: u8 = 8;
const N: u8 = 16;
const R: u8 = 32;
const ALL: u8 = O | A | D | S | N | R;

impl Action {
    pub const ALL: &[Action] = &[
        Action::ReadMoney,
        Action::ReadPersonal,
        Action::MovePayments,
        Action::Refund,
        Action::RefundBig,
        Action::EditCustomers,
        Action::EraseCustomers,
        Action::Export,
        Action::ReadDeveloper,
        Action::EditTestKeys,
        Action::EditLiveKeys,
        Action::EditWebhooks,
        Action::EditAccount,
        Action::EditPayout,
        Action::ReadTeam,
        Action::EditTeam,
        Action::Approve,
        Action::ReadAudit,
        Action::RotateKeys,
        Action::RotateKek,
        Action::ReadSystem,
        Action::OwnSecurity,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Action::ReadMoney => "money.read",
            Action::ReadPersonal => "personal.read",
            Action::MovePayments => "payments.move",
            Action::Refund => "refunds.create",
            Action::RefundBig => "refunds.create_big",
            Action::EditCustomers => "customers.edit",
            Action::EraseCustomers => "customers.erase",
            Action::Export => "data.export",
            Action::ReadDeveloper => "developer.read",
            Action::EditTestKeys => "keys.edit_test",
            Action::EditLiveKeys => "keys.edit_live",
            Action::EditWebhooks => "webhooks.edit",
            Action::EditAccount => "account.edit",
            Action::EditPayout => "payout.edit",
            Action::ReadTeam => "team.read",
            Action::EditTeam => "team.edit",
            Action::Approve => "approvals.decide",
            Action::ReadAudit => "audit.read",
            Action::RotateKeys => "keys.rotate",
            Action::RotateKek => "kek.rotate",
            Action::ReadSystem => "system.read",
            Action::OwnSecurity => "own.security",
        }
    }

    /// The matrix: which roles, and what comes before.
    const fn row(self) -> (u8, Need) {
        use Need::{FourEyes, Nothing, StepUp};
        match self {
            Action::ReadMoney => (ALL, Nothing),
            Action::ReadPersonal => (O | A | S | R, Nothing),
            Action::MovePayments => (O | A | S, Nothing),
            Action::Refund => (O | A | S, Nothing),
            Action::RefundBig => (O | A, FourEyes),
            Action::EditCustomers => (O | A | S, Nothing),
            Action::EraseCustomers => (O | A, StepUp),
            Action::Export => (O | A | N | R, StepUp),
            Action::ReadDeveloper => (O | A | D | R, Nothing),
            Action::EditTestKeys => (O | A | D, Nothing),
            Action::EditLiveKeys => (O | A | D, StepUp),
            Action::EditWebhooks => (O | A | D, StepUp),
            Action::EditAccount => (O | A, StepUp),
            Action::EditPayout => (O, FourEyes),
            Action::ReadTeam => (O | A | R, Nothing),
            Action::EditTeam => (O | A, StepUp),
            Action::Approve => (O | A, StepUp),
            Action::ReadAudit => (O | A | R, Nothing),
            Action::RotateKeys => (O | A, StepUp),
            Action::RotateKek => (O | A, FourEyes),
            Action::ReadSystem => (O | A | D | R, Nothing),
            Action::OwnSecurity => (ALL, StepUp),
        }
    }

    pub const fn needs(self) -> Need {
        self.row().1
    }

    pub const fn allows(self, role: Role) -> bool {
        self.row().0 & role.bit() != 0
    }

    /// The roles that have the right, for whoever has not.
    pub fn who(self) -> Vec<Role> {
        Role::each(crate::money::Currency::EUR).into_iter().filter(|role| self.allows(*role)).collect()
    }
}

/// Whose a permit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    User {
        user: Key,
        session: Key,
    },
    /// The command line of the machine's owner, who holds the gateway's root key.
    Local,
}

/// That somebody may do one thing on one account now. Only `Signed::permit` and `Permit::local` make one, and flows demand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
    account: Option<Key>,
    role: Role,
    by: By,
}

impl Permit {
    /// For the machine's owner, through the door that only their own user may open. Four eyes are asked for all the same.
    pub fn local(action: Action) -> Permit {
        Permit { action, account: None, role: Role::Owner, by: By::Local }
    }

    /// `fresh`: a factor was shown in the last five minutes. A seat on all accounts counts on each; what concerns the installation
    /// (no account) needs a seat on all.
    pub(super) fn of(
        seats: &[Seat],
        fresh: bool,
        (action, account): (Action, Option<Key>),
        by: By,
    ) -> Result<Permit, No> {
        let here = |seat: &&Seat| seat.account.is_none() || seat.account == account || action == Action::OwnSecurity;
        let Some(seat) = seats.iter().filter(here).find(|seat| action.allows(seat.role)) else {
            return Err(No::Denied { action, who: action.who() });
        };
        match action.needs() {
            Need::StepUp | Need::FourEyes if !fresh => Err(No::StepUp(action)),
            Need::Nothing | Need::StepUp | Need::FourEyes => Ok(Permit { action, account, role: seat.role, by }),
        }
    }

    /// As the audit log names it.
    pub fn actor(&self) -> Actor {
        match self.by {
            By::User { user, .. } => Actor::User(user),
            By::Local => Actor::Local,
        }
    }

    pub(super) fn must(&self, action: Action) -> Result<(), No> {
        if self.action == action { Ok(()) } else { Err(No::Denied { action, who: action.who() }) }
    }
    pub fn action(&self) -> Action {
        self.action
    }
    pub fn account(&self) -> Option<Key> {
        self.account
    }
    pub fn role(&self) -> Role {
        self.role
    }
    pub fn by(&self) -> By {
        self.by
    }
    /// The user behind it; none for the command line.
    pub fn user(&self) -> Option<Key> {
        match self.by {
            By::User { user, .. } => Some(user),
            By::Local => None,
        }
    }
    /// Whether this may be refunded under it: support has a limit, in one currency.
    pub fn refunds(&self, money: Money) -> bool {
        match self.role {
            Role::Support { refund_limit } => {
                money.currency == refund_limit.currency && money.minor <= refund_limit.minor
            }
            Role::Owner | Role::Admin => true,
            Role::Developer | Role::Analyst | Role::Auditor => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    /// The whole table, as reviewers read it. `FLORIN_WRITE=1` writes it anew: look at what changed.
    #[test]
    fn the_matrix_of_roles_and_actions() {
        let roles = Role::each(Currency::EUR);
        let head: String = roles.iter().map(|role| format!(" {:>9}", role.name())).collect();
        let mut text = format!("{:<20}{head}  before\n", "");
        for action in Action::ALL {
            let cells: String =
                roles.iter().map(|role| format!(" {:>9}", if action.allows(*role) { "yes" } else { "-" })).collect();
            let before = match action.needs() {
                Need::Nothing => "",
                Need::StepUp => "  fresh factor",
                Need::FourEyes => "  fresh factor, second person",
            };
            text += &(format!("{:<20}{cells}{before}", action.name()).trim_end().to_owned() + "\n");
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/people/matrix.txt");
        if std::env::var_os("FLORIN_WRITE").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(path).unwrap());
    }

    #[test]
    fn seats_and_fresh_factors() {
        let by = By::User { user: Key(5), session: Key(6) };
        let seat = |account: Option<i64>, role| Seat { account: account.map(Key), role };
        let check = |seats: &[Seat], fresh, action, account: Option<i64>, expected: Result<Role, No>| {
            let found = Permit::of(seats, fresh, (action, account.map(Key)), by).map(|permit| permit.role());
            assert_eq!(found, expected, "{seats:?} {action:?} {account:?}");
        };
        let denied = |action: Action| Err(No::Denied { action, who: action.who() });
        let (owner, here) = ([seat(None, Role::Owner)], [seat(Some(7), Role::Admin)]);
        check(&owner, true, Action::EditPayout, Some(7), Ok(Role::Owner));
        check(&owner, false, Action::EditPayout, Some(7), Err(No::StepUp(Action::EditPayout)));
        check(&owner, false, Action::ReadMoney, None, Ok(Role::Owner));
        check(&here, false, Action::ReadMoney, Some(7), Ok(Role::Admin));
        check(&here, false, Action::ReadMoney, Some(8), denied(Action::ReadMoney));
        check(&here, false, Action::ReadMoney, None, denied(Action::ReadMoney));
        check(&here, true, Action::OwnSecurity, None, Ok(Role::Admin));
        check(&here, true, Action::EditPayout, Some(7), denied(Action::EditPayout));
        check(&[], true, Action::OwnSecurity, None, denied(Action::OwnSecurity));
    }

    #[test]
    fn support_refunds_up_to_its_limit() {
        let eur = |minor| Money::new(minor, Currency::EUR);
        let check = |role: Role, money: Money, expected: bool| {
            let permit = Permit { action: Action::Refund, account: None, role, by: By::Local };
            assert_eq!(permit.refunds(money), expected, "{role:?} {money:?}");
        };
        let support = Role::Support { refund_limit: eur(5_000) };
        check(support, eur(5_000), true);
        check(support, eur(5_001), false);
        check(support, Money::new(1, Currency::parse("usd").unwrap()), false);
        check(Role::Owner, eur(i64::MAX), true);
        check(Role::Auditor, eur(1), false);
    }
}
