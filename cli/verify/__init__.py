"""`tessera verify`: the log folded from nothing, every invariant checked, every row compared."""
