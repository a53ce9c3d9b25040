"""The demo: publish the program, play the year, redeem for every household, sum up."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from cli.program import publish_file
from cli.stack.host import ROOT, Host
from cli.stack.progress import Progress, Totals
from shared.local.child import Child

GROCER = ROOT / "programs" / "grocer.yaml"
LOOK_SECONDS = 0.25
LINE_SECONDS = 10.0


class DemoFailed(Exception):
    """A part of the demo did not come to its end."""


class Stage(NamedTuple):
    """Where the demo is played: addresses, its folder, and the environment of its processes."""

    bootstrap: str
    dsn: str
    api: str
    home: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, host: Host) -> "Stage":
        """What a host has started."""
        return cls(host.bootstrap, host.dsn, host.api, host.settings.home, host.environment)


async def play(stage: Stage, console: Console) -> None:
    """Play the demo to its end and print the summary. Raises DemoFailed."""
    started = monotonic()
    await publish_file(stage.bootstrap, GROCER)
    looking = Progress(stage.bootstrap, stage.dsn)
    await looking.start()
    try:
        before = await looking.totals()
        await _year(stage, looking, console)
        played = monotonic() - started
        await _redemptions(stage, console)
        await _print_summary(stage, looking, console, before, played)
    finally:
        await looking.close()


async def _year(stage: Stage, looking: Progress, console: Console) -> None:
    """Publish the year and wait until all of it is folded."""
    publisher = _demo(stage, "publisher", "--bootstrap", stage.bootstrap)
    publisher.spawn()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    try:
        with Bar(*columns, console=console) as bar:
            task = bar.add_task("purchases and returns", total=None, rate=0.0)
            lines = Lines(console)
            first, began, shown = None, monotonic(), False
            async for published, total in _published(publisher):
                folded = min(await looking.events(), total)
                if first is None:
                    first = folded
                rate = (folded - first) / max(monotonic() - began, 0.001)
                bar.update(task, total=total or None, completed=folded, rate=rate)
                lines.tell(folded, total, rate)
                shown = shown or await _print_first_balance(stage, looking, bar.console)
                if published is None and sum((await looking.lag()).values()) == 0:
                    break
    finally:
        await publisher.stop(signal.SIGTERM, 5)


class Lines:
    """Progress where there is no terminal to draw a bar on: a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = monotonic()

    def tell(self, done: int, total: int, rate: float) -> None:
        """Print a line if the last one is old enough."""
        if self._console.is_terminal or monotonic() - self._last < LINE_SECONDS:
            return
        self._last = monotonic()
        left = f"{(total - done) / rate:,.0f} s left" if rate else "time left unknown"
        self._console.print(f"events       {done:,} of {total:,}, {rate:,.0f}/s, {left}")


async def _published(publisher: Child) -> AsyncIterator[tuple[int | None, int]]:
    """What the publisher says, over and over: (published, total); None once all is published."""
    total = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        said = _last_json(publisher)
        total = said.get("total", total)
        if publisher.is_alive:
            yield said.get("published", 0), total
        elif publisher.exit_code == 0:
            yield None, total
        else:
            raise DemoFailed(f"the publisher ended:\n{publisher.tail()}")


async def _redemptions(stage: Stage, console: Console) -> None:
    """Redeem for every household that can."""
    till = _demo(stage, "redeem", "--api", stage.api)
    till.spawn()
    try:
        with console.status("redeeming for every household that can"):
            await till.ended()
    finally:
        await till.stop(signal.SIGTERM, 5)
    said = _last_json(till)
    if till.exit_code != 0 or "households" not in said:
        raise DemoFailed(f"redeeming ended:\n{till.tail()}")
    console.print(
        f"redemptions  {said['redeemed']:,} of {said['households']:,} households, "
        f"{said['points']:,} points = ${said['points'] / 100:,.2f}; refused {said['refused']:,}"
    )


def _demo(stage: Stage, part: str, *arguments: str) -> Child:
    """A part of the demo as a process of its own, as an upstream system would be."""
    home = stage.home.absolute()
    return Child(
        command=(sys.executable, "-m", f"cli.demo.{part}", *arguments, "--home", str(home)),
        folder=ROOT,
        log=home / "logs" / f"demo-{part}.log",
        environment=stage.environment,
        orphaned=signal.SIGTERM,
    )


def _last_json(child: Child) -> dict[str, Any]:
    for line in reversed(child.output().splitlines()):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            return said
    return {}


async def _print_first_balance(stage: Stage, looking: Progress, console: Console) -> bool:
    """Whether there is one already."""
    accounts = await looking.examples()
    if accounts:
        url = member_url(stage.api, accounts[0])
        console.print(f"first balance: [bold]curl {url}[/bold]", soft_wrap=True)
    return bool(accounts)


async def _print_summary(
    stage: Stage, looking: Progress, console: Console, before: Totals, seconds: float
) -> None:
    now = await looking.totals()
    facts = now.facts - before.facts
    console.print()
    console.print(f"events       {now.facts:,} facts on the log, {facts:,} of them in this run")
    console.print(f"rate         {facts / seconds:,.0f} events/s over {seconds:,.0f} s")
    console.print(f"members      {now.members:,}")
    console.print(f"points       earned {now.earned:,}")
    console.print(f"             redeemed {now.redeemed:,}")
    console.print(f"             clawed back {now.clawed_back:,}")
    console.print(f"             expired {now.expired:,}")
    console.print()
    console.print("three members to look at:")
    for account in await looking.examples():
        url = member_url(stage.api, account)
        console.print(f"  curl {url}", soft_wrap=True)
        console.print(f"  curl '{url}/entries?limit=5'", soft_wrap=True)


def member_url(api: str, account: str) -> str:
    """The address of a member's balance."""
    program, _, member = account.partition(":")
    return f"{api}/v1/programs/{program}/members/{member}"
