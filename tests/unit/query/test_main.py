"""The API as a process: serves without any server, stops when told, says why it cannot start."""

import asyncio
import socket

import httpx
import pytest

from services.query.__main__ import _listen, main
from shared.local import free_port
from shared.process import EXIT_SETUP
from tests.api import settings_of
from tests.polling import eventually


async def test_it_serves_until_it_is_told_to_stop():
    settings = settings_of().model_copy(update={"api_port": free_port()})
    stop = asyncio.Event()
    serving = asyncio.create_task(main(settings, stop))
    address = f"http://127.0.0.1:{settings.api_port}"
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:

        async def alive() -> bool:
            try:
                return (await client.get("/health/live")).is_success
            except httpx.TransportError:
                return False

        await eventually(alive)
    stop.set()
    async with asyncio.timeout(30):
        await serving


def test_a_port_that_is_taken_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        _listen("127.0.0.1", taken.getsockname()[1])
    assert ended.value.code == EXIT_SETUP
    assert "TESSERA_API_PORT" in capsys.readouterr().out
