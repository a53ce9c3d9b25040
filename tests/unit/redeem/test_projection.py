"""The state of a batch of accounts, from the rows that were loaded for it."""

import pytest

from services.redeem.projection import ACCOUNTS, Accounts
from services.redeem.rewards import CLAIMS
from shared.ledger.claims import Claim, ClaimState
from shared.ledger.stored import AccountRow
from tests.stories.setting import START, named

JO = AccountRow("shop:jo", "active", 1, START, *(0,) * 13)


def claim(account: str, state: ClaimState = ClaimState.ISSUED) -> Claim:
    """A redeemed reward; the account into which another is merged has it under the same id."""
    about = (named("mug"), "mug", 5, "shop", 1, state, None, False, False, None, None, None, None)
    return Claim(account, *about, START, START, 1)


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ([claim("shop:jo")], ["shop:jo"]),
        ([claim("shop:flo")], []),
        ([claim("shop:flo"), claim("shop:jo")], ["shop:jo"]),
        ([claim("shop:jo", ClaimState.MOVED), claim("shop:flo")], []),
    ],
    ids=["its own", "of another account", "of both", "moved away"],
)
def test_a_batch_knows_the_claims_of_its_own_accounts(rows: list[Claim], known: list[str]) -> None:
    state = Accounts({ACCOUNTS: [JO], CLAIMS: rows})
    assert [each.account for each in state.shelf.claims.values()] == known
