"""Which Maven repository is asked: environment, the user's settings.xml, the official one."""

from pathlib import Path

import pytest

from shared.local.errors import NoRepository
from shared.local.repository import mirror_of_central, repository_url, stands_for_central

MIRROR = """<settings{namespace}><mirrors>
  <mirror><id>a</id><mirrorOf>{of}</mirrorOf><url>{url}</url></mirror>
</mirrors></settings>"""
NAMESPACE = ' xmlns="http://maven.apache.org/SETTINGS/1.2.0"'


def settings(
    of: str = "central", url: str = "http://mirror.test/maven", namespace: str = ""
) -> str:
    return MIRROR.format(of=of, url=url, namespace=namespace)


def write_settings(home: Path, text: str) -> None:
    (home / ".m2").mkdir()
    (home / ".m2" / "settings.xml").write_text(text)


@pytest.mark.parametrize(
    ("mirror_of", "expected"),
    [
        ("central", True),
        ("*", True),
        ("external:*", True),
        ("apache, central", True),
        ("*,!apache", True),
        ("*,!central", False),
        ("central-snapshots", False),
        ("external:http:*", False),
        ("apache", False),
        ("", False),
    ],
)
def test_a_mirror_stands_for_central_when_it_is_named_or_covered(mirror_of: str, expected: bool):
    assert stands_for_central(mirror_of) is expected


@pytest.mark.parametrize("namespace", ["", NAMESPACE])
def test_the_mirror_is_found_with_and_without_a_namespace(namespace: str):
    assert mirror_of_central(settings(namespace=namespace), {}) == "http://mirror.test/maven"


def test_the_first_mirror_of_central_that_is_not_blocked_counts():
    text = """<settings><mirrors>
      <mirror><mirrorOf>apache</mirrorOf><url>http://1.test</url></mirror>
      <mirror><mirrorOf>*</mirrorOf><url>http://2.test</url><blocked>true</blocked></mirror>
      <mirror><mirrorOf>*</mirrorOf><url> </url></mirror>
      <mirror><mirrorOf>external:*</mirrorOf><url> http://4.test </url></mirror>
      <mirror><mirrorOf>central</mirrorOf><url>http://5.test</url></mirror>
    </mirrors></settings>"""
    assert mirror_of_central(text, {}) == "http://4.test"


def test_variables_of_the_environment_are_filled_in():
    text = settings(url="https://${env.USER}:${env.TOKEN}@mirror.test/m2")
    url = mirror_of_central(text, {"USER": "jo", "TOKEN": "t"})
    assert url == "https://jo:t@mirror.test/m2"


def test_a_variable_that_is_not_set_is_named():
    with pytest.raises(NoRepository, match="TOKEN, which is not set"):
        mirror_of_central(settings(url="https://${env.TOKEN}@mirror.test"), {})


def test_settings_that_are_no_xml_are_refused_with_the_place():
    with pytest.raises(NoRepository, match=r"cannot be read.*line 1"):
        mirror_of_central("<settings><mirrors>", {})


def test_the_environment_comes_before_the_settings(tmp_path: Path):
    write_settings(tmp_path, settings())
    named = {"MAVEN_REPO_URL": "http://named.test/repo/"}
    assert repository_url(named, tmp_path) == "http://named.test/repo"
    assert repository_url({}, tmp_path) == "http://mirror.test/maven"


def test_the_official_repository_is_used_when_nothing_else_is_said(tmp_path: Path):
    write_settings(tmp_path, settings(of="apache"))
    assert repository_url({}, tmp_path).startswith("https://")
