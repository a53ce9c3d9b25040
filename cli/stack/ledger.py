"""The identity of the ledger of this folder: drawn once, when its topics are made, and kept.

Guarantees: a folder never changes its ledger or its partition count. Raises LedgerMismatch with what to
do where settings and folder contradict each other.
"""

import json
import uuid
from pathlib import Path
from typing import NamedTuple

from shared.settings import Settings


class LedgerIdentity(NamedTuple):
    """What every service is told."""

    id: str
    partitions: int


class LedgerMismatch(Exception):
    """Settings name another ledger, or another partition count, than the folder."""


def ledger_identity(settings: Settings) -> LedgerIdentity:
    """The folder's ledger, drawn now if there is none."""
    path = settings.home / "ledger.json"
    if not path.exists():
        identity = LedgerIdentity(settings.ledger_id or uuid.uuid4().hex, settings.partitions)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(identity._asdict()) + "\n", encoding="utf-8")
        unfinished.replace(path)
        return identity
    identity = LedgerIdentity(**json.loads(path.read_text(encoding="utf-8")))
    if settings.ledger_id and settings.ledger_id != identity.id:
        raise LedgerMismatch(
            f"TESSERA_LEDGER_ID is {settings.ledger_id}, but {path} says {identity.id}: unset it, or "
            "name another folder with TESSERA_HOME"
        )
    if settings.partitions != identity.partitions and "partitions" in settings.model_fields_set:
        raise LedgerMismatch(
            f"TESSERA_PARTITIONS is {settings.partitions}, but this ledger was made with "
            f"{identity.partitions} ({path}): unset it, or name another folder with TESSERA_HOME"
        )
    return identity
