-- What members have used of caps, how often they came, and the money that tiered rules have read.

CREATE TABLE counter (
    key     text PRIMARY KEY, -- account, counter and period, separated by U+001F
    account text NOT NULL,
    counter text NOT NULL,
    period  text NOT NULL,    -- 2026-03-03, 2026-W10, 2026-03, 2026; empty: lifetime
    value   text NOT NULL     -- an exact number, such as 349/100
);

CREATE INDEX counter_by_account ON counter (account);
