"""The contracts: every event, command and fact that crosses a process, and the topics they cross on."""
