"""Whatever the OpenAPI document allows, and what it does not: no 5xx, and answers as documented.

Requests go to random names, and to an account that exists. Redemptions are answered 202 unless
they are known: no redeem runs here, and the API is told not to wait.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.query.app import create_app
from shared.postgres.migrations import STREAM, migrate
from shared.settings import Settings
from tests.api import unstarted
from tests.integration.query.ledger import Ledger, days, earned, redeem
from tests.polling import wait_until
from tests.servers import run

EXAMPLES = {GenerationMode.POSITIVE: 10, GenerationMode.NEGATIVE: 4}
"""Requests of each operation, at random names and at the account; wrong ones are slow to make."""
AIMED: dict[str, Any] = {"program": "shop", "member": "jo", "version": 1}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = unstarted().openapi()
LABELS = [
    f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods
]
WAYS: dict[str, tuple[GenerationMode, dict[str, Any]]] = {
    "anywhere": (GenerationMode.POSITIVE, {}),
    "at_the_account": (GenerationMode.POSITIVE, AIMED),
    "against_the_document": (GenerationMode.NEGATIVE, {}),
}


async def fill(settings: Settings) -> None:
    """An account with all that reads can show, and a redemption whose key is known."""
    ledger = await Ledger.made(settings.postgres)
    for number in range(20):
        await ledger.take(earned("shop:jo", 10, str(number)), days(number))
    await ledger.take(redeem("shop:jo", 25, "till-7-receipt-4711"), days(21))
    await ledger.take(redeem("shop:jo", 10**9, "too-much"), days(22))
    async with ledger.pool.acquire() as connection:
        await migrate(connection, "earn", [STREAM, "services.earn"])
    await ledger.pool.close()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The API's address; it is served by a thread of this process, and ready."""
    config = uvicorn.Config(create_app(settings), log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        wait_until(lambda: server.started)
        wait_until(lambda: httpx.get(f"{address}/health/ready", trust_env=False).is_success)
        yield address
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def operations(installed: Settings) -> Iterator[dict[str, Any]]:
    """The operations of the API on real servers."""
    run(fill(installed))
    with served(installed.model_copy(update={"answer_seconds": 0.0})) as address:
        document = schemathesis.openapi.from_url(f"{address}/openapi.json")
        yield {label: document.find_operation_by_label(label) for label in LABELS}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("label", LABELS)
def test_no_request_breaks_the_api(operations: dict[str, Any], label: str, way: str):
    mode, aim = WAYS[way]
    operation = operations[label]
    named = {parameter.name for parameter in operation.path_parameters}
    fixed = {name: value for name, value in aim.items() if name in named}
    requests = operation.as_strategy(mode, path_parameters=fixed or None)

    @given(requests)
    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        pytest.skip("the document leaves nothing to violate here")
