"""What the demo keeps between runs, beside its data: so that a later run repeats this one.

Guarantees: a file is there whole or not at all, also after `kill -9`. Knows no Kafka and no HTTP.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple


class KeptError(Exception):
    """A file of the demo cannot be read."""


class Kept(NamedTuple):
    """The demo's files in `home`."""

    home: Path

    def weeks(self, drawn: int) -> int:
        """By how many weeks the data is moved: what the first run drew, for ever."""
        kept: dict[str, int] = self._read("demo.json", {})
        if "shift_weeks" not in kept:
            self._write("demo.json", {**kept, "shift_weeks": drawn})
            return drawn
        return kept["shift_weeks"]

    def played_at(self, drawn: datetime) -> datetime:
        """When it was first played, to the second: nothing that is played lies behind that."""
        kept: dict[str, int] = self._read("demo.json", {})
        if "played_at" not in kept:
            kept = {**kept, "played_at": int(drawn.timestamp())}
            self._write("demo.json", kept)
        return datetime.fromtimestamp(kept["played_at"], UTC)

    def published(self) -> int:
        """How many events, from the first on, Kafka has acknowledged."""
        kept: dict[str, int] = self._read("demo-published.json", {})
        return kept.get("events", 0)

    def note_published(self, events: int) -> None:
        """Kafka has acknowledged the first `events`."""
        self._write("demo-published.json", {"events": events})

    def redemptions(self) -> dict[str, int]:
        """What each member is asked to redeem: member -> points, above zero."""
        kept: dict[str, int] = self._read("demo-redemptions.json", {})
        return kept

    def note_redemptions(self, points: dict[str, int]) -> None:
        """These amounts are asked for, now and in every later run."""
        self._write("demo-redemptions.json", points)

    def _read(self, name: str, absent: dict[str, int]) -> dict[str, int]:
        path = self.home / name
        try:
            found: Any = json.loads(path.read_bytes())
        except FileNotFoundError:
            return absent
        except ValueError:
            found = None
        if not isinstance(found, dict) or not all(type(value) is int for value in found.values()):
            raise KeptError(f"{path} cannot be read: put it back, or begin anew with `make clean`")
        return found

    def _write(self, name: str, value: dict[str, int]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / name
        unfinished = path.with_suffix(".new")
        with unfinished.open("wb") as file:
            file.write(json.dumps(value).encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
