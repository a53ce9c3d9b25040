"""intake: upstream events to activity of accounts; what it cannot take goes to quarantine."""
