//! What an entry of the audit log can tell of. A closed list: what is not here was not thought of, and is added here first.

use serde::{Deserialize, Serialize};

/// What was done or tried. The numbers are stored: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum Action {
    // Getting in.
    SignIn = 1,
    SecondFactor = 2,
    SignOut = 3,
    StepUp = 4,
    Lock = 5,
    RecoveryCodeUse = 6,
    SessionRevoke = 7,
    EnrolLinkMake = 8,
    Enrol = 9,
    /// A one-time link that was used up, expired or never made.
    LinkUse = 10,
    CodeSend = 11,
    // Factors.
    PasskeyAdd = 20,
    PasskeyRemove = 21,
    PasskeyRename = 22,
    /// A passkey's counter went back: it was copied.
    PasskeyCloned = 23,
    TotpSet = 24,
    TotpRemove = 25,
    PhoneSet = 26,
    PhoneRemove = 27,
    RecoveryCodesMake = 28,
    PasswordChange = 29,
    FactorsReset = 30,
    // Teams.
    UserInvite = 40,
    InvitationAccept = 41,
    InvitationRevoke = 42,
    RoleChange = 43,
    UserDisable = 44,
    UserEnable = 45,
    UserErase = 46,
    UserChange = 47,
    ApprovalAsk = 50,
    ApprovalGive = 51,
    ApprovalRefuse = 52,
    ApprovalPerform = 53,
    // Keys.
    ApiKeyMake = 60,
    ApiKeyRoll = 61,
    ApiKeyEnd = 62,
    KeyRulesChange = 63,
    OrderKeyMake = 64,
    OrderKeyEnd = 65,
    GatewayRootRotate = 66,
    AccountKeysRotate = 67,
    VaultKekRotate = 68,
    VaultDataKeyRotate = 69,
    // Data.
    CustomerExport = 80,
    CustomerErase = 81,
    Export = 82,
    /// A sensitive read: written down before it is answered.
    SensitiveRead = 83,
    AuditRead = 84,
    // Settings.
    AccountMake = 100,
    AccountRulesChange = 101,
    EndpointMake = 102,
    EndpointChange = 103,
    EndpointDelete = 104,
    EndpointSecretRoll = 105,
    SettingChange = 106,
    PayoutAccountChange = 107,
    // Money, by people.
    Refund = 120,
    Capture = 121,
    Cancel = 122,
    // The installation.
    BackupMake = 140,
    BackupRestore = 141,
    RestoreRelease = 142,
    GatewayStart = 143,
    MessageTest = 144,
}

impl Action {
    pub const ALL: &[Action] = &[
        Action::SignIn,
        Action::SecondFactor,
        Action::SignOut,
        Action::StepUp,
        Action::Lock,
        Action::RecoveryCodeUse,
        Action::SessionRevoke,
        Action::EnrolLinkMake,
        Action::Enrol,
        Action::LinkUse,
        Action::CodeSend,
        Action::PasskeyAdd,
        Action::PasskeyRemove,
        Action::PasskeyRename,
        Action::PasskeyCloned,
        Action::TotpSet,
        Action::TotpRemove,
        Action::PhoneSet,
        Action::PhoneRemove,
        Action::RecoveryCodesMake,
        Action::PasswordChange,
        Action::FactorsReset,
        Action::UserInvite,
        Action::InvitationAccept,
        Action::InvitationRevoke,
        Action::RoleChange,
        Action::UserDisable,
        Action::UserEnable,
        Action::UserErase,
        Action::UserChange,
        Action::ApprovalAsk,
        Action::ApprovalGive,
        Action::ApprovalRefuse,
        Action::ApprovalPerform,
        Action::ApiKeyMake,
        Action::ApiKeyRoll,
        Action::ApiKeyEnd,
        Action::KeyRulesChange,
        Action::OrderKeyMake,
        Action::OrderKeyEnd,
        Action::GatewayRootRotate,
        Action::AccountKeysRotate,
        Action::VaultKekRotate,
        Action::VaultDataKeyRotate,
        Action::CustomerExport,
        Action::CustomerErase,
        Action::Export,
        Action::SensitiveRead,
        Action::AuditRead,
        Action::AccountMake,
        Action::AccountRulesChange,
        Action::EndpointMake,
        Action::EndpointChange,
        Action::EndpointDelete,
        Action::EndpointSecretRoll,
        Action::SettingChange,
        Action::PayoutAccountChange,
        Action::Refund,
        Action::Capture,
        Action::Cancel,
        Action::BackupMake,
        Action::BackupRestore,
        Action::RestoreRelease,
        Action::GatewayStart,
        Action::MessageTest,
    ];
    /// Its name in lists, filters and proofs: `api_key.make`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::SignIn => "sign_in",
            Action::SecondFactor => "sign_in.second_factor",
            Action::SignOut => "sign_out",
            Action::StepUp => "step_up",
            Action::Lock => "sign_in.lock",
            Action::RecoveryCodeUse => "recovery_code.use",
            Action::SessionRevoke => "session.revoke",
            Action::EnrolLinkMake => "enrol_link.make",
            Action::Enrol => "enrol",
            Action::LinkUse => "link.use",
            Action::CodeSend => "code.send",
            Action::PasskeyAdd => "passkey.add",
            Action::PasskeyRemove => "passkey.remove",
            Action::PasskeyRename => "passkey.rename",
            Action::PasskeyCloned => "passkey.cloned",
            Action::TotpSet => "totp.set",
            Action::TotpRemove => "totp.remove",
            Action::PhoneSet => "phone.set",
            Action::PhoneRemove => "phone.remove",
            Action::RecoveryCodesMake => "recovery_codes.make",
            Action::PasswordChange => "password.change",
            Action::FactorsReset => "factors.reset",
            Action::UserInvite => "user.invite",
            Action::InvitationAccept => "invitation.accept",
            Action::InvitationRevoke => "invitation.revoke",
            Action::RoleChange => "role.change",
            Action::UserDisable => "user.disable",
            Action::UserEnable => "user.enable",
            Action::UserErase => "user.erase",
            Action::UserChange => "user.change",
            Action::ApprovalAsk => "approval.ask",
            Action::ApprovalGive => "approval.give",
            Action::ApprovalRefuse => "approval.refuse",
            Action::ApprovalPerform => "approval.perform",
            Action::ApiKeyMake => "api_key.make",
            Action::ApiKeyRoll => "api_key.roll",
            Action::ApiKeyEnd => "api_key.end",
            Action::KeyRulesChange => "key_rules.change",
            Action::OrderKeyMake => "order_key.make",
            Action::OrderKeyEnd => "order_key.end",
            Action::GatewayRootRotate => "gateway_root.rotate",
            Action::AccountKeysRotate => "account_keys.rotate",
            Action::VaultKekRotate => "vault_kek.rotate",
            Action::VaultDataKeyRotate => "vault_data_key.rotate",
            Action::CustomerExport => "customer.export",
            Action::CustomerErase => "customer.erase",
            Action::Export => "export",
            Action::SensitiveRead => "read",
            Action::AuditRead => "audit.read",
            Action::AccountMake => "account.make",
            Action::AccountRulesChange => "account_rules.change",
            Action::EndpointMake => "webhook_endpoint.make",
            Action::EndpointChange => "webhook_endpoint.change",
            Action::EndpointDelete => "webhook_endpoint.delete",
            Action::EndpointSecretRoll => "webhook_secret.roll",
            Action::SettingChange => "setting.change",
            Action::PayoutAccountChange => "payout_account.change",
            Action::Refund => "refund",
            Action::Capture => "capture",
            Action::Cancel => "cancel",
            Action::BackupMake => "backup.make",
            Action::BackupRestore => "backup.restore",
            Action::RestoreRelease => "restore.release",
            Action::GatewayStart => "gateway.start",
            Action::MessageTest => "message.test",
        }
    }
    pub fn parse(text: &str) -> Option<Action> {
        Action::ALL.iter().copied().find(|a| a.as_str() == text)
    }
    pub fn from_u8(n: u8) -> Option<Action> {
        Action::ALL.iter().copied().find(|a| *a as u8 == n)
    }
}

impl From<Action> for u8 {
    fn from(action: Action) -> u8 {
        action as u8
    }
}

impl TryFrom<u8> for Action {
    type Error = &'static str;

    fn try_from(n: u8) -> Result<Action, &'static str> {
        Action::from_u8(n).ok_or("an action that this Florin does not know")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_and_names_lead_back() {
        for action in Action::ALL.iter().copied() {
            assert_eq!(Action::from_u8(action as u8), Some(action));
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        let numbers: BTreeSet<u8> = Action::ALL.iter().map(|a| *a as u8).collect();
        assert_eq!(numbers.len(), Action::ALL.len());
        assert_eq!((Action::from_u8(0), Action::parse("nothing")), (None, None));
    }
}
