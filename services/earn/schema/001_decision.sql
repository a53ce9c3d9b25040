-- The projection of loyalty.awards.v1: one row for each activity that was decided.

CREATE TABLE decision (
    cause      uuid        PRIMARY KEY,
    account    text        NOT NULL,
    seq        bigint      NOT NULL, -- position in the chain of the account's partition
    type       text        NOT NULL,
    body       bytea       NOT NULL, -- digest of the activity's content
    decided_at timestamptz NOT NULL,
    brand      text,
    receipt_id text,
    points     bigint      NOT NULL,
    fact       text        NOT NULL  -- the fact's JSON, byte for byte as on the log
);
