"""The report of a run: JSON for machines, one table of all runs, with every count, for people."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cli.torture.found import Checked

BEGIN, END = "<!-- campaign: written by tessera torture -->", "<!-- end of campaign -->"
SECTION = "## Campaign on the real parts"


@dataclass
class Report:
    """All that a run did and found."""

    seed: int
    minutes: float
    began: str
    version: str
    processors: int
    only: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    exits: dict[str, int] = field(default_factory=dict)
    callers: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    not_done: list[str] = field(default_factory=list)
    last_words: list[str] = field(default_factory=list)
    checks: list[Checked] = field(default_factory=list)

    @property
    def wrong(self) -> int:
        """How much was found that must not be."""
        return sum(check.wrong for check in self.checks)

    def as_json(self) -> str:
        """For machines."""
        told = asdict(self)
        told["checks"] = [check._asdict() for check in self.checks]
        return json.dumps({"clean": not self.wrong, **told}, indent=2) + "\n"


def lines(report: Mapping[str, Any]) -> dict[str, float]:
    """Every count of a report in its JSON form, named, in the order of the table."""
    named: dict[str, float] = {"minutes of load": round(report["seconds"]["load"] / 60, 1)}
    for group, prefix in (
        ("events", ""),
        ("faults", ""),
        ("missed", "missed: "),
        ("exits", "processes that "),
        ("callers", ""),
        ("notes", "verify: "),
    ):
        named |= {prefix + name: count for name, count in sorted(report[group].items()) if count}
    named["seconds until all partitions decided again"] = report["seconds"]["resumed"]
    if "outdated" in report["seconds"]:
        named["seconds that an older version still counted"] = report["seconds"]["outdated"]
    named["share of the time without a fault, %"] = round(
        100 * report["seconds"]["peace"] / report["seconds"]["load"]
    )
    for check in report["checks"]:
        named[f"looked at: {check['says']}"] = check["looked_at"]
        named[f"wrong: {check['says']}"] = check["wrong"]
    return named


NOT_ADDED = ("seconds until", "seconds that", "share of")


def table(reports: Sequence[Mapping[str, Any]]) -> str:
    """One row for each count, one column for each run, and the total."""
    columns = [lines(report) for report in reports]
    rows = list(dict.fromkeys(name for column in columns for name in column))
    heads = [f"seed {report['seed']}" for report in reports]
    written = [
        f"| | {' | '.join(heads)} | all |",
        f"| --- |{' ---: |' * (len(heads) + 1)}",
    ]
    for name in rows:
        counts = [column.get(name, 0) for column in columns]
        total = "" if name.startswith(NOT_ADDED) else _number(sum(counts))
        written.append(f"| {name} | {' | '.join(_number(count) for count in counts)} | {total} |")
    return "\n".join(written)


def _number(count: float) -> str:
    return f"{count:,}" if count == int(count) else f"{count:,.1f}"


def kept(folder: Path) -> list[Mapping[str, Any]]:
    """The reports of all runs that were kept in a folder, oldest first."""
    found = [json.loads(path.read_text("utf-8")) for path in folder.glob("campaign-*.json")]
    return sorted(found, key=lambda report: str(report["began"]))


def keep(report: Report, folder: Path, page: Path) -> Path:
    """Put a report beside the others, and the table of all of them into the page."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = report.began.replace(":", "").replace("-", "")
    path = folder / f"campaign-{stamp}-{report.seed}.json"
    path.write_text(report.as_json(), "utf-8")
    page.write_text(inserted(page.read_text("utf-8"), table(kept(folder))), "utf-8")
    return path


def inserted(page: str, text: str) -> str:
    """The page with the text between the marks; marks and section are added where they miss."""
    if BEGIN not in page:
        page = f"{page.rstrip()}\n\n{SECTION}\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def summary(report: Report) -> Iterable[str]:
    """What is printed at the end of a run."""
    for name, count in lines(json.loads(report.as_json())).items():
        yield f"{_number(count):>14}  {name}"
    for check in report.checks:
        yield from (f"WRONG  {check.says}: {example}" for example in check.examples)
    yield from (f"note   {words}" for words in report.last_words)
    yield from (f"not done: {what}" for what in report.not_done)
