"""Generated contracts as files: written once, compared exactly, nothing left over."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.contracts.asyncapi import asyncapi
from cli.contracts.command import run
from cli.contracts.files import FOLDER, differences, generate, write
from cli.main import app
from shared.events import registry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with all contracts as they must be."""
    write(tmp_path)
    return tmp_path


def test_the_same_code_gives_the_same_bytes_wherever_it_runs(monkeypatch):
    there = generate()
    monkeypatch.setenv("TESSERA_PARTITIONS", "none")
    monkeypatch.setenv("TESSERA_API_PORT", "1")
    assert generate() == there


def test_all_contracts_are_generated():
    paths = generate()
    assert {"asyncapi.yaml", "openapi.json", "program.schema.json"} < set(paths)
    assert {f"schemas/{wire_type}.json" for wire_type in registry.WIRE} < set(paths)


def test_the_yaml_says_what_the_data_say():
    text = generate()["asyncapi.yaml"]
    assert yaml.safe_load(text) == asyncapi()
    assert "&id" not in text


def test_a_second_write_changes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert write(folder) == []
    assert differences(folder) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_differs_is_named_and_mended(folder):
    schemas = folder / "schemas"
    (schemas / "retail.review.v1.json").unlink()
    (schemas / "retail.gone.v1.json").write_text("{}")
    purchase = schemas / "retail.purchase.v1.json"
    purchase.write_text(purchase.read_text().replace('"maxItems": 1000', '"maxItems": 9'))
    changed, missing, left_over = differences(folder)
    assert changed.splitlines()[0] == "changed   schemas/retail.purchase.v1.json (+1 -1)"
    assert '    -      "maxItems": 9,' in changed.splitlines()
    assert '    +      "maxItems": 1000,' in changed.splitlines()
    assert missing == "missing   schemas/retail.review.v1.json"
    assert left_over == "left over schemas/retail.gone.v1.json"
    assert sorted(write(folder)) == sorted(
        f"schemas/retail.{name}.v1.json" for name in ("gone", "purchase", "review")
    )
    assert differences(folder) == []


def test_a_long_difference_is_cut(folder):
    (folder / "asyncapi.yaml").write_text("".join(f"line {number}\n" for number in range(500)))
    (found,) = differences(folder)
    assert len(found.splitlines()) < 30
    assert found.endswith("more lines")


def test_what_is_not_ours_stays(folder):
    (folder / "README.md").write_text("by hand")
    assert differences(folder) == []
    write(folder)
    assert (folder / "README.md").read_text() == "by hand"


def test_check_fails_and_says_what_to_do(folder, capsys):
    assert run(folder, check=True) == 0
    (folder / "asyncapi.yaml").unlink()
    assert run(folder, check=True) == 1
    said = capsys.readouterr().out
    assert "missing   asyncapi.yaml" in said
    assert "make contracts" in said
    assert not (folder / "asyncapi.yaml").exists()
    assert run(folder) == 0
    assert run(folder, check=True) == 0


def test_the_command_compares_what_is_committed():
    outcome = CliRunner().invoke(app, ["contracts", "--check"])
    assert outcome.exit_code == 0, outcome.output
    assert FOLDER.is_dir()
