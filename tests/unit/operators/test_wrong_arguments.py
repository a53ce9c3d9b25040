"""Whoever gets an argument of a verb wrong is told which, and sees no trace."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from shared.version import VERSION

WHO = ("--actor", "ann", "--reason", "a mistake")
STOCK = ("reward", "stock", "shop", "mug", *WHO)
WRONG = [
    (("nope",), "No such command 'nope'"),
    (("run", "--data", "some"), "demo or none"),
    (("program", "validate"), "Missing argument 'FILE...'"),
    (("rebuild",), "Missing argument 'service'"),
    (("member", "show", "shop"), "Missing argument 'member'"),
    (("member", "adjust", "shop", "jo", "5"), "Missing option '--actor'"),
    (("member", "give", "shop", "jo", "flo", "some"), "valid integer"),
    (STOCK, "one of --units and --codes"),
    ((*STOCK, "--codes", "nowhere"), "nowhere cannot be read"),
    ((*STOCK, "--codes", "."), "cannot be read"),
]


def ended(*arguments: str) -> tuple[int, str]:
    """The exit code of a verb, and what it said."""
    outcome = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
    return outcome.exit_code, outcome.output


@pytest.mark.parametrize(("arguments", "told"), WRONG)
def test_a_wrong_argument_is_told(arguments: tuple[str, ...], told: str):
    code, said = ended(*arguments)
    assert code == 2
    assert told in said


def test_the_version_is_told_also_where_settings_are_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TESSERA_PARTITIONS", "many")
    assert ended("--version") == (0, f"tessera {VERSION}\n")
    assert ended("status")[0] == 2


def test_codes_that_are_no_text_are_told(tmp_path: Path):
    (tmp_path / "codes").write_bytes(b"\xff\xfe")
    code, said = ended(*STOCK, "--codes", str(tmp_path / "codes"))
    assert code == 2
    assert "cannot be read" in said


FILES = [
    (("program", "validate", "nowhere.yaml"), "the file cannot be read"),
    (("program", "diff", "nowhere.yaml", "nowhere.yaml"), "the file cannot be read"),
]


@pytest.mark.parametrize(("arguments", "told"), FILES)
def test_a_file_that_is_not_there_is_told(arguments: tuple[str, ...], told: str):
    code, said = ended(*arguments)
    assert code == 1
    assert told in said


@pytest.mark.parametrize("verb", ["up", "run"])
def test_a_folder_that_cannot_be_is_told(tmp_path: Path, verb: str):
    (tmp_path / "file").touch()
    home = {"TESSERA_HOME": str(tmp_path / "file"), "COLUMNS": "300"}
    outcome = CliRunner().invoke(app, [verb], env=home)
    assert outcome.exit_code == 1
    assert "choose another one: TESSERA_HOME=<folder>" in outcome.output
