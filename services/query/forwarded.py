"""What was said to a merged account is decided by the one that has all of it: its answer is told.

Guarantees: whoever asked gets the decision of the last account in the chain of merges, as one on
their own request. Decides nothing.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from services.query.decisions import Decided
from shared.events import registry
from shared.events.ids import delivery_cause
from shared.events.merges import InputForwarded

FORWARDED = registry.TYPE_OF[InputForwarded]
Look = Callable[[str, UUID], Awaitable[Decided | None]]
"""What an account has decided on a cause; None if nothing is known of it."""


async def followed(first: Decided, look: Look) -> Decided | None:
    """The last word on what the first decision sent on; itself, if it did not; None: not yet.

    It is told under the first one's cause, and of the body that the caller sent.
    """
    last: Decided | None = first
    while last is not None and last.type == FORWARDED:
        sent_on = InputForwarded.model_validate_json(last.fact)
        last = await look(sent_on.to, delivery_cause(sent_on.to, sent_on.input_id).id)
    return last and last._replace(cause=first.cause, body=first.body)
