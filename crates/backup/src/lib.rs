//! Backups of SQLite databases while they are written to: whole or only the pages that changed, compressed, encrypted in the
//! age format, and read back in full before anybody calls them good. Knows no payments: it copies pages and compares digests.

pub mod access;
pub mod error;
pub mod id;
pub mod keep;
pub mod make;
pub mod manifest;
mod pack;
mod pages;
pub mod place;
pub mod restore;
#[cfg(test)]
mod tests;

/// Told as work goes on: bytes done, bytes in all.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);
