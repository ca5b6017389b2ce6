//! The commands of the terminal, one file each.

pub mod account_keys;
pub mod backup;
pub mod bench;
pub mod doctor;
pub mod https;
pub mod inventory;
pub mod key_age;
pub mod key_checks;
pub mod manage;
pub mod network;
pub mod own;
pub mod pay;
pub mod plain;
pub mod prove;
pub mod restart;
pub mod restore;
pub mod scripts;
pub mod serve;
pub mod settled;
pub mod settlement;
pub mod storefront;
pub mod system;
pub mod trace;
pub mod vault_keys;
pub mod verify;
pub mod webhooks;
