"""The contracts: every event, command and fact between processes, and the topics they cross on."""
