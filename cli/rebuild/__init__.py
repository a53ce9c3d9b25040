"""`tessera rebuild`: a service's tables folded anew beside the live ones, then swapped."""
