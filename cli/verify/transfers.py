"""Transfers between accounts of all partitions: nothing is made on the way, nothing lost. Pure.

The ends of partitions are not read at one instant. So a fact that follows from one in another
partition counts only if it is `early`: it stood before the first end that was read, and what it
follows from before the second.
"""

from typing import NamedTuple
from uuid import UUID

from cli.verify.report import Check, Report
from cli.verify.sums import REMEDY
from shared.events.merges import PartMoved
from shared.events.transfers import PointsReceived, PointsSent, TransferReturned, TransferSettled


class Moved(NamedTuple):
    """Points on their way, as one of the two accounts says it."""

    sender: str
    receiver: str
    points: int


class Transfers:
    """What the facts of senders and receivers say, by transfer."""

    def __init__(self) -> None:
        self.sent: dict[UUID, Moved] = {}
        self.received: dict[UUID, Moved] = {}
        self.returned: set[UUID] = set()
        self.settled: set[UUID] = set()
        self.early: set[UUID] = set()
        """Those received early."""
        self.into: dict[str, str] = {}
        """Merged accounts, and which one has all of each: it receives what is for them, too."""

    def note(self, fact: object, *, early: bool) -> None:
        """Take in a fact, if it is about a transfer."""
        match fact:
            case PointsSent():
                self.sent[fact.transfer_id] = Moved(fact.account, fact.to, fact.points)
            case PointsReceived():
                self.received[fact.transfer_id] = Moved(fact.sender, fact.account, fact.points)
                if early:
                    self.early.add(fact.transfer_id)
            case TransferReturned():
                self.returned.add(fact.transfer_id)
            case TransferSettled() if early:
                self.settled.add(fact.transfer_id)
            case PartMoved():
                self.into[fact.account] = fact.to
            case _:
                pass

    def add(self, other: "Transfers") -> None:
        """Take in those of another partition."""
        self.sent |= other.sent
        self.received |= other.received
        self.returned |= other.returned
        self.settled |= other.settled
        self.early |= other.early
        self.into |= other.into

    def _is(self, received: Moved, sent: Moved) -> bool:
        """Whether it is the same, by the account itself or by one into which it was merged."""
        receiver = sent.receiver
        while receiver != received.receiver and receiver in self.into:
            receiver = self.into[receiver]
        return received == sent._replace(receiver=receiver)

    def check(self, report: Report) -> None:
        """What was received was sent, and was not given back; what is settled was received."""
        report.count(Check.TRANSFERS, len(self.sent))
        for transfer_id, received in self.received.items():
            sent = self.sent.get(transfer_id)
            if sent is None:
                wrong = "was never sent" if transfer_id in self.early else None
            elif transfer_id in self.early and not self._is(received, sent):
                wrong = f"was sent as {sent.points} from {sent.sender} to {sent.receiver}"
            else:
                wrong = "was given back too" if transfer_id in self.returned else None
            if wrong is not None:
                what = f"transfer {transfer_id} of {received.points} was received, and {wrong}"
                report.find(Check.TRANSFERS, received.receiver, what, REMEDY)
        for transfer_id in self.settled - self.received.keys():
            what = f"transfer {transfer_id} is settled, and was never received"
            report.find(Check.TRANSFERS, self.sent[transfer_id].sender, what, REMEDY)
