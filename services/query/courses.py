"""What two accounts decide: rewards with the stock's, transfers and merges with a member's."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

from services.query.carried_requests import Course
from services.query.problems import Code
from services.query.reading import CLAIM, MERGE, TRANSFER
from services.query.redemptions import Kind, ending_in
from shared.events.base import split_account
from shared.events.facts import InputRejected
from shared.events.ids import Cause, conclude_cause, merged_cause, settled_cause, transferred_cause
from shared.events.merges import MergeDeclined, MergeRequested, PartMoved
from shared.events.movements import RequestRefused
from shared.events.rewards import RewardIssued, RewardRefused, RewardReserved
from shared.events.transfers import PointsSent, TransferReturned, TransferSettled
from shared.ledger.claims import ClaimState
from shared.ledger.parcels import ParcelState
from shared.ledger.transfers import TransferState


def claim_of(row: Any) -> dict[str, Any]:
    """A row of `CLAIM` or `CLAIMS` as the API tells it."""
    return {
        "redemption_id": row["redemption_id"],
        "reward": row["reward"],
        "status": row["state"],
        "points": row["points"],
        "brand": row["brand"],
        "code": row["code"],
        "program_version": row["program_version"],
        **_dates(row),
    }


def transfer_of(row: Any) -> dict[str, Any]:
    """A row of `TRANSFER` as the API tells it."""
    return {
        "transfer_id": row["transfer_id"],
        "to": split_account(row["to"])[1],
        "status": row["state"],
        "points": row["points"],
        **_dates(row),
    }


def merge_of(row: Any) -> dict[str, Any]:
    """A row of `MERGE` as the API tells it."""
    return {
        "merge_id": row["merge_id"],
        "into": split_account(row["to"])[1],
        "status": row["state"],
        **_dates(row),
    }


def _all_taken_cause(account: str, merge_id: UUID) -> Cause:
    """The account hears that the other one has its last part, which the merge's own cause made."""
    return settled_cause(account, merged_cause(account, merge_id).id)


def _dates(row: Any) -> Mapping[str, Any]:
    return {name: row[name].astimezone(UTC) for name in ("made_at", "changed_at")}


REWARDS = Course(
    kind=Kind(
        "rewards",
        ending_in(RewardIssued, RequestRefused, InputRejected),
        Code.REDEMPTION_UNKNOWN,
    ),
    subject="redemption_id",
    begun=RewardReserved,
    done=RewardIssued,
    refused=RewardRefused,
    concluded=conclude_cause,
    row=CLAIM,
    open=ClaimState.RESERVED,
    gone=ClaimState.REFUSED,
    shown=lambda row: {"claim": claim_of(row)},
)
TRANSFERS_MADE = Course(
    kind=Kind("transfers", ending_in(RequestRefused, InputRejected), Code.TRANSFER_UNKNOWN),
    subject="transfer_id",
    begun=PointsSent,
    done=TransferSettled,
    refused=TransferReturned,
    concluded=transferred_cause,
    row=TRANSFER,
    open=TransferState.IN_TRANSIT,
    gone=TransferState.RETURNED,
    shown=lambda row: {"transfer": transfer_of(row)},
)
MERGES_MADE = Course(
    kind=Kind("merges", ending_in(RequestRefused, InputRejected), Code.MERGE_UNKNOWN),
    subject="merge_id",
    begun=MergeRequested,
    done=PartMoved,
    refused=MergeDeclined,
    concluded=merged_cause,
    arrived=_all_taken_cause,
    row=MERGE,
    open=ParcelState.OPEN,
    gone=ParcelState.DECLINED,
    shown=lambda row: {"merge": merge_of(row)},
)
