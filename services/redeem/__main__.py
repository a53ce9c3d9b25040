"""`python -m services.redeem`: the account keeper as a process."""

import asyncio

from services.redeem.courier import courier
from services.redeem.service import Redeem
from services.redeem.sweep import sweep
from shared.process import run
from shared.settings import Settings
from shared.stream.process import serve


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Run redeem, its sweep and its courier beside it, until `stop` is set."""
    await serve(Redeem(), settings, stop, chores=[sweep, courier])


if __name__ == "__main__":
    run("redeem", main)
