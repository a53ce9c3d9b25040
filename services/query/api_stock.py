"""The catalogue of a program, and the stock of its rewards."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.query.answers.rewards import OfferedRewards, StockedReward
from services.query.bodies import StockAsked
from services.query.context import Context, Parts, ProgramName, RewardName, context_of, stock_of
from services.query.offers import Units, offered, stocks
from services.query.outcomes import StockPut
from services.query.pages import AWAY
from services.query.problems import Code, Problem, documented
from services.query.redemptions import REQUEST
from services.query.told import as_json
from services.query.writes import STATUS, TicketText, command_of, decided, keyed, ticket_of
from shared.events.rewards import PutStock
from shared.program.model import Program

router = APIRouter(prefix="/programs/{program}/rewards", tags=["rewards"])

WHO = {"actor": "ann", "reason": "delivery of Monday"}
REFUSALS = (
    Code.REWARD_UNKNOWN,
    Code.REWARD_NOT_AVAILABLE,
    Code.BELOW_MINIMUM,
    Code.LIMIT_REACHED,
    Code.CODE_KNOWN,
)


@router.get(
    "",
    summary="The catalogue",
    response_model=OfferedRewards,
    responses=documented(Code.PROGRAM_UNKNOWN, *AWAY),
)
async def rewards(parts: Parts, program: ProgramName) -> Response:
    """All rewards of the version that counts now, and whether they are to be had."""
    version, now = await _version(parts, program)
    found = version.redemption.rewards
    units = await stocks(parts.database, program, found)
    shown = [offered(reward, version, units, now) for reward in found]
    return as_json({"program": program, "version": version.version, "rewards": shown})


@router.get(
    "/{reward}",
    summary="One reward and its stock",
    response_model=StockedReward,
    responses=documented(Code.PROGRAM_UNKNOWN, Code.NOT_FOUND, *AWAY),
)
async def reward(parts: Parts, program: ProgramName, reward: RewardName) -> Response:
    """How many units are in stock, with members, and written off."""
    version, now = await _version(parts, program)
    found = version.reward(reward)
    if found is None:
        raise Problem(Code.NOT_FOUND, "there is no such reward")
    units = await stocks(parts.database, program, [found])
    counted = units.get(reward, Units())
    shown = offered(found, version, units, now)
    return as_json(
        {
            "program": program,
            "version": version.version,
            **shown,
            "taken": counted.taken,
            "written_off": counted.written_off,
        }
    )


@router.post(
    "/{reward}/stock",
    summary="Put units of a reward in stock",
    response_model=StockPut,
    responses=decided("Put in stock", *REFUSALS),
    openapi_extra=keyed(
        "StockAsked",
        "delivery-2026-11-23",
        fifty_mugs={"units": 50, **WHO},
        codes_of_a_pool={"codes": ["9KX2-77AB", "9KX2-77AC"], **WHO},
    ),
)
async def put(request: Request, program: ProgramName, reward: RewardName) -> Response:
    """A number of units, or the codes of a pool: each code once, for ever."""
    account = stock_of(program, reward)
    command = await command_of(request, account, PutStock, StockAsked)
    return await context_of(request).redemptions.ask(command)


@router.get(
    "/{reward}/requests/{request_id}",
    summary="What became of units put in stock",
    response_model=StockPut,
    responses=decided("Done", *REFUSALS, *STATUS, Code.REQUEST_UNKNOWN, keyed=False),
)
async def status(
    parts: Parts,
    program: ProgramName,
    reward: RewardName,
    request_id: Annotated[UUID, Path(description="The request's id")],
    ticket: TicketText = None,
) -> Response:
    """As the request itself was answered, or would have been; 202 while it is not decided."""
    account = stock_of(program, reward)
    return await parts.redemptions.status(account, request_id, ticket_of(ticket), REQUEST)


async def _version(parts: Context, program: str) -> tuple[Program, datetime]:
    """The version of a program that counts now, and now."""
    now = datetime.now(UTC)
    version = (await parts.published.catalogue()).version_at(program, now)
    if version is None:
        raise Problem(Code.PROGRAM_UNKNOWN)
    return version, now
