"""Reads of an account, on rows that the real fold has written; no Kafka is needed for them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.query.answers.accounts import Balances, Entries, Expiries, Lots
from services.redeem.sweep import DUE
from shared.events.commands import Tick
from shared.events.merges import MovedLot, Part, TakePart
from shared.events.transfers import ReceivePoints, SentLot
from shared.ledger.account import Account, Lot
from shared.ledger.reading import balances
from shared.program.policies import Returns
from tests.integration.query.ledger import SHOP, Ledger, days, earned, hold, redeem, returned

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


async def read(client: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    response = await client.get(f"/v1/programs/shop/members/{path}", params=params)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert response.headers["Tessera-Token"] == body["token"]
    return body


async def test_balances_tell_what_the_member_has_and_the_totals(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 100, "old", expires=NOW + YEAR), days(1))
    await ledger.take(earned("shop:jo", 50, "soon", expires=NOW + timedelta(days=9)), days(2))
    await ledger.take(earned("shop:jo", 7, "later", active=NOW + YEAR), days(3))
    await ledger.take(redeem("shop:jo", 30, "a"), days(4))

    body = await read(client, "jo")

    Balances.model_validate(body)
    assert {name: body[name] for name in ("available", "pending", "held", "deficit")} == {
        "available": 120,
        "pending": 7,
        "held": 0,
        "deficit": 0,
    }
    assert (body["balance"], body["earned"], body["redeemed"]) == (127, 157, 30)
    assert (body["expired"], body["clawed_back"], body["written_off"]) == (0, 0, 0)
    assert body["next_expiry"]["points"] == 20
    assert datetime.fromisoformat(body["next_expiry"]["at"]) == NOW + timedelta(days=9)


async def test_expired_points_are_gone_although_no_sweep_ran(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 100, expires=days(10)), days(1))

    unswept = await read(client, "jo")
    await ledger.take(Tick(account="shop:jo", due_at=days(10)), days(20))
    swept = await read(client, "jo")

    for body in (unswept, swept):
        assert (body["available"], body["expired"], body["balance"]) == (0, 100, 0)
        assert body["next_expiry"] is None
    assert (await read(client, "jo/lots"))["lots"] == []


WRITES_OFF = SHOP.model_copy(
    update={
        "version": 2,
        "returns": Returns.model_validate({"deficit": "written_off", "write_off_after": "30D"}),
    }
)


async def test_what_a_lapsed_hold_gives_back_is_there_although_no_sweep_ran(client, ledger: Ledger):
    """Unswept and swept, all answers are alike: the hold has lapsed, its points have dates."""
    ledger.service.catalogue = ledger.service.catalogue.with_version(WRITES_OFF)
    await ledger.take(earned("shop:jo", 30, "gone", expires=days(5)), days(1))
    await ledger.take(earned("shop:jo", 100, "soon", expires=NOW + timedelta(days=9)), days(1))
    await ledger.take(hold("shop:jo", 80, "h", seconds=60), days(2))
    await ledger.take(earned("shop:jo", 7, "later", active=NOW + YEAR), days(3))

    unswept = [await read(client, f"jo{page}") for page in ("", "/lots", "/expiries", "/holds")]
    await ledger.take(Tick(account="shop:jo", due_at=days(2)), days(20))
    swept = [await read(client, f"jo{page}") for page in ("", "/lots", "/expiries", "/holds")]

    balances_seen, lots_seen, *_ = unswept
    for before, after in zip(unswept, swept, strict=True):
        for told in (before, after):
            del told["token"], told["as_of"]
        assert before == after
    assert (balances_seen["available"], balances_seen["held"]) == (100, 0)
    assert (balances_seen["pending"], balances_seen["expired"]) == (7, 30)
    assert [lot["free"] for lot in lots_seen["lots"]] == [100, 7]


async def test_what_a_lapsed_hold_gives_back_covers_what_is_due_although_no_sweep_ran(
    client, ledger: Ledger
):
    await ledger.take(earned("shop:jo", 100), days(1))
    await ledger.take(redeem("shop:jo", 100, "a"), days(2))
    await ledger.take(earned("shop:jo", 50, "second"), days(2))
    await ledger.take(hold("shop:jo", 50, "h", seconds=60), days(3))
    await ledger.take(returned("shop:jo", 60), days(3))

    unswept = await read(client, "jo")
    await ledger.take(Tick(account="shop:jo", due_at=days(4)), days(4))
    swept = await read(client, "jo")

    for body in (unswept, swept):
        assert (body["available"], body["held"], body["deficit"]) == (0, 0, 10)


async def test_what_is_written_off_is_no_deficit_although_no_sweep_ran(client, ledger: Ledger):
    ledger.service.catalogue = ledger.service.catalogue.with_version(WRITES_OFF)
    await ledger.take(earned("shop:jo", 100), days(1))
    await ledger.take(redeem("shop:jo", 100, "a"), days(2))
    await ledger.take(returned("shop:jo", 60), days(3))

    unswept = await read(client, "jo")
    await ledger.take(Tick(account="shop:jo", due_at=days(33)), days(40))
    swept = await read(client, "jo")

    for body in (unswept, swept):
        assert (body["deficit"], body["written_off"], body["clawed_back"]) == (0, 60, 60)


async def test_the_sweep_finds_what_dates_have_brought_about(ledger: Ledger):
    """A lot past its date, a lapsed hold, a write-off: each account once, by its first date."""
    ledger.service.catalogue = ledger.service.catalogue.with_version(WRITES_OFF)
    await ledger.take(earned("shop:lot", 10, expires=days(9)), days(1))
    for member in ("hold", "debt", "none"):
        await ledger.take(earned(f"shop:{member}", 100), days(1))
    await ledger.take(hold("shop:hold", 10, "a", seconds=60), days(2))
    await ledger.take(hold("shop:hold", 10, "b", seconds=120), days(2))
    await ledger.take(redeem("shop:debt", 100, "a"), days(2))
    await ledger.take(returned("shop:debt", 60), days(3))
    await ledger.take(hold("shop:none", 10, "a", seconds=86_400), NOW)

    async with ledger.pool.acquire() as connection:
        due = dict(await connection.fetch(DUE, NOW, 10))
        assert due == {
            "shop:hold": days(2) + timedelta(seconds=60),
            "shop:lot": days(9),
            "shop:debt": days(33),
        }
        for account, at in due.items():
            await ledger.take(Tick(account=account, due_at=at), NOW)
        assert await connection.fetch(DUE, NOW, 10) == []


async def test_held_points_and_a_deficit_are_told_by_themselves(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 100), NOW - timedelta(minutes=5))
    await ledger.take(hold("shop:jo", 70, "h"), NOW - timedelta(minutes=4))
    await ledger.take(returned("shop:jo", 50), NOW - timedelta(minutes=3))

    body = await read(client, "jo")
    (held,) = (await read(client, "jo/holds"))["holds"]

    assert (body["available"], body["held"], body["deficit"], body["balance"]) == (0, 70, 20, 50)
    assert (held["status"], held["points"], held["spent"]) == ("open", 70, 0)


async def test_the_instant_of_an_answer_is_never_before_the_last_fact(client, ledger: Ledger):
    """Another machine's clock may be ahead: what it decided must not look pending here."""
    ahead = NOW + timedelta(days=3)
    await ledger.take(earned("shop:jo", 100, active=ahead, expires=ahead + YEAR), ahead)

    body = await read(client, "jo")

    assert (body["available"], body["pending"]) == (100, 0)
    assert datetime.fromisoformat(body["as_of"]) == ahead


HISTORY = st.lists(
    st.tuples(
        st.integers(1, 1_000),
        st.one_of(st.none(), st.integers(-400, 400)),
        st.integers(-400, 400),
        st.integers(0, 500),
    ),
    min_size=1,
    max_size=8,
)


@given(HISTORY)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_balances_equal_those_of_the_ledgers_own_reading(
    client: httpx.AsyncClient,
    ledger: Ledger,
    history: list[tuple[int, int | None, int, int]],
):
    """Whatever was credited, spent, pending or past its date: the SQL says what `reading` says."""
    member = f"m{ledger.commands}"
    account = f"shop:{member}"
    for number, (points, expires, active, spent) in enumerate(history):
        award = earned(
            account,
            points,
            str(number),
            active=NOW + timedelta(days=active),
            expires=None if expires is None else NOW + timedelta(days=expires),
        )
        await ledger.take(award, days(number))
        await ledger.take(redeem(account, spent, str(number)), days(number))

    body = await read(client, member)

    async with ledger.pool.acquire() as connection:
        row = await connection.fetchrow("SELECT * FROM account WHERE key = $1", account)
        lots = [
            Lot(*lot)
            for lot in await connection.fetch(
                "SELECT * FROM lot WHERE free > 0 AND account = $1", account
            )
        ]
    expected = balances(Account(*row), lots, datetime.fromisoformat(body["as_of"]))
    assert {name: body[name] for name in expected._fields} == expected._asdict()
    assert body["balance"] == expected.balance


async def test_entries_come_newest_first_in_pages(client, ledger: Ledger):
    for number in range(7):
        await ledger.take(earned("shop:jo", 10 + number, str(number)), days(number))
    await ledger.take(redeem("shop:jo", 25, "a"), days(8))
    await ledger.take(redeem("shop:jo", 10_000, "b"), days(9))

    seen: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await read(client, "jo/entries", limit=4, **cursor)
        Entries.model_validate(page)
        seen += page["entries"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert [entry["version"] for entry in seen] == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [entry["points"] for entry in seen] == [0, -25, 16, 15, 14, 13, 12, 11, 10]
    assert [entry["balance"] for entry in seen][:3] == [66, 66, 91]
    assert seen[0]["type"] == "loyalty.redemption.refused.v1"
    assert seen[0]["detail"]["reason"] == "insufficient_points"
    assert seen[1]["detail"]["allocation"][0]["points"] == 10


async def test_of_a_part_of_a_merged_account_only_is_told_how_much_is_in_it(client, ledger):
    """A part may be half a record long, and its lots, debits and codes are read elsewhere."""
    await ledger.take(earned("shop:jo", 5, "own"), days(1))
    lots = tuple(_moved(number) for number in (1, 2, 3))
    part = TakePart(
        account="shop:jo",
        part_id=UUID(int=8),
        merge_id=UUID(int=7),
        source="shop:flo",
        part=Part(lots=lots, earned=30),
    )
    await ledger.take(part, days(2))

    [taken, _] = (await read(client, "jo/entries"))["entries"]

    assert (taken["type"], taken["points"]) == ("loyalty.merge.part-taken.v1", 30)
    assert taken["detail"]["part"] == {"lots": 3}


def _moved(number: int) -> MovedLot:
    return MovedLot(
        lot_id=UUID(int=number),
        brand="shop",
        free=10,
        occurred_at=days(1),
        active_from=days(1),
        order=number,
    )


async def test_open_lots_come_in_spending_order_in_pages(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 1, "never"), days(1))
    await ledger.take(earned("shop:jo", 2, "late", expires=NOW + 2 * YEAR), days(2))
    await ledger.take(earned("shop:jo", 3, "soon", expires=NOW + YEAR), days(3))
    await ledger.take(earned("shop:jo", 4, "soon too", expires=NOW + YEAR), days(4))
    await ledger.take(earned("shop:jo", 5, "later", active=NOW + YEAR), days(5))
    await ledger.take(earned("shop:jo", 6, "gone", expires=days(9)), days(6))

    first = await read(client, "jo/lots", limit=3)
    rest = await read(client, "jo/lots", limit=3, cursor=first["next"])

    Lots.model_validate(first)
    assert [lot["free"] for lot in first["lots"]] == [3, 4, 2]
    assert [(lot["free"], lot["state"]) for lot in rest["lots"]] == [(1, "active"), (5, "pending")]
    assert rest["next"] is None


@pytest.mark.parametrize("unsettled", [False, True])
async def test_lots_of_one_transfer_come_once_each_in_pages(client, ledger, unsettled: bool):
    """They have one order, and no date: only their ids tell them apart."""
    await ledger.take(earned("shop:jo", 100, "own", expires=NOW + YEAR), days(1))
    lots = tuple(_sent(points) for points in (1, 2, 3))
    gift = ReceivePoints(account="shop:jo", transfer_id=UUID(int=7), sender="shop:flo", lots=lots)
    await ledger.take(gift, days(2))
    if unsettled:  # a hold that has lapsed since: the lots are settled in memory
        await ledger.take(hold("shop:jo", 1, "h", seconds=60), days(3))

    seen: list[int] = []
    cursor: dict[str, str] = {}
    while len(seen) <= 4:
        page = await read(client, "jo/lots", limit=1, **cursor)
        seen += [lot["free"] for lot in page["lots"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert (seen[0], sorted(seen)) == (100, [1, 2, 3, 100])


def _sent(points: int) -> SentLot:
    lot_id = UUID(int=points)
    return SentLot(
        lot_id=lot_id, points=points, brand="shop", occurred_at=days(1), active_from=days(1)
    )


CLAIM = """
INSERT INTO redeem.claim SELECT 'shop:jo', $1, 'mug', 1, 'shop', 1, 'issued', NULL, false, false,
  NULL, NULL, NULL, NULL, $2, $2, $3
"""


async def test_rewards_of_merged_accounts_come_once_each_in_pages(client, ledger: Ledger):
    """Rewards of two accounts may have one order: their ids tell them apart."""
    await ledger.take(earned("shop:jo", 100, "own"), days(1))
    made = [(UUID(int=3), 7), (UUID(int=1), 7), (UUID(int=2), 7), (UUID(int=9), 4)]
    for redemption_id, order in made:
        await ledger.pool.execute(CLAIM, redemption_id, days(1), order)

    seen: list[UUID] = []
    cursor: dict[str, str] = {}
    for _ in made:
        page = await read(client, "jo/rewards", limit=1, **cursor)
        seen += [UUID(claim["redemption_id"]) for claim in page["rewards"]]
        cursor = {"cursor": page["next"]} if page["next"] else {}

    assert seen == [UUID(int=number) for number in (3, 2, 1, 9)]
    assert not cursor
    for malformed in ("", "7", "7-", "7-1", "x-" + "0" * 32, "-" + "0" * 32):
        answer = await client.get(
            "/v1/programs/shop/members/jo/rewards", params={"cursor": malformed}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_malformed")


async def test_expiries_are_told_by_date_with_their_running_total(client, ledger: Ledger):
    """L7 of the worked examples, and C30: the full schedule."""
    await ledger.take(earned("shop:jo", 60, "a", expires=NOW + YEAR), days(1))
    await ledger.take(earned("shop:jo", 40, "b", expires=NOW + YEAR), days(2))
    later = NOW + 2 * YEAR
    await ledger.take(earned("shop:jo", 200, "c", active=NOW + YEAR, expires=later), days(3))
    await ledger.take(earned("shop:jo", 50, "never"), days(4))

    first = await read(client, "jo/expiries", limit=1)
    rest = await read(client, "jo/expiries", limit=1, cursor=first["next"])

    Expiries.model_validate(first)
    told = [(e["points"], e["pending"], e["total"]) for e in first["expiries"] + rest["expiries"]]
    assert told == [(100, 0, 100), (200, 200, 300)]
    assert datetime.fromisoformat(rest["expiries"][0]["at"]) == later
    assert rest["next"] is None


async def test_an_account_without_open_lots_has_empty_lists(client, ledger: Ledger):
    await ledger.take(earned("shop:jo", 5), days(1))
    await ledger.take(redeem("shop:jo", 5, "a"), days(2))
    assert (await read(client, "jo/lots"))["lots"] == []
    assert (await read(client, "jo/expiries"))["expiries"] == []
    assert (await read(client, "jo"))["available"] == 0


async def test_reads_go_on_while_a_rebuilt_schema_is_swapped_in(client, ledger: Ledger, database):
    await ledger.take(earned("shop:jo", 5), days(1))
    for _ in range(20):  # every pooled connection has the statement prepared
        await read(client, "jo")
    rebuilt = await Ledger.made(database, "redeem_rebuilt")
    await rebuilt.take(earned("shop:jo", 5), days(1))
    await rebuilt.take(earned("shop:jo", 8, "2"), days(2))
    async with rebuilt.pool.acquire() as connection, connection.transaction():
        await connection.execute("ALTER SCHEMA redeem RENAME TO redeem_old")
        await connection.execute("ALTER SCHEMA redeem_rebuilt RENAME TO redeem")
    async with rebuilt.pool.acquire() as connection:
        await connection.execute("DROP SCHEMA redeem_old CASCADE")

    assert {(await read(client, "jo"))["available"] for _ in range(20)} == {13}
    await rebuilt.pool.close()
