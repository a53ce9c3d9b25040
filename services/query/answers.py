"""What the API answers, as models: they document the answers, and tests hold the answers to them.

Points and money are whole numbers, instants are in UTC. The hot answers are written from rows
directly (`reading`, `redemptions`), in the same form.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.facts import (
    Awaits,
    CapReached,
    EarnedIn,
    Extension,
    LotShare,
    RuleMissed,
    RuleShare,
)

TOKEN = Field(
    description="How far the projection was: `<partition>-<position>`. Send it back in the header "
    "`Tessera-Token` or as `?token=` and no answer will be older.",
    examples=["3-1042"],
)


class Answer(BaseModel):
    """An answer: immutable, nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OfAccount(Answer):
    """An answer about an account, with the token at which it was read."""

    program: Annotated[str, Field(examples=["grocer"])]
    member: Annotated[str, Field(examples=["900"])]
    token: Annotated[str, TOKEN]
    as_of: datetime


class NextExpiry(Answer):
    """The next points that are gone unless they are spent."""

    at: datetime
    points: int


class Balances(OfAccount):
    """What a member has now, and the totals of the account's life."""

    available: Annotated[int, Field(ge=0, description="Can be spent now")]
    held: Annotated[int, Field(ge=0, description="Set aside for checkouts in progress")]
    pending: Annotated[int, Field(ge=0, description="Earned, not active yet")]
    deficit: Annotated[int, Field(ge=0, description="Used, but no longer covered by any lot")]
    balance: Annotated[int, Field(description="available + held + pending - deficit")]
    earned: int
    redeemed: int
    expired: Annotated[int, Field(description="By date, whether or not a sweep wrote it down")]
    clawed_back: int
    written_off: Annotated[int, Field(description="Of what was due: given by the program")]
    added: Annotated[int, Field(description="By operators, besides what was earned")]
    deducted: Annotated[int, Field(description="By operators, besides what was redeemed")]
    received: Annotated[int, Field(description="From other members")]
    sent: Annotated[int, Field(description="To other members, also what is on its way")]
    next_expiry: NextExpiry | None
    merged_into: Annotated[
        str | None, Field(description="The member whose account has all of this one since a merge")
    ]


class Entry(Answer):
    """One fact of the account."""

    version: Annotated[int, Field(description="1 is the account's first fact")]
    type: Annotated[str, Field(examples=["loyalty.points.credited.v1"])]
    at: datetime
    points: Annotated[int, Field(description="What it did to the balance")]
    balance: Annotated[int, Field(description="The balance after it")]
    cause: UUID
    detail: Annotated[dict[str, Any], Field(description="The fact; of a part of a merge, how much")]


class Entries(OfAccount):
    """A page of entries, newest first."""

    entries: list[Entry]
    next: Annotated[str | None, Field(description="`?cursor=` of the next page; null: the last")]


class LotState(StrEnum):
    """Whether points of an open lot can be spent."""

    ACTIVE = "active"
    PENDING = "pending"


class Lot(Answer):
    """Points of one award that are left: original = free + used + expired + clawed."""

    lot_id: UUID
    brand: str
    receipt_id: str | None
    state: LotState
    original: int
    free: int
    used: int
    expired: int
    clawed: int
    occurred_at: datetime
    active_from: datetime
    expires_at: datetime | None
    sliding: Annotated[bool, Field(description="What the member does extends the date")]
    awaits: Annotated[str | None, Field(description="The event without which it is gone then")]


class Lots(OfAccount):
    """A page of open lots, soonest expiry first, then oldest, never-expiring last."""

    lots: list[Lot]
    next: str | None


class Expiring(Answer):
    """Points that are gone at one instant."""

    at: datetime
    points: int
    pending: Annotated[int, Field(description="Of these, not active yet")]
    total: Annotated[int, Field(description="These and all that are gone before")]


class Expiries(OfAccount):
    """A page of dates, soonest first."""

    expiries: list[Expiring]
    next: str | None


class RedemptionStatus(StrEnum):
    """What became of a redemption."""

    REDEEMED = "redeemed"
    PENDING = "pending"


class RedemptionMade(Answer):
    """Points spent. The same request gets these very bytes again, for ever."""

    program: str
    member: str
    redemption_id: UUID
    status: RedemptionStatus
    asked: int
    points: int
    value_minor: Annotated[int, Field(description="The cash off that the points buy")]
    money: Annotated[str, Field(examples=["USD"])]
    order_minor: int | None
    program_version: int
    allocation: Annotated[list[LotShare], Field(description="Which lots, in spending order")]
    balance: Annotated[int, Field(description="The account's balance after it")]
    decided_at: datetime
    token: Annotated[str, TOKEN]


class HoldStatus(StrEnum):
    """What has become of a hold by now, whether or not it is written down."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    LAPSED = "lapsed"


class Hold(Answer):
    """Points set aside: at first `points`; `spent` is what was captured and not cancelled since."""

    hold_id: UUID
    status: HoldStatus
    points: int
    spent: int
    value_minor: Annotated[int, Field(description="The cash off that all of it buys")]
    money: Annotated[str, Field(examples=["USD"])]
    made_at: datetime
    lapses_at: datetime


class HoldSeen(OfAccount):
    """One hold."""

    hold: Hold


class OpenHolds(OfAccount):
    """The open holds, oldest first."""

    holds: list[Hold]


class RewardOffered(Answer):
    """An item of the catalogue."""

    reward: Annotated[str, Field(examples=["free-coffee"])]
    name: Annotated[str, Field(examples=["A coffee of any size"])]
    points: Annotated[int, Field(description="The price")]
    currency: Annotated[str, Field(examples=["points"])]
    brand: Annotated[str, Field(description="Who hands it over")]
    effective_from: str | None
    effective_until: str | None
    in_stock: Annotated[int | None, Field(description="Units; null: it has no stock")]
    offered: Annotated[bool, Field(description="Its dates allow it, and there is a unit")]


class RewardInReach(RewardOffered):
    """An item of the catalogue, and whether a member can pay for it."""

    affordable: bool
    missing: Annotated[int, Field(ge=0, description="Points that the member is short of")]


class Catalogue(OfAccount):
    """The catalogue as one member sees it."""

    available: int
    rewards: list[RewardInReach]


class OfferedRewards(Answer):
    """The catalogue of the version that counts now."""

    program: str
    version: int
    rewards: list[RewardOffered]


class StockedReward(RewardOffered):
    """An item of the catalogue, and where its units are."""

    program: str
    version: int
    taken: Annotated[int, Field(ge=0, description="Units that members have, or have had")]
    written_off: Annotated[int, Field(ge=0, description="Units of cancelled rewards")]


class ClaimStatus(StrEnum):
    """How far a redeemed reward has come."""

    RESERVED = "reserved"
    ISSUED = "issued"
    REFUSED = "refused"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


class Claim(Answer):
    """A redeemed reward; `code` is what the member shows."""

    redemption_id: UUID
    reward: Annotated[str, Field(examples=["free-coffee"])]
    status: ClaimStatus
    points: int
    brand: str
    code: str | None
    program_version: int
    made_at: datetime
    changed_at: datetime


class ClaimSeen(OfAccount):
    """One redeemed reward."""

    claim: Claim


class Claims(OfAccount):
    """A page of redeemed rewards, newest first."""

    rewards: list[Claim]
    next: str | None


class TransferStatus(StrEnum):
    """How far a transfer has come."""

    IN_TRANSIT = "in_transit"
    RECEIVED = "received"
    RETURNED = "returned"


class Transfer(Answer):
    """Points that a member gave to the member `to`."""

    transfer_id: UUID
    to: Annotated[str, Field(examples=["901"])]
    status: TransferStatus
    points: int
    made_at: datetime
    changed_at: datetime


class TransferSeen(OfAccount):
    """One transfer."""

    transfer: Transfer


class MergeStatus(StrEnum):
    """How far a merge has come; done: all is in the other account."""

    OPEN = "open"
    DONE = "done"
    DECLINED = "declined"


class Merge(Answer):
    """All of an account, for the member `into`."""

    merge_id: UUID
    into: Annotated[str, Field(examples=["901"])]
    status: MergeStatus
    made_at: datetime
    changed_at: datetime


class MergeSeen(OfAccount):
    """One merge."""

    merge: Merge


class PendingRequest(Answer):
    """Accepted and on the log, not decided yet: ask again at `status_url`."""

    request_id: UUID
    status: RedemptionStatus
    status_url: str


class PendingRedemption(Answer):
    """Accepted and on the log, not decided yet: ask again at `status_url`."""

    redemption_id: UUID
    status: RedemptionStatus
    status_url: str


class Accepted(Answer):
    """Events that are on the log."""

    ids: Annotated[list[str], Field(description="The events' ids, in the order of the request")]


class PartWorth(Answer):
    """Points whose rules have dates of their own."""

    rules: list[str]
    points: int
    active_from: datetime
    expires_at: datetime | None
    sliding: bool
    awaits: Awaits | None


class Worth(Answer):
    """What a purchase would earn."""

    program: str
    member: str
    program_version: int
    draft: Annotated[bool, Field(description="Under the document in the request, not a version")]
    occurred_at: datetime
    points: int
    basis_minor: int
    money: str
    rounding: str
    breakdown: list[RuleShare]
    why_not: list[RuleMissed]
    active_from: datetime
    expires_at: datetime | None
    parts: Annotated[list[PartWorth], Field(description="Those of the points with other dates")]
    sliding: Annotated[bool, Field(description="What the member does extends the date")]
    awaits: Annotated[Awaits | None, Field(description="The event that they wait for")]
    extends: Annotated[Extension | None, Field(description="Until when it extends other points")]
    desired: Annotated[int, Field(description="What it would be without caps")]
    caps: list[CapReached]
    also: Annotated[list[EarnedIn], Field(description="Points of the program's other currencies")]
    earning_share: Annotated[str | None, Field(description="The part not paid with points")]
    enrolled_on: Annotated[
        date | None, Field(description="The day whose anniversaries count, where dates go by them")
    ]


class VersionSummary(Answer):
    """One published version."""

    version: int
    name: str
    effective_from: datetime
    in_force: Annotated[bool, Field(description="It counts now")]


class ProgramSummary(Answer):
    """A program and its published versions, by number."""

    program: str
    versions: list[VersionSummary]


class ProgramList(Answer):
    """All programs, by name."""

    programs: list[ProgramSummary]


class ProgramVersion(Answer):
    """One immutable version of a program."""

    program: str
    version: int
    effective_from: datetime
    in_force: bool
    document: dict[str, Any]


class PublishedVersion(ProgramVersion):
    """A version that was published, and what is odd about it."""

    warnings: list[str]


class Health(Answer):
    """Whether the process, and what it stands on, does its work; a text says why not."""

    status: Annotated[str, Field(examples=["ready"])]
    checks: dict[str, str] = {}
