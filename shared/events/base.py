"""Shapes shared by all contracts: strict own messages, tolerant upstream ones, named limits.

Guarantees: numbers are integers (a JSON ``1.0`` or ``"1"`` is refused), instants carry an offset,
identifiers are 1 to 128 printable characters. Does not know topics, services or storage.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

ID_LENGTH_MAX = 128
AMOUNT_MINOR_MAX = 10**11
"""Largest money amount of one line or payment, in minor units: a thousand million dollars in cents."""
POINTS_MAX = 10**12
"""Largest number of points that one message may name; sums stay far inside a Postgres bigint."""
QUANTITY_MAX = 10**9
LINES_MAX = 1_000
PAYMENTS_MAX = 50
ATTRIBUTES_MAX = 50

# Printable: no control characters, no leading or trailing blank, no lone surrogates.
_ID_PATTERN = r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"

Id = Annotated[
    str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX, pattern=_ID_PATTERN, strict=True)
]
Slug = Annotated[
    str, StringConstraints(max_length=64, pattern=r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$", strict=True)
]
"""Names that Tessera's own operators choose: programs, brands' programs, rules."""
AccountKey = Annotated[
    str, StringConstraints(min_length=3, max_length=2 * ID_LENGTH_MAX + 1, strict=True)
]
"""``program:member``; a program has no colon, so the first one separates."""
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$", strict=True)]
AmountMinor = Annotated[int, Field(ge=0, le=AMOUNT_MINOR_MAX, strict=True)]
Points = Annotated[int, Field(ge=0, le=POINTS_MAX, strict=True)]
Quantity = Annotated[int, Field(ge=0, le=QUANTITY_MAX, strict=True)]
Instant = AwareDatetime


class LineKind(StrEnum):
    """What a receipt line is; only products carry a basis unless a program says otherwise."""

    PRODUCT = "product"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"
    FEE = "fee"
    REWARD = "reward"


class Contract(BaseModel):
    """A message of our own: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class Upstream(BaseModel):
    """A message of somebody else's: immutable, and an unknown field is left out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def account_key(program: str, member: str) -> str:
    """The account of a member in a program: ``program:member``."""
    return f"{program}:{member}"


def split_account(account: str) -> tuple[str, str]:
    """``(program, member)`` of an account key."""
    program, _, member = account.partition(":")
    return program, member


def millis(instant: datetime) -> int:
    """Milliseconds since the epoch, exactly (no float arithmetic)."""
    delta = instant - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


def instant(at_ms: int) -> datetime:
    """The UTC instant of milliseconds since the epoch."""
    return EPOCH + timedelta(milliseconds=at_ms)


EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
