"""Histories whose log is damaged once all is folded: the service must halt and decide nothing.

What a restore of Kafka from an older copy, a topic made anew, another cluster or an edited record
look like from the next start on.
"""

import asyncio
from collections.abc import Callable

from shared.events.topics import ACTIVITY, AWARDS, COMMANDS, LEDGER, Topic
from shared.stream.log import Outgoing, Place
from shared.stream.positions import Halted
from tests.simulation.history import History
from tests.simulation.nodes import SERVICES
from tests.simulation.outside import LITTLE, Violation

LOOK_SECONDS = 60.0


class DamagedHistory(History):
    """A history whose log is not any more what was folded."""

    shapes = LITTLE

    async def run(self) -> None:
        """The history, the damage, new owners."""
        await super().run()
        await asyncio.sleep(LOOK_SECONDS)
        name, place = self._victim()
        damages: tuple[Callable[[Place, int], None], ...] = (
            self._edit,
            self._truncate,
            self._renew,
        )
        self.random.choice(damages)(place, self._read(name, place))
        self.loop.expected = Halted
        before = self._decisions(name)
        for node in self.living(name):
            node.kill()
        self.start(name).group.give({place.partition})
        await asyncio.sleep(LOOK_SECONDS)
        if not self.loop.ended:
            raise Violation(f"{name} goes on although {place} is another one")
        if self._decisions(name) > before:
            raise Violation(f"{name} decided on a log that is another one")

    def _victim(self) -> tuple[str, Place]:
        """A service, and one of its topics of which it has read something."""
        topics: tuple[tuple[str, Topic], ...] = (
            ("earn", AWARDS),
            ("redeem", LEDGER),
            ("earn", ACTIVITY),
            ("redeem", COMMANDS),
        )
        found = [
            (name, Place(topic.name, partition))
            for name, topic in topics
            for partition in range(self.partitions)
            if self._read(name, Place(topic.name, partition))
        ]
        return self.random.choice(found)

    def _read(self, name: str, place: Place) -> int:
        """How far the service has read or folded a topic."""
        output = SERVICES[name].output.name
        position = self.databases[name].rows.positions[output, place.partition]
        return position.next_offset if place.topic == output else position.inputs[place.topic].next

    def _decisions(self, name: str) -> int:
        return len(self.records(SERVICES[name].output))

    def _edit(self, place: Place, read: int) -> None:
        """The last record that was read is another one."""
        records = self.broker.records[place]
        records[read - 1] = records[read - 1]._replace(value=b"{}")
        self.note(f"{place} {read - 1} is edited")

    def _truncate(self, place: Place, read: int) -> None:
        """The last records that were read are gone."""
        records = self.broker.records[place]
        del records[self.random.randrange(read) :]
        self.note(f"{place} ends at {len(records)}")

    def _renew(self, place: Place, read: int) -> None:
        """Another topic of the same name, as long or longer."""
        self.broker.records[place].clear()
        for number in range(read + self.random.randrange(3)):
            self.broker.put(place, Outgoing(b"key", b"%d" % number, ()))
        self.note(f"{place} is made anew")
