"""The publisher: in order, on from where it was, and at most one batch twice.

Properties: 1 whatever the kills, the topic gets every event, in order but for repeats, and each
repeat belongs to the batch that was under way.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.demo.dataset import Dataset
from cli.demo.kept import Kept
from cli.demo.publisher import EVENTS_A_BATCH, Progress, publish_year
from cli.demo.purchase import Message

BASKETS = 3_500
TWO_DAYS = 2 * 24 * 60
"""One basket a minute; the 50th comes back so many minutes later."""


def _expected() -> list[str]:
    minutes = [(number, 1, str(number)) for number in range(BASKETS)]
    returns = [(number + TWO_DAYS, 0, f"{number}-return") for number in range(0, BASKETS, 50)]
    return [name for *_, name in sorted(minutes + returns)]


EVENTS = _expected()


class Killed(Exception):
    """The process ends here."""


class Topic:
    """An outlet in memory that takes `room` more messages and then is killed, before any ack."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.room = 10**9

    async def held(self) -> int:
        return len(self.ids)

    async def publish(self, batch: Sequence[Message]) -> None:
        taken = batch[: self.room]
        self.ids += [dict(message.headers)["ce_id"].decode() for message in taken]
        self.room -= len(taken)
        if len(taken) < len(batch):
            raise Killed


def _dataset() -> Dataset:
    start = datetime.fromisoformat("2017-01-01T10:00:00")
    ones = [1] * BASKETS
    lines = pa.table(
        {
            "household_id": ones,
            "store_id": ones,
            "basket_id": list(range(BASKETS)),
            "product_id": ones,
            "quantity": ones,
            "sales_value": [1.0] * BASKETS,
            "transaction_timestamp": pa.array(
                [start + timedelta(minutes=number) for number in range(BASKETS)],
                pa.timestamp("ns"),
            ),
        }
    )
    nothing = pa.array([], pa.string())
    products = pa.table(
        {
            "product_id": pa.array([], pa.int64()),
            "department": nothing,
            "product_category": nothing,
            "product_type": nothing,
            "brand": nothing,
        }
    )
    return Dataset(lines.column, products)


DATASET = _dataset()


async def publish(topic: Topic, home: Path, **options: int) -> list[Progress]:
    reports: list[Progress] = []
    await publish_year(DATASET, topic, Kept(home), reports.append, **options)
    return reports


async def test_everything_is_published_in_order_with_progress(tmp_path):
    topic = Topic()
    reports = await publish(topic, tmp_path)
    assert topic.ids == EVENTS
    assert [report.published for report in reports] == [1_000, 2_000, 3_000, 3_570]
    assert {report.total for report in reports} == {len(EVENTS)}
    assert reports[-1].seconds_left == 0


async def test_a_second_run_publishes_nothing(tmp_path):
    topic = Topic()
    await publish(topic, tmp_path)
    assert await publish(topic, tmp_path) == []
    assert topic.ids == EVENTS


async def test_a_larger_limit_goes_on_behind_a_smaller_one(tmp_path):
    topic = Topic()
    await publish(topic, tmp_path, limit=1_200)
    assert topic.ids == EVENTS[:1_200]
    await publish(topic, tmp_path, limit=700)
    await publish(topic, tmp_path, limit=10**6)
    assert topic.ids == EVENTS


async def test_a_topic_that_was_made_anew_is_filled_from_the_start(tmp_path):
    await publish(Topic(), tmp_path)
    topic = Topic()
    await publish(topic, tmp_path)
    assert topic.ids == EVENTS


async def test_batches_are_small_under_a_rate_limit(tmp_path):
    reports = await publish(Topic(), tmp_path, limit=12, a_second=100)
    assert [report.published for report in reports] == [10, 12]


async def test_a_kill_before_the_ack_repeats_that_batch(tmp_path):
    topic = Topic()
    topic.room = EVENTS_A_BATCH + 300
    with pytest.raises(Killed):
        await publish(topic, tmp_path)
    topic.room = 10**9
    await publish(topic, tmp_path)
    assert topic.ids == EVENTS[: EVENTS_A_BATCH + 300] + EVENTS[EVENTS_A_BATCH:]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(min_value=0, max_value=len(EVENTS)), max_size=5))
def test_all_is_published_and_a_batch_at_most_repeated_when_killed_anywhere(rooms):
    topic = Topic()
    with tempfile.TemporaryDirectory() as home:
        for room in [*rooms, 10**9]:
            following = EVENTS.index(topic.ids[-1]) + 1 if topic.ids else 0
            behind = len(topic.ids)
            topic.room = room
            with suppress(Killed):
                asyncio.run(publish(topic, Path(home)))
            if sent := topic.ids[behind:]:
                first = EVENTS.index(sent[0])
                assert sent == EVENTS[first : first + len(sent)]
                assert following - EVENTS_A_BATCH <= first <= following
    assert set(topic.ids) == set(EVENTS)
