"""Logs of a process: one JSON object a line on standard output.

What cannot be written (the disk is full, the reader is gone) is lost, and nothing else happens: no
decision hangs on a log line.

The Kafka client writes some 200 lines a second while its broker is away; each of its messages is
let through once in a named time.
"""

import contextlib
import io
import logging
import sys
import time
from typing import TextIO, cast

import structlog
from structlog.typing import Processor

REPEAT_SECONDS = 5.0


class Throttle(logging.Filter):
    """Lets the same message of the same logger through once in `REPEAT_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True for what is to be written."""
        key = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._last.get(key, float("-inf")) < REPEAT_SECONDS:
            return False
        self._last[key] = now
        return True


class Lossy(io.TextIOBase):
    """A stream that drops what the one behind it does not take."""

    def __init__(self, behind: TextIO) -> None:
        self._behind = behind

    def write(self, text: str) -> int:
        """All of it is taken, as far as the writer is told."""
        with contextlib.suppress(OSError):
            self._behind.write(text)
        return len(text)

    def flush(self) -> None:
        """What is behind writes what it has, if it can."""
        with contextlib.suppress(OSError):
            self._behind.flush()


def configure(service: str, level: str) -> None:
    """Set up logging for this process. `level` is debug, info, warning or error."""
    output = Lossy(sys.stdout)
    minimum = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, output)),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    handler.addFilter(Throttle())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
