"""What goes back when the other account could not decide: nothing is lost, nothing waits for it."""

import pytest
from pydantic import BaseModel

from services.redeem.deliveries import outcome_of_parcel
from services.redeem.errands import letter, stock_cause
from shared.events.facts import InputRejected
from shared.events.merges import ConcludeMerge, SettleParcel
from shared.events.points import RefusalReason
from shared.events.rewards import ConcludeReward, UnitRefused
from shared.ledger.parcels import Parcel, ParcelKind
from tests.rewards import Rewards, coffee, reward
from tests.stories.setting import named
from tests.worlds import DAY, START, World
from tests.worlds import coffee as plain

REJECTED = InputRejected(account="coffee:flo", input_type="whatever it was", reason="too_large")
NO_UNIT = UnitRefused(
    account="coffee:~reward~cup",
    unit_id=named("unit"),
    redemption_id=named("reward"),
    member="coffee:jo",
    reason=RefusalReason.PROGRAM_UNKNOWN,
)


@pytest.mark.parametrize(
    ("decided", "why"),
    [(REJECTED, RefusalReason.REWARD_NOT_AVAILABLE), (NO_UNIT, RefusalReason.PROGRAM_UNKNOWN)],
)
def test_a_stock_that_gives_no_unit_ends_the_reservation(decided: BaseModel, why: RefusalReason):
    shop = Rewards(coffee(reward(stock="counted")))
    shop.earn("jo", 100, "first")
    claim = shop.claim(shop.redeem("jo"))
    command = letter(claim, decided).command
    assert isinstance(command, ConcludeReward)
    assert (command.redemption_id, command.refused) == (claim.redemption_id, why)


def test_each_unit_that_goes_back_is_an_errand_of_its_own():
    shop = Rewards(coffee(reward(stock="counted")))
    shop.stock(2)
    shop.earn("jo", 200, "first")
    claims = []
    for key in ("1", "2"):
        fact = shop.redeem("jo", key=key)
        shop.carry()
        shop.cancel(shop.claim(fact), key=key)
        claims.append(shop.claim(fact))
    assert len({stock_cause(claim) for claim in claims}) == 2


def parcel(kind: ParcelKind) -> Parcel:
    """One of each kind, of an account that has been merged."""
    made = World(plain())
    for member in ("jo", "flo"):
        made.earn(member, 10, "first", expires_at=START + DAY)
    made.merge("jo", "flo")
    made.carry()
    made.spend("jo", 5)
    return next(each for each in made.shelf.parcels.values() if each.kind is kind)


def test_a_part_that_was_not_taken_in_stays_open():
    assert outcome_of_parcel(parcel(ParcelKind.PART), REJECTED) is None


def test_an_input_that_could_not_be_decided_is_over():
    sent = parcel(ParcelKind.INPUT)
    told = outcome_of_parcel(sent, REJECTED)
    assert told is not None
    assert told.command == SettleParcel(account="coffee:jo", parcel_id=sent.parcel_id)


def test_an_account_that_cannot_say_whether_it_takes_another_in_does_not():
    asked = parcel(ParcelKind.MERGE)
    told = outcome_of_parcel(asked, REJECTED)
    assert told is not None
    why = RefusalReason.MERGE_NOT_ALLOWED
    assert told.command == ConcludeMerge(account="coffee:jo", merge_id=asked.parcel_id, refused=why)
