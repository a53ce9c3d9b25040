"""What two accounts decide: rewards with the stock's account, transfers with the other member's."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from services.query.carried_requests import Course
from services.query.problems import Code
from services.query.reading import CLAIMS, TRANSFERS
from services.query.redemptions import Kind, ending_in
from shared.events.base import split_account
from shared.events.facts import InputRejected
from shared.events.ids import conclude_cause, transferred_cause
from shared.events.movements import RequestRefused
from shared.events.rewards import RewardIssued, RewardRefused, RewardReserved
from shared.events.transfers import PointsSent, TransferReturned, TransferSettled
from shared.ledger.claims import ClaimState
from shared.ledger.transfers import TransferState


def claim_of(row: Any) -> dict[str, Any]:
    """A row of `CLAIMS` as the API tells it."""
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
    """A row of `TRANSFERS` as the API tells it."""
    return {
        "transfer_id": row["transfer_id"],
        "to": split_account(row["to"])[1],
        "status": row["state"],
        "points": row["points"],
        **_dates(row),
    }


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
    rows=CLAIMS,
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
    rows=TRANSFERS,
    open=TransferState.IN_TRANSIT,
    gone=TransferState.RETURNED,
    shown=lambda row: {"transfer": transfer_of(row)},
)
