"""`tessera verify`, as an operator runs it."""

import asyncio
import sys
from collections.abc import Mapping

from cli.stack.host import ROOT


async def assert_verified(environment: Mapping[str, str]) -> None:
    """Fail with what `tessera verify` prints unless it finds nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        "verify",
        cwd=ROOT,
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
