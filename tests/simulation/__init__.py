"""A seeded simulation of the real turn and fold, on a log and a store that do what they like."""
