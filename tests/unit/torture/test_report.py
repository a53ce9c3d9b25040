"""Reports of campaigns: every count of every run in one table, and added up."""

import json
from pathlib import Path

import pytest

from cli.torture.found import Checked
from cli.torture.report import BEGIN, END, Report, inserted, keep, kept, lines, summary, table


def report(seed: int, *, wrong: int = 0, began: str = "2026-11-22T07:00:00+00:00") -> Report:
    return Report(
        seed=seed,
        minutes=1.0,
        began=began,
        version="1",
        processors=2,
        seconds={"load": 120.0, "peace": 30.0, "resumed": 4.2},
        events={"purchases, kafka": 1_000 * seed},
        faults={"broker killed": seed},
        missed={"broker killed": 0},
        checks=[Checked("nothing is lost", "I1", 10, wrong, ["k7 is lost"] * wrong)],
    )


def told(seed: int) -> dict[str, float]:
    return lines(json.loads(report(seed).as_json()))


def test_every_count_has_a_row_and_what_did_not_happen_has_none():
    counts = told(2)
    assert counts["purchases, kafka"] == 2_000
    assert counts["minutes of load"] == 2.0
    assert counts["share of the time without a fault, %"] == 25
    assert counts["wrong: nothing is lost"] == 0
    assert "missed: broker killed" not in counts


def test_runs_are_columns_and_add_up():
    written = table([json.loads(report(seed).as_json()) for seed in (1, 2)])
    assert "| broker killed | 1 | 2 | 3 |" in written
    assert "| seconds until all partitions decided again | 4.2 | 4.2 |  |" in written


@pytest.mark.parametrize(
    "page", ["# Reliability\n", f"# Reliability\n\n{BEGIN}\nold\n{END}\n\nmore\n"]
)
def test_the_table_is_put_between_its_marks_and_nothing_else_changes(page: str):
    once = inserted(page, "new")
    assert once.startswith("# Reliability\n")
    assert "new" in once
    assert "old" not in once
    assert once.endswith("more\n") == page.endswith("more\n")
    assert inserted(once, "new") == once


def test_reports_are_kept_in_order(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# Reliability\n", "utf-8")
    later = report(1, began="2026-11-22T09:00:00+00:00")
    for one in (later, report(2)):
        keep(one, tmp_path / "runs", page)
    assert [one["seed"] for one in kept(tmp_path / "runs")] == [2, 1]
    assert "| | seed 2 | seed 1 | all |" in page.read_text("utf-8")


def test_what_is_wrong_is_told():
    assert "WRONG  nothing is lost: k7 is lost" in list(summary(report(1, wrong=1)))
    assert json.loads(report(1, wrong=1).as_json())["clean"] is False
