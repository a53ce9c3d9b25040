"""Histories of two accounts of one member, merged at some point; letters come late, twice.

1. Deficits are carried and no point has a date: once all is carried, available and deficit are what
   they would be if everything had happened to one account, wherever the merge came. With dates or
   gifts of the program it is not so: which lots were spent, and when something was due, differs.
2. Whatever the program: no point is made or lost, and the merged account is empty.
3. The records alone, in any batches, give the same accounts and parcels (I8).
"""

from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.points import PointsCredited, PointsRedeemed
from shared.ledger.account import Status
from tests.worlds import DAY, World, coffee

CARD, MEMBER = "card", "member"
untimed = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])


class Act(NamedTuple):
    """Something that is done with the card or by the member; `number` says how much, or to what."""

    kind: str
    who: str
    number: int


kinds = st.sampled_from(["earn", "earn", "spend", "spend", "return", "refund", "carry", "carry"])
acts = st.builds(Act, kinds, st.sampled_from((CARD, MEMBER)), st.integers(1, 60))
histories = st.tuples(st.lists(acts, max_size=20), st.lists(acts, max_size=20))


class Two:
    """Two accounts that become one, beside one that was never two."""

    def __init__(self) -> None:
        self.two, self.one = World(coffee()), World(coffee())
        self.earned: list[tuple[str, str]] = []
        self.spent: list[tuple[str, Any, Any]] = []
        for who in (CARD, MEMBER):
            self._earn(who, 40, f"{who} first")

    def do(self, act: Act, step: int) -> None:
        """In both worlds."""
        who, number, key = act.who, act.number, f"{act.who} {step}"
        match act.kind:
            case "earn":
                self._earn(who, number, key)
            case "spend":
                self._spend(who, number, key)
            case "return":
                owner, name = self.earned[number % len(self.earned)]
                self.two.bring_back(owner, number % 7, name, times=step)
                self.one.bring_back(MEMBER, number % 7, name, times=step)
            case "refund" if self.spent:
                owner, two, one = self.spent[number % len(self.spent)]
                self.two.refund(owner, two, key)
                self.one.refund(MEMBER, one, key)
            case _:
                if letters := self.two.letters:
                    self.two.say(letters[number % len(letters)].command)

    def _earn(self, who: str, points: int, name: str) -> None:
        self.two.earn(who, points, name)
        self.one.earn(MEMBER, points, name)
        self.earned.append((who, name))

    def _spend(self, who: str, points: int, key: str) -> None:
        """What only one of the worlds has enough for is given back there at once."""
        if self.two.member(CARD).is_merged:
            self.two.carry()
        asked = self.two.spend(who, points, key)
        if self.two.member(CARD).is_merged:
            self.two.carry()
            asked = self.two.last_word(asked.input_id) if who == CARD else asked
        alone = self.one.spend(MEMBER, points, key)
        both = isinstance(asked, PointsRedeemed), isinstance(alone, PointsRedeemed)
        if both == (True, True):
            self.spent.append((who, asked.redemption_id, alone.redemption_id))
        elif both == (True, False):
            self.two.refund(who, asked.redemption_id, f"undo {key}")
        elif both == (False, True):
            self.one.refund(MEMBER, alone.redemption_id, f"undo {key}")


@untimed
@given(histories)
def test_two_accounts_become_what_one_would_be(history: tuple[list[Act], list[Act]]) -> None:
    before, after = history
    worlds = Two()
    for step, act in enumerate(before):
        worlds.do(act, step)
    worlds.two.merge(CARD, MEMBER)
    for step, act in enumerate(after, len(before)):
        worlds.do(act, step)
    worlds.two.carry()
    merged, alone = worlds.two.member(MEMBER), worlds.one.member(MEMBER)
    assert (merged.free, merged.due) == (alone.free, alone.due)
    assert (merged.earned, merged.clawed_back) == (alone.earned, alone.clawed_back)
    assert not any(worlds.two.member(CARD).sums)


@untimed
@given(
    histories,
    st.sampled_from(["written_off", "unspent_only", "carried"]),
    st.integers(1, 9),
)
def test_nothing_is_made_or_lost_under_any_policy(
    history: tuple[list[Act], list[Act]], deficit: str, size: int
) -> None:
    terms = {"deficit": deficit, "write_off_after": "3D"} if deficit == "written_off" else {}
    made = World(coffee(returns=terms or {"deficit": deficit}))
    for step, act in enumerate([*history[0], None, *history[1]]):
        if act is None:
            made.merge(CARD, MEMBER)
            continue
        until = made.now + act.number % 4 * DAY if act.number % 4 else None
        match act.kind:
            case "spend":
                made.spend(act.who, act.number, f"s {step}")
            case "return":
                made.bring_back(act.who, act.number % 9, f"earned {step - 1}", times=step)
            case "carry" | "refund":
                made.now += act.number % 3 * DAY
                if letters := made.letters:
                    made.say(letters[0].command)
                    made.say(letters[0].command)
            case _:
                made.earn(act.who, act.number, f"earned {step}", expires_at=until)
    made.carry()
    earned = sum(fact.points for fact in made.facts if isinstance(fact, PointsCredited))
    assert sum(account.earned for account in made.accounts.values()) == earned
    for account in made.accounts.values():
        account.check()
        if account.status is Status.CLOSED:
            assert not any(account.sums)
    accounts, shelf = made.folded(size)
    assert accounts == made.accounts
    assert shelf.parcels == made.shelf.parcels
