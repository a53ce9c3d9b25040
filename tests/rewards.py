"""A world of members and stocks of rewards: what is asked of both, in memory."""

from typing import Any

from shared.events.base import account_key, stock_account
from shared.events.rewards import CancelReward, FulfilReward, PutStock, RedeemReward
from shared.ledger.claims import Claim
from shared.program.model import Program
from tests import worlds
from tests.worlds import PROGRAM, World

WHO = {"actor": "ann", "reason": "as agreed"}


def coffee(*rewards: dict[str, object], **further: object) -> Program:
    """A program of two brands with these rewards, beside plain cash off."""
    terms = {"cash_off": {"points": 1, "minor": 1}, "rewards": list(rewards)}
    return worlds.coffee(redemption=terms, **further)


def reward(name: str = "cup", points: int = 100, **further: object) -> dict[str, object]:
    """A reward as a document has it."""
    return {"reward": name, "name": name, "price": {"points": points}, **further}


class Rewards(World):
    """Accounts and stocks of one program."""

    # what is asked

    def stock(self, units: int, *codes: str, name: str = "cup", key: str = "put") -> Any:
        """Units put in stock by an operator."""
        account = stock_account(PROGRAM, name)
        return self.say(
            PutStock(account=account, idempotency_key=key, units=units, codes=codes, **WHO)
        )

    def redeem(self, member: str, name: str = "cup", key: str = "r") -> Any:
        """A reward asked for."""
        account = account_key(PROGRAM, member)
        return self.say(RedeemReward(account=account, idempotency_key=key, reward=name))

    def fulfil(self, claim: Claim, brand: str | None = None, key: str = "f") -> Any:
        """A reward handed over."""
        return self.say(
            FulfilReward(
                account=claim.account,
                idempotency_key=f"{key}-{claim.redemption_id}",
                redemption_id=claim.redemption_id,
                brand=brand,
                **WHO,
            )
        )

    def cancel(self, claim: Claim, key: str = "c") -> Any:
        """A reward cancelled."""
        return self.say(
            CancelReward(
                account=claim.account,
                idempotency_key=f"{key}-{claim.redemption_id}",
                redemption_id=claim.redemption_id,
                **WHO,
            )
        )

    # what there is

    def claim(self, redemption: Any) -> Claim:
        """How far the reward of a fact has come."""
        return self.shelf.claims[redemption.redemption_id]

    def units(self, name: str = "cup") -> tuple[int, int, int]:
        """Units in stock, taken, written off."""
        account = self.accounts.get(stock_account(PROGRAM, name))
        if account is None:
            return 0, 0, 0
        return account.free, account.redeemed, account.expired
