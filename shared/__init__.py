"""What services share: contracts, the pure core, the stream, storage. Imports no service."""

__version__ = "0.1.0"
