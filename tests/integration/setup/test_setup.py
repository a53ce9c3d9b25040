"""`ops/setup`: an environment made once, and what it says on machines that lack something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout without an environment, in a folder with a space in its name."""
    checkout = tmp_path / "check out"
    (checkout / "ops").mkdir(parents=True)
    shutil.copy(ROOT / "ops" / "setup", checkout / "ops")
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, checkout)
    return checkout


def setup(project: Path, python: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", project / "ops" / "setup", "runtime"],
        env={"PATH": os.defpath, "PYTHON": str(python)},
        capture_output=True,
        text=True,
        check=False,
    )


def python(folder: Path, script: str) -> Path:
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 1", "is no Python 3.11 or newer"),
        (
            'case "$*" in *ensurepip*) exit 1 ;; -V) echo Python 3.12.1 ;; esac',
            "Python 3.12.1 cannot make virtual environments",
        ),
        ('case "$*" in *"-m venv"*) exit 1 ;; esac', "could not make .venv here"),
    ],
)
def test_a_python_that_will_not_do_is_refused_with_what_to_do(
    project, tmp_path, script: str, message: str
):
    answer = setup(project, python(tmp_path, script))
    assert answer.returncode == 1
    assert message in answer.stderr
    assert not (project / ".venv").exists()


def test_an_environment_is_made_once_and_renewed_when_the_lock_changes(project, tmp_path):
    for lock in ("requirements.lock", "requirements-bootstrap.lock"):
        (project / lock).write_text("")
    (project / "cli").mkdir()
    (project / "cli" / "main.py").write_text("def app(prog_name): print('hello from', prog_name)")
    assert setup(project, Path(sys.executable)).stderr.endswith("installing requirements.lock\n")

    tessera = [project / ".venv" / "bin" / "tessera"]
    said = subprocess.run(tessera, capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout == "hello from tessera\n"

    useless = python(tmp_path, "exit 1")
    again = setup(project, useless)
    assert (again.returncode, again.stderr) == (0, "")
    (project / "requirements.lock").write_text("# changed\n")
    assert setup(project, useless).stderr == "setup: installing requirements.lock\n"


LOOP_FAILS = " "


def pretended(folder: Path, name: str, seconds: str, real: str = "") -> Path:
    """A Python that says where it really lies, and what a loop takes it; none without seconds."""
    path = folder / name
    lies = f"echo {real or path}" if seconds else "exit 1"
    path.write_text(f'#!/bin/sh\ncase "$*" in *realpath*) {lies} ;; *) echo {seconds} ;; esac\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"python3": "0.010"}, "python3"),
        ({"python3": "0.010", "python3.13": "0.0091"}, "python3"),
        ({"python3": "0.010", "python3.13": "0.0089"}, "python3.13"),
        ({"python3": "0.010", "python3.13": "0.007", "python3.12": "0.005"}, "python3.12"),
        ({"python2": "", "python3": "0.010", "python3.12": "0.011"}, "python3"),
        ({"python3": "0.010", "python3.12": LOOP_FAILS}, "python3"),
        ({"python3": LOOP_FAILS, "python3.12": "0.010"}, "python3.12"),
    ],
)
def test_a_clearly_quicker_python_on_the_path_is_taken(
    tmp_path, seconds: dict[str, str], chosen: str
):
    there = [pretended(tmp_path, name, took) for name, took in seconds.items()]
    there.append(pretended(tmp_path, "the_same", "0.001", real=str(there[-1])))
    said = subprocess.run(
        [sys.executable, ROOT / "ops" / "quickest", *there, tmp_path / "none"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"{tmp_path / chosen}\n"
