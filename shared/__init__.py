"""What all services stand on: contracts, pure rules, the stream loop and the adapters."""

__version__ = "0.1.0"
