"""Policies of the account side: what a program may say of holds, returns and adjustments."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from shared.program.calendar import instant_after
from shared.program.document import read_program
from shared.program.durations import read_duration
from shared.program.model import Program
from shared.program.policies import Adjustments, Deficit, Holds, Returns, Transfers
from tests.simulation.program import SHOP
from tests.stories.setting import PLAIN

BERLIN = ZoneInfo("Europe/Berlin")


def test_what_a_program_leaves_out_has_its_default():
    silent = Program.model_validate({**SHOP, "redemption": {"cash_off": {"points": 1, "minor": 1}}})
    assert silent.redemption.holds == Holds()
    assert Holds().lapse_time == timedelta(minutes=15)
    assert Holds().longest_time == timedelta(hours=24)
    assert silent.returns == Returns()
    assert Returns().deficit is Deficit.CARRIED
    assert Returns().grace_until(datetime(2026, 1, 1, tzinfo=UTC), BERLIN) is None
    assert Returns().write_off_at(datetime(2026, 1, 1, tzinfo=UTC), BERLIN) is None
    assert silent.adjustments == Adjustments()
    assert silent.transfers is None


@pytest.mark.parametrize(
    ("section", "terms", "said"),
    [
        (Holds, {"lapse_after": "0m"}, "at least one"),
        (Holds, {"lapse_after": "1D"}, "seconds, minutes or hours"),
        (Holds, {"lapse_after": "2h", "longest": "1h"}, "allowed: 2h"),
        (Transfers, {"minimum": 10, "most": 9}, "allowed: 10 or more"),
        (Transfers, {"minimum": 0}, "greater than or equal to 1"),
        (Holds, {"open_most": 0}, "greater than or equal to 1"),
        (Holds, {"open_most": 1_001}, "less than or equal to 1000"),
        (Returns, {"deficit": "written_off"}, "needs write_off_after"),
        (Returns, {"write_off_after": "30D"}, "only with"),
        (Returns, {"grace": "0D"}, "a time that passes"),
        (Returns, {"grace": "1D", "spent": "stays_spent"}, "only with `spent: given_back`"),
        (Returns, {"grace_days": 30}, "Extra inputs"),
        (Adjustments, {"most": 0}, "greater than or equal to 1"),
        (Adjustments, {"operators": {"jo": 1.5}}, "valid integer"),
    ],
)
def test_what_cannot_be_meant_is_refused(section, terms, said):
    with pytest.raises(ValidationError, match=said):
        section.model_validate(terms)


@pytest.mark.parametrize(
    ("after", "longest", "is_taken"),
    [
        ("30D", "24h", True),
        ("2D", "24h", True),
        ("1D", "24h", False),
        ("25h", "24h", True),
        ("24h", "24h", False),
        ("1M", "672h", False),
        ("1M", "600h", True),
        ("1M", "669h", True),
        ("1M", "670h", False),
        ("1W", "165h", True),
        ("1W", "166h", False),
        ("1Y", "8757h", True),
        ("1Y", "8758h", False),
    ],
)
def test_what_is_written_off_outlives_the_longest_hold(after, longest, is_taken):
    document = PLAIN.model_dump(mode="json", exclude_none=True)
    document["redemption"]["holds"] = {"longest": longest}
    document["returns"] = {"deficit": "written_off", "write_off_after": after}
    if is_taken:
        Program.model_validate(document)
    else:
        with pytest.raises(ValidationError, match="longer than the longest hold"):
            Program.model_validate(document)


def test_an_operator_may_have_a_limit_of_their_own():
    adjustments = Adjustments.model_validate({"most": 500, "operators": {"ann": 9_000, "bob": 1}})
    assert [adjustments.limit(who) for who in ("ann", "bob", "cy")] == [9_000, 1, 500]


@pytest.mark.parametrize(
    ("after", "ends"),
    [
        ("36h", "2026-03-30T00:00:00+02:00"),
        ("1D", "2026-03-29T11:00:00+02:00"),  # the clocks go forward that night
        ("1M", "2026-04-28T11:00:00+02:00"),
        ("1M_U", "2026-05-01T00:00:00+02:00"),
    ],
)
def test_a_policy_counts_in_the_programs_own_time(after, ends):
    at = datetime.fromisoformat("2026-03-28T11:00:00+01:00")
    until = datetime.fromisoformat(ends)
    assert instant_after(at, read_duration(after), BERLIN) == until
    terms = {"deficit": "written_off", "write_off_after": after, "grace": after}
    returns = Returns.model_validate(terms)
    assert (returns.write_off_at(at, BERLIN), returns.grace_until(at, BERLIN)) == (until, until)


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        ("returns: {deficit: carried}", []),
        ("returns: {deficit: unspent_only}", ["a gift of the program"]),
        ("returns: {deficit: written_off, write_off_after: 90D}", ["a gift of the program"]),
    ],
)
def test_a_program_that_gives_points_away_is_told_so(returns, said):
    text = f"""
program: shop
version: 1
name: Shop
effective_from: 2026-01-01
timezone: UTC
money: USD
brands: [shop]
earn:
  rules:
    - {{rule: base, kind: per_amount, points: 1, per_minor: 100}}
{returns}
"""
    program, problems, warnings = read_program(text)
    assert (program is not None, problems) == (True, ())
    assert [any(words in str(warning) for warning in warnings) for words in said] == [
        True for _ in said
    ]
    assert len(warnings) == len(said)
