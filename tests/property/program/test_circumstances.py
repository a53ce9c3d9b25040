"""Which rules read a purchase, against what their documents say, word by word.

1. A rule reads it exactly if every list of `match` holds what the purchase has, no list of
   `exclude` does, its visits are among those named, and its own dates have come and not passed.
"""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from shared.events.upstream import Purchase
from shared.program.earning import Award, award
from shared.program.past import VISITS, Past
from tests.receipts import program, receipt

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"]
WORDS = ["a", "b", "c"]
TIMES = ["00:00", "00:30", "06:59", "12:00", "23:59", "24:00"]
DAYS = ["02-28", "02-29", "03-01", "06-15", "12-31", "01-01"]
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

hours = st.builds("{}-{}".format, st.sampled_from(TIMES[:-1]), st.sampled_from(TIMES)).filter(
    lambda text: text[:5] != text[6:] and text != "00:00-24:00"
)
yearly = st.one_of(st.sampled_from(DAYS), st.tuples(*[st.sampled_from(DAYS)] * 2).map("..".join))
dated = st.tuples(st.sampled_from(["2027", "2028"]), st.sampled_from(["02-28", "06-15"])).map(
    "-".join
)
spans = st.tuples(dated, dated).map(lambda pair: "..".join(sorted(pair)))
ANSWERS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("channel", "payment_method", "tier", "segment"), st.sampled_from(WORDS)),
    "weekday": st.sampled_from(WEEKDAYS),
    "hours": hours,
    "dates": st.one_of(yearly, dated, spans),
}
VALUES = {
    field: st.lists(value, min_size=1, max_size=3, unique=True) for field, value in ANSWERS.items()
}
VISITED = {
    "first_purchase": st.just(True),
    "visit_number": st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True),
    "every_visits": st.integers(1, 4),
}


def ends_after_it_begins(rule: dict[str, object]) -> bool:
    return str(rule.get("effective_from", "")) < str(rule.get("effective_until", "9"))


OWN_DATES = {"effective_from": dated, "effective_until": dated}
rules = st.fixed_dictionaries(
    {
        "match": st.fixed_dictionaries({}, optional={**VALUES, **VISITED}),
        "exclude": st.fixed_dictionaries({}, optional=VALUES),
    },
    optional=OWN_DATES,
).filter(ends_after_it_begins)
instants = st.one_of(
    st.datetimes(datetime(2027, 1, 1), datetime(2028, 12, 31)),  # noqa: DTZ001  (UTC is added)
    st.builds(
        lambda year, day, time: datetime.fromisoformat(f"{year}-{day}T{time}"),
        st.sampled_from([2027, 2028]),
        st.sampled_from(["02-28", "03-01", "06-15", "12-31", "01-01"]),
        st.sampled_from(TIMES[:-1]),
    ),
)
pasts = st.builds(
    Past,
    st.integers(0, 7).map(lambda visits: {VISITS: Fraction(visits)}),
    st.sampled_from([None, *WORDS]),
    st.frozensets(st.sampled_from(WORDS)),
)
paid = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([0, 50])), max_size=3)


def holds(field: str, value: str, purchase: Purchase, past: Past, local: datetime) -> bool:
    """What one value of a list says."""
    match field:
        case "channel":
            return purchase.channel == value
        case "payment_method":
            return any(each.method == value and each.amount_minor for each in purchase.payments)
        case "tier":
            return past.tier == value
        case "segment":
            return value in past.segments
        case "weekday":
            return WEEKDAYS[local.weekday()] == value
        case "hours":
            first, end = value.split("-")
            return within(f"{local:%H:%M}", first, end) and f"{local:%H:%M}" != end
        case _:
            first, _, last = value.partition("..")
            day = f"{local:%Y-%m-%d}"
            return within(day[-len(first) :], first, last or first)


def within(text: str, first: str, last: str) -> bool:
    """Between both, or past the turn of the day or the year."""
    if first <= last:
        return first <= text <= last
    return text >= first or text <= last


def reads(rule: dict[str, Any], purchase: Purchase, past: Past, local: datetime) -> bool:
    visit, day = int(past[VISITS]) + 1, f"{local:%Y-%m-%d}"
    match = dict(rule["match"])
    said = [
        not match.pop("first_purchase", False) or visit == 1,
        visit in match.pop("visit_number", [visit]),
        visit % match.pop("every_visits", 1) == 0,
        rule.get("effective_from", day) <= day <= rule.get("effective_until", day),
        *(any(holds(f, v, purchase, past, local) for v in values) for f, values in match.items()),
    ]
    excluded = (
        holds(field, value, purchase, past, local)
        for field, values in rule["exclude"].items()
        for value in values
    )
    return all(said) and not any(excluded)


@given(
    st.lists(rules, min_size=1, max_size=4),
    st.sampled_from(ZONES),
    instants,
    pasts,
    st.sampled_from([None, *WORDS]),
    paid,
)
def test_1_the_rules_that_read_a_purchase_are_those_whose_document_says_so(
    drawn, zone: str, local: datetime, past: Past, channel, payments
):
    named = [
        {"rule": f"rule-{number}", "kind": "per_visit", "points": 1, **rule}
        for number, rule in enumerate(drawn)
    ]
    at = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    methods = [{"method": method, "amount_minor": amount} for method, amount in payments]
    bought = receipt(500, at=at.isoformat(), channel=channel, payments=methods)
    worth = award(program(*named, timezone=zone), bought, past)
    assert isinstance(worth, Award)
    expected = [
        rule["rule"] for rule in named if reads(rule, bought, past, at.astimezone(ZoneInfo(zone)))
    ]
    assert [share.rule for share in worth.breakdown] == expected
    assert worth.points == len(expected)
