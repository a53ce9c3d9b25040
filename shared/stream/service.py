"""What a deciding service brings to the loop: how it reads inputs, decides and evolves rows.

Everything here is pure. The loop brings the rest: polling, one snapshot, the chain, the append, the
read-back, the fold, positions, known causes and quarantine.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.events.ids import Cause
from shared.events.quarantine import Reason
from shared.events.topics import Topic
from shared.program.catalogue import Catalogue
from shared.stream.log import Record
from shared.stream.store import Lookup, Need, Rows, Table, Writes


class Input(NamedTuple):
    """An input that could be read: whose it is, what it says, what it is the same as."""

    record: Record
    account: str
    message: BaseModel
    cause: Cause
    body: bytes


class Unreadable(NamedTuple):
    """An input that goes to quarantine."""

    reason: Reason
    detail: str


class Decision(NamedTuple):
    """A fact to write, with the business identity of what brought it about."""

    cause: Cause
    body: bytes
    fact: BaseModel


class Recorded(NamedTuple):
    """A valid record of a fact topic, decoded; what `evolve` reads."""

    cause_id: UUID
    body: bytes
    type: str
    time_ms: int
    seq: int
    value: bytes
    fact: Any


class State(Protocol):
    """What a service knows of the accounts of a batch; evolves, and knows which rows changed."""

    def body_of(self, cause: Cause) -> bytes | None:
        """The body digest under which a cause was decided; None if it was not."""
        ...

    def evolve(self, recorded: Recorded) -> None:
        """Take a fact in."""
        ...

    def writes(self) -> Writes:
        """All rows that have changed since the state was made."""
        ...


S = TypeVar("S", bound=State)


class Programs(Protocol):
    """The programs as published; see `shared.stream.programs`."""

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        """The catalogue with what has arrived; `to_end`: with all that is published by now.

        Raises LogUnavailable.
        """
        ...


class Service(Protocol[S]):
    """A deciding service."""

    catalogue: Catalogue
    """The programs that it decides by; the loop keeps it up to date."""

    @property
    def name(self) -> str:
        """The service's name: of its schema, its group and its chains' writer."""
        ...

    @property
    def output(self) -> Topic:
        """The fact topic that it alone writes."""
        ...

    @property
    def inputs(self) -> tuple[Topic, ...]:
        """What it reads; records of earlier topics are taken before those of later ones."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """Its projection."""
        ...

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        """How it looks rows up."""
        ...

    @property
    def fold_version(self) -> int:
        """Raised when the same facts give other rows than before: then a rebuild is due."""
        ...

    def read(self, record: Record) -> Input | Unreadable | None:
        """What an input record says; None if it is none of this service's business."""
        ...

    def needs(self, inputs: Sequence[Input], horizon_ms: int) -> Sequence[Need]:
        """The rows that deciding these inputs takes; no decision's time is after `horizon_ms`."""
        ...

    def replay_needs(self, facts: Sequence[Recorded]) -> Sequence[Need]:
        """The rows that folding these facts takes."""
        ...

    def state(self, rows: Rows) -> S:
        """The state that rows, as asked for by `needs` or `replay_needs`, describe."""
        ...

    def decide(self, state: S, input: Input, time_ms: int) -> Iterable[Decision]:
        """What the input brings about, in order; each is evolved before the next is asked for.

        Never raises for an input: what cannot be decided is a fact that says why.
        """
        ...
