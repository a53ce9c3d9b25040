-- Transfers: points that a member gives to another.

ALTER TABLE account
    ADD COLUMN received bigint NOT NULL DEFAULT 0,  -- from other accounts
    ADD COLUMN sent     bigint NOT NULL DEFAULT 0;  -- to other accounts, and not returned

CREATE TABLE transfer (
    account     text        NOT NULL,             -- the sender's
    transfer_id uuid        PRIMARY KEY,
    "to"        text        NOT NULL,
    points      bigint      NOT NULL CHECK (points > 0),
    state       text        NOT NULL,
    reason      text,                             -- why it was returned
    made_at     timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    "order"     bigint      NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX transfer_by_account ON transfer (account, "order" DESC);
CREATE INDEX transfer_in_transit ON transfer (made_at) WHERE state = 'in_transit';
