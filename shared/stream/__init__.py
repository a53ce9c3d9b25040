"""The loop of all deciding services: the turn, opening a partition, and the log and store it stands on."""
