"""query: the HTTP API over all projections; it writes commands and decides nothing."""
