"""`tessera demo`: the demo on an installation that runs already, in containers or elsewhere.

Guarantees: as every run of the demo, a second one goes on where the first one was, as long as the
home folder is the same.
"""

import asyncio
import os

from cli.installation import Note, api_of, installation
from cli.operation import console
from cli.refusals import Refused
from cli.stack.host import ROOT, answers
from cli.stack.play import DemoFailed, Stage, play
from shared.local.folders import require_writable
from shared.settings import Settings


async def demo(settings: Settings, note: Note) -> int:
    """Play the demo to its end; the exit code. Raises Refused, and as `installation`."""
    require_writable(settings.home)
    (settings.home / "logs").mkdir(exist_ok=True)
    api = api_of(settings)
    if not await asyncio.to_thread(answers, f"{api}/health/ready"):
        raise Refused(
            f"no API is ready at {api}: start one with `tessera up` or `docker compose up --wait`, "
            "or say where it is with TESSERA_API_HOST and TESSERA_API_PORT"
        )
    async with installation(settings, note) as found:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        stage = Stage(found.kafka, found.postgres, api, settings.home, environment)
        try:
            await play(stage, console())
        except DemoFailed as failed:
            raise Refused(str(failed)) from failed
    return 0
