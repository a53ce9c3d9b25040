"""What a turn is about to do to one partition: decisions on a state, as records behind its head.

Pure but for the state, which evolves with each decision so that later inputs see it. Guarantees:
no input stops another one, whatever it says; what `confirm` lets pass stands on the log, valid, and
nothing else does. Knows no log and no store.
"""

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import structlog

from shared.chain.link import Head, fingerprint, follow
from shared.events import quarantine
from shared.events.facts import InputRejected
from shared.events.ids import Cause
from shared.events.quarantine import Reason
from shared.events.topics import COMMANDS, RECORD_BYTES_MAX
from shared.stream.log import Outgoing, Record
from shared.stream.positions import Outpaced, head_of
from shared.stream.records import linked, set_aside, standing, written
from shared.stream.service import Decision, Input, Recorded, Service, State, Unreadable
from shared.stream.store import InputMark, Position

S = TypeVar("S", bound=State)
logger = structlog.get_logger()


class Decided(NamedTuple):
    """A decision that the state has seen, as it will stand on the log."""

    input: Input
    cause: Cause
    said: Recorded


class Plan(Generic[S]):
    """One partition's part of a turn.

    Inputs are decided one after the other, then `chain` makes `outgoing` of all decisions at once:
    two short loops are quicker than one long one. `quarantined` is what is set aside, `notify`
    whether somebody may wait for it, `after` the position behind it, once it is confirmed.
    """

    __slots__ = (
        "after",
        "decided",
        "head",
        "inputs",
        "notify",
        "outgoing",
        "position",
        "quarantined",
        "service",
        "state",
        "time_ms",
    )

    def __init__(self, service: Service[S], position: Position, state: S) -> None:
        self.service = service
        self.position = position
        self.state = state
        self.head = head_of(position)
        self.time_ms = position.time_ms
        self.inputs: dict[str, InputMark] = dict(position.inputs)
        self.decided: list[Decided] = []
        self.outgoing: list[Outgoing] = []
        self.quarantined: list[Outgoing] = []
        self.notify = False
        self.after: Position | None = None

    def decide(self, input: Input) -> None:
        """One input: known, in conflict, or decided. Never raises for what the input says."""
        self.notify = self.notify or input.record.topic == COMMANDS.name
        known = self.state.body_of(input.cause)
        if known is not None:
            if known != input.body:
                detail = f"{input.cause.text} was decided with another content"
                self.set_aside(input.record, Unreadable(Reason.CONFLICT, detail))
            return
        time_ms = max(input.record.timestamp, self.time_ms)
        try:
            for decision in self.service.decide(self.state, input, time_ms):
                self._write(input, decision, time_ms)
        except Exception as error:  # a bug: the input is set aside with its reason, others go on
            logger.exception("an input could not be decided", service=self.service.name)
            self._write(input, _rejected(input, error), time_ms)

    def _write(self, input: Input, decision: Decision, time_ms: int) -> None:
        said = written(decision, time_ms=time_ms, seq=self.head.seq + len(self.decided) + 1)
        if len(said.value) > RECORD_BYTES_MAX:
            raise ValueError(f"the decision has {len(said.value)} bytes, over the limit")
        self.state.evolve(said)
        self.time_ms = time_ms
        self.decided.append(Decided(input, decision.cause, said))

    def chain(self) -> None:
        """Make records of what is decided, each on the one before it."""
        writer, head = self.service.name, self.head
        for input, cause, said in self.decided:
            src = standing(input.record)
            outgoing, head = linked(head, cause, said, writer=writer, key=input.account, src=src)
            self.outgoing.append(outgoing)
        self.head = head

    def set_aside(self, record: Record, why: Unreadable) -> None:
        """Leave the record to quarantine, as it came."""
        item = set_aside(record, why.reason, why.detail, by=self.service.name)
        self.quarantined.append(Outgoing(record.key, record.value, quarantine.encode(item)))

    def confirm(self, records: Sequence[Record]) -> int:
        """Walk what was read back by the validity rule: how many records are void.

        `records` are all behind the position up to the last own one. Own ones are known byte for
        byte, which is cheaper than hashing them once more. Raises Outpaced where a valid record is
        not the next own one: another owner appended first.
        """
        head = head_of(self.position)
        confirmed = 0
        for record in records:
            own = self.outgoing[confirmed] if confirmed < len(self.outgoing) else None
            if (
                own is not None
                and record.value == own.value
                and tuple(record.headers) == tuple(own.headers)
            ):
                confirmed += 1
                head = Head(own.headers[-1][1], 0, 0)
            elif follow(head, record) is not None:
                break
        if confirmed < len(self.outgoing):
            raise Outpaced(
                f"an own record of {self.position.topic} is void: another owner appended"
            )
        last = records[-1] if records else None
        mark = fingerprint(last.key, last.value, last.headers) if last else self.position.mark
        self.after = self.position._replace(
            next_offset=self.position.next_offset + len(records),
            head=self.head.hash,
            seq=self.head.seq,
            time_ms=self.head.time_ms,
            mark=mark,
            inputs=self.inputs,
        )
        return len(records) - confirmed


def _rejected(input: Input, error: Exception) -> Decision:
    record = input.record
    named = dict(record.headers)
    return Decision(
        cause=input.cause,
        body=input.body,
        fact=InputRejected(
            account=input.account,
            input_type=named.get("ce_type", b"").decode("utf-8", "replace"),
            reason="undecidable",
            detail=f"{type(error).__name__}: {error}"[:1_000],
        ),
    )
