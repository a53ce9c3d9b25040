"""Derived identities: the same business fact has the same id, whoever computes it and when."""

import hashlib
from datetime import datetime
from json.encoder import encode_basestring
from typing import NamedTuple
from uuid import UUID

from shared.events.base import millis
from shared.events.bought import Bought
from shared.events.commands import Tick
from shared.events.upstream import Activity, Purchase

NAMESPACE = UUID("6f1d0a5e-5f0e-5d43-9a51-3a2f6c1b7e90")
DIGEST_BYTES = 16
_NAMESPACE_HASHED = hashlib.sha1(NAMESPACE.bytes, usedforsecurity=False)
_VERSION_BITS = (0xF << 76) | (0xC << 60)
_VERSION_5 = (0x5 << 76) | (0x8 << 60)


class Cause(NamedTuple):
    """Business identity of an input or a date: its readable form and the id derived from it."""

    text: str
    id: UUID


def cause(source: str, account: str, *identity: str) -> Cause:
    """The identity of what happens once to an account: source, account, the source's id."""
    text = f"[{','.join(map(encode_basestring, (source, account, *identity)))}]"
    return Cause(text, named(text))


def named(text: str) -> UUID:
    """`uuid.uuid5(NAMESPACE, text)` in half its time: every event is named several times."""
    hashed = _NAMESPACE_HASHED.copy()
    hashed.update(text.encode())
    drawn = int.from_bytes(hashed.digest()[:16], "big")
    return UUID(int=drawn & ~_VERSION_BITS | _VERSION_5)


def activity_cause(account: str, activity: Activity) -> Cause:
    """A purchase is (brand, receipt id); any other activity is (source, event id)."""
    if isinstance(activity, Bought | Purchase):
        return receipt_cause(account, activity.brand, activity.receipt_id)
    return cause("activity", account, activity.source, activity.event_id)


def receipt_cause(account: str, brand: str, receipt_id: str) -> Cause:
    """A receipt is bought once."""
    return cause("receipt", account, brand, receipt_id)


def waited_cause(account: str, source: str, event_id: str) -> Cause:
    """A return that waited for its purchase is assessed once."""
    return cause("waited", account, source, event_id)


def award_cause(account: str, award_id: UUID) -> Cause:
    """An award becomes one credit; of its parts each becomes one."""
    return cause("award", account, str(award_id))


def part_id(account: str, award_id: UUID, number: int) -> UUID:
    """The lot of a part of an award, from 1 on; the other points have the award's own id."""
    return cause("part", account, str(award_id), str(number)).id


def command_cause(account: str, idempotency_key: str) -> Cause:
    """A caller's key is one effect on one account."""
    return cause("command", account, idempotency_key)


def expiry_cause(account: str, lot_id: UUID, expires_at: datetime) -> Cause:
    """A lot passes a date once; a lot whose date was moved passes the new one too."""
    return cause("expiry", account, str(lot_id), str(millis(expires_at)))


def return_cause(account: str, reversal_id: UUID) -> Cause:
    """An assessed return takes points back once."""
    return cause("return", account, str(reversal_id))


def activation_cause(account: str, activation_id: UUID, lot_id: UUID) -> Cause:
    """The event that an award has waited for makes each of its lots active once."""
    return cause("activation", account, str(activation_id), str(lot_id))


def slide_cause(account: str, by: UUID, lot_id: UUID) -> Cause:
    """An act extends a lot once, and with it those that come behind it."""
    return cause("slide", account, str(by), str(lot_id))


def release_cause(account: str, hold_id: UUID) -> Cause:
    """A hold is released once, whoever asks and however often."""
    return cause("release", account, str(hold_id))


def lapse_cause(account: str, hold_id: UUID) -> Cause:
    """A hold lapses once."""
    return cause("lapse", account, str(hold_id))


def write_off_cause(account: str, debit_id: UUID, write_off_at: datetime) -> Cause:
    """What is due of a debit until a date is written off once."""
    return cause("write-off", account, str(debit_id), str(millis(write_off_at)))


def take_cause(stock: str, redemption_id: UUID) -> Cause:
    """A redeemed reward takes one unit."""
    return cause("take", stock, str(redemption_id))


def conclude_cause(account: str, redemption_id: UUID) -> Cause:
    """A reserved reward is issued or refused once."""
    return cause("conclude", account, str(redemption_id))


def return_unit_cause(stock: str, redemption_id: UUID) -> Cause:
    """The unit of a cancelled reward goes back once."""
    return cause("return-unit", stock, str(redemption_id))


def returned_cause(account: str, redemption_id: UUID) -> Cause:
    """A member's account hears once that the unit went back."""
    return cause("unit-returned", account, str(redemption_id))


def receive_cause(account: str, transfer_id: UUID) -> Cause:
    """Points that were sent to an account come in once."""
    return cause("receive", account, str(transfer_id))


def transferred_cause(account: str, transfer_id: UUID) -> Cause:
    """The sender's account hears once what became of a transfer."""
    return cause("transferred", account, str(transfer_id))


def received_lot_id(account: str, transfer_id: UUID, sent_lot_id: UUID) -> UUID:
    """A lot is part of a transfer once."""
    return cause("received-lot", account, str(transfer_id), str(sent_lot_id)).id


def delivery_cause(account: str, parcel_id: UUID) -> Cause:
    """An account decides once on a parcel of another."""
    return cause("delivery", account, str(parcel_id))


def merged_cause(account: str, merge_id: UUID) -> Cause:
    """An account hears once what the other one said to its merge."""
    return cause("merged", account, str(merge_id))


def part_moved_cause(account: str, merge_id: UUID, version: int) -> Cause:
    """At each version of itself an account moves one part; the last has the merge's own cause."""
    return cause("part-moved", account, str(merge_id), str(version))


def settled_cause(account: str, parcel_id: UUID) -> Cause:
    """An account hears once that a parcel of its has been decided on."""
    return cause("parcel-settled", account, str(parcel_id))


def code_id(stock: str, code: str) -> UUID:
    """A code is in a reward's pool once."""
    return cause("code", stock, code).id


def tick_cause(tick: Tick) -> Cause:
    """A tick itself leaves no trace: what it brings about has causes of its own."""
    return cause("tick", tick.account, str(millis(tick.due_at)))


def digest(body: bytes) -> bytes:
    """16-byte digest by which two bodies of one identity are compared."""
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()
