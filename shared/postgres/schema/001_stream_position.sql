-- Where the fold of each fact partition stands; moves only by compare-and-swap, in the statement
-- that writes the rows.
CREATE TABLE stream_position (
    topic        text   NOT NULL,
    partition    int    NOT NULL,
    next_offset  bigint NOT NULL,
    head         bytea  NOT NULL,
    seq          bigint NOT NULL,
    time_ms      bigint NOT NULL,
    mark         bytea,
    inputs       text   NOT NULL,
    ledger_id    text   NOT NULL,
    fold_version text   NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
