//! The tables, their version, and what marks a file as ours. Knows no keys and no statements of the hot path.

/// Application id in the file's header: "Flor".
pub const APPLICATION_ID: i32 = 0x466c_6f72;
/// `user_version` of the file. A change of any table is a new version with a migration.
pub const SCHEMA_VERSION: u32 = 4;

/// Transfers of one row are numbered n * 256 + i, so that they lie in order of commit and need no index.
pub const TRANSFERS_PER_ROW: i64 = 256;

/// `row` is a journal in order of commit: its inserts touch the last page alone. `step` finds a version in it; it is a
/// separate, narrow tree because sealed bodies in a key-ordered tree would make every lookup several pages deeper.
/// `numbered` finds an event by its id, `told` those of an account; they are written with the number, so no payment waits for them.
/// All keys grow with time, so the only entries that land at random places are those of a claim's slot.
pub const TABLES: &str = "
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE row (
    n          INTEGER PRIMARY KEY,
    key        INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    account    INTEGER NOT NULL,
    kind       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    sealed     BLOB NOT NULL,
    commitment BLOB NOT NULL,
    subject    INTEGER,
    personal   BLOB
) STRICT;

CREATE TABLE step (
    key     INTEGER NOT NULL,
    version INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (key, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE ix (
    under  INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    key    INTEGER NOT NULL,
    holder INTEGER NOT NULL,
    PRIMARY KEY (under, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE balance (
    owner    INTEGER NOT NULL,
    book     INTEGER NOT NULL,
    currency INTEGER NOT NULL,
    debits   INTEGER NOT NULL,
    credits  INTEGER NOT NULL,
    PRIMARY KEY (owner, book, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfer (
    id           INTEGER PRIMARY KEY,
    debit_owner  INTEGER NOT NULL,
    debit_book   INTEGER NOT NULL,
    credit_owner INTEGER NOT NULL,
    credit_book  INTEGER NOT NULL,
    currency     INTEGER NOT NULL,
    minor        INTEGER NOT NULL,
    reason       INTEGER NOT NULL
) STRICT;

CREATE TABLE event (
    shard    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (shard, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE link (
    shard    INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    PRIMARY KEY (shard, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE numbered (
    id       INTEGER PRIMARY KEY,
    shard    INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE told (
    account  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (account, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    id      INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,
    account INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    due     INTEGER NOT NULL,
    clock   INTEGER,
    tries   INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (kind, clock, due);

CREATE TABLE claim_0 (
    n      INTEGER PRIMARY KEY,
    slot   INTEGER NOT NULL,
    digest BLOB NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX claim_0_slot ON claim_0 (slot);
CREATE TABLE answer_0 (n INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;

CREATE TABLE claim_1 (
    n      INTEGER PRIMARY KEY,
    slot   INTEGER NOT NULL,
    digest BLOB NOT NULL,
    at     INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX claim_1_slot ON claim_1 (slot);
CREATE TABLE answer_1 (n INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;

CREATE TABLE customer_key (
    subject INTEGER NOT NULL,
    account INTEGER NOT NULL,
    wrapped BLOB,
    PRIMARY KEY (subject, account)
) STRICT, WITHOUT ROWID;
";

/// The chain of the ledger, one link for each journal row that moved money; and what refuses changes of what is only ever added to. Made
/// after the tables, and added to files of format 1.
pub const LEDGER_CHAIN: &str = "
CREATE TABLE ledger_link (
    n    INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;

CREATE TRIGGER row_delete BEFORE DELETE ON row BEGIN SELECT raise(ABORT, 'rows are only added'); END;
CREATE TRIGGER step_update BEFORE UPDATE ON step BEGIN SELECT raise(ABORT, 'steps are only added'); END;
CREATE TRIGGER step_delete BEFORE DELETE ON step BEGIN SELECT raise(ABORT, 'steps are only added'); END;
CREATE TRIGGER transfer_update BEFORE UPDATE ON transfer BEGIN SELECT raise(ABORT, 'transfers are only added'); END;
CREATE TRIGGER transfer_delete BEFORE DELETE ON transfer BEGIN SELECT raise(ABORT, 'transfers are only added'); END;
CREATE TRIGGER ledger_link_update BEFORE UPDATE ON ledger_link BEGIN SELECT raise(ABORT, 'links are only added'); END;
CREATE TRIGGER ledger_link_delete BEFORE DELETE ON ledger_link BEGIN SELECT raise(ABORT, 'links are only added'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'events are only added'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'events are only added'); END;
CREATE TRIGGER link_update BEFORE UPDATE ON link BEGIN SELECT raise(ABORT, 'links are only added'); END;
CREATE TRIGGER link_delete BEFORE DELETE ON link BEGIN SELECT raise(ABORT, 'links are only added'); END;
";

/// Data keys and the seed, wrapped by the root; a row's sealed bytes may be written anew under another data key, nothing else of it. Made
/// after the tables, and added to files of formats before 4. `created` is in milliseconds since 1970; 0: not written down.
pub const DATA_KEYS: &str = "
CREATE TABLE IF NOT EXISTS data_key (
    version   INTEGER PRIMARY KEY,
    algorithm INTEGER NOT NULL,
    wrapped   BLOB NOT NULL,
    created   INTEGER NOT NULL
) STRICT;

DROP TRIGGER IF EXISTS row_update;
CREATE TRIGGER row_update BEFORE UPDATE OF n, key, version, account, kind, at, commitment, subject ON row
    BEGIN SELECT raise(ABORT, 'rows are only added'); END;
";
