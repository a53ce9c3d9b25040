"""Versions of the program that are published while a history runs, and who has heard of them."""

from typing import Protocol

from shared.program.catalogue import Catalogue
from shared.stream.log import LogUnavailable
from tests.simulation.loop import SeededLoop
from tests.simulation.network import Network
from tests.simulation.program import Editions


class Publication:
    """A version that is published; `heard` is when the last of those who asked had heard of it."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.heard = at


class Publisher(Protocol):
    """Whoever publishes."""

    loop: SeededLoop
    network: Network
    editions: Editions
    publications: list[Publication]


class Published:
    """The programs as one process hears of them, in their order, each after a while.

    See `shared.stream.programs.Programs`.
    """

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.known = len(publisher.publications)
        """A process begins with all that is published."""
        self.arrives: float | None = None
        """When the next publication is heard of, once there is one."""

    async def refresh(self, *, to_end: bool = False) -> Catalogue:
        """See `Programs.refresh`. Who knows all asks nobody, which would cost steps."""
        if self.known < len(self.publisher.publications):
            if to_end:
                self.known = await self.publisher.network.request(
                    lambda: len(self.publisher.publications), LogUnavailable
                )
                self.arrives = None
            else:
                self._hear()
        return self.publisher.editions[self.known]

    def _hear(self) -> None:
        """Take in what has arrived by now."""
        for publication in self.publisher.publications[self.known :]:
            if self.arrives is None:
                self.arrives = publication.at + self.publisher.network.delay()
                publication.heard = max(publication.heard, self.arrives)
            if self.arrives > self.publisher.loop.now:
                return
            self.known += 1
            self.arrives = None
