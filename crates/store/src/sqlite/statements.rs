//! The statements of the writer thread, prepared once. All values are bound.

use florin_core::ledger::LedgerAccount;
use rusqlite::{Connection, Statement};

pub struct Statements<'c> {
    pub begin: Statement<'c>,
    pub commit: Statement<'c>,
    pub version: Statement<'c>,
    pub put_row: Statement<'c>,
    pub put_step: Statement<'c>,
    pub put_index: Statement<'c>,
    pub wraps: Statement<'c>,
    pub put_wrap: Statement<'c>,
    pub erase_wraps: Statement<'c>,
    pub balance: Statement<'c>,
    pub put_balance: Statement<'c>,
    pub put_transfer: Statement<'c>,
    pub put_ledger_link: Statement<'c>,
    pub put_event: Statement<'c>,
    pub head: Statement<'c>,
    pub next_positions: Statement<'c>,
    pub put_link: Statement<'c>,
    pub put_numbered: Statement<'c>,
    pub put_told: Statement<'c>,
    pub put_job: Statement<'c>,
    pub done: Statement<'c>,
    pub due: Statement<'c>,
    pub hide_job: Statement<'c>,
    pub claim: Statement<'c>,
    pub put_claim: [Statement<'c>; 2],
    pub put_answer: [Statement<'c>; 2],
    pub amend_answer: [Statement<'c>; 2],
    pub empty_claims: [Statement<'c>; 2],
    pub empty_answers: [Statement<'c>; 2],
    pub put_meta: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub fn prepare(connection: &'c Connection) -> rusqlite::Result<Statements<'c>> {
        let p = |sql: &str| connection.prepare(sql);
        Ok(Statements {
            begin: p("BEGIN IMMEDIATE")?,
            commit: p("COMMIT")?,
            version: p("SELECT version FROM step WHERE key = ?1 ORDER BY version DESC LIMIT 1")?,
            put_row: p("INSERT INTO row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?,
            put_step: p("INSERT INTO step VALUES (?1, ?2, ?3)")?,
            put_index: p("INSERT INTO ix VALUES (?1, ?2, ?3, ?4)
                          ON CONFLICT (under, kind, key) DO UPDATE SET holder = excluded.holder")?,
            wraps: p(WRAPS)?,
            put_wrap: p("INSERT INTO customer_key VALUES (?1, ?2, ?3)
                         ON CONFLICT (subject, account) DO UPDATE SET wrapped = excluded.wrapped")?,
            erase_wraps: p("UPDATE customer_key SET wrapped = NULL WHERE subject = ?1")?,
            balance: p(BALANCE)?,
            put_balance: p("INSERT INTO balance VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (owner, book, currency)
                            DO UPDATE SET debits = excluded.debits, credits = excluded.credits")?,
            put_transfer: p("INSERT INTO transfer VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?,
            put_ledger_link: p("INSERT INTO ledger_link VALUES (?1, ?2)")?,
            put_event: p("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)")?,
            head: p("SELECT sequence, position FROM link WHERE shard = ?1 ORDER BY sequence DESC LIMIT 1")?,
            next_positions: p(
                "SELECT position FROM event WHERE shard = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
            )?,
            put_link: p("INSERT INTO link VALUES (?1, ?2, ?3, ?4)")?,
            put_told: p("INSERT INTO told SELECT r.account, ?2 FROM event e CROSS JOIN row r ON r.n = e.n
                         WHERE e.shard = ?1 AND e.position = ?3")?,
            put_numbered: p("INSERT INTO numbered SELECT id, ?1, ?2 FROM event WHERE shard = ?1 AND position = ?3")?,
            put_job: p("INSERT INTO job VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0) ON CONFLICT (id) DO UPDATE SET
                        kind = excluded.kind, account = excluded.account, subject = excluded.subject,
                        attempt = excluded.attempt, due = excluded.due, clock = excluded.clock")?,
            done: p("DELETE FROM job WHERE id = ?1")?,
            // Two ranges of one index: what is due, and what lies so far ahead that the clock must have been wrong.
            due: p("SELECT * FROM (
                        SELECT id, kind, account, subject, attempt, due, clock, tries FROM job
                        WHERE kind = ?1 AND clock IS NULL AND due <= ?2 ORDER BY due, id LIMIT ?4)
                    UNION ALL SELECT * FROM (
                        SELECT id, kind, account, subject, attempt, due, clock, tries FROM job
                        WHERE kind = ?1 AND clock IS NULL AND due > ?3 ORDER BY due, id LIMIT ?4)
                    ORDER BY due, id LIMIT ?4")?,
            hide_job: p("UPDATE job SET due = ?2, tries = ?3 WHERE id = ?1")?,
            claim: p(CLAIM)?,
            put_claim: [
                p("INSERT INTO claim_0 (slot, digest, at, sealed) VALUES (?1, ?2, ?3, ?4)")?,
                p("INSERT INTO claim_1 (slot, digest, at, sealed) VALUES (?1, ?2, ?3, ?4)")?,
            ],
            put_answer: [p("INSERT INTO answer_0 VALUES (?1, ?2)")?, p("INSERT INTO answer_1 VALUES (?1, ?2)")?],
            amend_answer: [
                p("UPDATE answer_0 SET sealed = ?2 WHERE n = ?1")?,
                p("UPDATE answer_1 SET sealed = ?2 WHERE n = ?1")?,
            ],
            empty_claims: [p("DELETE FROM claim_0")?, p("DELETE FROM claim_1")?],
            empty_answers: [p("DELETE FROM answer_0")?, p("DELETE FROM answer_1")?],
            put_meta: p("UPDATE meta SET value = ?2 WHERE name = ?1")?,
        })
    }
}

/// Both day tables; a slot is in one of them at most.
pub const CLAIM: &str = "
    SELECT 0, c.n, c.digest, c.at, c.sealed, (SELECT a.sealed FROM answer_0 a WHERE a.n = c.n)
    FROM claim_0 c WHERE c.slot = ?1
    UNION ALL
    SELECT 1, c.n, c.digest, c.at, c.sealed, (SELECT a.sealed FROM answer_1 a WHERE a.n = c.n)
    FROM claim_1 c WHERE c.slot = ?1";

/// The keys of a person under all accounts, and tombstones (null). Most have one: choosing among them here is cheaper than in SQL.
pub const WRAPS: &str = "SELECT account, wrapped FROM customer_key WHERE subject = ?1";

/// The key of a person under an account as the database has it: None for nobody yet, a tombstone (null) of the account or of all.
pub fn wrap(s: &mut Statement<'_>, subject: i64, account: i64) -> rusqlite::Result<Option<Option<Vec<u8>>>> {
    let (mut rows, mut found) = (s.query([subject])?, None);
    while let Some(row) = rows.next()? {
        let of: i64 = row.get(0)?;
        if of == account || of == TOMBSTONE_ACCOUNT {
            match row.get(1)? {
                None => return Ok(Some(None)),
                held => found = Some(held),
            }
        }
    }
    Ok(found)
}

/// Stands for every account in the tombstone of a subject; no key is negative.
pub const TOMBSTONE_ACCOUNT: i64 = -1;

pub const BALANCE: &str = "SELECT debits, credits FROM balance WHERE owner = ?1 AND book = ?2 AND currency = ?3";

/// Names a ledger account in the order of the table's key.
pub fn balance_key(account: &LedgerAccount) -> (i64, u8, u16) {
    (account.owner.0, account.book as u8, account.currency.numeric())
}

/// What the writer keeps in `meta`.
pub const META_NEWEST: &str = "newest";
pub const META_CLAIM_DAYS: [&str; 2] = ["claim_day_0", "claim_day_1"];
pub const META_CHECK: &str = "check";
pub const META_HEAD: &str = "ledger_head";
/// The seed, wrapped by the root.
pub const META_SEED: &str = "seed";
/// Since when the root wraps, in milliseconds since 1970; 0: not written down.
pub const META_ROOT_SINCE: &str = "root_since";
/// How far a rotation of the data keys has come; not there when none is under way.
pub const META_ROTATION: &str = "rotation";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema::TABLES;

    /// What every payment asks makes no table of its own: opening one costs more than the question.
    #[test]
    fn nothing_is_sorted_for_a_payment() {
        let connection = Connection::open_in_memory().expect("SQLite opens");
        connection.execute_batch(TABLES).expect("tables are made");
        for sql in [WRAPS, CLAIM, BALANCE] {
            let bound = ["?1", "?2", "?3"].iter().fold(sql.to_owned(), |sql, place| sql.replace(place, "1"));
            let mut explained = connection.prepare(&format!("EXPLAIN {bound}")).expect("prepared");
            let steps = explained.query_map((), |row| row.get::<_, String>(1)).expect("explained");
            let steps: Vec<String> = steps.map(|step| step.expect("a step")).collect();
            assert!(
                steps.iter().all(|step| !step.contains("Ephemeral") && !step.contains("Sorter")),
                "{sql}: {steps:?}"
            );
        }
    }
}
