"""What must hold of transfers once all is carried: over all accounts nothing is made, nothing lost.

Each one is received whole by the account that it is for, or given back whole; so what all accounts
have sent, all accounts have received.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from services.redeem.projection import ACCOUNT
from shared.events.merges import PartMoved
from shared.events.transfers import PointsReceived, PointsSent, TransferReturned, TransferSettled
from shared.stream.memory import MemoryStore
from shared.stream.service import Recorded
from tests.simulation.outside import Violation

KINDS = (PointsSent, PointsReceived, TransferSettled, TransferReturned)


def transfers_hold(facts: Iterable[Recorded], rows: MemoryStore) -> None:
    """Raise Violation for whatever does not hold."""
    transfers: dict[UUID, dict[Any, Any]] = {}
    all_facts = [recorded.fact for recorded in facts]
    for fact in all_facts:
        if isinstance(fact, KINDS):
            transfers.setdefault(fact.transfer_id, {})[type(fact)] = fact
    into = {fact.account: fact.to for fact in all_facts if isinstance(fact, PartMoved)}
    for told in transfers.values():
        _arrives_or_returns(into, *(told.get(kind) for kind in KINDS))
    accounts = rows.tables[ACCOUNT].rows.values()
    sent = sum(account.sent for account in accounts)
    received = sum(account.received for account in accounts)
    if sent != received:
        raise Violation(f"I4: {sent} points are sent, {received} are received")


def _arrives_or_returns(
    into: Mapping[str, str], sent: Any, received: Any, settled: Any, returned: Any
) -> None:
    """`into` has the account that each merged one went into: it receives what is for that, too."""
    if sent is None or (settled is None) == (returned is None):
        raise Violation(f"I4: {sent} is not concluded, or twice: {settled}, {returned}")
    if returned is None:
        to = sent.to
        while received is not None and to != received.account and to in into:
            to = into[to]
        if received is None or (received.account, received.points) != (to, sent.points):
            raise Violation(f"I4: {sent} was received as {received}")
        return
    back = returned.back
    given = back.due + back.waived + sum(lot.points for lot in back.lots)
    if received is not None or given != sent.points:
        raise Violation(f"I4: {sent} is given back as {returned}, received as {received}")
