"""What the services concluded: one fact per decision, each on the topic of its only writer.

Facts carry ids, amounts, reasons and rule versions, never names or addresses. Everything that a
fold needs stands in the fact: it reads no program, no clock and no other topic. Here are those of
no service in particular; what earn says is in `awards`, what redeem says in `points`, `movements`,
`rewards`, `transfers` and `merges`.
"""

from shared.events.base import AccountKey, Contract, Instant, Slug, Version


class Opened(Contract):
    """A writer took over a chain."""

    owner: str
    code_version: str


class InputRejected(Contract):
    """An input that could be read but not decided; nothing happened to the account."""

    account: AccountKey
    input_type: str
    reason: str
    detail: str = ""


class ProgramPublished(Contract):
    """One immutable version of a program; `document` is the validated program as JSON data."""

    program: Slug
    version: Version
    effective_from: Instant
    document: dict[str, object]
