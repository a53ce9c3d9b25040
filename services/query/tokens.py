"""Consistency tokens: how far the ledger's projection was when an answer was made.

`<partition>-<position>`: the position is that of the last folded record in the partition's chain
(its `seq`). Void records have none, so it grows exactly when the state may change; and every
decision stores its own, so the answer to a repeated request carries the same token as the first
one, byte for byte.
"""

import re
from typing import NamedTuple

from services.query.problems import Code, Problem

HEADER = "Tessera-Token"
_WRITTEN = re.compile(r"(0|[1-9][0-9]{0,5})-(0|[1-9][0-9]{0,17})")


class Token(NamedTuple):
    """A position in the chain of one ledger partition."""

    partition: int
    position: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.position}"

    @staticmethod
    def read(text: str) -> "Token":
        """Raises the problem `token_malformed` for what `str` did not write."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise Problem(Code.TOKEN_MALFORMED, "write it as it was given: <partition>-<position>")
        return Token(int(found[1]), int(found[2]))


class Served:
    """The highest position that this process has answered with, by partition."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}

    def at(self, partition: int) -> int:
        """No answer about the partition may be older than this."""
        return self._positions.get(partition, 0)

    def note(self, token: Token) -> None:
        """An answer goes out with this token."""
        if token.position > self.at(token.partition):
            self._positions[token.partition] = token.position
