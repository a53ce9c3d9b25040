"""`python -m services.query`: the API as a process of one worker."""

import asyncio
import socket
import sys

import structlog
import uvicorn

from services.query.app import create_app
from services.query.limits import STOP_SECONDS
from shared.process import EXIT_SETUP, run
from shared.settings import Settings

BACKLOG = 4_096
KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep idle connections: who closes second never loses a request."""
logger = structlog.get_logger()


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; requests under way are answered first."""
    listening = _listen(settings.api_host, settings.api_port)
    host, port = listening.getsockname()[:2]
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    logger.info(
        "serves", address=f"http://{host}:{port}", documentation=f"http://{host}:{port}/docs"
    )
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    told.cancel()
    await serving


def _listen(host: str, port: int) -> socket.socket:
    """The socket to serve on; ends the process with what to do where there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        logger.error(
            "cannot start",
            why=f"{host}:{port} cannot be listened on ({error.strerror}): set TESSERA_API_HOST and "
            "TESSERA_API_PORT to a free address",
        )
        sys.exit(EXIT_SETUP)


if __name__ == "__main__":
    run("query", main)
