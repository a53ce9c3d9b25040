"""What every process of Tessera does around its work: logs, event loop, signals, exit code.

Exit codes: 0 told to stop, 2 wrongly set up, 3 halted. The reason is the last line of the log.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from shared import logs
from shared.identity import LedgerMismatch, LedgerUnknown, with_ledger
from shared.postgres.migrations import MigrationError
from shared.settings import Settings, SettingsWrong
from shared.stream.log import LogUnavailable
from shared.stream.positions import Halted
from shared.stream.records import UnreadableFact
from shared.stream.store import StoreUnavailable, Unstorable
from shared.stream.topics_setup import TopicsWrong

EXIT_SETUP = 2
EXIT_HALTED = 3
Main = Callable[[Settings, asyncio.Event], Awaitable[None]]
logger = structlog.get_logger()


def run(name: str, main: Main) -> None:
    """Run `main` until it returns or a signal says stop, and end the process with its exit code."""
    try:
        settings = Settings.read()
    except SettingsWrong as wrong:
        logs.configure(name, "info")
        logger.error("cannot start", why=str(wrong))
        sys.exit(EXIT_SETUP)
    logs.configure(name, settings.log_level)
    few_collections()
    sys.exit(uvloop.run(_supervised(name, main, settings)))


def few_collections() -> None:
    """Large turns make many short-lived objects: Python's thresholds make decoding 3 times dearer.

    What is there by now is not looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


async def _supervised(name: str, main: Main, settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    code = 0
    try:
        await main(with_ledger(settings), stop)
    except* (Halted, UnreadableFact, TopicsWrong, MigrationError, Unstorable) as halted:
        logger.error("halted", why=_reason(halted))
        code = EXIT_HALTED
    except* (LogUnavailable, StoreUnavailable, LedgerMismatch, LedgerUnknown) as away:
        logger.error("cannot start", why=_reason(away))
        code = EXIT_SETUP
    logger.info("stopped", name=name, code=code)
    return code


def _reason(group: BaseExceptionGroup[BaseException]) -> str:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return str(first)
