"""The linked record and the validity rule: an append on condition, on a log that has none."""
