"""The ledger: what happens to the points of one account. Pure: no clock, no IO, no chance.

`decide` and `settle` turn an account and an input into facts, `evolve` turns an account and a fact
into the account after it, `reading` answers what an account holds at an instant.
"""
