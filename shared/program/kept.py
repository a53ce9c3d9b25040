"""What of a purchase came back, and what was kept: pure arithmetic of lines and money.

Guarantees: depends on the sum of all returns, not on how they were split or ordered. Lines are told
apart by their ids; of several with one id the first ones come back first. Tax and discount of a
line come back with its money, in proportion. Knows no program and no points.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from shared.events.awards import LineBack, PointsEarned, ReturnAssessed, ReturnWaiting
from shared.events.bought import read
from shared.events.upstream import Payment, Purchase, PurchaseLine


class Part(NamedTuple):
    """Pieces and money of a line, or of all lines with one id."""

    quantity: int = 0
    amount_minor: int = 0

    def plus(self, other: "LineBack | PurchaseLine | Part") -> "Part":
        """Both together."""
        return Part(self.quantity + other.quantity, self.amount_minor + other.amount_minor)

    def up_to(self, line: PurchaseLine) -> "Part":
        """As much of it as there is of a line."""
        return Part(min(self.quantity, line.quantity), min(self.amount_minor, line.amount_minor))

    def without(self, other: "Part") -> "Part":
        """What is left of it."""
        return Part(self.quantity - other.quantity, self.amount_minor - other.amount_minor)


NOTHING = Part()


class CameBack(NamedTuple):
    """All that came back of a receipt.

    `lines` by their ids; `refunds` is the money that went back, by method, where upstream said so;
    `unsaid_minor` the money of returns of which it did not.
    """

    lines: Mapping[str, Part]
    refunds: Mapping[str, int]
    unsaid_minor: int

    @classmethod
    def with_all(cls, returns: Iterable[ReturnAssessed | ReturnWaiting]) -> Self:
        """What came back with these returns."""
        lines: dict[str, Part] = {}
        refunds: dict[str, int] = {}
        unsaid_minor = 0
        for back in returns:
            for line in back.lines:
                lines[line.line_id] = lines.get(line.line_id, NOTHING).plus(line)
            for refund in back.refunds:
                refunds[refund.method] = refunds.get(refund.method, 0) + refund.amount_minor
            if not back.refunds:
                unsaid_minor += sum(line.amount_minor for line in back.lines)
        return cls(lines, refunds, unsaid_minor)


def purchase(award: PointsEarned) -> Purchase:
    """The purchase that an award was made for."""
    assert award.receipt_id is not None
    assert award.money is not None
    return Purchase(
        event_id=award.event_id,
        source=award.source,
        brand=award.brand,
        member=award.account.partition(":")[2],
        occurred_at=award.occurred_at,
        store=award.store,
        channel=award.channel,
        receipt_id=award.receipt_id,
        currency=award.money,
        lines=tuple(PurchaseLine(**read(text)._asdict()) for text in award.lines),
        payments=award.payments,
    )


class Excess(NamedTuple):
    """More came back than there was: of this line (None: of the money paid), this much."""

    line_id: str | None
    bought: int
    returned: int


def everything_left(bought: Purchase, back: CameBack) -> tuple[LineBack, ...]:
    """The lines, or parts of lines, that have not come back yet."""
    left: dict[str, Part] = {}
    for line, returned in split(bought, back):
        left[line.line_id] = left.get(line.line_id, NOTHING).plus(_whole(line).without(returned))
    return tuple(
        LineBack(line_id=line_id, quantity=part.quantity, amount_minor=part.amount_minor)
        for line_id, part in left.items()
        if part != NOTHING or line_id not in back.lines
    )


def unknown_line(bought: Purchase, back: CameBack) -> str | None:
    """A line that came back and was not bought."""
    known = {line.line_id for line in bought.lines}
    return next((line_id for line_id in back.lines if line_id not in known), None)


def excess(bought: Purchase, back: CameBack) -> Excess | None:
    """Where more came back than was bought, pieces before money; lines in the receipt's order."""
    there: dict[str, Part] = {}
    for line in bought.lines:
        there[line.line_id] = there.get(line.line_id, NOTHING).plus(line)
    for line_id, whole in there.items():
        returned = back.lines.get(line_id, NOTHING)
        if returned.quantity > whole.quantity:
            return Excess(line_id, whole.quantity, returned.quantity)
        if returned.amount_minor > whole.amount_minor:
            return Excess(line_id, whole.amount_minor, returned.amount_minor)
    return None


def excess_refund(bought: Purchase, back: CameBack) -> Excess | None:
    """Where more money went back than was paid that way."""
    paid = _paid(bought)
    for method, refunded in back.refunds.items():
        if refunded > paid.get(method, 0):
            return Excess(None, paid.get(method, 0), refunded)
    return None


def kept(bought: Purchase, back: CameBack) -> Purchase:
    """The purchase without what came back."""
    lines = []
    for line, returned in split(bought, back):
        left = _whole(line).without(returned)
        if line.line_id not in back.lines:
            lines.append(line)
        elif left != NOTHING:
            lines.append(_part(line, left))
    payments = _kept_payments(bought, back)
    return bought.model_copy(update={"lines": tuple(lines), "payments": payments})


def returned(bought: Purchase, back: CameBack) -> Purchase:
    """What came back, as a purchase of its own; a line of nothing came back if it is named."""
    lines = tuple(
        _part(line, part)
        for line, part in split(bought, back)
        if part != NOTHING or (line.line_id in back.lines and part == _whole(line))
    )
    paid = {payment.method: payment.amount_minor for payment in _kept_payments(bought, back)}
    payments = tuple(
        Payment(method=method, amount_minor=amount - paid[method])
        for method, amount in _paid(bought).items()
    )
    return bought.model_copy(update={"lines": lines, "payments": payments})


def split(bought: Purchase, back: CameBack) -> Iterable[tuple[PurchaseLine, Part]]:
    """Each line with what came back of it."""
    waiting = dict(back.lines)
    for line in bought.lines:
        part = waiting.get(line.line_id, NOTHING).up_to(line)
        if part != NOTHING:
            waiting[line.line_id] = waiting[line.line_id].without(part)
        yield line, part


def _whole(line: PurchaseLine) -> Part:
    return Part(line.quantity, line.amount_minor)


def _part(line: PurchaseLine, part: Part) -> PurchaseLine:
    quantity, amount = part
    return line.model_copy(
        update={
            "quantity": quantity,
            "amount_minor": amount,
            "tax_minor": _share(line.tax_minor, amount, line.amount_minor),
            "discount_minor": _share(line.discount_minor, amount, line.amount_minor),
        }
    )


def _share(total: int, part: int, whole: int) -> int:
    """The share of `total` that belongs to a part; of nothing, all of it."""
    return total * part // whole if whole else total


def _paid(bought: Purchase) -> dict[str, int]:
    paid: dict[str, int] = {}
    for payment in bought.payments:
        paid[payment.method] = paid.get(payment.method, 0) + payment.amount_minor
    return paid


def _kept_payments(bought: Purchase, back: CameBack) -> tuple[Payment, ...]:
    """What is still paid: money of which nobody said how it went back did so in proportion."""
    whole = sum(line.amount_minor for line in bought.lines)
    return tuple(
        Payment(
            method=method,
            amount_minor=max(
                0, paid - back.refunds.get(method, 0) - _share(paid, back.unsaid_minor, whole or 1)
            ),
        )
        for method, paid in _paid(bought).items()
    )
