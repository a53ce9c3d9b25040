"""The identity of a home folder's ledger: drawn once, when its topics are made, and kept there.

Guarantees: a folder never changes its ledger or its partition count. Raises LedgerMismatch with
what to do where settings and folder contradict each other.
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


class LedgerUnknown(Exception):
    """Neither the settings nor the folder say which ledger it is."""


def ledger_identity(settings: Settings) -> LedgerIdentity:
    """The folder's ledger, drawn now if there is none."""
    if (identity := _kept(settings)) is None:
        identity = LedgerIdentity(settings.ledger_id or uuid.uuid4().hex, settings.partitions)
        path = _file(settings)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(identity._asdict()) + "\n", encoding="utf-8")
        unfinished.replace(path)
        return identity
    if settings.ledger_id and settings.ledger_id != identity.id:
        raise LedgerMismatch(
            f"TESSERA_LEDGER_ID is {settings.ledger_id}, but {_file(settings)} says {identity.id}: "
            "unset it, or name another folder with TESSERA_HOME"
        )
    _require_same_partitions(settings, identity)
    return identity


def with_ledger(settings: Settings) -> Settings:
    """What a service is told: the settings' own ledger, else the one that the home folder keeps.

    Draws nothing. Raises LedgerUnknown, LedgerMismatch.
    """
    if settings.ledger_id:
        return settings
    if (identity := _kept(settings)) is None:
        raise LedgerUnknown(
            f"which ledger? {_file(settings)} is not there, and TESSERA_LEDGER_ID is not set. Set "
            "it (and TESSERA_PARTITIONS) to what `tessera topics create` printed, or TESSERA_HOME "
            "to the folder that it wrote to"
        )
    _require_same_partitions(settings, identity)
    told = {"ledger_id": identity.id, "partitions": identity.partitions}
    return settings.model_copy(update=told)


def _kept(settings: Settings) -> LedgerIdentity | None:
    try:
        return LedgerIdentity(**json.loads(_file(settings).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LedgerMismatch(
            f"{_file(settings)} does not say which ledger it is of ({error}): put it back from a "
            "backup; if the data in this folder may go, remove the folder"
        ) from error


def _require_same_partitions(settings: Settings, identity: LedgerIdentity) -> None:
    if settings.partitions != identity.partitions and "partitions" in settings.model_fields_set:
        raise LedgerMismatch(
            f"TESSERA_PARTITIONS is {settings.partitions}, but this ledger was made with "
            f"{identity.partitions} ({_file(settings)}): unset it, or name another folder with "
            "TESSERA_HOME"
        )


def _file(settings: Settings) -> Path:
    return settings.home / "ledger.json"
