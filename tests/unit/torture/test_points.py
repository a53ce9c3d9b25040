"""Points at which a service of the campaign kills itself: where it is told to, nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.stack.host import ROOT
from cli.torture.points import FOLDER, Point

SCRIPT = """
import os, sys
from pathlib import Path
from cli.torture.points import FOLDER, Point, order, reached
told, passed = sys.argv[1:]
if told:
    order(Path(os.environ[FOLDER]), os.getpid()).write_text(told, "ascii")
for point in passed.split(","):
    reached(Point(point))
print("lives")
"""


@pytest.mark.parametrize(
    ("told", "passed", "code"),
    [
        (Point.AFTER_APPEND, [Point.BEFORE_APPEND, Point.AFTER_APPEND], -signal.SIGKILL),
        (Point.AFTER_COMMIT, [Point.BEFORE_COMMIT], 0),
        ("", list(Point), 0),
    ],
)
def test_a_process_dies_at_the_point_that_it_is_told(
    tmp_path: Path, told: str, passed: list[Point], code: int
):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, told, ",".join(passed)],
        cwd=ROOT,
        env={**os.environ, FOLDER: str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "lives" in ended.stdout) == (code, code == 0), ended.stderr
