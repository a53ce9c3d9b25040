"""earn, the rules engine: what an activity is worth."""
