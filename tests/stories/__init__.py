"""Stories of one account, told through the writer: given inputs, when one comes, then facts.

The account is folded from the facts as decided; what a story compares went over the wire, and
`fold` makes the account from that alone. Points are told apart by names: `earned(100, "L1")` makes
the lot that `redeemed(100, L1=100)` takes.
"""
