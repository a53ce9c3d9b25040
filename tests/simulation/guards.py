"""The guards of the protocol, each with what takes it away, and how many seeds that takes to show.

The product has no switches: a guard is taken away by putting something else in its place, here.
`python -m tests.simulation.guards` prints the table that stands in docs/reliability.md.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from services.earn.projection import Decided
from services.query.reading import BALANCES, Reader
from services.query.redemptions import Redemptions
from services.query.tokens import Served
from services.redeem.projection import Accounts
from services.redeem.service import Redeem
from shared.chain import link
from shared.chain.link import HASH, PREV, SEQ, TIME, Head, fingerprint
from shared.events import ids
from shared.events.base import POINTS_MAX
from shared.events.ids import Cause
from shared.ledger import decide
from shared.ledger.covering import Short, allocate
from shared.program.redemption import cash_off
from shared.stream import opening, records, turn
from shared.stream.log import Place
from shared.stream.memory import MemoryStore
from shared.stream.opening import Opening
from shared.stream.positions import same_inputs, same_log
from shared.stream.store import Loaded, Position
from shared.stream.turn import Turn
from tests.simulation.clients import Load, Violation
from tests.simulation.databases import SimulatedStore
from tests.simulation.loop import Stuck
from tests.simulation.nodes import Statements
from tests.simulation.replacing import replaced
from tests.simulation.run import run_seed

SEEDS_MAX = 20_000
MUCH_READ = Load(purchases=3, returns=0, redemptions=2, checkouts=0, readers=8, ticks=0)
BROKEN = (Violation, AssertionError, Stuck, LookupError, ValueError)
"""How a broken history shows: a check, an assertion of the ledger, no progress, a row not there."""


class Removal:
    """Puts things in the place of others, until it is over."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def put(self, where: object, name: str, other: object) -> None:
        """`other` stands where `name` stood."""
        self._stack.enter_context(replaced(where, name, other))


class Guard(NamedTuple):
    """A guard, what takes it away, and under which load it is missed (None: each seed's own)."""

    name: str
    remove: Callable[[Removal], None]
    load: Load | None = None


class Found(NamedTuple):
    """The first history that breaks: how many it took, and how it showed."""

    seeds: int
    violation: str


@contextmanager
def without(guard: Guard) -> Iterator[None]:
    """The product without one guard."""
    with ExitStack() as stack:
        guard.remove(Removal(stack))
        yield


def hunt(guard: Guard, seeds_max: int = SEEDS_MAX) -> Found | None:
    """Run seeds from 0 on until one breaks; None if none does."""
    with without(guard):
        for seed in range(seeds_max):
            try:
                run_seed(seed, guard.load)
            except BROKEN as broken:
                return Found(seed + 1, f"{type(broken).__name__}: {broken}".splitlines()[0])
    return None


# the removals


def _hash_link(removal: Removal) -> None:
    """Any record with a right hash is valid, whatever it was decided on."""

    def follow(_head: Head, record: Any) -> Head | None:
        named = dict(record.headers)
        if record.value is None or PREV not in named:
            return None
        own = link.digest(named[PREV], record.headers[:-1], record.value)
        return Head(own, int(named[SEQ]), int(named[TIME])) if named[HASH] == own else None

    removal.put(turn, "follow", follow)
    removal.put(opening, "follow", follow)


def _loaded_head(removal: Removal) -> None:
    """A turn chains on the head that it remembers, whatever state it loads."""

    async def loaded(self: Turn[Any], partitions: Any, needs: Any) -> Loaded:
        found = await self.store.load(self.service.output.name, partitions, needs)
        return Loaded(
            {partition: self.positions[partition] for partition in partitions}, found.rows
        )

    removal.put(Turn, "_loaded", loaded)


def _read_back(removal: Removal) -> None:
    """What was acknowledged is taken to be there, where it belongs."""

    async def trusted(self: Turn[Any], plans: Any, ends: Any) -> None:
        for partition, plan in plans.items():
            end = ends.get(Place(self.service.output.name, partition))
            last = plan.outgoing[-1] if plan.outgoing else None
            plan.after = plan.position._replace(
                next_offset=plan.position.next_offset if end is None else end + 1,
                head=plan.head.hash,
                seq=plan.head.seq,
                time_ms=plan.head.time_ms,
                mark=fingerprint(*last) if last else plan.position.mark,
                inputs=plan.inputs,
            )

    removal.put(Turn, "_read_back", trusted)


def _swap(removal: Removal) -> None:
    """A fold moves the position wherever it stands."""

    def at(stored: Position | None, _old: Position) -> bool:
        return stored is not None

    removal.put(MemoryStore, "at", staticmethod(at))


def _causes(removal: Removal) -> None:
    """Repeats are decided like anything new."""
    for state in (Accounts, Decided):
        removal.put(state, "body_of", lambda *_: None)


def _account_in_cause(removal: Removal) -> None:
    """The same key, or receipt, of two accounts is the same cause."""

    def cause(source: str, _account: str, *identity: str) -> Cause:
        return named(source, "", *identity)

    named = ids.cause
    removal.put(ids, "cause", cause)


class _Anything(bytes):
    """Equals whatever it is held against."""

    def __eq__(self, _other: object) -> bool:
        return True

    def __ne__(self, _other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


def _body_in_turn(removal: Removal) -> None:
    """A key that is known is a repeat, whatever its body says."""
    for state in (Accounts, Decided):
        known = state.body_of

        def body_of(self: Any, cause: Cause, known: Any = known) -> bytes | None:
            return None if known(self, cause) is None else _Anything()

        removal.put(state, "body_of", body_of)


def _body_in_answer(removal: Removal) -> None:
    """The API tells whoever sends a key what was decided under it."""
    told = Redemptions._told

    def tell(self: Any, decided: Any, partition: int, _body: bytes) -> Any:
        return told(self, decided, partition, decided.body)

    removal.put(Redemptions, "_told", tell)


def _fold_to_end(removal: Removal) -> None:
    """An owner opens without folding what others have appended."""

    async def skip(self: Opening[Any], position: Position, _progress: object = None) -> Position:
        await same_log(self.log, position)
        return position

    removal.put(Opening, "catch_up", skip)


def _one_transaction(removal: Removal) -> None:
    """Rows are written first, and the position by another transaction."""
    fold = SimulatedStore.fold

    async def apart(
        self: SimulatedStore, old: Position, new: Position, writes: Any, notify: bool
    ) -> bool:
        rows_are_there = await fold(self, old, old, writes, notify=False)
        return rows_are_there and await fold(self, old, new, {}, notify)

    removal.put(SimulatedStore, "fold", apart)


def _one_snapshot(removal: Removal) -> None:
    """Rows are loaded first, and the position by another statement."""
    load = SimulatedStore.load

    async def apart(self: SimulatedStore, topic: str, partitions: Any, needs: Any) -> Loaded:
        asked = list(partitions)
        rows = (await load(self, topic, asked, needs)).rows
        return Loaded((await load(self, topic, asked, ())).positions, rows)

    removal.put(SimulatedStore, "load", apart)


def _one_snapshot_of_a_read(removal: Removal) -> None:
    """The API reads balances first, and their position by another statement."""
    fetch = Statements.fetch

    async def apart(self: Statements, statement: str, *arguments: Any) -> list[Any]:
        rows = await fetch(self, statement, *arguments)
        if statement is BALANCES and rows:
            [later] = await fetch(self, statement, *arguments)
            return [{**rows[0], "position": later["position"]}]
        return rows

    removal.put(Statements, "fetch", apart)


def _evolve(removal: Removal) -> None:
    """Later inputs of a turn do not see what earlier ones did."""
    decided = Redeem.decide

    def decide_apart(self: Any, state: Accounts, input: Any, time_ms: int) -> Any:
        unmoved: Any = SimpleNamespace(accounts=state.loaded)
        return decided(self, unmoved, input, time_ms)

    removal.put(Redeem, "decide", decide_apart)


def _time(removal: Removal) -> None:
    """A decision is of its input's time; nothing asserts that it is not before the last one."""

    def latest(*found: Any, **named: Any) -> Any:
        of_decision = len(found) == 2 and not named
        return found[0] if of_decision else max(*found, **named)

    chain = link.link

    def linked(head: Head, headers: Any, value: bytes, time_ms: int) -> Any:
        return chain(head._replace(time_ms=0), headers, value, time_ms)

    removal.put(turn, "max", latest)
    removal.put(records, "link", linked)


def _tokens(removal: Removal) -> None:
    """A read does not wait for the token that its caller sends back."""
    read = Reader.read

    async def forgetful(
        self: Reader, statement: str, account: str, *arguments: object, tokens: Any = ()
    ) -> Any:
        return await read(self, statement, account, *arguments)

    removal.put(Reader, "read", forgetful)


def _served(removal: Removal) -> None:
    """A process does not remember how new its last answer was."""
    removal.put(Served, "at", lambda *_: 0)


def _same_log(removal: Removal) -> None:
    """Nothing is held against the record that was folded, or read, last."""

    async def any_log(log: Any, position: Position) -> Any:
        place = Place(position.topic, position.partition)
        return (await log.bounds([place]))[place]

    async def any_inputs(log: Any, position: Position, topics: Any, partitions: int) -> Any:
        return await same_inputs(
            log, position._replace(inputs=_unmarked(position)), topics, partitions
        )

    for room in (opening, turn):
        removal.put(room, "same_log", any_log)
    removal.put(opening, "same_inputs", any_inputs)


def _unmarked(position: Position) -> dict[str, Any]:
    return {topic: mark._replace(mark=None) for topic, mark in position.inputs.items()}


def _debit_guard(removal: Removal) -> None:
    """A debit takes what there is, and pretends that it was enough."""

    def generous(rules: Any, asked: int, _available: int, order_minor: int | None) -> Any:
        return cash_off(rules, asked, POINTS_MAX, order_minor)

    def pretended(spendable: Any, points: int) -> Any:
        lots = list(spendable)
        found = allocate(lots, points)
        return allocate(lots, found.available) if isinstance(found, Short) else found

    removal.put(decide, "cash_off", generous)
    removal.put(decide, "allocate", pretended)


GUARDS = (
    Guard("hash link", _hash_link),
    Guard("head loaded with the state", _loaded_head),
    Guard("read-back before the answer", _read_back),
    Guard("position compare-and-swap", _swap),
    Guard("cause dedupe", _causes),
    Guard("account in the cause", _account_in_cause),
    Guard("body hash, in the turn", _body_in_turn),
    Guard("body hash, in the answer", _body_in_answer),
    Guard("fold to the end before `Opened`", _fold_to_end),
    Guard("one transaction", _one_transaction),
    Guard("one snapshot, of a turn", _one_snapshot),
    Guard("one snapshot, of a read", _one_snapshot_of_a_read),
    Guard("evolve within the turn", _evolve),
    Guard("time that never goes back", _time),
    Guard("token on reads", _tokens, MUCH_READ),
    Guard("highest position served", _served, MUCH_READ),
    Guard("halt on another record at position - 1", _same_log),
    Guard("account guard on every debit", _debit_guard),
)


def shown(violation: str) -> str:
    """How it shows, in few words: the invariants, or how the message begins."""
    kind, _, told = violation.partition(": ")
    if kind != Violation.__name__:
        return f"{kind}: {' '.join(told.split()[:6])}"
    invariants = re.match(r"I\d+(, I\d+)*", told)
    return invariants[0] if invariants else " ".join(told.split()[:6])


def main(seeds_max: int = SEEDS_MAX) -> None:
    """Print the table, guard by guard."""
    sys.stdout.write("| guard taken away | seeds until it shows | how it shows |\n")
    sys.stdout.write("| --- | --- | --- |\n")
    for guard in GUARDS:
        found = hunt(guard, seeds_max)
        told = f"{found.seeds} | {shown(found.violation)}" if found else f"> {seeds_max} | never"
        sys.stdout.write(f"| {guard.name} | {told} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
