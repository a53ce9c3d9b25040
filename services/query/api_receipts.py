"""Reads of one receipt: what it earned, what came back, and what that took."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator

from services.query.context import (
    Context,
    MemberId,
    Parts,
    ProgramName,
    account_of,
    token_header,
    token_parameters,
)
from services.query.pages import READ
from services.query.paths import name_of
from services.query.problems import Code, Problem, documented
from services.query.reading import RECEIPTS
from services.query.receipts import EXAMPLE, LotNow, Receipt, found, shown
from services.query.told import of_member
from shared.events.base import ID_LENGTH_MAX
from shared.events.ids import receipt_cause

router = APIRouter(prefix="/programs/{program}/members/{member}/receipts", tags=["members"])

ReceiptId = Annotated[
    str,
    Path(description="The receipt's id in its brand", examples=["31198459"]),
    AfterValidator(name_of),
]
Brand = Annotated[
    str | None,
    Query(
        max_length=ID_LENGTH_MAX,
        description="Whose receipt it is, where several brands have one with this id",
    ),
]
PROBLEMS = documented(*READ, Code.RECEIPT_UNKNOWN, Code.RECEIPT_AMBIGUOUS, Code.INVALID)
SHOWN: dict[str, Any] = {
    "content": {"application/json": {"examples": {"a line came back": {"value": EXAMPLE}}}}
}


@router.get(
    "/{receipt}",
    summary="One receipt as a sum",
    response_model=Receipt,
    responses={200: {**token_header(), **SHOWN}, **PROBLEMS},
    openapi_extra=token_parameters(),
)
async def receipt(
    request: Request,
    parts: Parts,
    program: ProgramName,
    member: MemberId,
    receipt: ReceiptId,
    brand: Brand = None,
) -> Response:
    """What a receipt earned, line by line, what came back, and what its returns took.

    `earned - clawed = earned_on_kept`, which `breakdown_on_kept` explains. `lot` says where the
    points are in the ledger, which follows what is said here by a moment.
    """
    account = account_of(program, member)
    brands = [brand] if brand is not None else await _brands(parts, program)
    causes = {receipt_cause(account, name, receipt).id: name for name in brands}
    tokens = parts.tokens(request)
    snapshot = await parts.reader.read(RECEIPTS, account, list(causes), tokens=tokens)
    rows = [row for row in snapshot.rows if row["receipt"] is not None]
    if not rows:
        raise (
            await parts.unknown(program) if not snapshot.is_open else Problem(Code.RECEIPT_UNKNOWN)
        )
    if len(rows) > 1:
        names = ", ".join(sorted(causes[row["receipt"]] for row in rows))
        raise Problem(Code.RECEIPT_AMBIGUOUS, f"name its brand: {names}")
    [row] = rows
    told = shown(found(row), causes[row["receipt"]], receipt)
    return of_member(account, snapshot, {**told, "lot": _lot(row)})


def _lot(row: Mapping[str, Any]) -> dict[str, int] | None:
    """The lot that the ledger made of the award, if it has."""
    if row["original"] is None:
        return None
    return {name: row[name] for name in LotNow.model_fields}


async def _brands(parts: Context, program: str) -> list[str]:
    """All brands that the program has, or ever had."""
    versions = (await parts.published.catalogue()).versions(program)
    if not versions:
        raise Problem(Code.PROGRAM_UNKNOWN)
    return sorted({brand for version in versions for brand in version.brands})
