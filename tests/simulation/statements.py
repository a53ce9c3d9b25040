"""The API's statements and the courier's, answered from rows in memory."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from services.query.arrivals import POSITIONS
from services.query.decisions import DECISIONS
from services.query.reading import BALANCES, MERGE
from services.query.reading import CLAIM as ONE_CLAIM
from services.query.reading import DECISION as ONE_DECISION
from services.query.reading import TRANSFER as ONE_TRANSFER
from services.redeem.courier import DECIDED, IN_TRANSIT, IS_ANYTHING_OPEN, NEXT_PARCELS, OPEN_CLAIMS
from services.redeem.merges import PARCEL
from services.redeem.projection import ACCOUNT, DECISION
from services.redeem.rewards import CLAIM
from services.redeem.transfers import TRANSFER
from shared.events.topics import LEDGER
from shared.ledger.account import Status
from shared.ledger.claims import ClaimState
from shared.ledger.parcels import ParcelKind, ParcelState
from shared.ledger.transfers import TransferState
from shared.stream.memory import MemoryStore
from shared.stream.store import StoreUnavailable
from tests.simulation.databases import Database
from tests.simulation.network import Network

COURSES = {ONE_CLAIM: CLAIM, ONE_TRANSFER: TRANSFER}
"""How far requests of two accounts have come."""


class Statements:
    """The API's statements on redeem's rows; each is one snapshot."""

    def __init__(self, network: Network, database: Database) -> None:
        self.network = network
        self.database = database

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """See `services.query.connections.Database.fetch`."""
        return await self.network.request(lambda: self.rows(statement, arguments), StoreUnavailable)

    def rows(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        """What the statement finds."""
        store = self.database.seen
        if statement is DECISIONS:
            found = (store.tables[DECISION].rows.get(cause) for cause in arguments[0])
            return [decided_of(row) for row in found if row is not None]
        if statement is IS_ANYTHING_OPEN:
            return [(any(map(any, _errands(store).values())),)]
        if statement in (OPEN_CLAIMS, IN_TRANSIT, NEXT_PARCELS):
            return _oldest(_errands(store)[statement])
        if statement is DECIDED:
            found = (store.tables[DECISION].rows.get(cause) for cause in arguments[0])
            return [(row.cause, row.type, row.fact) for row in found if row is not None]
        if statement is POSITIONS:
            return [
                {"partition": partition, "seq": position.seq}
                for (_, partition), position in store.positions.items()
            ]
        account, partition, now, *others = arguments
        position = store.positions.get((LEDGER.name, partition))
        if position is None:
            return []
        seen: dict[str, Any] = {"position": position.seq, **balances_of(store, account)}
        if statement is MERGE:
            return [{**seen, "as_of": now, "merged_into": None, **_merge_of(store, others[0])}]
        if statement in COURSES:
            return [{**seen, "as_of": now, **_course_of(store, statement, others[0], account)}]
        if statement is ONE_DECISION:
            marks = {topic: [mark.next] for topic, mark in position.inputs.items()}
            seen |= {**_decision_of(store, account, others[0]), "inputs": json.dumps(marks)}
        else:
            assert statement is BALANCES
        return [seen]


def _errands(store: MemoryStore) -> dict[str, list[Any]]:
    """What the courier finds open, by the statement that asks for it."""
    claims = store.tables[CLAIM].rows.values()
    transfers = store.tables[TRANSFER].rows.values()
    return {
        OPEN_CLAIMS: [claim for claim in claims if claim.errand is not None],
        IN_TRANSIT: [each for each in transfers if each.state == TransferState.IN_TRANSIT],
        NEXT_PARCELS: list(first_open(store.tables[PARCEL].rows.values())),
    }


def first_open(parcels: Iterable[Any]) -> Iterable[Any]:
    """Of each account the first parcel that is not settled."""
    first: dict[str, Any] = {}
    for parcel in parcels:
        if parcel.state == ParcelState.OPEN:
            known = first.setdefault(parcel.account, parcel)
            first[parcel.account] = min(known, parcel, key=lambda each: each.order)
    return first.values()


def decided_of(row: Any) -> tuple[Any, ...]:
    """A row of decisions as `services.query.decisions.Decided` has it."""
    return (
        row.cause,
        row.account,
        row.seq,
        row.type,
        row.body,
        row.decided_at,
        row.balance,
        row.fact,
    )


def balances_of(store: MemoryStore, account: str) -> dict[str, int | None]:
    """What the simulated reads show of an account."""
    row = store.tables[ACCOUNT].rows.get(account)
    names = ("version", "free", "due", "held", "earned", "redeemed", "expired")
    return {name: getattr(row, name, None) for name in names}


def _decision_of(store: MemoryStore, account: str, cause: Any) -> dict[str, Any]:
    row = store.tables[DECISION].rows.get(cause)
    named = ("cause", "account", "seq", "type", "body", "decided_at", "balance", "fact")
    cells = decided_of(row) if row is not None and row.account == account else (None,) * 8
    return dict(zip(named, cells, strict=True))


def _course_of(store: MemoryStore, statement: str, request: Any, account: str) -> dict[str, Any]:
    """How far a request has come; nothing is told of what has moved to another account."""
    table = COURSES[statement]
    row = store.tables[table].rows.get((request, account))
    of_account = store.tables[ACCOUNT].rows.get(account)
    told: dict[str, Any] = {"merged_into": None}
    if of_account is not None and of_account.status == Status.CLOSED:
        told["merged_into"] = of_account.merged_into
    if row is None or row.state in (ClaimState.MOVED, TransferState.MOVED):
        return {**dict.fromkeys(table.columns), **told}
    told.update(row._asdict())
    return told


def _merge_of(store: MemoryStore, merge_id: Any) -> dict[str, Any]:
    """How far a merge has come; it is open until all parts have arrived, and may not be there."""
    parcels = store.tables[PARCEL].rows
    merge = parcels.get(merge_id)
    if merge is None:
        return dict.fromkeys((*PARCEL.columns, "merge_id", "points"))
    is_moving = any(
        (each.account, each.kind, each.state) == (merge.account, ParcelKind.PART, ParcelState.OPEN)
        for each in parcels.values()
    )
    state = ParcelState.OPEN if is_moving else merge.state
    return {**merge._asdict(), "merge_id": merge_id, "points": None, "state": state}


class Row(tuple[Any, ...]):
    """A row whose cells have names, too, as those of asyncpg have."""

    named: Any

    def __getitem__(self, key: Any) -> Any:
        return getattr(self.named, key) if isinstance(key, str) else super().__getitem__(key)


def _oldest(rows: Iterable[Any]) -> list[Row]:
    found = []
    for named in sorted(rows, key=lambda row: row.made_at):
        row = Row(named)
        row.named = named
        found.append(row)
    return found
