"""What a basket would earn: the very function that awards, on a purchase that did not happen."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

from fastapi import APIRouter, Request, Response

from services.query.answers.programs import Worth
from services.query.bodies import PreviewAsked, body_of, documented_body, program_of
from services.query.context import MemberId, Parts, ProgramName, account_of
from services.query.problems import Code, Problem, documented
from services.query.told import as_json
from shared.events.upstream import Purchase
from shared.program.earning import Award, OutOfRange, award, counters, counts_by_enrolment
from shared.program.model import Program
from shared.program.past import NOTHING, Counter, Past

router = APIRouter(prefix="/programs/{program}/members/{member}/preview", tags=["preview"])

COUNTERS = """
SELECT counter, period, value FROM earn.counter
WHERE account = $1 AND (counter, period) IN (SELECT * FROM unnest($2::text[], $3::text[]))
"""
ENROLMENT = "SELECT enrolled_on FROM earn.enrolment WHERE account = $1"
NAME = "preview"
"""Stands for the ids of a purchase that did not happen."""
BASKET = {"lines": [{"line_id": "1", "sku": "1082185", "amount_minor": 1999}]}


@router.post(
    "",
    summary="What a basket would earn",
    response_model=Worth,
    responses=documented(
        Code.NOT_JSON,
        Code.PROGRAM_UNKNOWN,
        Code.ACCOUNT_UNKNOWN,
        Code.BODY_TOO_LARGE,
        Code.UNSUPPORTED_MEDIA_TYPE,
        Code.INVALID,
        Code.NOT_IN_FORCE,
        Code.OUT_OF_RANGE,
        Code.KAFKA_UNAVAILABLE,
        Code.POSTGRES_UNAVAILABLE,
    ),
    openapi_extra=documented_body("PreviewAsked", a_basket=BASKET),
)
async def preview(
    request: Request, parts: Parts, program: ProgramName, member: MemberId
) -> Response:
    """Now or at a given time, under the version in force then, or under a draft in the request.

    A member who has no account yet may look too. What the member has used of caps, how often he
    came and when he enrolled counts as it stands now.
    """
    account = account_of(program, member)
    asked = await body_of(request, PreviewAsked)
    at = asked.occurred_at or datetime.now(UTC)
    rules = await _rules(parts, program, asked, at)
    purchase = Purchase(
        event_id=NAME,
        source=NAME,
        brand=asked.brand or rules.brands[0],
        member=member,
        occurred_at=at,
        store=asked.store,
        channel=asked.channel,
        receipt_id=NAME,
        currency=asked.currency or rules.money,
        lines=asked.lines,
        payments=asked.payments,
    )
    if purchase.brand not in rules.brands:
        detail = f"{purchase.brand} is not a brand of {program} version {rules.version}"
        fault = {"field": "brand", "message": detail, "found": purchase.brand}
        raise Problem(Code.INVALID, errors=[fault])
    worth = award(rules, purchase, await _past(parts, account, rules, purchase))
    if isinstance(worth, OutOfRange):
        raise Problem(Code.OUT_OF_RANGE, worth.detail)
    return as_json(_told(member, rules, asked, purchase, worth))


async def _rules(parts: Parts, program: str, asked: PreviewAsked, at: datetime) -> Program:
    if asked.program is not None:
        return _draft(program, asked)
    catalogue = await parts.published.catalogue()
    if not catalogue.versions(program):
        raise Problem(Code.PROGRAM_UNKNOWN)
    version = catalogue.version_at(program, at)
    if version is None:
        raise Problem(Code.NOT_IN_FORCE, f"at {at.isoformat()}")
    return version


async def _past(parts: Parts, account: str, rules: Program, purchase: Purchase) -> Past:
    """What the version reads of the member's past; no server is asked for nothing."""
    past = NOTHING
    if asked := counters(rules, purchase):
        names, periods = zip(*asked, strict=True)
        rows = await parts.database.fetch(COUNTERS, account, names, periods)
        past = Past({Counter(r["counter"], r["period"]): Fraction(r["value"]) for r in rows})
    if counts_by_enrolment(rules):
        for row in await parts.database.fetch(ENROLMENT, account):
            past = replace(past, enrolled_on=row["enrolled_on"])
    return past


def _draft(program: str, asked: PreviewAsked) -> Program:
    draft = program_of(asked.program, "program")
    if draft.program != program:
        message = f"the draft must be one of {program}, as the address says"
        fault = {"field": "program.program", "message": message, "found": draft.program}
        raise Problem(Code.INVALID, errors=[fault])
    return draft


def _told(
    member: str, rules: Program, asked: PreviewAsked, purchase: Purchase, worth: Award
) -> dict[str, object]:
    return {
        "program": rules.program,
        "member": member,
        "program_version": rules.version,
        "draft": asked.program is not None,
        "occurred_at": purchase.occurred_at,
        "points": worth.points,
        "basis_minor": worth.basis_minor,
        "money": purchase.currency,
        "rounding": worth.rounding,
        "breakdown": worth.breakdown,
        "why_not": worth.why_not,
        "active_from": worth.active_from,
        "expires_at": worth.expires_at,
        "parts": [part._asdict() for part in worth.parts],
        "sliding": worth.sliding,
        "awaits": worth.awaits,
        "extends": worth.extends,
        "desired": worth.points if worth.desired is None else worth.desired,
        "caps": worth.caps,
        "also": worth.also,
        "earning_share": worth.earning_share,
        "enrolled_on": worth.enrolled_on,
    }
