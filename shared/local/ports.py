"""TCP ports on loopback: one that is free, and whether a wanted one is."""

import errno
import socket

from shared.local.errors import LocalServerError, PortInUse

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now; nothing reserves it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, setting: str) -> None:
    """Raise PortInUse, naming the `setting` that changes the port, when somebody listens there.

    Connections of an earlier server that are still winding down (TIME_WAIT) do not count.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except PermissionError as refused:
            raise LocalServerError(
                f"Port {port} is reserved for root. Choose a higher one: {setting}={port + 8000}"
            ) from refused
        except OSError as refused:
            if refused.errno != errno.EADDRINUSE:
                raise
            raise PortInUse(port, setting) from refused


def is_answering(port: int) -> bool:
    """Whether something accepts connections on the port; never takes long on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
