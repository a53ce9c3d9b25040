"""Histories of rewards: everything that members, operators and the courier may do, in any order.

1. Every lot, debit and account adds up after every fact, of members and of stocks (I4).
2. No unit is taken twice: units put in = free + taken + written off, and a code has one holder.
3. No point is used or given back twice: what a member has and what their open rewards cost is
   what they have earned.
4. Once everything is carried, a claim that is issued or handed over has one unit, and no other.
5. Letters that come late, twice or in another order change nothing (I2).
6. The records alone, in any batches, give the same accounts, claims and codes (I8).
7. Of K who ask for the last n units, exactly min(K, n) get one, whoever is carried first (I5).
"""

from collections import Counter
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.redeem.errands import Letter
from shared.ledger.claims import Claim, ClaimState
from tests.rewards import Rewards, coffee, reward

MEMBERS = ("ann", "ben", "eve")
PRICE = 40
untimed = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
programs = st.builds(
    lambda codes, unit, stock: coffee(
        reward(
            points=PRICE,
            stock="counted" if codes == "pool" else stock,
            codes=codes,
            when_cancelled=unit,
        )
    ),
    st.sampled_from(["none", "made", "pool"]),
    st.sampled_from(["restocked", "written_off"]),
    st.sampled_from(["counted", "counted", "unlimited"]),
)


class Act(NamedTuple):
    """Something that is done; `number` says to whom, how much, or which of what there is."""

    kind: str
    number: int


CARRIES = ("carry", "carry", "carry", "again")
kinds = st.sampled_from(["earn", "put", *["redeem"] * 3, *CARRIES, "fulfil", "cancel", "cancel"])
histories = st.lists(st.builds(Act, kinds, st.integers(0, 59)), min_size=5, max_size=40)


class History:
    """A world, and all letters that were ever written."""

    def __init__(self, shop: Rewards) -> None:
        self.shop = shop
        self.letters: list[Letter] = []
        self.put = 0

    def do(self, act: Act, step: int) -> None:
        """One act, as far as there is anything to do."""
        member = MEMBERS[act.number % len(MEMBERS)]
        claims = list(self.shop.shelf.claims.values())
        claim = claims[act.number % len(claims)] if claims else None
        match act.kind:
            case "earn":
                self.shop.earn(member, act.number * 5, f"lot {step}")
            case "put":
                self._put(1 + act.number % 3, step)
            case "redeem":
                self.shop.redeem(member, key=f"key {act.number}")
            case "carry" | "again":
                self._carry(act)
            case "fulfil" if claim is not None:
                self.shop.fulfil(claim)
            case "cancel" if claim is not None:
                self.shop.cancel(claim)
            case _:
                pass

    def _put(self, units: int, step: int) -> None:
        assert self.shop.program is not None
        [terms] = self.shop.program.redemption.rewards
        codes = [f"code {step}-{number}" for number in range(units)]
        fact = self.shop.stock(units, *(codes if terms.codes == "pool" else ()), key=str(step))
        self.put += getattr(fact, "units", 0)

    def _carry(self, act: Act) -> None:
        if act.kind == "carry":
            self.letters += self.shop.letters
        if self.letters:
            self.shop.say(self.letters[act.number % len(self.letters)].command)


def check(history: History) -> None:
    """The invariants, at any time."""
    shop = history.shop
    for account in shop.accounts.values():
        account.check()
    free, taken, written_off = shop.units()
    assert free + taken + written_off == history.put
    takers = Counter(code.taken_by for code in shop.shelf.codes.values() if code.taken_by)
    assert all(count == 1 for count in takers.values())
    for key, account in shop.accounts.items():
        cost = sum(claim.points for claim in held(shop, key))
        if not key.startswith("coffee:~"):
            assert account.free + cost == account.earned


def held(shop: Rewards, account: str) -> list[Claim]:
    """The claims of a member that cost points."""
    gone = (ClaimState.REFUSED, ClaimState.CANCELLED)
    return [
        claim
        for claim in shop.shelf.claims.values()
        if claim.account == account and claim.state not in gone
    ]


def run(program: Any, acts: list[Act]) -> History:
    history = History(Rewards(program))
    for member in MEMBERS:
        history.shop.earn(member, 100, "first")
    for step, act in enumerate(acts):
        history.do(act, step)
        check(history)
    return history


@untimed
@given(programs, histories)
def test_nothing_is_used_or_given_back_twice_in_any_order(program, acts):
    history = run(program, acts)
    history.letters += history.shop.letters
    history.shop.carry()
    check(history)
    facts = len(history.shop.facts)
    for late in history.letters:
        history.shop.say(late.command)
    assert len(history.shop.facts) == facts
    claims = history.shop.shelf.claims.values()
    owning = [c for c in claims if c.state in (ClaimState.ISSUED, ClaimState.FULFILLED)]
    counted = [claim for claim in owning if claim.stock is not None]
    assert history.shop.units()[1] == len(counted)
    assert all(claim.lot_id is not None and claim.errand is None for claim in counted)
    codes = [claim.code for claim in owning if claim.code is not None]
    assert len(set(codes)) == len(codes)


@untimed
@given(programs, histories, st.integers(1, 7))
def test_the_records_alone_give_the_same_claims_and_codes(program, acts, size):
    shop = run(program, acts).shop
    accounts, shelf = shop.folded(size)
    assert accounts == shop.accounts
    assert (shelf.claims, shelf.codes) == (shop.shelf.claims, shop.shelf.codes)


@untimed
@given(st.integers(0, 8), st.integers(1, 12), st.randoms(use_true_random=False))
def test_of_many_who_ask_for_the_last_units_as_many_get_one_as_there_are(units, askers, random):
    shop = Rewards(coffee(reward(points=PRICE, stock="counted")))
    if units:
        shop.stock(units)
    for number in range(askers):
        shop.earn(f"m{number}", PRICE, "first")
        shop.redeem(f"m{number}")
    while letters := shop.letters:
        shop.say(random.choice(letters).command)
    states = Counter(claim.state for claim in shop.shelf.claims.values())
    assert states[ClaimState.ISSUED] == min(units, askers)
    assert states[ClaimState.REFUSED] == max(0, askers - units)
    free = sum(shop.member(f"m{number}").free for number in range(askers))
    assert free == PRICE * states[ClaimState.REFUSED]
