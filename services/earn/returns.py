"""What a return takes back: pure.

Guarantees: what all returns of a receipt take back together depends on what was kept alone, however
they are split and ordered; no return gives points. The rules are those of the version under which
the purchase was awarded, whatever was published since, and see the counters that the award saw.
What is refused says why, with the numbers. Says how many points, not which: that is redeem's.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, assert_never
from uuid import UUID

from services.earn.counters import added_by
from shared.events.awards import (
    Counted,
    EarnedIn,
    PointsEarned,
    ReturnAssessed,
    ReturnRefused,
    ReturnWaiting,
    RuleShare,
    TakenBackIn,
)
from shared.events.upstream import Purchase
from shared.program import kept
from shared.program.earning import OutOfRange, award
from shared.program.kept import CameBack, Excess
from shared.program.model import Program
from shared.program.past import ZERO, Counter, Past, points_of
from shared.program.policies import ReturnPolicy
from shared.program.sums import rounded

RETURNS_MAX = 100
"""How many returns of one receipt are assessed."""


class Refusal(StrEnum):
    """Why a return takes nothing back; of several reasons the first one here is told."""

    PURCHASE_NOT_REWARDED = "purchase_not_rewarded"
    VERSION_UNKNOWN = "version_unknown"
    TOO_MANY_RETURNS = "too_many_returns"
    OTHER_CURRENCY = "other_currency"
    LINE_UNKNOWN = "line_unknown"
    MORE_THAN_BOUGHT = "more_than_bought"
    MORE_THAN_PAID = "more_than_paid"
    OUT_OF_RANGE = "out_of_range"


FIRST = ""
"""Among the points of all currencies: those of the program's first."""
Points = Mapping[str, int]


class Worth(NamedTuple):
    """What the rules give for a part of a purchase."""

    points: Points
    basis_minor: int
    breakdown: tuple[RuleShare, ...]
    counted: tuple[Counted, ...]


NOTHING = Worth({}, 0, (), ())


def refused(
    back: ReturnWaiting,
    reason: Refusal,
    *,
    line_id: str | None = None,
    bought: int | None = None,
    returned: int | None = None,
) -> ReturnRefused:
    """The refusal of a return."""
    return ReturnRefused(
        account=back.account,
        source=back.source,
        event_id=back.event_id,
        brand=back.brand,
        receipt_id=back.receipt_id,
        occurred_at=back.occurred_at,
        reason=reason.value,
        line_id=line_id,
        bought=bought,
        returned=returned,
    )


def assess(
    earned: PointsEarned,
    program: Program | None,
    before: Sequence[ReturnAssessed],
    back: ReturnWaiting,
    reversal_id: UUID,
) -> ReturnAssessed | ReturnRefused:
    """What `back` takes of the points of a purchase of which some came back `before`.

    `program` is the version that the award names; None if it is not published.
    """
    bought = kept.purchase(earned)
    if back.everything:
        left = kept.everything_left(bought, CameBack.with_all(before))
        back = back.model_copy(update={"lines": left})
    came_back = CameBack.with_all((*before, back))
    refusal = _refusal(earned, bought, program, before, back, came_back)
    if refusal is not None:
        return refusal
    assert program is not None
    past = Past.before(earned.counted)
    of_kept = _worth(program, kept.kept(bought, came_back), past)
    of_back = _worth(program, kept.returned(bought, came_back), past)
    if of_kept is None or of_back is None:
        return refused(back, Refusal.OUT_OF_RANGE)
    whole = _points(earned.points, earned.also)
    proportion = _proportion(earned.basis_minor, of_kept.basis_minor, bought, came_back)
    owed = whole if of_kept is NOTHING else _owed(program, whole, of_kept, of_back, proportion)
    clawed = _clawed(before)
    sums = {
        currency: TakenBackIn(
            currency=currency or program.currencies[0].currency,
            earned=points,
            earned_on_kept=of_kept.points.get(currency, 0),
            owed=owed[currency],
            clawed_before=clawed.get(currency, 0),
            points=max(0, owed[currency] - clawed.get(currency, 0)),
        )
        for currency, points in whole.items()
    }
    counted = _counted_back(earned, before, of_kept, _left(program, sums))
    first = sums.pop(FIRST)
    return ReturnAssessed(
        account=earned.account,
        reversal_id=reversal_id,
        award_id=earned.award_id,
        source=back.source,
        event_id=back.event_id,
        brand=earned.brand,
        receipt_id=back.receipt_id,
        occurred_at=back.occurred_at,
        program_version=earned.program_version,
        policy=program.returns.policy.value,
        lines=back.lines,
        refunds=back.refunds,
        breakdown=of_kept.breakdown,
        **first.model_dump(exclude={"currency"}),
        also=tuple(sums.values()),
        counted=counted,
        lots=tuple(part.lot_id for part in earned.parts),
    )


def _refusal(
    earned: PointsEarned,
    bought: Purchase,
    program: Program | None,
    before: Sequence[ReturnAssessed],
    back: ReturnWaiting,
    came_back: CameBack,
) -> ReturnRefused | None:
    """Why the return is not taken, if there is a reason."""
    if program is None:
        return refused(back, Refusal.VERSION_UNKNOWN)
    if len(before) >= RETURNS_MAX:
        number = len(before) + 1
        return refused(back, Refusal.TOO_MANY_RETURNS, bought=RETURNS_MAX, returned=number)
    if back.money not in {None, earned.money}:
        return refused(back, Refusal.OTHER_CURRENCY)
    if (unknown := kept.unknown_line(bought, came_back)) is not None:
        return refused(back, Refusal.LINE_UNKNOWN, line_id=unknown)
    if (excess := kept.excess(bought, came_back)) is not None:
        return _excessive(back, Refusal.MORE_THAN_BOUGHT, excess)
    if (excess := kept.excess_refund(bought, came_back)) is not None:
        return _excessive(back, Refusal.MORE_THAN_PAID, excess)
    return None


def _excessive(back: ReturnWaiting, reason: Refusal, excess: Excess) -> ReturnRefused:
    return refused(
        back, reason, line_id=excess.line_id, bought=excess.bought, returned=excess.returned
    )


def _worth(program: Program, part: Purchase, past: Past) -> Worth | None:
    """What a part of a purchase is worth; without a line it was no purchase."""
    if not part.lines:
        return NOTHING
    worth = award(program, part, past)
    if isinstance(worth, OutOfRange):
        return None
    points = _points(worth.points, worth.also)
    return Worth(points, worth.basis_minor, worth.breakdown, worth.counted)


def _points(first: int, also: Iterable[EarnedIn | TakenBackIn]) -> Points:
    return {FIRST: first} | {each.currency: each.points for each in also}


def _owed(
    program: Program, whole: Points, of_kept: Worth, of_back: Worth, proportion: Fraction
) -> Points:
    """What all that came back takes back together; never more than was earned."""
    policy = program.returns.policy
    match policy:
        case ReturnPolicy.RE_EARN:
            owed = {name: n - of_kept.points.get(name, 0) for name, n in whole.items()}
        case ReturnPolicy.REFUNDED:
            owed = {name: min(n, of_back.points.get(name, 0)) for name, n in whole.items()}
        case ReturnPolicy.PROPORTIONAL:
            part, of = proportion.as_integer_ratio()
            rounding = program.earn.rounding
            owed = {name: rounded(n * part, of, rounding) for name, n in whole.items()}
        case _:
            assert_never(policy)
    return {name: max(0, points) for name, points in owed.items()}


def _proportion(basis: int, basis_kept: int, bought: Purchase, came_back: CameBack) -> Fraction:
    """How much of the basis came back; without one, of the money, else of the pieces."""
    if basis:
        return Fraction(basis - basis_kept, basis)
    back = came_back.lines.values()
    if money := sum(line.amount_minor for line in bought.lines):
        return Fraction(sum(part.amount_minor for part in back), money)
    pieces = sum(line.quantity for line in bought.lines)
    return Fraction(sum(part.quantity for part in back), max(1, pieces))


def _clawed(before: Iterable[ReturnAssessed]) -> Points:
    """What earlier returns have taken."""
    clawed: dict[str, int] = {}
    for each in before:
        for currency, points in _points(each.points, each.also).items():
            clawed[currency] = clawed.get(currency, 0) + points
    return clawed


def _left(program: Program, sums: Mapping[str, TakenBackIn]) -> Points:
    """What is left of an award in each currency of the program."""
    left = {FIRST: 0} | {each.currency: 0 for each in program.currencies[1:]}
    for currency, each in sums.items():
        left[currency] = each.earned - each.clawed_before - each.points
    return left


def _counted_back(
    earned: PointsEarned, before: Iterable[ReturnAssessed], of_kept: Worth, left: Points
) -> tuple[Counted, ...]:
    """What goes back in counters: to where they would be if only what was kept had been bought.

    Those of points, by which caps on all points go, to what is `left` of the award.
    """
    back: dict[Counter, Fraction] = {}

    def count(each: Counted, added: Fraction) -> None:
        counter = Counter(each.counter, each.period)
        back[counter] = back.get(counter, ZERO) + added

    spoken: list[PointsEarned | ReturnAssessed] = [earned, *before]
    for fact in spoken:
        for each in added_by(fact):
            count(each, -Fraction(each.added))
    granted = {points_of(currency): Fraction(points) for currency, points in left.items()}
    for each in earned.counted:
        count(each, granted.get(each.counter, ZERO))
    if of_kept is not NOTHING:
        for each in added_by(earned.model_copy(update={"counted": of_kept.counted})):
            if each.counter not in granted:
                count(each, Fraction(each.added))
    return tuple(
        Counted(counter=counter.name, period=counter.period, added=str(added))
        for counter, added in sorted(back.items())
        if added
    )
