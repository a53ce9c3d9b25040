"""The `tessera` command, as an operator runs it: a process of its own."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from cli.stack.host import ROOT


async def started(
    environment: Mapping[str, str], *arguments: str, **options: Any
) -> asyncio.subprocess.Process:
    """The running command; `options` are those of a subprocess."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        *arguments,
        cwd=ROOT,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        **options,
    )


async def tessera(environment: Mapping[str, str], *arguments: str) -> tuple[int | None, str]:
    """Exit code, and all that it printed."""
    process = await started(environment, *arguments)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def assert_verified(environment: Mapping[str, str]) -> None:
    """Fail with what `tessera verify` prints unless it finds nothing."""
    code, said = await tessera(environment, "verify")
    assert code == 0, said
