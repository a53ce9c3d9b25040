"""Request bodies: read up to a limit, checked for their type, taken by a model or refused."""

from typing import Annotated, Any, Self, TypeVar

from fastapi import Request
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from services.query.limits import BODY_BYTES_MAX, ERRORS_TOLD_MAX
from services.query.problems import Code, Problem, invalid, shown
from shared.events.base import (
    LINES_MAX,
    PAYMENTS_MAX,
    AmountMinor,
    Currency,
    Id,
    Instant,
    Points,
    Reason,
    Slug,
)
from shared.events.commands import Direction, HoldSeconds
from shared.events.rewards import CodeList, Units
from shared.events.upstream import Payment, PurchaseLine
from shared.program.document import faults
from shared.program.model import Program

M = TypeVar("M", bound=BaseModel)


class Body(BaseModel):
    """A body of our own: an unknown field is a slip of the pen."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RedemptionAsked(Body):
    """Spend points as cash off."""

    points: Annotated[Points, Field(examples=[500])]
    order_minor: Annotated[
        AmountMinor | None,
        Field(description="Total of the order that is paid, where the program limits the share"),
    ] = None


class HoldAsked(Body):
    """Set points aside for a checkout."""

    points: Annotated[Points, Field(examples=[500])]
    order_minor: Annotated[
        AmountMinor | None,
        Field(description="Total of the order that is paid, where the program limits the share"),
    ] = None
    hold_seconds: Annotated[
        HoldSeconds | None, Field(description="When it lapses; by default the program's time")
    ] = None


class PartAsked(Body):
    """How much of a hold is captured, or of a redemption cancelled: all of it by default."""

    points: Points | None = None


class OperatorAsked(Body):
    """Who does it, and why: both are kept with what is done."""

    actor: Annotated[Id, Field(examples=["ann"])]
    reason: Annotated[Reason, Field(examples=["goodwill after a late delivery"])]


class AdjustmentAsked(OperatorAsked):
    """Add points, or deduct them; `below_zero` deducts what is not there, too."""

    direction: Direction
    points: Points
    brand: Annotated[Id | None, Field(description="By default the program's first brand")] = None
    expires_at: Annotated[Instant | None, Field(description="By default the program's")] = None
    below_zero: StrictBool = False


class DateAsked(OperatorAsked):
    """The new date of a lot."""

    expires_at: Instant


class TransferAsked(Body):
    """Give points to the member `to` of the same program."""

    to: Annotated[Id, Field(description="The other member", examples=["901"])]
    points: Points


class MergeAsked(OperatorAsked):
    """Move all that the member has to the member `into` of the same program."""

    into: Annotated[Id, Field(description="The other member", examples=["901"])]


class RewardAsked(Body):
    """Exchange points for a reward of the catalogue."""

    reward: Annotated[Slug, Field(examples=["free-coffee"])]


class FulfilmentAsked(OperatorAsked):
    """Who handed a reward over, and which brand."""

    brand: Annotated[Id | None, Field(description="By default the one that honours it")] = None


class StockAsked(OperatorAsked):
    """Units for the stock: a number, or the codes of a pool, one for each unit."""

    units: Annotated[Units | None, Field(description="By default as many as codes")] = None
    codes: CodeList = ()

    @model_validator(mode="after")
    def _units_or_codes(self) -> Self:
        count = len(set(self.codes))
        if not self.codes and self.units is None:
            raise ValueError("units or codes")
        if self.codes and (count < len(self.codes) or self.units not in {None, count}):
            raise ValueError("codes: as many as units, each of them once")
        return self if self.units is not None else self.model_copy(update={"units": count})


class PreviewAsked(Body):
    """A basket: what would it earn? `program` is a draft to try instead of the live one."""

    lines: Annotated[tuple[PurchaseLine, ...], Field(max_length=LINES_MAX)]
    brand: Annotated[Id | None, Field(description="By default the program's first brand")] = None
    store: Id | None = None
    channel: Id | None = None
    currency: Annotated[Currency | None, Field(description="By default the program's")] = None
    payments: Annotated[
        tuple[Payment, ...],
        Field(max_length=PAYMENTS_MAX, description="How it would be paid, where that matters"),
    ] = ()
    occurred_at: Annotated[Instant | None, Field(description="By default now")] = None
    program: Annotated[dict[str, Any] | None, Field(description="A draft program document")] = None


class DocumentAsked(RootModel[dict[str, Any]]):
    """A program document, not read yet."""


async def read_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body. Raises the problem `body_too_large` as soon as it is."""
    if _declared(request) > bytes_max:
        raise Problem(Code.BODY_TOO_LARGE, limit=bytes_max)
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            raise Problem(Code.BODY_TOO_LARGE, limit=bytes_max)
        parts.append(part)
    return b"".join(parts)


def _declared(request: Request) -> int:
    """What the caller says is the body's size; 0 where that is no number."""
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        return 0


def media_type(request: Request) -> str:
    """The body's media type in lower case, without parameters. A problem unless it is UTF-8."""
    written, *parameters = request.headers.get("content-type", "application/json").split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in {
            "utf-8",
            "utf8",
        }:
            raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "JSON is UTF-8")
    return written.strip().lower()


async def json_body(request: Request) -> bytes:
    """The bytes of a body that says it is JSON; a body that says nothing is taken for JSON."""
    written = media_type(request)
    if written != "application/json" and not written.endswith("+json"):
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
    return await read_body(request)


def parsed(body: bytes) -> Any:
    """Any JSON. Raises the problem `not_json`."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Problem(Code.NOT_JSON, str(error)) from error


async def body_of(request: Request, model: type[M]) -> M:
    """The body as this model. Raises Problem."""
    body = await json_body(request)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        if first["type"] == "json_invalid":
            raise Problem(Code.NOT_JSON, first["msg"]) from error
        raise invalid(error) from error


def program_of(data: object, *within: str) -> Program:
    """A program document, which stands `within` a body. Raises Problem with what to change."""
    try:
        return Program.model_validate(data)
    except ValidationError as error:
        told = [
            {
                "field": ".".join(map(str, (*within, *fault.path))),
                "message": fault.message,
                **({} if fault.found is None else {"found": shown(fault.found)}),
            }
            for fault in faults(error, data)[:ERRORS_TOLD_MAX]
        ]
        raise Problem(Code.INVALID, errors=told) from error


def documented_body(model: str, *media_types: str, **examples: object) -> dict[str, Any]:
    """The OpenAPI of a request body that is read here."""
    shown = {
        "examples": {
            name: {"summary": name.replace("_", " "), "value": value}
            for name, value in examples.items()
        }
    }
    content = {
        "schema": {"$ref": f"#/components/schemas/{model}"},
        **(shown if examples else {}),
    }
    return {
        "requestBody": {
            "required": True,
            "content": dict.fromkeys(media_types or ("application/json",), content),
        }
    }
