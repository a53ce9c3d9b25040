"""What all services stand on: contracts, pure rules, the stream loop and the adapters."""
