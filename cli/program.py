"""`tessera program validate | publish | list`: versions of programs, from files to the topic.

Guarantees: nothing is published of a file that is wrong, nor what contradicts a published version;
publishing the same again changes nothing. Of two publishers of one version at the same moment the
first one counts, also after the topic was compacted.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from cli.operation import EXIT_REFUSED, console
from cli.refusals import Refused
from shared.events import registry
from shared.events.facts import ProgramPublished
from shared.events.topics import PROGRAMS
from shared.events.wire import context
from shared.program.catalogue import Catalogue, CatalogueError
from shared.program.differences import differences
from shared.program.document import Problem, Reading, published, read_program
from shared.program.model import Program
from shared.stream.kafka import KafkaLog
from shared.stream.log import Outgoing, Place
from shared.stream.programs import Programs

PLACE = Place(PROGRAMS.name, 0)
SOURCE = "program publishing"


class Read(NamedTuple):
    """A file and what stands in it."""

    path: Path
    reading: Reading


def read_file(path: Path) -> Reading:
    """The program in a file, or what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        return _unread(f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        return _unread(f"is not UTF-8 (byte {error.start})")
    return read_program(text)


def _unread(why: str) -> Reading:
    return Reading(None, (Problem(1, 1, "", f"the file {why}"),))


# validate


def validate(paths: Sequence[Path]) -> int:
    """Say what is wrong and what is odd about files, each by itself and all together; exit code."""
    files = [Read(path, read_file(path)) for path in paths]
    told = console()
    for path, (program, problems, warnings) in files:
        for problem in problems:
            told.print(f"{path}: [red]error[/red]: {_escaped(problem)}")
        for warning in warnings:
            told.print(f"{path}: [yellow]warning[/yellow]: {_escaped(warning)}")
        if program is not None:
            told.print(f"{path}: {_named(program)} is valid")
    wrong = any(reading.program is None for _, reading in files)
    try:
        _together(files)
    except CatalogueError as error:
        told.print(f"[red]together[/red]: {error}")
        wrong = True
    return EXIT_REFUSED if wrong else 0


def _together(files: Sequence[Read]) -> None:
    catalogue = Catalogue()
    for _, reading in files:
        if reading.program is not None:
            catalogue = catalogue.with_version(reading.program)


def _escaped(problem: Problem) -> str:
    return str(problem).replace("[", r"\[")


def _named(program: Program) -> str:
    return f"{program.program} version {program.version}"


# diff


def diff(before: Path, after: Path) -> int:
    """Say in words what the program in one file changes against that in another; exit code."""
    told = console()
    readings = [Read(path, read_file(path)) for path in (before, after)]
    for path, reading in readings:
        for problem in reading.problems:
            told.print(f"{path}: [red]error[/red]: {_escaped(problem)}")
    one, other = (reading.program for _, reading in readings)
    if one is None or other is None:
        return EXIT_REFUSED
    found = differences(one, other)
    told.print(f"{_named(other)} against {_named(one)}:" if found else "nothing is different")
    for said in found:
        told.print(f"- {said.replace('[', chr(92) + '[')}", highlight=False)
    return 0


# publish


async def publish(bootstrap: str, paths: Sequence[Path]) -> int:
    """Publish files in the order given, none if one of them is wrong; the exit code."""
    told = console()
    wrong = [f"{path}: {problem}" for path in paths for problem in read_file(path).problems]
    if wrong:
        raise Refused("\n".join([*wrong, "nothing was published"]))
    for path in paths:
        program, is_new = await published_file(bootstrap, path)
        told.print(f"{_named(program)} {'is published' if is_new else 'was already published'}")
    return 0


async def publish_file(bootstrap: str, path: Path) -> Program:
    """Publish the program in a file, unless it is published already. Raises as `published_file`."""
    return (await published_file(bootstrap, path)).program


class Outcome(NamedTuple):
    """A published program, and whether it was not published before."""

    program: Program
    is_new: bool


async def published_file(bootstrap: str, path: Path) -> Outcome:
    """Publish the program in a file; returns once it is on the topic.

    Raises Refused for a file that is wrong, CatalogueError for a program that contradicts what is
    published, LogUnavailable.
    """
    reading = read_file(path)
    if reading.program is None:
        raise Refused("\n".join(f"{path}: {problem}" for problem in reading.problems))
    programs, log = Programs(bootstrap), KafkaLog(bootstrap)
    try:
        await programs.start()
        await log.start()
        return Outcome(reading.program, await publish_behind(reading.program, programs, log))
    finally:
        await log.close()
        await programs.close()


async def publish_behind(program: Program, programs: Programs, log: KafkaLog) -> bool:
    """Publish on what `programs` has read so far; whether it was not published before."""
    if programs.catalogue.with_version(program) is programs.catalogue:
        return False
    await log.append({PLACE: [record(program)]})
    catalogue = await programs.refresh(to_end=True)
    faster = catalogue.version(program.program, program.version)
    if faster is not None and faster != program:
        # compaction keeps the last record of a version: let that be the one that counts
        await log.append({PLACE: [record(faster)]})
    catalogue.with_version(program)
    return True


def record(program: Program) -> Outgoing:
    """The record of a published version, under its own key."""
    named = f"{program.program}@{program.version}"
    headers = context(
        id=named,
        source=SOURCE,
        type=registry.TYPE_OF[ProgramPublished],
        subject=program.program,
        time_ms=time.time_ns() // 1_000_000,
    )
    return Outgoing(named.encode(), registry.encode(published(program)), headers)


# list


async def show(bootstrap: str) -> int:
    """Print the published versions of all programs; the exit code."""
    programs = Programs(bootstrap)
    try:
        await programs.start()
    finally:
        await programs.close()
    catalogue, now = programs.catalogue, datetime.now(UTC)
    table = Table("program", "version", "name", "counts from", "brands", "")
    for name in catalogue.programs:
        in_force = catalogue.version_at(name, now)
        for version in catalogue.versions(name):
            table.add_row(
                name,
                str(version.version),
                version.name,
                version.starts_at.astimezone(version.zone).isoformat(sep=" ", timespec="minutes"),
                ", ".join(version.brands),
                "in force" if version is in_force else "",
            )
    console().print(table if catalogue.programs else "nothing is published yet")
    return 0
