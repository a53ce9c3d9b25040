"""The loop of all deciding services: turn, opening of a partition, and what both stand on."""
