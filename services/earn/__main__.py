"""`python -m services.earn`: the rules engine as a process."""

import asyncio

from services.earn.service import Earn
from shared.process import run
from shared.settings import Settings
from shared.stream.process import serve


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Run earn until `stop` is set."""
    await serve(Earn(), settings, stop)


if __name__ == "__main__":
    run("earn", main)
