//! The Store: everything that lasts, behind five verbs, in memory or in SQLite.
//! Does not know what a row means: bodies are bytes, kinds are numbers.

pub mod bench;
mod block_on;
mod commitment;
pub mod conformance;
mod days;
mod limits;
mod memory;
mod requests;
mod sqlite;

pub use block_on::block_on;
pub use limits::{
    EVENTS_PER_QUERY, INDEX_ENTRIES_PER_ROW, JOBS_PER_LEASE, PARTS_PER_COMMIT, ROWS_PER_QUERY, SIZE_OF_BODY_BYTES,
};
pub use memory::MemoryStore;
pub use requests::{Retention, SqliteRequestLog};
pub use sqlite::{
    Audit, Bad, DataKeyAbout, KeysAbout, OpenError, Options, Rotation, SCHEMA_VERSION, SqliteStore, What, belongs_to,
    integrity, keys_of, sqlite_version,
};

#[cfg(test)]
mod tests;
