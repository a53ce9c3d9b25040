"""The points at which a service of the campaign can be told to kill itself.

A service is told by a file that has its process id for a name and the point for a content. The
product's services know nothing of it: `nursery` puts these classes in the place of their log and
their store.
"""

import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from services.intake.store import PostgresStore as IntakeStore
from shared.postgres.rows import PostgresStore
from shared.stream.kafka import KafkaLog
from shared.stream.log import Outgoing, Place

FOLDER = "TESSERA_TORTURE"
"""The environment variable that names the folder of those files."""


class Point(StrEnum):
    """Where a turn may end."""

    BEFORE_APPEND = "before append"
    AFTER_APPEND = "after append"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"


def order(folder: Path, pid: int) -> Path:
    """The file that tells a process where to die."""
    return folder / str(pid)


def reached(point: Point) -> None:
    """Die here by SIGKILL, if that was asked for."""
    own = order(Path(os.environ[FOLDER]), os.getpid())
    if not own.exists():
        return
    with contextlib.suppress(FileNotFoundError):  # taken back this moment
        if own.read_text("ascii") == point:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalLog(KafkaLog):
    """A log whose appends may be the last thing that a process does."""

    async def append(self, batches: Mapping[Place, Sequence[Outgoing]]) -> dict[Place, int]:
        """See `Log.append`."""
        reached(Point.BEFORE_APPEND)
        ends = await super().append(batches)
        reached(Point.AFTER_APPEND)
        return ends


class MortalStore(PostgresStore):
    """A store whose folds may be the last thing that a process does."""

    async def fold(self, *arguments: Any, **named: Any) -> bool:
        """See `Store.fold`."""
        reached(Point.BEFORE_COMMIT)
        folded = await super().fold(*arguments, **named)
        reached(Point.AFTER_COMMIT)
        return folded


class MortalIntakeStore(IntakeStore):
    """The same for intake's positions."""

    async def swap(self, *arguments: Any, **named: Any) -> bool:
        """See `services.intake.store.Store.swap`."""
        reached(Point.BEFORE_COMMIT)
        swapped = await super().swap(*arguments, **named)
        reached(Point.AFTER_COMMIT)
        return swapped
