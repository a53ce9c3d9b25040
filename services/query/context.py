"""What the routes share: the parts of the API as one value, and the readers of paths and tokens."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from pydantic import AfterValidator

from services.query.arrivals import Arrivals
from services.query.carried_requests import CarriedRequests
from services.query.connections import Database, Published
from services.query.paths import name_of
from services.query.problems import Code, Problem
from services.query.publishing import Publisher
from services.query.reading import BALANCES, Reader, Snapshot
from services.query.redemptions import Redemptions
from services.query.settling import UNSETTLED, account_at, balances_row
from services.query.tokens import HEADER, Token
from shared.events.base import ID_LENGTH_MAX, account_key, is_reserved, split_account, stock_account
from shared.ledger.account import Account
from shared.settings import Settings

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_ID = re.compile(
    rf"(?=.{{1,{ID_LENGTH_MAX}}}\Z)[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]"
    r"(?:[^\x00-\x1f\x7f-\x9f\ud800-\udfff]*[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff])?"
)
"""As `shared.events.base` has `Slug` and `Id`; the tests hold them against each other."""


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the API."""

    settings: Settings
    database: Database
    published: Published
    publisher: Publisher
    arrivals: Arrivals
    reader: Reader
    redemptions: Redemptions
    rewards: CarriedRequests
    transfers: CarriedRequests
    merges: CarriedRequests

    def tokens(self, request: Request) -> list[Token]:
        """What the caller sent back, in headers and in the query. Raises `token_malformed`."""
        written = [
            *request.headers.getlist(HEADER),
            *(request.query_params.getlist("token") if request.scope["query_string"] else ()),
        ]
        tokens = [Token.read(text) for text in written]
        if any(token.partition >= self.settings.partitions for token in tokens):
            raise Problem(Code.TOKEN_MALFORMED, "there is no such partition")
        return tokens

    async def read(
        self, request: Request, statement: str, account: str, *arguments: object
    ) -> Snapshot:
        """A snapshot of an open account. Raises Problem, StoreUnavailable."""
        tokens = self.tokens(request)
        snapshot = await self.reader.read(statement, account, *arguments, tokens=tokens)
        if not snapshot.is_open:
            raise await self.unknown(split_account(account)[0])
        return snapshot

    async def settled(self, request: Request, account: str) -> tuple[Snapshot, Account]:
        """The account after what dates have brought about, in memory."""
        snapshot = await self.read(request, UNSETTLED, account)
        return snapshot, account_at(snapshot.rows[0])

    async def balances(self, request: Request, account: str) -> tuple[Snapshot, Mapping[str, Any]]:
        """What an account holds now, also where a date has passed that no fact says yet."""
        snapshot = await self.read(request, BALANCES, account)
        row: Mapping[str, Any] = snapshot.rows[0]
        if row["unsettled"]:
            snapshot, account_now = await self.settled(request, account)
            row = balances_row(account_now, snapshot.rows[0]["as_of"])
        return snapshot, row

    async def unknown(self, program: str) -> Problem:
        """Why an account is not there: raises LogUnavailable where that cannot be said."""
        catalogue = await self.published.catalogue()
        if catalogue.versions(program):
            return Problem(Code.ACCOUNT_UNKNOWN)
        return Problem(Code.PROGRAM_UNKNOWN)


def context_of(request: Request) -> Context:
    """The parts of the app that serves this request."""
    found: Context = request.app.state.context
    return found


async def _context_of(request: Request) -> Context:
    """The same for the framework, which would call what is no coroutine in a thread."""
    return context_of(request)


Parts = Annotated[Context, Depends(_context_of)]
"""For routes that are not hot: resolving it costs a tenth of a balance."""
ProgramName = Annotated[str, Path(description="The program's name", examples=["grocer"])]
RewardName = Annotated[str, Path(description="The reward's name", examples=["free-coffee"])]
MemberId = Annotated[
    str,
    Path(description="The member's id in the program", examples=["900"]),
    AfterValidator(name_of),
]


def account_of(program: str, member: str) -> str:
    """The account of a path. Raises Problem for names that none can have."""
    check_program(program)
    if _ID.fullmatch(member) is None or is_reserved(member):
        raise Problem(Code.ACCOUNT_UNKNOWN, "no member can have this id")
    return account_key(program, member)


def stock_of(program: str, reward: str) -> str:
    """The account of a reward's stock. Raises Problem for names that none can have."""
    check_program(program)
    if _SLUG.fullmatch(reward) is None:
        raise Problem(Code.REWARD_UNKNOWN, status=HTTPStatus.NOT_FOUND)
    return stock_account(program, reward)


def check_program(program: str) -> None:
    """Raises the problem `program_unknown` for a name that no program can have."""
    if _SLUG.fullmatch(program) is None:
        raise Problem(Code.PROGRAM_UNKNOWN, "no program can have this name")


def token_parameters() -> dict[str, Any]:
    """The OpenAPI of the token that reads take."""
    schema = {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "maxLength": 25}
    said = "The token of an earlier answer: the read waits until it is not older than that"
    return {
        "parameters": [
            {"name": HEADER, "in": "header", "schema": schema, "description": said},
            {"name": "token", "in": "query", "schema": schema, "description": said},
        ]
    }


def token_header() -> dict[str, Any]:
    """The OpenAPI of the token that answers carry."""
    return {"headers": {HEADER: {"description": "As `token`", "schema": {"type": "string"}}}}
