"""How an operation of the command line runs: what was foreseen ends in a message, not in a trace.

Exit codes: 0 done, 1 refused or something was found, 2 wrongly asked or set up.
"""

from collections.abc import Coroutine
from typing import Any

import asyncpg
import structlog
import uvloop
from rich.console import Console

from cli.refusals import Refused, WronglySetUp
from shared.identity import LedgerMismatch, LedgerUnknown
from shared.local import LocalServerError
from shared.postgres.migrations import MigrationError
from shared.program.catalogue import CatalogueError
from shared.stream.log import LogUnavailable
from shared.stream.positions import Halted, Outpaced
from shared.stream.records import UnreadableFact
from shared.stream.store import StoreUnavailable, Unstorable
from shared.stream.topics_setup import TopicsWrong

EXIT_REFUSED = 1
EXIT_SETUP = 2
EXIT_INTERRUPTED = 130


SETUP = (
    WronglySetUp,
    LocalServerError,
    LedgerMismatch,
    LedgerUnknown,
    TopicsWrong,
    LogUnavailable,
    StoreUnavailable,
    MigrationError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    OSError,
)
CONTRADICTED = (Refused, Halted, Outpaced, UnreadableFact, CatalogueError, Unstorable)


def console() -> Console:
    """Where an operation writes for people."""
    return Console(highlight=False, soft_wrap=True)


def perform(work: Coroutine[Any, Any, int]) -> int:
    """Run an operation to its end; its exit code, or that of what stood in its way."""
    # what libraries log would stand between the lines; what matters is raised
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[])
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    try:
        return uvloop.run(work)
    except SETUP as error:
        errors.print(_told(error))
        return EXIT_SETUP
    except CONTRADICTED as error:
        errors.print(str(error))
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _told(error: BaseException) -> str:
    """What happened; of a lost connection what lost it, not what could not be done without it."""
    while isinstance(error, asyncpg.InterfaceError) and error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"
