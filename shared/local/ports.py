"""TCP ports on loopback: one that is free, and whether a wanted one is."""

import errno
import random
import socket

from shared.local.errors import LocalServerError, PortInUse

LOOPBACK = "127.0.0.1"


FIRST, LAST = 20_000, 32_000
"""Below the ports that Linux (32768 on) and macOS (49152 on) give to outgoing connections: one of
those may be taken by anybody's connection between the choice and the start of a server."""
DRAWS_MAX = 1_000


def free_port() -> int:
    """A port that nobody listens on now; nothing reserves it."""
    for _ in range(DRAWS_MAX):
        port = random.randrange(FIRST, LAST)  # noqa: S311  (no secret: any free port will do)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise LocalServerError(f"no port from {FIRST} to {LAST} is free: end some servers")


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
