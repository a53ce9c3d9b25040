"""Reports are added up, told in part and counted whole; as JSON they name every check."""

from collections import Counter

import pytest

from cli.verify.report import FINDINGS_MAX, INVARIANTS, Check, Report, merged


def report(check: Check, number: int) -> Report:
    made = Report()
    made.count(check, 2 * number)
    for finding in range(number):
        made.find(check, f"shop:{finding}", "is wrong", "do something")
    return made


def test_findings_are_told_up_to_a_limit_and_counted_beyond_it():
    whole = merged([report(Check.ROWS, 15), report(Check.CAUSES, 1), report(Check.ROWS, 15)])
    told = Counter(finding.check for finding in whole.findings)
    assert told == {Check.ROWS: FINDINGS_MAX, Check.CAUSES: 1}
    assert whole.wrong == {Check.ROWS: 30, Check.CAUSES: 1}
    assert whole.looked_at == {Check.ROWS: 60, Check.CAUSES: 2}


@pytest.mark.parametrize(("findings", "is_clean"), [(0, True), (1, False)])
def test_a_report_is_clean_without_findings(findings: int, is_clean: bool):
    made = report(Check.ROWS, findings)
    made.note("something")
    assert made.is_clean is is_clean
    assert made.as_json()["clean"] is is_clean


def test_every_check_has_its_line_and_its_invariants():
    said = report(Check.ROWS, 1).as_json()
    assert [line["check"] for line in said["checks"]] == [check.name.lower() for check in Check]
    assert set(INVARIANTS) == set(Check)
    assert said["findings"] == [
        {"check": "rows", "where": "shop:0", "what": "is wrong", "remedy": "do something"}
    ]


def test_notes_are_added_up_and_nothing_is_no_note():
    one, other = Report(), Report()
    one.note("waiting", 2)
    other.note("waiting", 3)
    other.note("nothing", 0)
    assert merged([one, other]).notes == {"waiting": 5}
