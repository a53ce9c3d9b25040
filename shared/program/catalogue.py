"""All published versions of all programs, and which of them counts when.

Guarantees: a version never changes; at any instant a brand belongs to one program at most. Of a
program's versions the one with the latest start counts from that start on (of two that start at the
same instant the higher version). Immutable: publishing gives a new catalogue.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from types import MappingProxyType
from typing import NamedTuple

from shared.program.model import Program


class CatalogueError(ValueError):
    """A program that contradicts what is published; the message says what and what to do."""


class _InForce(NamedTuple):
    """A version and the span in which it counts (`end` None: for good)."""

    start: datetime
    end: datetime | None
    program: Program


class Catalogue:
    """An immutable set of published versions."""

    __slots__ = ("_by_brand", "_in_force", "_versions")

    def __init__(self) -> None:
        """Nothing is published."""
        self._versions: Mapping[str, tuple[Program, ...]] = MappingProxyType({})
        self._in_force: Mapping[str, tuple[_InForce, ...]] = MappingProxyType({})
        self._by_brand: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def with_version(self, program: Program) -> "Catalogue":
        """The catalogue with `program`; itself if that very version is published already.

        Raises CatalogueError if the version is published with another content, or if at some
        instant one of its brands would belong to two programs.
        """
        published = self.version(program.program, program.version)
        if published == program:
            return self
        if published is not None:
            raise CatalogueError(
                f"version {program.version} of {program.program} is published already with another "
                f"content, and versions never change: publish it as version "
                f"{self._versions[program.program][-1].version + 1}"
            )
        name = program.program
        versions = [*self.versions(name)]
        insort(versions, program, key=_number)
        spans = _with_span(self._in_force.get(name, ()), program)
        brands = {
            brand: tuple(sorted({*self._by_brand.get(brand, ()), name})) for brand in program.brands
        }
        with_version = Catalogue()
        with_version._versions = MappingProxyType({**self._versions, name: tuple(versions)})
        with_version._in_force = MappingProxyType({**self._in_force, name: spans})
        with_version._by_brand = MappingProxyType({**self._by_brand, **brands})
        with_version._refuse_shared_brands(name)
        return with_version

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that have a version, by name."""
        return tuple(sorted(self._versions))

    def versions(self, program: str) -> tuple[Program, ...]:
        """The published versions of a program, by number; empty for an unknown one."""
        return self._versions.get(program, ())

    def version(self, program: str, version: int) -> Program | None:
        """A published version by its number."""
        versions = self.versions(program)
        place = bisect_left(versions, version, key=_number)
        there = place < len(versions) and versions[place].version == version
        return versions[place] if there else None

    def latest(self, program: str) -> Program | None:
        """The published version with the highest number, whether or not it counts yet."""
        versions = self.versions(program)
        return versions[-1] if versions else None

    def version_at(self, program: str, at: datetime) -> Program | None:
        """The version that counts at an instant; None before the first and for unknown programs."""
        for version in self._in_force.get(program, ()):
            if version.start <= at:
                return version.program
        return None

    def program_of_brand(self, brand: str, at: datetime) -> Program | None:
        """The version to which a brand belongs at an instant, if there is one."""
        for name in self._by_brand.get(brand, ()):
            program = self.version_at(name, at)
            if program is not None and brand in program.brands:
                return program
        return None

    def _refuse_shared_brands(self, name: str) -> None:
        contested = {
            brand for brand, names in self._by_brand.items() if name in names and len(names) > 1
        }
        for ours in self._in_force[name] if contested else ():
            for brand in filter(contested.__contains__, ours.program.brands):
                for theirs in self._with_brand(brand, besides=name):
                    if _overlap(ours, theirs):
                        raise CatalogueError(_shared(brand, ours, theirs))

    def _with_brand(self, brand: str, *, besides: str) -> Iterator[_InForce]:
        others = (name for name in self._by_brand[brand] if name != besides)
        spans = (span for name in others for span in self._in_force[name])
        return (span for span in spans if brand in span.program.brands)


def _number(program: Program) -> int:
    return program.version


def _with_span(spans: Sequence[_InForce], program: Program) -> tuple[_InForce, ...]:
    """When each version counts, the last one first; one that never counts has an empty span."""
    start, number = program.starts_at, program.version
    later = [*takewhile(lambda span: (span.start, span.program.version) > (start, number), spans)]
    end = later[-1].start if later else None
    earlier = [span._replace(end=start) for span in spans[len(later) : len(later) + 1]]
    return (*later, _InForce(start, end, program), *earlier, *spans[len(later) + 1 :])


def _overlap(one: _InForce, other: _InForce) -> bool:
    """Whether both count at some instant: a version that never counts does at none."""
    start = max(one.start, other.start)
    return all(end is None or start < end for end in (one.end, other.end))


def _shared(brand: str, ours: _InForce, theirs: _InForce) -> str:
    one, other = ours.program, theirs.program
    since = max(ours.start, theirs.start).isoformat()
    return (
        f"from {since} on, the brand {brand} would belong to {one.program} (version {one.version}) "
        f"and to {other.program} (version {other.version}): publish first a version of "
        f"{other.program} without it that starts by then"
    )
