-- Rewards: what members have of them, and the codes of pools. Stocks are accounts like others.

CREATE TABLE claim (
    account         text        NOT NULL,
    redemption_id   uuid        PRIMARY KEY,
    reward          text        NOT NULL,
    points          bigint      NOT NULL CHECK (points > 0),
    brand           text        NOT NULL, -- who hands it over
    program_version bigint      NOT NULL,
    state           text        NOT NULL,
    stock           text,                 -- the account of its units; none: it has no units
    makes_code      boolean     NOT NULL,
    written_off     boolean     NOT NULL, -- what becomes of its unit when it is cancelled
    lot_id          uuid,                 -- the lot of its unit
    code            text,
    errand          text,                 -- what the courier has yet to do at the stock
    reason          text,                 -- why it was refused
    made_at         timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    "order"         bigint      NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX claim_by_account ON claim (account, "order" DESC);
CREATE INDEX claim_errand ON claim (made_at) WHERE errand IS NOT NULL;

CREATE TABLE code (
    code_id  uuid   PRIMARY KEY,
    account  text   NOT NULL,
    lot_id   uuid   NOT NULL,
    code     text   NOT NULL,
    place    bigint NOT NULL, -- within its lot: they are taken in this order
    taken_by uuid             -- the unit that has it
) WITH (fillfactor = 80);
CREATE INDEX code_free ON code (account) WHERE taken_by IS NULL;
CREATE INDEX code_taken ON code (taken_by) WHERE taken_by IS NOT NULL;
