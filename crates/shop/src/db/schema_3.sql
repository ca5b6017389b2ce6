-- Version 3: customers' accounts. `name` is a keyed code of the e-mail address, `hash` of the password; who it is lies sealed.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    person BLOB NOT NULL,
    made INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE visit (
    hash BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    began INTEGER NOT NULL,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX visits ON visit (account);

ALTER TABLE orders ADD COLUMN account TEXT;
CREATE INDEX orders_by_account ON orders (account, number) WHERE account IS NOT NULL;
-- 1: who ordered is to be forgotten once the order is over; 2: that is done.
ALTER TABLE orders ADD COLUMN forget INTEGER NOT NULL DEFAULT 0;
CREATE INDEX orders_to_forget ON orders (forget) WHERE forget = 1;
