"""The rows of rewards: claims of members, codes of pools, and which an input or a fact needs."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from services.redeem.reward_decisions import OfReward
from shared.events.ids import code_id, take_cause
from shared.events.merges import PartMoved
from shared.events.movements import GivenBack
from shared.events.points import RefusalReason
from shared.events.rewards import (
    CancelReward,
    ConcludeReturn,
    ConcludeReward,
    FulfilReward,
    PutStock,
    RedeemReward,
    ReturnUnit,
    RewardCancelled,
    RewardIssued,
    RewardRefused,
    RewardReserved,
    StockAdded,
    TakeUnit,
    UnitReturned,
    UnitTaken,
)
from shared.ledger.claims import Claim, ClaimState, Errand, StockCode
from shared.ledger.shelf import OF_CLAIMS
from shared.stream.service import Recorded
from shared.stream.store import Lookup, Need, Rows, Table

_TIME = "timestamptz"
CLAIM = Table(
    "claim",
    Claim,
    (
        *("text", "uuid", "text", "bigint", "text", "bigint", "text", "text"),
        *("boolean", "boolean", "uuid", "text", "text", "text", _TIME, _TIME, "bigint"),
    ),
    "redemption_id",
    scope="account",
)
CODE = Table("code", StockCode, ("uuid", "text", "uuid", "text", "bigint", "uuid"), "code_id")
REWARD_TABLES = (CLAIM, CODE)

CLAIMS = Lookup(CLAIM, "redemption_id")
CLAIMS_OF = Lookup(CLAIM, "account")
FREE_CODES = Lookup(CODE, "account", "taken_by IS NULL", lambda code, _: code.taken_by is None)
NAMED_CODES = Lookup(CODE, "code_id")
CODES_OF_UNITS = Lookup(CODE, "taken_by")
OF_CODES = (FREE_CODES, NAMED_CODES, CODES_OF_UNITS)
REWARD_LOOKUPS = (CLAIMS, CLAIMS_OF, *OF_CODES)


def claims_of(rows: Rows) -> Iterator[Claim]:
    """The claims that rows describe."""
    return (claim_of(row) for lookup in (CLAIMS, CLAIMS_OF) for row in rows.get(lookup, ()))


def codes_of(rows: Rows) -> Iterator[StockCode]:
    """The codes that rows describe."""
    return (code for lookup in OF_CODES for code in rows.get(lookup, ()))


def claim_of(row: Claim) -> Claim:
    """A stored claim: its words as what they stand for."""
    return row._replace(
        state=ClaimState(row.state),
        errand=Errand(row.errand) if row.errand is not None else None,
        reason=RefusalReason(row.reason) if row.reason is not None else None,
    )


class AskedOfRewards:
    """What commands about rewards take, by how it is looked up."""

    def __init__(self) -> None:
        self.spending: set[str] = set()
        self.debits: set[UUID] = set()
        self._claims: set[UUID] = set()
        self._stocks: set[str] = set()
        self._codes: set[UUID] = set()
        self._units: set[UUID] = set()

    def add(self, message: OfReward) -> None:
        """One more command."""
        match message:
            case RedeemReward():
                self.spending.add(message.account)
            case PutStock():
                self._codes.update(code_id(message.account, code) for code in message.codes)
            case TakeUnit():
                self.spending.add(message.account)
                self._stocks.add(message.account)
            case ReturnUnit():
                unit_id = take_cause(message.account, message.redemption_id).id
                self.debits.add(unit_id)
                self._units.add(unit_id)
            case ConcludeReward() | FulfilReward() | CancelReward() | ConcludeReturn():
                self._claims.add(message.redemption_id)
                self.debits.add(message.redemption_id)

    def needs(self) -> Iterator[Need]:
        """The rows of rewards."""
        wanted: Iterable[tuple[Lookup, set[Any]]] = (
            (CLAIMS, self._claims),
            (FREE_CODES, self._stocks),
            (NAMED_CODES, self._codes),
            (CODES_OF_UNITS, self._units),
        )
        return (Need(lookup, list(values)) for lookup, values in wanted if values)


def replay_needs(facts: Sequence[Recorded]) -> Iterator[Need]:
    """The rows of rewards that folding these facts takes; both tables are named in any case."""
    claims: dict[UUID, None] = {}
    codes: dict[UUID, None] = {}
    for recorded in facts:
        match recorded.fact:
            case UnitTaken(code=str(code)) | UnitReturned(code=str(code)) as unit:
                codes[code_id(unit.account, code)] = None
            case fact if isinstance(fact, OF_CLAIMS):
                claims[fact.redemption_id] = None
            case PartMoved(part=part):
                claims.update((claim.redemption_id, None) for claim in part.claims)
            case _:
                pass
    yield Need(CLAIMS, list(claims))
    yield Need(NAMED_CODES, list(codes))


def made(fact: Any) -> Iterator[UUID]:
    """The lot or debit that a fact makes."""
    match fact:
        case StockAdded():
            yield fact.lot_id
        case UnitTaken():
            yield fact.unit_id
        case RewardReserved():
            yield fact.redemption_id
        case RewardIssued() if fact.allocation:
            yield fact.redemption_id
        case _:
            pass


def lots_of(fact: Any) -> Iterator[UUID]:
    """The lots that a fact about rewards changes."""
    match fact:
        case RewardReserved() | RewardIssued():
            yield from (share.lot_id for share in fact.allocation)
        case UnitTaken():
            yield fact.lot_id
        case _:
            yield from (share.lot_id for share in back_of(fact).lots)


def debits_of(fact: Any) -> Iterator[UUID]:
    """The debits that a fact about rewards changes."""
    match fact:
        case RewardIssued() | RewardRefused() | RewardCancelled():
            yield fact.redemption_id
        case UnitReturned():
            yield fact.unit_id
        case _:
            pass


def back_of(fact: Any) -> GivenBack:
    """What a fact about rewards gives back."""
    match fact:
        case RewardRefused() | RewardCancelled() | UnitReturned():
            return fact.back
        case _:
            return GivenBack()
