-- The projection of loyalty.points.v1: one row for each decision, account, lot and debit.

CREATE TABLE decision (
    cause      uuid        PRIMARY KEY,
    account    text        NOT NULL,
    version    bigint,               -- the account's, after this fact; none if none was touched
    seq        bigint      NOT NULL, -- position in the chain of the account's partition
    type       text        NOT NULL,
    body       bytea       NOT NULL, -- digest of the input's body
    decided_at timestamptz NOT NULL,
    points     bigint      NOT NULL, -- what it did to the balance
    balance    bigint      NOT NULL, -- the balance after it
    fact       text        NOT NULL  -- the fact's JSON, byte for byte as on the log
);
CREATE INDEX decision_by_account ON decision (account, version DESC);

CREATE TABLE account (
    key         text        PRIMARY KEY,
    status      text        NOT NULL,
    version     bigint      NOT NULL,
    last_at     timestamptz NOT NULL,
    earned      bigint      NOT NULL,
    redeemed    bigint      NOT NULL,
    expired     bigint      NOT NULL,
    clawed_back bigint      NOT NULL,
    written_off bigint      NOT NULL,
    free        bigint      NOT NULL CHECK (free >= 0),
    due         bigint      NOT NULL CHECK (due >= 0),
    held        bigint      NOT NULL CHECK (held >= 0),
    CHECK (free = 0 OR due = 0)
) WITH (fillfactor = 70);

CREATE TABLE lot (
    account     text        NOT NULL,
    lot_id      uuid        PRIMARY KEY,
    brand       text        NOT NULL,
    receipt_id  text,
    original    bigint      NOT NULL CHECK (original = free + used + expired + clawed),
    free        bigint      NOT NULL CHECK (free >= 0),
    used        bigint      NOT NULL CHECK (used >= 0),
    expired     bigint      NOT NULL CHECK (expired >= 0),
    clawed      bigint      NOT NULL CHECK (clawed >= 0),
    occurred_at timestamptz NOT NULL,
    active_from timestamptz NOT NULL,
    expires_at  timestamptz,
    "order"     bigint      NOT NULL -- the account's version at which the lot was made
) WITH (fillfactor = 90);
CREATE INDEX lot_open ON lot (account, expires_at) WHERE free > 0;
CREATE INDEX lot_past ON lot (expires_at) WHERE free > 0;

CREATE TABLE debit (
    account    text        NOT NULL,
    debit_id   uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    amount     bigint      NOT NULL CHECK (amount = covered + due + waived),
    covered    bigint      NOT NULL CHECK (covered >= 0),
    due        bigint      NOT NULL CHECK (due >= 0),
    waived     bigint      NOT NULL CHECK (waived >= 0),
    owed       text        NOT NULL, -- what is due, by write-off date, as JSON
    allocation text        NOT NULL, -- the lots that cover it, in order, as JSON
    made_at    timestamptz NOT NULL,
    "order"    bigint      NOT NULL
);
CREATE INDEX debit_due ON debit (account) WHERE due > 0;
CREATE INDEX debit_by_account ON debit (account, "order" DESC);
