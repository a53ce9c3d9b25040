"""A ledger's identity: drawn once, kept, told to services; contradictions say what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.identity import LedgerMismatch, LedgerUnknown, ledger_identity, with_ledger
from shared.process import EXIT_SETUP
from shared.settings import Settings


def test_a_ledger_is_drawn_once_and_kept(tmp_path: Path):
    drawn = ledger_identity(Settings(home=tmp_path, partitions=3))
    assert drawn.partitions == 3
    assert ledger_identity(Settings(home=tmp_path)) == drawn
    assert ledger_identity(Settings(home=tmp_path, ledger_id=drawn.id, partitions=3)) == drawn


def test_two_folders_have_two_ledgers(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (ledger_identity(Settings(home=tmp_path / name)) for name in "ab")
    assert first.id != second.id


def test_a_ledger_that_is_named_is_kept_under_that_name(tmp_path: Path):
    assert ledger_identity(Settings(home=tmp_path, ledger_id="north")).id == "north"
    assert ledger_identity(Settings(home=tmp_path)).id == "north"


@pytest.mark.parametrize(
    ("given", "named"),
    [({"ledger_id": "south"}, "TESSERA_LEDGER_ID"), ({"partitions": 4}, "TESSERA_PARTITIONS")],
)
def test_another_ledger_than_the_folders_is_refused(tmp_path, given, named):
    ledger_identity(Settings(home=tmp_path, ledger_id="north", partitions=3))
    with pytest.raises(LedgerMismatch, match=named):
        ledger_identity(Settings(home=tmp_path, **given))


def test_a_service_is_told_the_folders_ledger_and_partitions(tmp_path: Path):
    drawn = ledger_identity(Settings(home=tmp_path, partitions=3))
    told = with_ledger(Settings(home=tmp_path, api_port=9))
    assert (told.ledger_id, told.partitions, told.api_port) == (*drawn, 9)


def test_the_ledger_that_the_settings_name_counts_for_a_service(tmp_path: Path):
    ledger_identity(Settings(home=tmp_path, partitions=3))
    given = Settings(home=tmp_path, ledger_id="north", partitions=5)
    assert with_ledger(given) == given


def test_a_service_with_another_partition_count_is_refused(tmp_path: Path):
    ledger_identity(Settings(home=tmp_path, partitions=3))
    with pytest.raises(LedgerMismatch, match="TESSERA_PARTITIONS"):
        with_ledger(Settings(home=tmp_path, partitions=4))


def test_a_service_draws_no_ledger(tmp_path: Path):
    with pytest.raises(LedgerUnknown, match="TESSERA_LEDGER_ID"):
        with_ledger(Settings(home=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_service_without_a_ledger_ends_and_says_what_to_set(tmp_path: Path):
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run(
        [sys.executable, "-m", "services.earn"],
        cwd=root,
        env={
            **{name: value for name, value in os.environ.items() if "TESSERA_" not in name},
            "TESSERA_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == EXIT_SETUP
    assert "TESSERA_LEDGER_ID" in ended.stdout


@pytest.mark.parametrize("content", ["{", "[]", '{"id": "north"}', "\xff"])
def test_a_file_that_names_no_ledger_is_told_and_left_alone(tmp_path: Path, content: str):
    file = tmp_path / "ledger.json"
    file.write_text(content, encoding="latin-1")
    for asked in (ledger_identity, with_ledger):
        with pytest.raises(LedgerMismatch, match=r"ledger\.json does not say .* backup"):
            asked(Settings(home=tmp_path))
    assert file.read_text(encoding="latin-1") == content
