-- Amounts are whole minor units, times seconds since 1970. `person`, `reason` and `value` are sealed.
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE product (
    slug TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    service INTEGER NOT NULL,
    eur INTEGER NOT NULL CHECK (eur > 0),
    usd INTEGER NOT NULL CHECK (usd > 0),
    krw INTEGER NOT NULL CHECK (krw > 0),
    stock INTEGER NOT NULL CHECK (stock >= 0),
    active INTEGER NOT NULL
) STRICT;

CREATE TABLE slot (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL REFERENCES product (slug),
    starts INTEGER NOT NULL,
    places INTEGER NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0 CHECK (taken >= 0 AND taken <= places),
    UNIQUE (slug, starts)
) STRICT;

CREATE TABLE hold (
    slot INTEGER NOT NULL REFERENCES slot (id),
    visit TEXT NOT NULL,
    places INTEGER NOT NULL CHECK (places > 0),
    until INTEGER NOT NULL,
    PRIMARY KEY (slot, visit)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    once TEXT NOT NULL UNIQUE,
    stage TEXT NOT NULL,
    currency TEXT NOT NULL,
    total INTEGER NOT NULL CHECK (total > 0),
    received INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 1,
    intent TEXT UNIQUE,
    placed INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    person BLOB NOT NULL
) STRICT;
CREATE INDEX orders_by_stage ON orders (stage, changed);

CREATE TABLE item (
    order_id TEXT NOT NULL REFERENCES orders (id),
    line INTEGER NOT NULL,
    slug TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit INTEGER NOT NULL,
    slot INTEGER REFERENCES slot (id),
    PRIMARY KEY (order_id, line)
) STRICT, WITHOUT ROWID;

-- What happened to an order, for the people of the shop.
CREATE TABLE step (order_id TEXT NOT NULL REFERENCES orders (id), at INTEGER NOT NULL, what TEXT NOT NULL, by TEXT NOT NULL) STRICT;
CREATE INDEX steps ON step (order_id);

-- Written before the gateway is asked, so that it can be asked again under the same idempotency key.
CREATE TABLE refund (
    order_id TEXT NOT NULL REFERENCES orders (id),
    n INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    state TEXT NOT NULL,
    refund TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (order_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE wish (order_id TEXT PRIMARY KEY REFERENCES orders (id), at INTEGER NOT NULL, reason BLOB NOT NULL, state TEXT NOT NULL) STRICT;

-- Notifications that were taken: one that comes again changes nothing.
CREATE TABLE notice (event TEXT PRIMARY KEY, sequence INTEGER NOT NULL, kind TEXT NOT NULL, order_id TEXT, at INTEGER NOT NULL, by TEXT NOT NULL) STRICT;
CREATE INDEX notices ON notice (order_id);

CREATE TABLE admin (id INTEGER PRIMARY KEY CHECK (id = 1), hash TEXT NOT NULL) STRICT;
CREATE TABLE session (hash BLOB PRIMARY KEY, began INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
