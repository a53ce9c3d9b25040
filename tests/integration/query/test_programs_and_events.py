"""Programs, previews and events over HTTP, on a real Kafka."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from services.query.answers.programs import ProgramList, ProgramVersion, PublishedVersion, Worth
from services.query.limits import EVENTS_MAX
from shared.events import registry
from shared.events.topics import PURCHASES, REFERRALS, REVIEWS, Topic
from shared.events.upstream import Purchase
from shared.program.earning import Award, award
from tests.api import running
from tests.integration.query.ledger import SHOP
from tests.polling import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOCUMENT = SHOP.model_dump(mode="json", exclude_none=True)
VERSIONS = "/v1/programs/shop/versions"
PURCHASE: dict[str, Any] = {
    "event_id": "e1",
    "source": "shop-pos",
    "brand": "shop",
    "store": "330",
    "receipt_id": "r1",
    "member": "jo",
    "occurred_at": "2026-01-01T10:00:00-05:00",
    "currency": "USD",
    "lines": [{"line_id": "1", "sku": "7", "amount_minor": 1_999}],
}
REVIEW = {k: PURCHASE[k] for k in ("event_id", "source", "brand", "member", "occurred_at")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """The API with the program published."""
    published = await api.put(f"{VERSIONS}/1", json=DOCUMENT)
    assert published.status_code == 201, published.text
    PublishedVersion.model_validate(published.json())
    return api


async def test_a_published_version_never_changes(shop):
    again = await shop.put(f"{VERSIONS}/1", json=DOCUMENT)
    other = await shop.put(f"{VERSIONS}/1", json={**DOCUMENT, "name": "Another"})
    assert again.status_code == 200
    assert (other.status_code, other.json()["code"]) == (409, "version_conflict")
    assert "publish it as version 2" in other.json()["detail"]


async def test_a_brand_belongs_to_one_program(shop):
    taken = {**DOCUMENT, "program": "other"}
    response = await shop.put("/v1/programs/other/versions/1", json=taken)
    assert (response.status_code, response.json()["code"]) == (409, "version_conflict")


async def test_what_is_published_is_seen_by_other_processes(shop, installed):
    later = {**DOCUMENT, "version": 5, "effective_from": "2090-01-01"}
    assert (await shop.put(f"{VERSIONS}/5", json=later)).status_code == 201
    async with running(installed) as other:
        listed = (await other.get("/v1/programs")).json()
        one = (await other.get("/v1/programs/shop")).json()
        document = (await other.get(f"{VERSIONS}/5")).json()
        missing = await other.get(f"{VERSIONS}/6")
        nowhere = await other.get("/v1/programs/nowhere")
    ProgramList.model_validate(listed)
    ProgramVersion.model_validate(document)
    assert one in listed["programs"]
    assert [(v["version"], v["in_force"]) for v in one["versions"]] == [(1, True), (5, False)]
    assert document["document"]["effective_from"] == "2090-01-01"
    assert missing.json()["code"] == "version_unknown"
    assert nowhere.json()["code"] == "program_unknown"


HALF = {"rules": [{"rule": "x", "kind": "per_amount", "points": 0.5, "per_minor": 100}]}
WRONG_DOCUMENTS = [
    ({"program": "other"}, "program", "the address says shop"),
    ({"version": 9}, "version", "the address says 2"),
    ({"timezone": "Mars/Olympus"}, "timezone", "allowed: the IANA name of a time zone"),
    ({"tiemzone": "UTC"}, "tiemzone", "did you mean timezone? allowed: program, version,"),
    ({"earn": HALF}, "earn.rules.0.points", "found 0.5; allowed: a whole number, not below zero"),
    ({"earn": {}}, "earn.rules", "this field is missing"),
]


@pytest.mark.parametrize(("change", "field", "message"), WRONG_DOCUMENTS)
async def test_a_wrong_document_is_refused_with_its_field_and_what_is_allowed(
    shop, change, field: str, message: str
):
    response = await shop.put(f"{VERSIONS}/2", json={**DOCUMENT, "version": 2, **change})
    assert response.status_code == 422
    [fault] = response.json()["errors"]
    assert fault["field"] == field
    assert message in fault["message"]


async def test_a_wrong_draft_is_told_as_it_would_be_when_published(shop):
    body = {"lines": [], "program": {**DOCUMENT, "earn": HALF}}
    response = await shop.post("/v1/programs/shop/members/jo/preview", json=body)
    [fault] = response.json()["errors"]
    assert fault["field"] == "program.earn.rules.0.points"
    assert fault["message"].startswith("found 0.5; allowed: a whole number")


async def test_a_preview_is_what_the_award_would_be(shop):
    body = {name: PURCHASE[name] for name in ("lines", "occurred_at", "store", "brand", "currency")}
    response = await shop.post("/v1/programs/shop/members/new/preview", json=body)
    assert response.status_code == 200, response.text
    worth = Worth.model_validate(response.json())
    expected = award(SHOP, Purchase.model_validate(PURCHASE))
    assert isinstance(expected, Award)
    assert (worth.points, worth.basis_minor) == (expected.points, expected.basis_minor)
    assert (tuple(worth.breakdown), tuple(worth.why_not)) == (expected.breakdown, expected.why_not)
    assert (worth.active_from, worth.expires_at) == (expected.active_from, expected.expires_at)
    assert (worth.program_version, worth.draft) == (1, False)


async def test_a_preview_may_look_ahead(shop):
    response = await shop.post(
        "/v1/programs/shop/members/jo/preview",
        json={"lines": [], "occurred_at": "2095-01-01T00:00:00Z"},
    )
    assert response.json()["program_version"] == 5


WRONG_PREVIEWS = [
    ({"lines": [], "occurred_at": "1999-01-01T00:00:00Z"}, "not_in_force"),
    ({"lines": [], "brand": "other"}, "invalid"),
    ({"lines": [], "program": {**DOCUMENT, "program": "x"}}, "invalid"),
    ({"lines": [], "program": {}}, "invalid"),
    ({"lines": [{"line_id": "1", "sku": "1", "amount_minor": 1.0}]}, "invalid"),
    ({}, "invalid"),
]


@pytest.mark.parametrize(("body", "code"), WRONG_PREVIEWS)
async def test_a_wrong_preview_is_refused(shop, body, code: str):
    response = await shop.post("/v1/programs/shop/members/jo/preview", json=body)
    assert (response.status_code, response.json()["code"]) == (422, code)


class Topics:
    """What stands on the upstream topics."""

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka

    async def read(self, topic: Topic, *ids: str) -> list[Any]:
        """All records of a topic, once those with these event ids are among them."""
        consumer = AIOKafkaConsumer(
            topic.name, bootstrap_servers=self.kafka, auto_offset_reset="earliest"
        )
        await consumer.start()
        found: list[Any] = []

        async def all_there() -> bool:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
            return set(ids) <= {id_of(record) for record in found}

        try:
            await eventually(all_there)
        finally:
            await consumer.stop()
        return found


def id_of(record: Any) -> str:
    """The event's id, as the headers say it."""
    return str(dict(record.headers)["ce_id"], "utf-8")


def type_of(record: Any) -> str:
    """The event's type, as the headers say it."""
    return str(dict(record.headers)["ce_type"], "utf-8")


@pytest.fixture
def topics(installed) -> Topics:
    return Topics(installed.kafka)


def structured(data: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "ce1",
        "source": "ce-source",
        "type": "retail.purchase.v1",
        "data": data,
        **envelope,
    }


CE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
BINARY = {
    "ce-specversion": "1.0",
    "ce-id": "e%201",
    "ce-source": "caf%C3%A9",
    "ce-type": "retail.purchase.v1",
}
WITHOUT = {k: v for k, v in PURCHASE.items() if k not in {"event_id", "source"}}
FORMS = [
    ("application/json", {}, {"type": "retail.purchase.v1", **PURCHASE}, ("e1", "shop-pos")),
    (CE, {}, structured(PURCHASE), ("e1", "shop-pos")),
    (CE, {}, structured(WITHOUT), ("ce1", "ce-source")),
    ("application/json; charset=utf-8", {}, structured(PURCHASE), ("e1", "shop-pos")),
    ("application/json", BINARY, PURCHASE, ("e1", "shop-pos")),
    ("application/json", BINARY, WITHOUT, ("e 1", "café")),
]


@pytest.mark.parametrize(("written", "headers", "body", "identity"), FORMS)
async def test_an_event_may_come_in_any_form(shop, topics, written, headers, body, identity):
    receipt = f"form-{identity}-{written}-{len(headers)}"
    text = json.dumps(body).replace('"r1"', json.dumps(receipt))

    response = await shop.post(
        "/v1/events", content=text, headers={"Content-Type": written, **headers}
    )

    assert (response.status_code, response.json()) == (202, {"ids": [identity[0]]})
    purchases = {
        purchase.receipt_id: (purchase, record)
        for record in await topics.read(PURCHASES, identity[0])
        if isinstance(purchase := registry.decode(type_of(record), record.value), Purchase)
    }
    purchase, record = purchases[receipt]
    assert (purchase.event_id, purchase.source) == identity
    named = dict(record.headers)
    assert named["ce_type"] == b"retail.purchase.v1"
    assert (named["ce_id"].decode(), named["ce_source"].decode()) == identity
    assert record.key == b"jo"


async def test_each_type_goes_to_its_topic(shop, topics):
    events = [
        {"type": "retail.purchase.v1", **PURCHASE, "event_id": "t1"},
        {"type": "retail.review.v1", **REVIEW, "event_id": "t2"},
        {"type": "retail.referral.v1", **REVIEW, "event_id": "t3", "code": "ABC"},
        {"type": "retail.custom-action.v1", **REVIEW, "event_id": "t4", "action": "sign-up"},
        {
            "type": "retail.return.v1",
            **{k: PURCHASE[k] for k in (*REVIEW, "receipt_id", "currency")},
            "event_id": "t5",
            "lines": [{"line_id": "1", "quantity": 1, "amount_minor": 5}],
        },
    ]
    response = await shop.post("/v1/events", json=events)
    assert response.json() == {"ids": ["t1", "t2", "t3", "t4", "t5"]}
    where = {PURCHASES: {"t1", "t4", "t5"}, REVIEWS: {"t2"}, REFERRALS: {"t3"}}
    for topic, ids in where.items():
        await topics.read(topic, *ids)


async def test_a_batch_of_the_largest_size_is_taken_whole(shop, topics):
    """C39: a thousand events are one call."""
    events = [structured({**PURCHASE, "event_id": f"b{n}"}) for n in range(EVENTS_MAX)]
    response = await shop.post(
        "/v1/events", content=json.dumps(events), headers={"Content-Type": BATCH}
    )
    assert response.status_code == 202
    assert response.json()["ids"] == [f"b{n}" for n in range(EVENTS_MAX)]
    await topics.read(PURCHASES, *response.json()["ids"])


async def test_a_large_event_fits_a_record(shop):
    lines = [
        {"line_id": f"{n}", "sku": "s" * 128, "category": "c" * 128, "department": "d" * 128}
        | {"product_type": "t" * 128, "amount_minor": 1, "product_brand": "b" * 128}
        for n in range(1_000)
    ]
    response = await shop.post(
        "/v1/events", json={"type": "retail.purchase.v1", **PURCHASE, "lines": lines}
    )
    assert response.status_code == 202, response.text


async def test_nothing_is_published_if_one_event_is_wrong(shop, topics):
    good = {"type": "retail.purchase.v1", **PURCHASE, "event_id": "never"}
    wrong = {**good, "lines": [{"line_id": "1", "sku": "7", "amount_minor": "1.5"}]}

    response = await shop.post("/v1/events", json=[good, wrong, {"type": "x"}, 7])
    marker = await shop.post("/v1/events", json={**good, "event_id": "marker"})

    assert (response.status_code, marker.status_code) == (422, 202)
    assert [(f["index"], f["field"]) for f in response.json()["errors"]] == [
        (1, "lines.0.amount_minor"),
        (2, "type"),
        (3, ""),
    ]
    assert response.json()["errors"][0]["found"] == "1.5"
    found = {id_of(record) for record in await topics.read(PURCHASES, "marker")}
    assert "never" not in found


async def test_ready_and_metrics_know_kafka(shop):
    ready = await shop.get("/health/ready")
    checks = ready.json().get("checks")
    assert (checks["kafka"], checks["programs"]) == ("ok", "ok")

    async def up() -> bool:
        return 'tessera_up{server="kafka"} 1.0' in (await shop.get("/metrics")).text

    await eventually(up)


async def test_concurrent_requests_share_the_producer(shop):
    events = [
        {"type": "retail.review.v1", **REVIEW, "event_id": f"c{number}"} for number in range(200)
    ]
    answered = await asyncio.gather(*(shop.post("/v1/events", json=event) for event in events))
    assert {response.status_code for response in answered} == {202}
