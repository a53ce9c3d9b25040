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


@dataclass
class Figure:
    """One measured number; `baseline` was measured in the same run."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    target: str = ""
    details: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value as a share of its baseline."""
        return None if not self.baseline else self.value / self.baseline


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latencies(
    name: str, seconds: Sequence[float], baseline: Sequence[float], target: str
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
    )


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table("figure", "value", "baseline", "ratio", "target", "details", title="bench")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            "" if figure.baseline is None else f"{figure.baseline:,.1f}",
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.target,
            ", ".join(f"{name} {value:,.2f}" for name, value in figure.details.items()),
        )
    Console(width=180).print(table)


def save(figures: Sequence[Figure], path: Path) -> None:
    """Write the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": os.getloadavg(),
    }
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [{**asdict(figure), "ratio": figure.ratio} for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
