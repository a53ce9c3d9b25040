"""A run without the demo says what is missing before anybody can earn."""

from io import StringIO
from typing import Any

from rich.console import Console

from cli.stack import run


class Started:
    """A host whose parts run, and then end."""

    api = "http://127.0.0.1:8080"

    async def start(self) -> None: ...

    async def watch(self) -> None: ...


async def test_an_empty_run_names_the_command_that_publishes_a_program():
    host: Any = Started()
    told = StringIO()
    await run._work(host, Console(file=told, width=200), demo=False)
    assert ".venv/bin/tessera program publish programs/grocer.yaml" in told.getvalue()
