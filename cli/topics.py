"""`tessera topics create`: the topics of a ledger on a Kafka of one's own, and its identity.

Guarantees: an identity is drawn only for topics without facts, once for each home folder; topics
that hold another ledger are refused. Changes no topic that exists.
"""

from cli.installation import kafka_of
from cli.operation import console
from cli.refusals import Refused
from shared.chain.link import PREV, genesis
from shared.events.topics import TOPICS, Kind, Topic
from shared.identity import LedgerIdentity, ledger_identity
from shared.local.folders import require_writable
from shared.settings import Settings
from shared.stream.kafka import KafkaLog
from shared.stream.log import Bounds, Log, Place
from shared.stream.topics_setup import check_topics, make_topics

FACTS = tuple(topic for topic in TOPICS if topic.kind is Kind.FACTS)


async def create(settings: Settings) -> int:
    """Make what is missing, check what is there, print what every process has to be told."""
    bootstrap, told = kafka_of(settings), console()
    require_writable(settings.home)
    is_known = bool(settings.ledger_id) or (settings.home / "ledger.json").exists()
    partitions = ledger_identity(settings).partitions if is_known else settings.partitions
    made = await make_topics(bootstrap, partitions=partitions, replication=settings.replication)
    await check_topics(bootstrap, partitions=partitions)
    log = KafkaLog(bootstrap)
    try:
        await log.start()
        identity = await _identity(log, settings, is_known=is_known)
    finally:
        await log.close()
    for topic in TOPICS:
        told.print(f"{topic.name}: {'made' if topic.name in made else 'was there already'}")
    told.print("\nset for every process of Tessera, and keep (a lost identity is a lost ledger):\n")
    told.print(f"TESSERA_KAFKA={bootstrap}")
    told.print(f"TESSERA_LEDGER_ID={identity.id}")
    told.print(f"TESSERA_PARTITIONS={identity.partitions}")
    return 0


async def _identity(log: Log, settings: Settings, *, is_known: bool) -> LedgerIdentity:
    """The ledger's identity, drawn if nothing was written yet. Raises Refused."""
    begun = await _begun(log)
    if begun and not is_known:
        raise Refused(
            f"{', '.join(map(str, begun))} hold the facts of a ledger whose identity is not known "
            "here: set TESSERA_LEDGER_ID to what was printed when its topics were made"
        )
    identity = ledger_identity(settings)
    for place, first in begun.items():
        writer = _writer(place)
        start = genesis(identity.id, place.topic, place.partition, identity.partitions, writer)
        if first != start.hash:
            raise Refused(
                f"{place} holds the facts of another ledger than {identity.id}: check "
                "TESSERA_LEDGER_ID and TESSERA_KAFKA"
            )
    return identity


async def _begun(log: Log) -> dict[Place, bytes | None]:
    """The places that hold facts, with what their first record is chained to."""
    begun: dict[Place, bytes | None] = {}
    for topic in FACTS:
        places = [Place(topic.name, n) for n in range(await log.partitions(topic.name))]
        for place, bounds in (await log.bounds(places)).items():
            if bounds.end > bounds.first:
                [first] = (await log.read({place: Bounds(bounds.first, bounds.first + 1)}))[place]
                begun[place] = dict(first.headers).get(PREV)
    return begun


def _writer(place: Place) -> str:
    topic: Topic = next(topic for topic in FACTS if topic.name == place.topic)
    return topic.writers[0]
