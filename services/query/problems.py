"""Errors as problem details (RFC 9457): a stable type, a code, and the numbers behind it.

Guarantees: whatever goes wrong, the answer is `application/problem+json`; an input is never blamed
on the server, nor the other way round. The types are relative: `/problems/<code>`.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from services.query.limits import (
    BODY_BYTES_MAX,
    ERRORS_TOLD_MAX,
    EVENT_BYTES_MAX,
    FOUND_LENGTH_MAX,
    RETRY_AFTER_SECONDS,
)
from shared.events.base import in_words
from shared.stream.log import LogUnavailable
from shared.stream.store import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
logger = structlog.get_logger()


class Kind(NamedTuple):
    """One kind of problem: its status, and what is always true of it."""

    status: HTTPStatus
    title: str


class Code(StrEnum):
    """Every code that an answer can carry; the first ones are refusals that the ledger decided."""

    PROGRAM_UNKNOWN = "program_unknown"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_BLOCKED = "account_blocked"
    REWARD_UNKNOWN = "reward_unknown"
    REWARD_NOT_AVAILABLE = "reward_not_available"
    TRANSFER_NOT_ALLOWED = "transfer_not_allowed"
    BELOW_MINIMUM = "below_minimum"
    NOT_A_MULTIPLE = "not_a_multiple"
    INSUFFICIENT_POINTS = "insufficient_points"
    LIMIT_REACHED = "limit_reached"
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_EXPIRED = "hold_expired"
    HOLD_NOT_OPEN = "hold_not_open"
    REDEMPTION_UNKNOWN = "redemption_unknown"
    LOT_UNKNOWN = "lot_unknown"
    LOT_NOT_PENDING = "lot_not_pending"
    LOT_EXPIRED = "lot_expired"
    LOT_NOT_EXPIRED = "lot_not_expired"
    DATE_NOT_LATER = "date_not_later"
    REWARD_NOT_OPEN = "reward_not_open"
    CODE_KNOWN = "code_known"
    TRANSFER_UNKNOWN = "transfer_unknown"
    ACCOUNT_MERGED = "account_merged"
    MERGE_NOT_ALLOWED = "merge_not_allowed"
    HOLD_OPEN = "hold_open"
    TRANSFER_OPEN = "transfer_open"
    MERGE_UNKNOWN = "merge_unknown"
    CANCELLATION_NOT_ALLOWED = "cancellation_not_allowed"
    UNDECIDABLE = "undecidable"

    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_UNKNOWN = "request_unknown"
    RECEIPT_UNKNOWN = "receipt_unknown"
    RECEIPT_AMBIGUOUS = "receipt_ambiguous"
    VERSION_UNKNOWN = "version_unknown"
    NOT_IN_FORCE = "not_in_force"
    VERSION_CONFLICT = "version_conflict"
    IDEMPOTENCY_KEY_MISSING = "idempotency_key_missing"
    IDEMPOTENCY_KEY_INVALID = "idempotency_key_invalid"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    TOKEN_MALFORMED = "token_malformed"  # noqa: S105 -- the name of a problem
    TICKET_MALFORMED = "ticket_malformed"
    CURSOR_MALFORMED = "cursor_malformed"
    NOT_JSON = "not_json"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    BODY_TOO_LARGE = "body_too_large"
    EVENT_TOO_LARGE = "event_too_large"
    INVALID = "invalid"
    OUT_OF_RANGE = "out_of_range"
    BAD_REQUEST = "bad_request"
    BUSY = "busy"
    NOT_CAUGHT_UP = "not_caught_up"
    KAFKA_UNAVAILABLE = "kafka_unavailable"
    POSTGRES_UNAVAILABLE = "postgres_unavailable"
    NOT_READY = "not_ready"
    INTERNAL = "internal"


_REFUSED = HTTPStatus.CONFLICT
_UNKNOWN = HTTPStatus.NOT_FOUND
_BAD = HTTPStatus.BAD_REQUEST
_AWAY = HTTPStatus.SERVICE_UNAVAILABLE
_UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

KINDS: Mapping[Code, Kind] = {
    Code.PROGRAM_UNKNOWN: Kind(_UNKNOWN, "There is no such program"),
    Code.ACCOUNT_UNKNOWN: Kind(_UNKNOWN, "The member has no account in this program"),
    Code.ACCOUNT_BLOCKED: Kind(_REFUSED, "The account may not do this"),
    Code.REWARD_UNKNOWN: Kind(_REFUSED, "There is no such reward"),
    Code.REWARD_NOT_AVAILABLE: Kind(_REFUSED, "The reward is not available"),
    Code.TRANSFER_NOT_ALLOWED: Kind(_REFUSED, "The program allows no such transfer"),
    Code.BELOW_MINIMUM: Kind(_REFUSED, "Fewer points than are taken at once"),
    Code.NOT_A_MULTIPLE: Kind(_REFUSED, "Not a multiple of what the program redeems"),
    Code.INSUFFICIENT_POINTS: Kind(_REFUSED, "Fewer points are available than were asked for"),
    Code.LIMIT_REACHED: Kind(_REFUSED, "More than is allowed at once"),
    Code.HOLD_UNKNOWN: Kind(_REFUSED, "There is no such hold"),
    Code.HOLD_EXPIRED: Kind(_REFUSED, "The hold has lapsed"),
    Code.HOLD_NOT_OPEN: Kind(_REFUSED, "The hold is closed"),
    Code.LOT_UNKNOWN: Kind(_REFUSED, "There is no such lot"),
    Code.LOT_NOT_PENDING: Kind(_REFUSED, "The lot is not pending"),
    Code.LOT_EXPIRED: Kind(_REFUSED, "The lot is past its date"),
    Code.LOT_NOT_EXPIRED: Kind(_REFUSED, "No points of the lot are expired"),
    Code.DATE_NOT_LATER: Kind(_REFUSED, "The date is not later than it must be"),
    Code.REWARD_NOT_OPEN: Kind(_REFUSED, "The reward is in no state for this"),
    Code.CODE_KNOWN: Kind(_REFUSED, "A code was put in stock before"),
    Code.UNDECIDABLE: Kind(_REFUSED, "The ledger could not decide this; nothing happened"),
    Code.NOT_FOUND: Kind(_UNKNOWN, "There is nothing at this address"),
    Code.METHOD_NOT_ALLOWED: Kind(HTTPStatus.METHOD_NOT_ALLOWED, "Not with this method"),
    Code.REDEMPTION_UNKNOWN: Kind(_UNKNOWN, "There is no such redemption of this member"),
    Code.TRANSFER_UNKNOWN: Kind(_UNKNOWN, "There is no such transfer of this member"),
    Code.ACCOUNT_MERGED: Kind(_REFUSED, "The account is merged into another one, or will be"),
    Code.MERGE_NOT_ALLOWED: Kind(_REFUSED, "Not another account of the same program"),
    Code.HOLD_OPEN: Kind(_REFUSED, "The account has holds that are open"),
    Code.TRANSFER_OPEN: Kind(_REFUSED, "The account has transfers that are in transit"),
    Code.CANCELLATION_NOT_ALLOWED: Kind(_REFUSED, "What is spent stays spent in the program"),
    Code.MERGE_UNKNOWN: Kind(_UNKNOWN, "There is no such merge of this member"),
    Code.REQUEST_UNKNOWN: Kind(_UNKNOWN, "There is no such request of this member"),
    Code.RECEIPT_UNKNOWN: Kind(_UNKNOWN, "There is no such receipt of this member"),
    Code.RECEIPT_AMBIGUOUS: Kind(_UNPROCESSABLE, "Several brands have a receipt with this id"),
    Code.VERSION_UNKNOWN: Kind(_UNKNOWN, "The program has no such version"),
    Code.NOT_IN_FORCE: Kind(_UNPROCESSABLE, "No version of the program is in force at this time"),
    Code.VERSION_CONFLICT: Kind(_REFUSED, "Contradicts what is published already"),
    Code.IDEMPOTENCY_KEY_MISSING: Kind(_BAD, "This needs the header Idempotency-Key"),
    Code.IDEMPOTENCY_KEY_INVALID: Kind(
        _BAD, "An Idempotency-Key is one header of 1 to 128 printable ASCII characters"
    ),
    Code.IDEMPOTENCY_CONFLICT: Kind(
        _UNPROCESSABLE, "The Idempotency-Key was used for another request"
    ),
    Code.TOKEN_MALFORMED: Kind(_BAD, "Not a token that this API has given out"),
    Code.TICKET_MALFORMED: Kind(_BAD, "Not a ticket that this API has given out"),
    Code.CURSOR_MALFORMED: Kind(_BAD, "Not a cursor that this API has given out"),
    Code.NOT_JSON: Kind(_BAD, "The body is not JSON"),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The body is not of a type that is taken here"
    ),
    Code.BODY_TOO_LARGE: Kind(_TOO_LARGE, "The body is larger than is taken here"),
    Code.EVENT_TOO_LARGE: Kind(_TOO_LARGE, "An event is larger than one record holds"),
    Code.INVALID: Kind(_UNPROCESSABLE, "Something in the request is not as it must be"),
    Code.OUT_OF_RANGE: Kind(_UNPROCESSABLE, "The result is larger than points can be"),
    Code.BAD_REQUEST: Kind(_BAD, "The request cannot be understood"),
    Code.BUSY: Kind(_AWAY, "Too many requests wait already"),
    Code.NOT_CAUGHT_UP: Kind(_AWAY, "The projection has not reached the token yet"),
    Code.KAFKA_UNAVAILABLE: Kind(_AWAY, "Kafka did not answer in time"),
    Code.POSTGRES_UNAVAILABLE: Kind(_AWAY, "Postgres did not answer in time"),
    Code.NOT_READY: Kind(_AWAY, "Not ready yet"),
    Code.INTERNAL: Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "A mistake of the server"),
}

EXAMPLES: Mapping[Code, Mapping[str, Any]] = {
    Code.INSUFFICIENT_POINTS: {"asked": 500, "available": 120, "missing": 380},
    Code.BELOW_MINIMUM: {"asked": 99, "minimum": 500},
    Code.NOT_A_MULTIPLE: {"asked": 250, "multiple": 100},
    Code.LIMIT_REACHED: {"asked": 100_000, "limit": 99_999},
    Code.INVALID: {
        "errors": [
            {
                "index": 3,
                "field": "lines.0.amount_minor",
                "message": "Input should be a valid integer",
                "found": "1.5",
            }
        ]
    },
    Code.BODY_TOO_LARGE: {"limit": BODY_BYTES_MAX},
    Code.EVENT_TOO_LARGE: {"index": 0, "limit": EVENT_BYTES_MAX},
}


class Fault(BaseModel):
    """One thing that is not as it must be."""

    index: Annotated[int | None, Field(description="Position in a list of events, from 0")] = None
    field: str
    message: str
    found: Annotated[str | None, Field(description="What stands there, cut short")] = None


class ProblemDetails(BaseModel):
    """RFC 9457. Further members are numbers that belong to the code."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: Annotated[str, Field(description="`/problems/` and the code")]
    title: str
    status: int
    code: Code
    detail: str | None = None
    errors: list[Fault] | None = None


class Problem(Exception):
    """Ends a request with this problem. `numbers` become members of the answer."""

    def __init__(
        self,
        code: Code,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        status: HTTPStatus | None = None,
        **numbers: object,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.detail = detail
        self.status = KINDS[code].status if status is None else status
        self.headers = dict(headers or {})
        self.numbers = numbers
        if self.status is _AWAY:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))

    @property
    def body(self) -> bytes:
        """The answer's bytes; the same problem gives the same bytes."""
        return to_json(
            {
                "type": f"/problems/{self.code.value}",
                "title": KINDS[self.code].title,
                "status": self.status,
                "code": self.code,
                **({} if self.detail is None else {"detail": self.detail}),
                **{name: value for name, value in self.numbers.items() if value is not None},
            }
        )

    def response(self) -> Response:
        """The answer."""
        return Response(self.body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def faults(error: ValidationError | RequestValidationError, index: int | None = None) -> list[Any]:
    """What a validation found, in words; at most ERRORS_TOLD_MAX of it."""
    told = []
    for found in list(error.errors())[:ERRORS_TOLD_MAX]:
        fault: dict[str, Any] = {} if index is None else {"index": index}
        fault["field"] = ".".join(str(part) for part in found["loc"])
        fault["message"] = _message(found)
        if found["type"] != "missing":
            fault["found"] = shown(found["input"])
        told.append(fault)
    return told


def _message(found: Any) -> str:
    match found["type"]:
        case "string_pattern_mismatch":
            return f"Input should be {in_words(found['ctx']['pattern'])}"
        case "value_error":
            return str(found["ctx"]["error"])
        case _:
            return str(found["msg"])


def invalid(error: ValidationError | RequestValidationError) -> Problem:
    """The problem of an input that a model does not take."""
    return Problem(Code.INVALID, errors=faults(error))


def shown(value: object) -> str:
    """What was found, cut short; never raises, whatever it is."""
    if isinstance(value, str):
        text = value[:FOUND_LENGTH_MAX].encode("utf-8", "replace").decode()
    elif isinstance(value, int) and value.bit_length() > FOUND_LENGTH_MAX:
        text = f"a whole number of {value.bit_length()} bits"
    else:
        text = to_json(value, fallback=lambda odd: type(odd).__name__).decode("utf-8", "replace")
    return text[:FOUND_LENGTH_MAX]


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(Problem)
    async def on_problem(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
        return invalid(error).response()

    @app.exception_handler(StoreUnavailable)
    async def on_store_away(_request: Request, _error: StoreUnavailable) -> Response:
        return Problem(Code.POSTGRES_UNAVAILABLE).response()

    @app.exception_handler(LogUnavailable)
    async def on_log_away(_request: Request, _error: LogUnavailable) -> Response:
        return Problem(Code.KAFKA_UNAVAILABLE).response()

    @app.exception_handler(HTTPException)
    async def on_http(_request: Request, error: HTTPException) -> Response:
        code = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}.get(
            error.status_code, Code.BAD_REQUEST
        )
        status = HTTPStatus(error.status_code)
        return Problem(code, headers=error.headers, status=status).response()

    @app.exception_handler(Exception)
    async def on_mistake(request: Request, error: Exception) -> Response:
        logger.error("a mistake", path=request.url.path, error=repr(error), exc_info=error)
        return Problem(Code.INTERNAL).response()


def documented(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of these problems, by status, with an example of each code."""
    responses: dict[int | str, dict[str, Any]] = {}
    for status, told in sorted(_by_status(codes).items()):
        examples = {
            code.value: {"summary": KINDS[code].title, "value": example(code)} for code in told
        }
        responses[status.value] = {
            "description": "; ".join(KINDS[code].title for code in told),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "examples": examples,
                }
            },
        }
        if status is _AWAY:
            responses[status.value]["headers"] = {
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
            }
    return responses


def _by_status(codes: Iterable[Code]) -> dict[HTTPStatus, list[Code]]:
    found: dict[HTTPStatus, list[Code]] = {}
    for code in codes:
        found.setdefault(KINDS[code].status, []).append(code)
    return found


def example(code: Code) -> dict[str, Any]:
    """What an answer with this code looks like."""
    return {
        "type": f"/problems/{code.value}",
        "title": KINDS[code].title,
        "status": KINDS[code].status.value,
        "code": code.value,
        **EXAMPLES.get(code, {}),
    }


assert set(KINDS) == set(Code), "every code has a kind"
