"""What takes each guard of the protocol away: something else in the place of a name.

The product has no switches for that.
"""

import builtins
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

from services.earn.projection import Decided
from services.intake import service
from services.query.reading import BALANCES, Reader
from services.query.redemptions import Redemptions
from services.query.tokens import Served
from services.redeem import courier, reward_decisions
from services.redeem.errands import Letter
from services.redeem.projection import Accounts
from services.redeem.service import Redeem
from shared.chain import link
from shared.chain.link import HASH, PREV, SEQ, TIME, Head, fingerprint
from shared.events import ids
from shared.events.base import POINTS_MAX
from shared.events.ids import Cause
from shared.events.rewards import ConcludeReward
from shared.events.topics import QUARANTINE
from shared.ledger import cash_off, rewards, transferring
from shared.ledger.account import Account
from shared.ledger.claims import ClaimState
from shared.ledger.covering import Short, allocate
from shared.program import redemption
from shared.stream import opening, planning, records, turn
from shared.stream.log import Outgoing, Place
from shared.stream.memory import MemoryStore
from shared.stream.opening import Opening
from shared.stream.positions import same_inputs, same_log
from shared.stream.store import Loaded, Position
from shared.stream.turn import Turn
from tests.simulation.databases import SimulatedStore
from tests.simulation.replacing import replaced
from tests.simulation.statements import Statements


class Removal:
    """Puts things in the place of others, until it is over."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def put(self, where: object, name: str, other: object) -> None:
        """`other` stands where `name` stood; there must have been something."""
        assert hasattr(where, name) or hasattr(builtins, name), f"{where} has no {name}"
        self._stack.enter_context(replaced(where, name, other))


def whole_polls(removal: Removal) -> None:
    """Whatever a poll hands out is taken for all there was."""

    async def nothing(*_: object) -> None:
        return

    removal.put(turn, "check_whole", nothing)
    removal.put(service, "check_whole", nothing)


def programs_behind_the_poll(removal: Removal) -> None:
    """Programs are taken in before a poll, which may wait."""
    turned = Turn.run

    async def run(self: Turn[Any]) -> int:
        await self.know_programs()
        return await turned(self)

    async def nothing(*_: object) -> None:
        return

    removal.put(Turn, "run", run)
    removal.put(Turn, "_know_programs", nothing)


def programs_to_the_end(removal: Removal) -> None:
    """Nobody asks for all that is published: what has arrived must do."""

    async def arrived(self: Turn[Any], *, to_end: bool = False) -> None:
        self.service.catalogue = await self.programs.refresh()

    removal.put(Turn, "know_programs", arrived)


def hash_link(removal: Removal) -> None:
    """Any record with a right hash is valid, whatever it was decided on."""

    def follow(_head: Head, record: Any) -> Head | None:
        named = dict(record.headers)
        if record.value is None or PREV not in named:
            return None
        own = link.digest(named[PREV], record.headers[:-1], record.value)
        return Head(own, int(named[SEQ]), int(named[TIME])) if named[HASH] == own else None

    for where in (link, planning):
        removal.put(where, "follow", follow)


def loaded_head(removal: Removal) -> None:
    """A turn chains on the head that it remembers, whatever state it loads."""

    async def loaded(self: Turn[Any], partitions: Any, needs: Any) -> Loaded:
        found = await self.store.load(self.service.output.name, partitions, needs)
        return Loaded(
            {partition: self.positions[partition] for partition in partitions}, found.rows
        )

    removal.put(Turn, "_loaded", loaded)


def aside_first(removal: Removal) -> None:
    """What is set aside is sent together with the facts of a turn."""

    async def together(self: Turn[Any], plans: Any) -> dict[Place, int]:
        batches: dict[Place, list[Outgoing]] = {}
        for partition, plan in plans.items():
            batches[Place(self.service.output.name, partition)] = plan.outgoing
            batches.setdefault(Place(QUARANTINE.name, 0), []).extend(plan.quarantined)
        batches = {place: batch for place, batch in batches.items() if batch}
        return await self.log.append(batches) if batches else {}

    removal.put(Turn, "_append", together)


def read_back(removal: Removal) -> None:
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


def swap(removal: Removal) -> None:
    """A fold moves the position wherever it stands."""

    def at(stored: Position | None, _old: Position) -> bool:
        return stored is not None

    removal.put(MemoryStore, "at", staticmethod(at))


def causes(removal: Removal) -> None:
    """Repeats are decided like anything new."""
    for state in (Accounts, Decided):
        removal.put(state, "body_of", lambda *_: None)


def account_in_cause(removal: Removal) -> None:
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


def body_in_turn(removal: Removal) -> None:
    """A key that is known is a repeat, whatever its body says."""
    for state in (Accounts, Decided):
        known = state.body_of

        def body_of(self: Any, cause: Cause, known: Any = known) -> bytes | None:
            return None if known(self, cause) is None else _Anything()

        removal.put(state, "body_of", body_of)


def body_in_answer(removal: Removal) -> None:
    """The API tells whoever sends a key what was decided under it."""
    told = Redemptions._told

    def tell(self: Any, decided: Any, _body: bytes) -> Any:
        return told(self, decided, decided.body)

    removal.put(Redemptions, "_told", tell)


def fold_to_end(removal: Removal) -> None:
    """An owner opens without folding what others have appended."""

    async def skip(self: Opening[Any], position: Position, _progress: object = None) -> Position:
        await same_log(self.log, position)
        return position

    removal.put(Opening, "catch_up", skip)


def one_transaction(removal: Removal) -> None:
    """Rows are written first, and the position by another transaction."""
    fold = SimulatedStore.fold

    async def apart(
        self: SimulatedStore, old: Position, new: Position, writes: Any, notify: bool
    ) -> bool:
        rows_are_there = await fold(self, old, old, writes, notify=False)
        return rows_are_there and await fold(self, old, new, {}, notify)

    removal.put(SimulatedStore, "fold", apart)


def one_snapshot(removal: Removal) -> None:
    """Rows are loaded first, and the position by another statement."""
    load = SimulatedStore.load

    async def apart(self: SimulatedStore, topic: str, partitions: Any, needs: Any) -> Loaded:
        asked = list(partitions)
        rows = (await load(self, topic, asked, needs)).rows
        return Loaded((await load(self, topic, asked, ())).positions, rows)

    removal.put(SimulatedStore, "load", apart)


def one_snapshot_of_a_read(removal: Removal) -> None:
    """The API reads balances first, and their position by another statement."""
    fetch = Statements.fetch

    async def apart(self: Statements, statement: str, *arguments: Any) -> list[Any]:
        rows = await fetch(self, statement, *arguments)
        if statement is BALANCES and rows:
            [later] = await fetch(self, statement, *arguments)
            return [{**rows[0], "position": later["position"]}]
        return rows

    removal.put(Statements, "fetch", apart)


def evolve(removal: Removal) -> None:
    """Later inputs of a turn do not see what earlier ones did."""
    decided = Redeem.decide

    def decide_apart(self: Any, state: Accounts, input: Any, time_ms: int) -> Any:
        unmoved: Any = SimpleNamespace(accounts=state.loaded)
        return decided(self, unmoved, input, time_ms)

    removal.put(Redeem, "decide", decide_apart)


def time(removal: Removal) -> None:
    """A decision is of its input's time; nothing asserts that it is not before the last one."""

    def latest(*found: Any, **named: Any) -> Any:
        of_decision = len(found) == 2 and not named
        return found[0] if of_decision else max(*found, **named)

    chain = link.link

    def linked(head: Head, headers: Any, value: bytes, time_ms: int) -> Any:
        return chain(head._replace(time_ms=0), headers, value, time_ms)

    removal.put(planning, "max", latest)
    removal.put(records, "link", linked)


def tokens(removal: Removal) -> None:
    """A read does not wait for the token that its caller sends back."""
    read = Reader.read

    async def forgetful(
        self: Reader, statement: str, account: str, *arguments: object, tokens: Any = ()
    ) -> Any:
        return await read(self, statement, account, *arguments)

    removal.put(Reader, "read", forgetful)


def served(removal: Removal) -> None:
    """A process does not remember how new its last answer was."""
    removal.put(Served, "at", lambda *_: 0)


def another_log(removal: Removal) -> None:
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


def _pretended(spendable: Any, points: int, *limits: int) -> Any:
    """A debit takes what there is, as if it were enough."""
    lots = list(spendable)
    found = allocate(lots, points, *limits)
    return allocate(lots, found.available, *limits) if isinstance(found, Short) else found


def cash_off_guard(removal: Removal) -> None:
    """A redemption or a hold takes what there is, and pretends that it was enough."""

    def generous(rules: Any, asked: int, _available: int, order_minor: int | None) -> Any:
        return redemption.cash_off(rules, asked, POINTS_MAX, order_minor)

    removal.put(cash_off, "cash_off", generous)
    removal.put(cash_off, "allocate", _pretended)


def reward_guard(removal: Removal) -> None:
    """A reward takes what there is, and pretends that it was enough."""
    removal.put(rewards, "allocate", _pretended)


def transfer_guard(removal: Removal) -> None:
    """A transfer takes what there is, and pretends that it was enough."""
    removal.put(transferring, "allocate", _pretended)


def sent_on(removal: Removal) -> None:
    """A merged account decides on what is said to it, as if it were a member's still."""
    removal.put(Account, "is_merged", property(lambda _: False))


def unit_taken(removal: Removal) -> None:
    """Points are spent on a reward, whatever its stock has said."""

    def issue(account: Any, claim: Any, command: ConcludeReward, t: Any) -> Any:
        lot_id = command.lot_id or command.redemption_id
        return rewards.conclude(account, claim, command.model_copy(update={"lot_id": lot_id}), t)

    removal.put(reward_decisions, "conclude", issue)


def claim_is_open(removal: Removal) -> None:
    """A reward is cancelled however far it has come."""

    def cancel(account: Any, claim: Any, *others: Any) -> Any:
        issued = claim and claim._replace(state=ClaimState.ISSUED)
        return rewards.cancel_reward(account, issued, *others)

    removal.put(reward_decisions, "cancel_reward", cancel)


def errand_in_rows(removal: Removal) -> None:
    """A courier carries on only what came up while it lived."""
    found = courier.open_letters
    old: dict[Any, set[Cause]] = {}

    async def of_its_time(shell: Any, is_recent: Any) -> list[Letter]:
        letters = await found(shell, is_recent)
        before = old.setdefault(shell, {letter.cause for letter in letters})
        return [letter for letter in letters if letter.cause not in before]

    removal.put(courier, "open_letters", of_its_time)
