"""Answers about points that go to another account: transfers and merges."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.query.answers.base import Answer, OfAccount


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
