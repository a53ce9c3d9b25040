"""What a benchmark measures, as a table for people and as JSON for later runs."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

BARE_RATE = "bare loop, turns of 500"
BARE_ALONE = "bare loop, one at a time"
BARE_OFFERED = "bare loop, 200/s offered"
DRAWN = "where targets were drawn"
"""The detail of a bare loop's figure that says what it was there."""


@dataclass(frozen=True)
class Absolute:
    """A target in absolute numbers, and the bare loop's figure that it goes up and down with."""

    value: float
    like: str


@dataclass
class Figure:
    """One measured number; `baseline` was measured in the same run."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    target: str = ""
    details: dict[str, float] = field(default_factory=dict)
    absolute: Absolute | None = None
    """What `target` says of `value`, if that is an absolute number."""

    @property
    def ratio(self) -> float | None:
        """The value as a share of its baseline."""
        return None if not self.baseline else self.value / self.baseline


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latencies(
    name: str,
    seconds: Sequence[float],
    baseline: Sequence[float],
    target: str = "",
    absolute: Absolute | None = None,
) -> Figure:
    """p50 in milliseconds, with p99 and the baseline's among the details."""
    return Figure(
        name,
        1000 * statistics.median(seconds),
        "ms p50",
        1000 * statistics.median(baseline) if baseline else None,
        target,
        {
            "p99": 1000 * percentile(seconds, 0.99),
            "baseline p99": 1000 * percentile(baseline, 0.99) if baseline else 0.0,
            "n": len(seconds),
        },
        absolute,
    )


def targets_here(figures: Sequence[Figure]) -> dict[str, float]:
    """What absolute targets come to beside the bare loop, by figure; none if that was not run."""
    factors = {
        figure.name: figure.value / figure.details[DRAWN]
        for figure in figures
        if DRAWN in figure.details
    }
    return {
        figure.name: figure.absolute.value * factors[figure.absolute.like]
        for figure in figures
        if figure.absolute is not None and figure.absolute.like in factors
    }


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    columns = ("figure", "value", "baseline", "ratio", "target", "here", "details")
    table, here = Table(*columns, title="bench"), targets_here(figures)
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            "" if figure.baseline is None else f"{figure.baseline:,.1f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.target,
            f"{here[figure.name]:,.1f}" if figure.name in here else "",
            ", ".join(f"{name} {value:,.2f}" for name, value in figure.details.items()),
        )
    Console(width=180).print(table)


def save(figures: Sequence[Figure], path: Path) -> None:
    """Write the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    here = targets_here(figures)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": os.getloadavg(),
    }
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [
            {**asdict(figure), "ratio": figure.ratio, "target_here": here.get(figure.name)}
            for figure in figures
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
