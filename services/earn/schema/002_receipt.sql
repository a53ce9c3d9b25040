-- Receipts of which something came back. The purchase itself is in decision.

CREATE TABLE receipt (
    receipt    uuid PRIMARY KEY, -- the cause of the purchase's decision
    account    text NOT NULL,
    brand      text NOT NULL,
    receipt_id text NOT NULL,
    waiting    text NOT NULL,    -- returns whose purchase is not known yet: facts, one to a line
    assessed   text NOT NULL     -- returns that were assessed: facts, one to a line
);
