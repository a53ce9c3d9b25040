"""redeem, the account keeper: awards, redemptions and ticks become facts of accounts."""
