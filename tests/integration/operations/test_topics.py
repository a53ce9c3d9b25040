"""Topics of one's own Kafka: an identity is drawn once; topics of another ledger are refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cli.refusals import Refused
from cli.topics import create
from shared.chain.link import genesis, link
from shared.events.topics import LEDGER, TOPICS
from shared.identity import with_ledger
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Outgoing, Place
from tests.integration.operations.world import PARTITIONS, remake

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def settings(kafka: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """An empty home folder and new topics."""
    await remake(kafka, TOPICS)
    yield Settings(kafka=kafka, home=tmp_path / "home", partitions=PARTITIONS)


async def begin_chain(settings: Settings, ledger_id: str) -> None:
    """The first fact of a ledger."""
    head = genesis(ledger_id, LEDGER.name, 1, PARTITIONS, "redeem")
    headers, _ = link(head, [], b"{}", 1)
    log = KafkaLog(settings.kafka)
    try:
        await log.start()
        await log.append({Place(LEDGER.name, 1): [Outgoing(b"k", b"{}", headers)]})
    finally:
        await log.close()


async def test_an_identity_is_drawn_once_and_printed(settings: Settings, capsys):
    assert await create(settings) == 0
    first = capsys.readouterr().out
    drawn = with_ledger(settings).ledger_id
    assert f"TESSERA_LEDGER_ID={drawn}" in first
    assert f"TESSERA_KAFKA={settings.kafka}" in first
    assert f"TESSERA_PARTITIONS={PARTITIONS}" in first
    assert await create(settings) == 0
    assert f"TESSERA_LEDGER_ID={drawn}" in capsys.readouterr().out


async def test_the_facts_of_the_same_ledger_are_no_trouble(settings: Settings, capsys):
    await create(settings)
    await begin_chain(settings, with_ledger(settings).ledger_id)
    assert await create(settings) == 0
    assert "loyalty.points.v1: was there already" in capsys.readouterr().out


async def test_facts_of_an_unknown_ledger_are_refused(settings: Settings):
    await begin_chain(settings, "another")
    with pytest.raises(Refused, match=f"{LEDGER.name}/1 .* whose identity is not known here"):
        await create(settings)
    assert not (settings.home / "ledger.json").exists()


async def test_facts_of_another_ledger_are_refused(settings: Settings):
    await begin_chain(settings, "another")
    named = settings.model_copy(update={"ledger_id": "mine"})
    with pytest.raises(Refused, match="holds the facts of another ledger than mine"):
        await create(named)


async def test_a_ledger_whose_identity_is_named_is_taken_up(settings: Settings, capsys):
    await begin_chain(settings, "known")
    named = settings.model_copy(update={"ledger_id": "known"})
    assert await create(named) == 0
    assert "TESSERA_LEDGER_ID=known" in capsys.readouterr().out
