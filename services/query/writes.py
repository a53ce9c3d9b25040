"""What the routes of writes share: their documented answers, and a request as a command."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel

from services.query.answers.spending import PendingRequest
from services.query.bodies import body_of, documented_body
from services.query.context import token_header
from services.query.keys import KEY_PROBLEMS, idempotency_key, key_parameter
from services.query.pages import AWAY, UNKNOWN
from services.query.problems import Code, documented
from services.query.redemptions import Ticket
from shared.events.points import RefusalReason

C = TypeVar("C", bound=BaseModel)

TAKEN = (
    Code.NOT_JSON,
    Code.BODY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID,
    Code.IDEMPOTENCY_CONFLICT,
)
"""What can be wrong with the body of a write."""
REFUSALS = tuple(Code(reason.value) for reason in RefusalReason)
"""Whatever redeem may say no with."""
STATUS = (Code.TICKET_MALFORMED, Code.IDEMPOTENCY_CONFLICT)
"""What can be wrong with the status of a request, besides."""

TicketText = Annotated[str | None, Query(description="As the link of a 202 has it")]


def decided(
    what: str, *refusals: Code, keyed: bool = True, pending: type[BaseModel] = PendingRequest
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of a write that redeem decides; without a key there is no body."""
    keys = (*KEY_PROBLEMS, *TAKEN) if keyed else (Code.INVALID,)
    return {
        200: {"description": what, **token_header()},
        202: {
            "model": pending,
            "description": "Accepted, not decided yet: `Location` answers as this would have",
            "headers": {
                "Location": {"description": "The status", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}},
            },
        },
        **documented(*keys, *UNKNOWN, Code.ACCOUNT_BLOCKED, *refusals, Code.UNDECIDABLE, *AWAY),
    }


def keyed(model: str, key: str, **examples: object) -> dict[str, Any]:
    """The OpenAPI of a write's key and body, with an example of each."""
    return {**key_parameter(key), **documented_body(model, **examples)}


async def command_of(
    request: Request,
    account: str,
    command: Callable[..., C],
    body: type[BaseModel],
    **named: object,
) -> C:
    """What a request with a key wants of an account: its body's fields, and those of its path.

    Raises Problem for a key or a body that cannot be taken.
    """
    key = idempotency_key(request)
    asked = await body_of(request, body)
    return command(account=account, idempotency_key=key, **named, **dict(asked))


def ticket_of(text: TicketText) -> Ticket | None:
    """The ticket of a status link, if it has one. Raises `ticket_malformed`."""
    return None if text is None else Ticket.read(text)
