-- Merges: all of an account becomes another account's, under the ids that it had. So what has an id
-- has it within an account; emptied rows of the merged one stay.

ALTER TABLE account ADD COLUMN merged_into text;  -- the account that has, or is about to have, all

ALTER TABLE lot DROP CONSTRAINT lot_pkey, ADD PRIMARY KEY (lot_id, account);
ALTER TABLE debit DROP CONSTRAINT debit_pkey, ADD PRIMARY KEY (debit_id, account);
ALTER TABLE claim DROP CONSTRAINT claim_pkey, ADD PRIMARY KEY (redemption_id, account);
ALTER TABLE transfer DROP CONSTRAINT transfer_pkey, ADD PRIMARY KEY (transfer_id, account);
CREATE INDEX lot_closed ON lot (account) WHERE free = 0;

CREATE TABLE parcel (
    account    text        NOT NULL,             -- the merged one
    parcel_id  uuid        PRIMARY KEY,          -- the cause of the decision in which it stands
    kind       text        NOT NULL,
    "to"       text        NOT NULL,
    state      text        NOT NULL,
    reason     text,                             -- why a merge was declined
    made_at    timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    "order"    bigint      NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX parcel_open ON parcel (account, "order") WHERE state = 'open';
