-- What intake remembers: whose each event was when it was first seen, and how far it has read.

CREATE TABLE resolution (
    identity    bytea       PRIMARY KEY, -- digest of (brand, receipt id) or of (source, event id)
    account     text        NOT NULL,    -- to which the event was first resolved, for every re-send
    content     bytea       NOT NULL,    -- digest of all but event id and source
    resolved_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE upstream_position (
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL,         -- the first offset that was not taken yet
    mark        bytea,                   -- fingerprint of the record before it, if one was read
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 70);
