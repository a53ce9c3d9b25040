"""Opening a partition beside a rival, and which inputs a fold has behind it.

1. An input is behind a fold once a fact of a later one is there; what was behind it stays so.
2. An owner opens on all that is there, and only if its own `Opened` counts.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from services.redeem.projection import LOOKUPS, TABLES
from services.redeem.service import Redeem
from shared.events.ids import Cause, command_cause
from shared.events.topics import AWARDS, COMMANDS, LEDGER
from shared.events.wire import Source
from shared.stream.log import Bounds, Outgoing, Place, Record
from shared.stream.memory import MemoryLog, MemoryRecord, MemoryStore
from shared.stream.opening import Owner, replay
from shared.stream.planning import Decided, Plan
from shared.stream.positions import Outpaced, first_position, head_of
from shared.stream.records import linked, written
from shared.stream.service import Decision, Input, Recorded
from shared.stream.store import InputMark, Position
from tests.stories.facts import redeemed
from tests.unit.stream.test_rivals import FACTS, opening

JO = "shop:jo"
COMMAND = COMMANDS.name


def behind(command: int) -> Position:
    """Of a fold that has not begun; commands up to this one are behind it."""
    first = first_position(FACTS, ledger_id="L1", partitions=1, writer="redeem", fold_version="1.0")
    return first._replace(inputs={COMMAND: InputMark(command)})


def decision(key: str) -> tuple[Cause, Recorded]:
    cause = command_cause(JO, key)
    return cause, written(Decision(cause, b"", redeemed(1, lot=1)), time_ms=0, seq=1)


def chained(position: Position, sources: Iterable[int]) -> list[Record]:
    """A fact of a command at each of these offsets, one behind the other."""
    head, records = head_of(position), list[Record]()
    for offset, source in enumerate(sources):
        cause, said = decision(str(offset))
        src = Source(COMMAND, 0, source)
        outgoing, head = linked(
            head, cause, said._replace(seq=offset + 1), writer="redeem", key=JO, src=src
        )
        records.append(recorded(outgoing, offset))
    return records


def recorded(outgoing: Outgoing, offset: int) -> Record:
    return MemoryRecord(*FACTS, offset, 0, outgoing.key, outgoing.value, tuple(outgoing.headers))


@pytest.mark.parametrize(
    ("known", "sources", "following"),
    [
        (0, [0], 0),
        (0, [0, 0, 0], 0),
        (0, [0, 0, 1], 1),
        (0, [0, 1, 2], 2),
        (0, [0, 4], 1),
        (2, [2, 4], 3),
        (7, [2, 4], 7),
        (5, [4, 5], 5),
        (0, [6, 2, 7], 7),
    ],
)
def test_an_input_is_behind_a_fold_once_a_fact_of_a_later_one_is_there(
    known: int, sources: Sequence[int], following: int
) -> None:
    position = behind(known)
    facts, after = replay(position, chained(position, sources))
    assert len(facts) == len(sources)
    assert after.inputs[COMMAND].next == following


class Hiding(MemoryLog):
    """Its first looks at the end come just before a rival's record arrived."""

    looks = 0

    async def bounds(self, places: Iterable[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        found = await super().bounds(places)
        if self.looks and FACTS in found:
            self.looks -= 1
            found[FACTS] = found[FACTS]._replace(end=found[FACTS].end - 1)
        return found


async def opened_twice(looks: int) -> Hiding:
    """A log that two owners have opened, of which the second is not seen at first."""
    made = Hiding({COMMAND: 1, AWARDS.name: 1, LEDGER.name: 1})
    store = MemoryStore(TABLES, LOOKUPS)
    for _ in range(2):
        await opening(made, store).open(0)
    made.looks = looks
    return made


async def test_what_arrives_while_an_owner_folds_is_folded_before_it_opens() -> None:
    facts = await opened_twice(looks=1)
    position = await opening(facts, MemoryStore(TABLES, LOOKUPS)).open(0)
    assert (position.seq, position.next_offset) == (3, 3)


async def test_an_owner_whose_opening_does_not_count_starts_over() -> None:
    facts = await opened_twice(looks=2)
    late = opening(facts, MemoryStore(TABLES, LOOKUPS))
    late.owner = Owner("late", "0")
    with pytest.raises(Outpaced, match="opened by another owner"):
        await late.open(0)


def test_a_rivals_record_of_the_same_fact_is_not_an_owners_own() -> None:
    position = behind(0)
    plan: Plan[Any] = Plan(Redeem(), position, Redeem().state({}))
    cause, said = decision("own")
    command = MemoryRecord(COMMAND, 0, 5, 0, b"", b"", ())
    plan.decided.append(Decided(Input(command, JO, said.fact, cause, b""), cause, said))
    plan.chain()
    own, [rival] = recorded(plan.outgoing[0], 1), chained(position, [5])
    assert own.value == rival.value
    assert plan.confirm([own]) == 0
    with pytest.raises(Outpaced, match="another owner appended"):
        plan.confirm([rival, own])
