"""Deciding again: the same state, input, program and time must give the very bytes of the fact.

Guarantees: uses the service's own `read` and `decide`. Which programs a decision knew is not on the
record: each state that the catalogue has had is tried, the one that fitted last first.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cli.verify.inputs import InputReader
from cli.verify.report import Check, Report
from shared.events import registry
from shared.events.facts import InputRejected
from shared.events.wire import Source
from shared.ledger.account import InvariantError
from shared.program.catalogue import Catalogue
from shared.stream.log import Place
from shared.stream.service import Decision, Input, Recorded, Service

ASK = "this code would decide otherwise: keep the topics, and report it"
MADE_ANEW = "decisions whose inputs stood in an earlier topic of the same name"
NOT_KEPT = "decisions whose inputs are no longer kept"
REJECTED = "inputs that were rejected as undecidable: a bug, whose reason stands in the decision"


class Walked(NamedTuple):
    """A valid fact: its offset, the time of the one before it, and where its input stood."""

    offset: int
    fact: Recorded
    time_before_ms: int
    src: Source | None


class Justifier:
    """Judges the decisions of one fact partition, in order."""

    def __init__(
        self,
        service: Service[Any],
        place: Place,
        readers: Mapping[str, InputReader],
        catalogues: Sequence[Catalogue],
        report: Report,
    ) -> None:
        self.service = service
        self.place = place
        self.readers = readers
        self.catalogues = catalogues
        self.report = report
        self._known = 0
        self._strange: dict[str, list[tuple[Walked, str]]] = {}
        self._first_good: dict[str, int] = {}

    async def inputs(self, batch: Sequence[Walked]) -> dict[Source, Input]:
        """What stands where the facts of a batch say that their inputs are, if it can be read."""
        offsets: dict[str, list[int]] = {}
        for walked in batch:
            if walked.src is not None and self._is_ours(walked.src):
                offsets.setdefault(walked.src.topic, []).append(walked.src.offset)
        inputs: dict[Source, Input] = {}
        for topic, wanted in offsets.items():
            for offset, record in (await self.readers[topic].at(wanted)).items():
                said = self.service.read(record)
                if isinstance(said, Input):
                    inputs[Source(topic, self.place.partition, offset)] = said
        return inputs

    def _is_ours(self, src: Source) -> bool:
        return src.topic in self.readers and src.partition == self.place.partition

    def judge(self, walked: Walked, inputs: Mapping[Source, Input], state: Any) -> None:
        """Hold a fact against what its input brings about on the state that it met."""
        account, src = walked.fact.fact.account, walked.src
        if src is None or not self._is_ours(src):
            self._find(walked, account, f"it names no input of {self.service.name}: {src}")
            return
        reader = self.readers[src.topic]
        if src.offset < reader.kept.first:
            self.report.note(NOT_KEPT)
            return
        said = inputs.get(src)
        if said is None or not _fits(said, walked.fact):
            what = "another record" if src.offset < reader.kept.end else "no record"
            told = f"{what} stands at {src.topic}/{src.partition} offset {src.offset}"
            self._strange.setdefault(src.topic, []).append((walked, told))
            return
        self._first_good.setdefault(src.topic, walked.offset)
        reader.decided.add(src.offset)
        self.report.count(Check.DECISIONS)
        if isinstance(walked.fact.fact, InputRejected):
            self.report.note(REJECTED)
            return
        time_ms = max(said.record.timestamp, walked.time_before_ms)
        if walked.fact.time_ms != time_ms:
            told = f"it is of {walked.fact.time_ms}, its input and the chain say {time_ms}"
            self._find(walked, account, told)
        elif not self._is_decided_again(walked.fact, said, state):
            self._find(walked, account, f"{walked.fact.value.decode()} is not what its input gives")

    def _is_decided_again(self, fact: Recorded, said: Input, state: Any) -> bool:
        for number in self._programs():
            self.service.catalogue = self.catalogues[number]
            try:
                first = next(iter(self.service.decide(state, said, fact.time_ms)), None)
            except InvariantError:
                return False
            if first is not None and _same(first, fact):
                self._known = number
                return True
        return False

    def _programs(self) -> Iterator[int]:
        yield from range(self._known, len(self.catalogues))
        yield from range(self._known)

    def end(self) -> None:
        """Judge the facts whose inputs were not found.

        All of them before the first that was: the topic was made anew since. Any other: wrong.
        """
        for topic, strange in self._strange.items():
            first_good = self._first_good.get(topic)
            for walked, told in strange:
                if first_good is not None and walked.offset < first_good:
                    self.report.note(MADE_ANEW)
                else:
                    self._find(walked, walked.fact.fact.account, told)

    def _find(self, walked: Walked, account: str, told: str) -> None:
        what = f"{self.place} offset {walked.offset}, {walked.fact.type}: {told}"
        self.report.find(Check.DECISIONS, account, what, ASK)


def _fits(said: Input, fact: Recorded) -> bool:
    """Whether it may be the input of the fact.

    What dates bring about is found by any input, and an input may bring more than its own fact
    about: neither has an input's body.
    """
    if said.account != fact.fact.account:
        return False
    return said.cause.id == fact.cause_id or not fact.body


def _same(decision: Decision, fact: Recorded) -> bool:
    return (
        decision.cause.id == fact.cause_id
        and decision.body == fact.body
        and registry.encode(decision.fact) == fact.value
    )
