"""All published versions of all programs, and which of them counts when.

Guarantees: a version never changes; at any instant a brand belongs to one program at most. Of a
program's versions the one with the latest start counts from that start on (of two that start at the
same instant the higher version). Immutable: publishing gives a new catalogue.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Self

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
        versions = (*self._versions.get(program.program, ()), program)
        ordered = tuple(sorted(versions, key=lambda version: version.version))
        return self._of({**self._versions, program.program: ordered}, checked=program.program)

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs that have a version, by name."""
        return tuple(sorted(self._versions))

    def versions(self, program: str) -> tuple[Program, ...]:
        """The published versions of a program, by number; empty for an unknown one."""
        return self._versions.get(program, ())

    def version(self, program: str, version: int) -> Program | None:
        """A published version by its number."""
        return next((p for p in self.versions(program) if p.version == version), None)

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

    @classmethod
    def _of(cls, versions: Mapping[str, tuple[Program, ...]], *, checked: str) -> Self:
        catalogue = cls()
        catalogue._versions = MappingProxyType(versions)
        catalogue._in_force = MappingProxyType(
            {name: tuple(_spans(published)) for name, published in versions.items()}
        )
        by_brand: dict[str, tuple[str, ...]] = {}
        for name in sorted(versions):
            for brand in {brand for program in versions[name] for brand in program.brands}:
                by_brand[brand] = (*by_brand.get(brand, ()), name)
        catalogue._by_brand = MappingProxyType(by_brand)
        catalogue._refuse_shared_brands(checked)
        return catalogue

    def _refuse_shared_brands(self, name: str) -> None:
        for ours in self._in_force[name]:
            for brand in ours.program.brands:
                for theirs in self._with_brand(brand, besides=name):
                    if _overlap(ours, theirs):
                        raise CatalogueError(_shared(brand, ours, theirs))

    def _with_brand(self, brand: str, *, besides: str) -> Iterator[_InForce]:
        others = (name for name in self._by_brand[brand] if name != besides)
        spans = (span for name in others for span in self._in_force[name])
        return (span for span in spans if brand in span.program.brands)


def _spans(versions: tuple[Program, ...]) -> Iterator[_InForce]:
    """When each version counts, the last one first; one that never counts has an empty span."""
    end: datetime | None = None
    for program in sorted(versions, key=lambda p: (p.starts_at, p.version), reverse=True):
        yield _InForce(program.starts_at, end, program)
        end = program.starts_at


def _overlap(one: _InForce, other: _InForce) -> bool:
    return (one.end is None or other.start < one.end) and (
        other.end is None or one.start < other.end
    )


def _shared(brand: str, ours: _InForce, theirs: _InForce) -> str:
    one, other = ours.program, theirs.program
    since = max(ours.start, theirs.start).isoformat()
    return (
        f"from {since} on, the brand {brand} would belong to {one.program} (version {one.version}) "
        f"and to {other.program} (version {other.version}): publish first a version of "
        f"{other.program} without it that starts by then"
    )
