-- Holds, claw-backs, refunds, adjustments, and dates that are moved.

ALTER TABLE account
    ADD COLUMN held_waived bigint NOT NULL DEFAULT 0 CHECK (held_waived >= 0),
    ADD COLUMN added       bigint NOT NULL DEFAULT 0,  -- by operators
    ADD COLUMN deducted    bigint NOT NULL DEFAULT 0;  -- by operators

ALTER TABLE lot
    ADD COLUMN graced boolean NOT NULL DEFAULT false;  -- it has had its time of grace

ALTER TABLE debit
    ADD COLUMN original    bigint,
    ADD COLUMN value_minor bigint,                     -- what all of a hold is worth
    ADD COLUMN money       text,
    ADD COLUMN state       text,                       -- of a hold: open, or what became of it
    ADD COLUMN lapses_at   timestamptz,
    ADD COLUMN settles_at  timestamptz;                -- when a date will change it
UPDATE debit SET original = amount;
ALTER TABLE debit ALTER COLUMN original SET NOT NULL;

CREATE INDEX debit_open ON debit (account) WHERE state = 'open';
CREATE INDEX debit_of_account_settles ON debit (account, settles_at) WHERE settles_at IS NOT NULL;
CREATE INDEX debit_settles ON debit (settles_at) WHERE settles_at IS NOT NULL;
