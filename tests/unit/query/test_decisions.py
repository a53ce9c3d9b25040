"""Whoever asks what is known of a cause is told what is there then, at one statement for many."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.query import decisions
from services.query.decisions import Decided, Known, decided_on
from shared.stream.store import StoreUnavailable

NAMES = UUID(int=0)


def cause(name: str) -> UUID:
    return uuid5(NAMES, name)


def row(name: str) -> Decided:
    told = datetime(2026, 1, 1, tzinfo=UTC)
    return Decided(cause(name), "shop:ann", 7, "loyalty.points.redeemed.v1", b"", told, 3, "{}")


class Table:
    """A database that answers when it is told to."""

    def __init__(self, *names: str) -> None:
        self.rows = {cause(name): row(name) for name in names}
        self.asked: list[list[UUID]] = []
        self.is_away = False
        self.may_answer = asyncio.Event()

    async def fetch(self, _statement: str, causes: list[UUID]) -> list[Any]:
        self.asked.append(causes)
        await self.may_answer.wait()
        if self.is_away:
            raise StoreUnavailable("gone")
        return [tuple(self.rows[each]) for each in causes if each in self.rows]


def asking(known: Known, *names: str) -> list[asyncio.Task[Decided | None]]:
    return [asyncio.create_task(known.of(cause(name))) for name in names]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_whoever_asks_during_a_look_is_in_the_next_one() -> None:
    table: Any = Table("first", "second")
    known = Known(table)
    early = asking(known, "first")
    await settled()
    late = asking(known, "second", "nothing", "first")
    await settled()
    assert table.asked == [[cause("first")]]
    table.may_answer.set()
    assert await asyncio.gather(*early, *late) == [row("first"), row("second"), None, row("first")]
    assert table.asked[1:] == [[cause("second"), cause("nothing"), cause("first")]]


async def test_what_is_decided_during_a_look_is_told_to_those_who_ask_then() -> None:
    table: Any = Table()
    known = Known(table)
    early = asking(known, "first")
    await settled()
    table.rows[cause("second")] = row("second")
    late = asking(known, "second")
    table.may_answer.set()
    assert await asyncio.gather(*early, *late) == [None, row("second")]


async def test_a_store_that_is_away_is_told_to_those_who_asked_and_to_nobody_later() -> None:
    table: Any = Table("first")
    known = Known(table)
    table.is_away = True
    asked = asking(known, "first", "nothing")
    table.may_answer.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in told] == [StoreUnavailable] * 2
    table.is_away = False
    assert await known.of(cause("first")) == row("first")


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_caller_who_leaves_leaves_the_others_their_answer(is_away: bool) -> None:
    table: Any = Table("first")
    known = Known(table)
    table.is_away = is_away
    leaving, staying = asking(known, "first", "first")
    await settled()
    leaving.cancel()
    table.may_answer.set()
    told: object = (await asyncio.gather(staying, return_exceptions=True))[0]
    assert isinstance(told, StoreUnavailable) if is_away else told == row("first")
    assert leaving.cancelled()


async def test_many_causes_are_asked_in_named_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "LOOK_CAUSES_MAX", 2)
    table: Any = Table("first", "third")
    table.may_answer.set()
    asked = [cause(name) for name in ("first", "second", "third")]
    found = await decided_on(table, asked)
    assert found == {cause("first"): row("first"), cause("third"): row("third")}
    assert table.asked == [asked[:2], asked[2:]]
