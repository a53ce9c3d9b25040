"""Which Maven repository jars come from.

The address that `MAVEN_REPO_URL` names, else the mirror of central in the user's `settings.xml`,
else the official central repository, whose address the `jgo` package knows: none stands here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as Xml

from shared.local.errors import NoRepository

CENTRAL = "central"
ENVIRONMENT_VARIABLE = re.compile(r"\$\{env\.([^}]+)\}")


def repository_url(environment: Mapping[str, str], home: Path) -> str:
    """The address of the repository, without a slash at its end; raises NoRepository."""
    named = environment.get("MAVEN_REPO_URL")
    url = named or _mirror_in(home / ".m2" / "settings.xml", environment) or _official()
    return url.rstrip("/")


def local_repository(home: Path) -> Path:
    """Where Maven keeps what it has fetched for this user."""
    return home / ".m2" / "repository"


def mirror_of_central(settings: str, environment: Mapping[str, str]) -> str | None:
    """The first mirror in the text of a settings.xml that stands for central, if there is one.

    `${env.X}` is filled in from the environment; raises NoRepository when X is not set there.
    """
    try:
        # the user's own file; expat has limits of its own against entity bombs
        root = Xml.fromstring(settings)  # noqa: S314
    except Xml.ParseError as broken:
        raise NoRepository(f"The settings.xml of Maven cannot be read: {broken}") from broken
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        url = (mirror.findtext("{*}url") or "").strip()
        blocked = (mirror.findtext("{*}blocked") or "").strip() == "true"
        if url and not blocked and stands_for_central(mirror.findtext("{*}mirrorOf") or ""):
            return _filled_in(url, environment)
    return None


def stands_for_central(mirror_of: str) -> bool:
    """Whether a `<mirrorOf>` covers central: named, or by a wildcard that does not exclude it."""
    patterns = {pattern.strip() for pattern in mirror_of.split(",")}
    if f"!{CENTRAL}" in patterns:
        return False
    return not patterns.isdisjoint({CENTRAL, "*", "external:*"})


def _filled_in(url: str, environment: Mapping[str, str]) -> str:
    missing = [name for name in ENVIRONMENT_VARIABLE.findall(url) if name not in environment]
    if missing:
        raise NoRepository(
            f"The mirror in settings.xml needs the environment variable {missing[0]}, "
            "which is not set"
        )
    return ENVIRONMENT_VARIABLE.sub(lambda found: environment[found[1]], url)


def _mirror_in(settings: Path, environment: Mapping[str, str]) -> str | None:
    try:
        return mirror_of_central(settings.read_text("utf-8"), environment)
    except FileNotFoundError:
        return None
    except OSError as refused:
        raise NoRepository(f"{settings} cannot be read: {refused.strerror}") from refused


def _official() -> str:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415  (slow, and rarely needed)
    except ImportError as missing:
        raise NoRepository("The package jgo is not installed; `make setup` does that") from missing
    return str(MAVEN_CENTRAL_URL)
