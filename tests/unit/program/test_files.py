"""`tessera program validate`: what is wrong with files, each by itself and all together."""

from pathlib import Path

import pytest
import yaml

from cli.program import diff, validate
from tests.simulation.program import SHOP


def written(folder: Path, file: str, /, **changed: object) -> Path:
    path = folder / file
    path.write_text(yaml.safe_dump({**SHOP, **changed}, sort_keys=False), "utf-8")
    return path


def test_valid_files_are_said_to_be(tmp_path: Path, capsys):
    paths = [written(tmp_path, "a.yaml"), written(tmp_path, "b.yaml", version=2)]
    assert validate(paths) == 0
    said = capsys.readouterr().out
    assert "a.yaml: shop version 1 is valid" in said
    assert "b.yaml: shop version 2 is valid" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"program: [", "error"),
        (b"\xff\xfe", "is not UTF-8"),
        (yaml.safe_dump({**SHOP, "version": "two"}).encode(), 'version: found "two"; allowed:'),
        (yaml.safe_dump({**SHOP, "colour": "red"}).encode(), "colour: there is no field"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, capsys, content: bytes, said: str):
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    assert validate([written(tmp_path, "good.yaml"), path]) == 1
    printed = capsys.readouterr().out
    assert "wrong.yaml: error: line " in printed
    assert said in printed
    assert "good.yaml: shop version 1 is valid" in printed


def test_a_file_that_is_not_there(tmp_path: Path, capsys):
    assert validate([tmp_path / "nowhere.yaml"]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().out


def test_what_is_odd_is_a_warning(tmp_path: Path, capsys):
    path = written(tmp_path, "odd.yaml", earn={"rules": []})
    assert validate([path]) == 0
    assert "odd.yaml: warning: line " in capsys.readouterr().out


def test_files_that_contradict_each_other(tmp_path: Path, capsys):
    paths = [written(tmp_path, "a.yaml"), written(tmp_path, "b.yaml", name="Other")]
    assert validate(paths) == 1
    assert "together: version 1 of shop is published already" in capsys.readouterr().out


def test_files_are_compared_in_words(tmp_path: Path, capsys):
    one = written(tmp_path, "a.yaml")
    other = written(tmp_path, "b.yaml", version=2, expiry={"after": "12M_U"}, brands=["shop", "x"])
    assert diff(one, other) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "shop version 2 against shop version 1:"
    assert "- brands has x now" in said
    assert any(line.startswith("- expiry.after is 12M_U") for line in said)
    assert diff(one, one) == 0
    assert capsys.readouterr().out == "nothing is different\n"


def test_a_file_that_is_wrong_is_not_compared(tmp_path: Path, capsys):
    assert diff(written(tmp_path, "a.yaml"), written(tmp_path, "b.yaml", version="two")) == 1
    assert "b.yaml: error: line " in capsys.readouterr().out
