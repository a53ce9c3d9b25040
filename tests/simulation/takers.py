"""Members who exchange points for rewards of the catalogue, and operators who put them in stock.

There are fewer units than members want. Rewards are handed over or cancelled, now and then both.
"""

from http import HTTPStatus
from typing import Any

from shared.events.base import stock_account
from shared.events.ids import command_cause
from shared.events.rewards import CancelReward, FulfilReward, PutStock, RedeemReward
from shared.program.rewards import Codes
from tests.simulation.asking import Caller
from tests.simulation.outside import BRAND, Outside
from tests.simulation.program import MUG, TICKET

UNITS_MAX = 2
"""Of one delivery."""
WHO = {"actor": "anna", "reason": "as agreed"}


class Takers:
    """Everybody who has to do with rewards."""

    def __init__(self, world: Outside, caller: Caller) -> None:
        self.world = world
        self.caller = caller
        self.random = world.loop.random

    async def deliver(self) -> None:
        """Units put in stock; codes of a pool may be known already."""
        units = self.random.randint(1, UNITS_MAX)
        first = self.random.randrange(3)
        program = self.world.catalogue.latest(BRAND)
        mug = program.reward(MUG) if program is not None else None
        assert mug is not None
        codes = tuple(f"code-{first + number}" for number in range(units))
        await self.caller.ask(
            PutStock(
                account=stock_account(BRAND, MUG),
                idempotency_key=f"delivery-{self.random.randrange(2)}",
                units=units,
                codes=codes if mug.codes is Codes.POOL else (),
                **WHO,
            )
        )

    async def take(self) -> None:
        """A reward, asked for until there is a last word; what was issued may go back."""
        account = self.caller.account()
        key = f"w{self.random.randrange(1 + self.world.load.rewards)}"
        wanted = self.random.choice((MUG, MUG, MUG, TICKET))
        command = RedeemReward(account=account, idempotency_key=key, reward=wanted)
        told = await self.caller.ask(command)
        if told is None or told.status != HTTPStatus.OK:
            return
        if self.random.random() < 0.3:
            await self.caller.ask(command)
        named: Any = {"account": account, "redemption_id": command_cause(account, key).id, **WHO}
        cancelled = CancelReward(idempotency_key=f"back-{key}", **named)
        handed_over = FulfilReward(idempotency_key=f"over-{key}", **named)
        again = CancelReward(idempotency_key=f"again-{key}", **named)
        for ending in self.random.choice(
            ((), (cancelled,), (cancelled, again), (handed_over,), (handed_over, cancelled))
        ):
            await self.caller.ask(ending)
