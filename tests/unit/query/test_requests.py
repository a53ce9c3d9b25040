"""Every unexpected request is the caller's fault, told as a problem, before any server is asked."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.query.limits import BODY_BYTES_MAX, EVENTS_BYTES_MAX
from services.query.problems import MEDIA_TYPE, Code, ProblemDetails
from tests.api import calling, unstarted

MEMBER = "/v1/programs/shop/members/jo"
REDEEM = f"{MEMBER}/redemptions"
PREVIEW = f"{MEMBER}/preview"
EVENTS = "/v1/events"
PUBLISH = "/v1/programs/shop/versions/1"
KEY = {"Idempotency-Key": "k"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return unstarted()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(app) as made:
        yield made


def check(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["Content-Type"] == MEDIA_TYPE, response.text
    body: dict[str, Any] = response.json()
    ProblemDetails.model_validate(body)
    assert (response.status_code, body["code"]) == (status, code), body
    assert (body["status"], body["type"]) == (status, f"/problems/{code}")
    return body


NOWHERE = [
    ("GET", "/", 404, "not_found"),
    ("GET", "/v1/nothing", 404, "not_found"),
    ("GET", f"{MEMBER}/", 404, "not_found"),
    ("GET", f"{MEMBER}/a%2Fb", 404, "not_found"),
    ("GET", "/v1/programs/%ff/members/%00", 404, "program_unknown"),
    ("GET", "/v1/programs/shop/members/%00", 404, "account_unknown"),
    ("GET", "/v1/programs/shop/members/%20", 404, "account_unknown"),
    ("GET", "/v1/programs/shop/members/" + "x" * 129, 404, "account_unknown"),
    ("GET", "/v1/programs/shop/members/%ed%a0%80%00", 404, "account_unknown"),
    ("GET", "/v1/programs/Shop/members/jo", 404, "program_unknown"),
    ("DELETE", MEMBER, 405, "method_not_allowed"),
    ("GET", EVENTS, 405, "method_not_allowed"),
    ("PATCH", PUBLISH, 405, "method_not_allowed"),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), NOWHERE)
async def test_what_is_not_there_is_a_problem(client, method, path, status, code):
    response = await client.request(method, path)
    check(response, status, code)
    if status == 405:
        assert response.headers["Allow"]


QUERIES = [
    *[(f"?token={token}", 400, "token_malformed") for token in ("", "1", "a-b", "8-1", "1-1%00")],
    *[
        (f"/{page}?cursor={cursor}", 400, "cursor_malformed")
        for page in ("entries", "lots", "expiries")
        for cursor in ("", "x", "-1", "1e3", "%D9%A3", "9" * 19, "9" * 30)
    ],
    ("/lots?cursor=1-", 400, "cursor_malformed"),
    ("/lots?cursor=1-x", 400, "cursor_malformed"),
    *[
        (f"/entries?limit={limit}", 422, "invalid")
        for limit in ("0", "-1", "501", "x", "", "1.5", "9" * 400, "1e2")
    ],
    ("/entries?cursor=" + "9" * 100, 422, "invalid"),
    ("/redemptions/x", 422, "invalid"),
    ("/redemptions/00000000-0000-0000-0000-000000000000?ticket=x", 400, "ticket_malformed"),
]


@pytest.mark.parametrize(("query", "status", "code"), QUERIES)
async def test_a_parameter_that_cannot_be_is_refused(client, query, status, code):
    check(await client.get(MEMBER + query), status, code)


KEYS = [
    ([], "idempotency_key_missing"),
    ([""], "idempotency_key_invalid"),
    ([" "], "idempotency_key_invalid"),
    (["k" * 129], "idempotency_key_invalid"),
    (["caf\u00e9"], "idempotency_key_invalid"),
    (["a\x01"], "idempotency_key_invalid"),
    (["a", "a"], "idempotency_key_invalid"),
]


@pytest.mark.parametrize(("keys", "code"), KEYS)
async def test_a_redemption_needs_one_good_key(client, keys: list[str], code: str):
    headers = [("Idempotency-Key", key.encode("latin-1")) for key in keys]
    check(await client.post(REDEEM, json={"points": 1}, headers=headers), 400, code)


DEEP = b"[" * 100_000
BODIES: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"", JSON, 400, "not_json"),
    (b"{", JSON, 400, "not_json"),
    (b"\x00", JSON, 400, "not_json"),
    (b"\xff\xfe", JSON, 400, "not_json"),
    (b'"\xed\xa0\x80"', JSON, 400, "not_json"),
    (b'{"a": "\\ud800"}', JSON, 400, "not_json"),
    (b'{"points": 1' + b"0" * 5_000 + b"}", JSON, 400, "not_json"),
    (DEEP, JSON, 400, "not_json"),
    (b'{"points": 1}', {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    (b'{"points": 1}', {"Content-Type": ""}, 415, "unsupported_media_type"),
    (
        b'{"points": 1}',
        {"Content-Type": "application/json; charset=latin-1"},
        415,
        "unsupported_media_type",
    ),
    (b"null", JSON, 422, "invalid"),
    (b'{"points": NaN}', JSON, 422, "invalid"),
    (b'{"points": 1e400}', JSON, 422, "invalid"),
    (b"[]", JSON, 422, "invalid"),
    (b"7", JSON, 422, "invalid"),
]


@pytest.mark.parametrize("path", [REDEEM, PREVIEW, PUBLISH])
@pytest.mark.parametrize(("body", "headers", "status", "code"), BODIES)
async def test_a_body_that_cannot_be_is_refused(client, path, body, headers, status, code):
    method = "PUT" if path == PUBLISH else "POST"
    response = await client.request(method, path, content=body, headers={**KEY, **headers})
    check(response, status, code)


POINTS = ["1", "1.0", 1.0, True, None, -1, 10**12 + 1, 10**30, 2**63, [1], {"a": 1}, "\x00"]


@pytest.mark.parametrize("points", POINTS)
async def test_points_are_whole_numbers_in_range(client, points: object):
    response = await client.post(REDEEM, json={"points": points}, headers=KEY)
    body = check(response, 422, "invalid")
    assert [fault["field"] for fault in body["errors"]] == ["points"]
    assert body["errors"][0]["found"]


@pytest.mark.parametrize("extra", [{"point": 1}, {"order_minor": -1}, {"order_minor": 0.5}])
async def test_a_slip_in_the_body_is_told(client, extra: dict[str, object]):
    response = await client.post(REDEEM, json={"points": 1, **extra}, headers=KEY)
    check(response, 422, "invalid")


WHO = {"actor": "ann", "reason": "goodwill"}
ADJUST = (f"{MEMBER}/adjustments", {"direction": "add", "points": 5, **WHO})
STOCK = ("/v1/programs/shop/rewards/mug/stock", {"codes": ["A", "B"], **WHO})
IN_WORDS = [
    (*ADJUST, {"reason": "two\nlines"}, "one line of printable characters"),
    (*ADJUST, {"actor": " ann"}, "without a blank at either end"),
    (*ADJUST, {"expires_at": "soon"}, "an instant with its offset such as"),
    (*STOCK, {"codes": ["A", "A"]}, "codes: as many as units, each of them once"),
    (*STOCK, {"codes": []}, "units or codes"),
    (f"{MEMBER}/rewards", {}, {"reward": "A Mug"}, "lower-case letters, digits and hyphens"),
    (PREVIEW, {"lines": []}, {"currency": "dollars"}, "three capital letters such as USD"),
]


@pytest.mark.parametrize(("path", "body", "slip", "message"), IN_WORDS)
async def test_what_is_allowed_is_told_in_words(
    client, path: str, body: dict[str, object], slip: dict[str, object], message: str
):
    response = await client.post(path, json={**body, **slip}, headers=KEY)
    [fault] = check(response, 422, "invalid")["errors"]
    assert message in fault["message"]
    assert "Value error" not in fault["message"]


SIZES = [(REDEEM, BODY_BYTES_MAX), (PREVIEW, BODY_BYTES_MAX), (EVENTS, EVENTS_BYTES_MAX)]


@pytest.mark.parametrize(("path", "limit"), SIZES)
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_its_limit_is_refused(client, path: str, limit: int, *, declared: bool):
    async def streamed():
        for _ in range(limit // 65_536 + 1):
            yield b" " * 65_536

    content = b" " * (limit + 1) if declared else streamed()
    response = await client.post(path, content=content, headers={**KEY, **JSON})
    assert check(response, 413, "body_too_large")["limit"] == limit


@pytest.mark.parametrize("length", ["-1", "x", "9" * 50, "1e9"])
async def test_a_length_that_lies_is_no_mistake_of_the_server(client, length: str):
    response = await client.post(EVENTS, content=b"{", headers={**JSON, "Content-Length": length})
    assert response.status_code in {400, 413}


async def test_the_documentation_needs_nothing_from_elsewhere(client):
    document = (await client.get("/openapi.json")).json()
    page = await client.get("/docs")
    assert page.status_code == 200
    assert not re.search(r"<script|https?:|src=", page.text)
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"] in page.text


@pytest.mark.parametrize("code", list(Code))
async def test_the_type_of_a_problem_can_be_looked_up(client, code: Code):
    shown = (await client.get(f"/problems/{code.value}")).json()
    ProblemDetails.model_validate(shown)
    assert (shown["code"], shown["type"]) == (code.value, f"/problems/{code.value}")


async def test_other_problems_are_not_found(client):
    check(await client.get("/problems/other"), 404, "not_found")
