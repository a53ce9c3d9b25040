"""Programs from files to the topic, on a real Kafka: what is published counts once and for ever."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from cli.program import PLACE, publish, publish_behind, publish_file, record, show
from cli.refusals import Refused
from shared.events.topics import PROGRAMS
from shared.program.catalogue import CatalogueError
from shared.program.model import Program
from shared.stream.kafka import KafkaLog
from shared.stream.programs import Programs
from tests.integration.operations.world import remake
from tests.simulation.program import SHOP

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def bootstrap(kafka: str) -> AsyncIterator[str]:
    """A Kafka on which nothing is published."""
    await remake(kafka, [PROGRAMS])
    yield kafka


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return written(tmp_path, "shop.yaml")


def written(folder: Path, file: str, /, **changed: object) -> Path:
    path = folder / file
    path.write_text(yaml.safe_dump({**SHOP, **changed}), "utf-8")
    return path


async def published(bootstrap: str) -> dict[str, list[int]]:
    programs = Programs(bootstrap)
    try:
        await programs.start()
        return {
            name: [version.version for version in programs.catalogue.versions(name)]
            for name in programs.catalogue.programs
        }
    finally:
        await programs.close()


async def records(bootstrap: str) -> int:
    log = KafkaLog(bootstrap)
    try:
        await log.start()
        return (await log.bounds([PLACE]))[PLACE].end
    finally:
        await log.close()


async def test_a_program_is_published_once(bootstrap: str, shop: Path, capsys):
    assert await publish(bootstrap, [shop]) == 0
    assert "shop version 1 is published" in capsys.readouterr().out
    assert await publish(bootstrap, [shop]) == 0
    assert "shop version 1 was already published" in capsys.readouterr().out
    assert (await publish_file(bootstrap, shop)).version == 1
    assert await published(bootstrap) == {"shop": [1]}
    assert await records(bootstrap) == 1


async def test_versions_are_published_in_the_order_given_and_listed(
    bootstrap: str, shop: Path, tmp_path: Path, capsys
):
    second = written(tmp_path, "second.yaml", version=2, effective_from="2999-01-01")
    assert await publish(bootstrap, [shop, second]) == 0
    assert await published(bootstrap) == {"shop": [1, 2]}
    assert await show(bootstrap) == 0
    listed = capsys.readouterr().out
    assert "in force" in listed
    assert "2999-01-01" in listed


async def test_nothing_is_published_if_one_file_is_wrong(
    bootstrap: str, shop: Path, tmp_path: Path
):
    wrong = written(tmp_path, "wrong.yaml", version=0)
    with pytest.raises(
        Refused, match=r"(?s)wrong.yaml: line \d+: version: .*nothing was published"
    ):
        await publish(bootstrap, [shop, wrong])
    assert await published(bootstrap) == {}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "Other"}, "versions never change: publish it as version 2"),
        ({"program": "another"}, "the brand shop would belong to another"),
    ],
)
async def test_what_contradicts_the_published_is_refused(
    bootstrap: str, shop: Path, tmp_path: Path, changed: dict[str, object], said: str
):
    await publish(bootstrap, [shop])
    with pytest.raises(CatalogueError, match=said):
        await publish(bootstrap, [written(tmp_path, "contradicts.yaml", **changed)])
    assert await records(bootstrap) == 1


async def test_the_first_of_two_at_once_counts_also_when_the_topic_is_compacted(
    bootstrap: str, shop: Path, tmp_path: Path
):
    """Compaction keeps the last record of a version: it becomes the one that counts."""
    faster = Program.model_validate({**SHOP, "name": "Faster"})
    log, programs = KafkaLog(bootstrap), Programs(bootstrap)
    try:
        await log.start()
        await programs.start()
        await log.append({PLACE: [record(faster)]})
        slower = Program.model_validate(SHOP)
        with pytest.raises(CatalogueError, match="versions never change"):
            await publish_behind(slower, programs, log)
        found = (await log.read({PLACE: (await log.bounds([PLACE]))[PLACE]}))[PLACE]
    finally:
        await log.close()
        await programs.close()
    assert [entry.value for entry in found][-1] == record(faster).value
    assert len({entry.key for entry in found}) == 1
