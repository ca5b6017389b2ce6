//! Start errors of the parts, each with the code by which programs know it. The texts are the parts' own.

use crate::fail::Fail;
use florin_sandbox::StartError as Sandbox;
use florin_store::OpenError;
use florin_vault::db::DbError;
use florin_vault::process::StartError as Vault;
use florin_vault::tls::TlsSetupError;

/// A start error: its code and, as text, what happened and what to do.
pub trait Named: std::fmt::Display {
    fn code(&self) -> &'static str;
    fn fail(&self) -> Fail {
        Fail::new(self.code(), self.to_string())
    }
}

impl Named for OpenError {
    fn code(&self) -> &'static str {
        match self {
            OpenError::SqliteTooOld { .. } => "sqlite_too_old",
            OpenError::NetworkFileSystem { .. } => "network_file_system",
            OpenError::NotFlorin(_) => "database_not_florin",
            OpenError::Newer { .. } => "database_newer",
            OpenError::Damaged { .. } => "database_damaged",
            OpenError::WrongKey(_) => "wrong_key",
            OpenError::InUse(_) => "database_in_use",
            OpenError::NotWritable { .. } => "database_not_writable",
            OpenError::DiskFull(_) => "disk_full",
            OpenError::Io { .. } => "database_io",
        }
    }
}

impl Named for Vault {
    fn code(&self) -> &'static str {
        match self {
            Vault::Kek(e) => e.code(),
            Vault::Db(DbError::WrongKek(_)) => "wrong_key",
            Vault::Db(DbError::Newer { .. }) => "database_newer",
            Vault::Db(DbError::Damaged { .. } | DbError::NotOurs(_) | DbError::KeyDamaged { .. }) => "database_damaged",
            Vault::Db(DbError::InUse(_)) => "database_in_use",
            Vault::Db(DbError::OtherMode { .. }) => "database_of_other_mode",
            Vault::Db(DbError::NetworkFileSystem(_)) => "network_file_system",
            Vault::Db(DbError::SqliteTooOld(_)) => "sqlite_too_old",
            Vault::Db(_) => "database_io",
            Vault::Tls(TlsSetupError::CertificateExpired(_) | TlsSetupError::CertificateNotYetValid(_)) => {
                "certificate_expired"
            }
            Vault::Tls(_) => "certificate_unusable",
            Vault::Socket { .. } => "socket_unusable",
            Vault::DatabaseStopped(_) => "database_stopped",
        }
    }
}

impl Named for Sandbox {
    fn code(&self) -> &'static str {
        match self {
            Sandbox::PortInUse { .. } => "port_in_use",
            Sandbox::Listen { .. } => "port_unusable",
            Sandbox::InUse { .. } => "sandbox_in_use",
            Sandbox::KeyFileOpen { .. } => "key_too_open",
            Sandbox::KeyFileLength { .. } => "key_unusable",
            Sandbox::KeyFileMissing { .. } => "key_missing",
            Sandbox::WrongKey { .. } => "wrong_key",
            Sandbox::Newer { .. } => "database_newer",
            Sandbox::NotOurs { .. } | Sandbox::Damaged { .. } => "database_damaged",
            Sandbox::Certificate { .. } => "certificate_unusable",
            Sandbox::CertificateExpired { .. } => "certificate_expired",
            Sandbox::Folder { .. } => "folder_unusable",
            Sandbox::Stopped { .. } => "database_stopped",
        }
    }
}
