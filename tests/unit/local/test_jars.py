"""Fetching jars: whatever arrives, only the locked content counts as there."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.local.errors import JarNotFetched
from shared.local.jars import TRIES_MAX, Jar, Source, fetch, read_lock
from shared.local.kafka import LOCK
from shared.local.ports import free_port

CONTENTS = {f"part{number}": bytes([number]) * (10_000 + number) for number in range(9)}


def jar(name: str) -> Jar:
    content = CONTENTS[name]
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))


JARS = [jar(name) for name in CONTENTS]


class Repository(ThreadingHTTPServer):
    """Serves CONTENTS; `troubles` says per path what is answered first, before the right thing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.contents = {jar.path: CONTENTS[jar.artifact] for jar in JARS}
        self.troubles: dict[str, list[str]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/maven2"


class Answers(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        path = self.path.removeprefix("/maven2/")
        self.server.asked.append(path)
        troubles = self.server.troubles.get(path)
        trouble = troubles.pop(0) if troubles else ""
        content = self.server.contents[path]
        self.send_response(404 if trouble == "missing" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        match trouble:
            case "cut off":
                self.wfile.write(content[:5_000])
            case "changed":
                self.wfile.write(content[:-1] + b"?")
            case _:
                self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def repository() -> Iterator[Repository]:
    server = Repository()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "jars"


@pytest.fixture
def source(repository: Repository, tmp_path: Path) -> Source:
    return Source({"MAVEN_REPO_URL": repository.url}, tmp_path / "home")


def quiet(_: str) -> None:
    pass


def assert_all_there(folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert files == {jar.file: CONTENTS[jar.artifact] for jar in JARS}


def test_every_jar_is_fetched_once_and_listed_in_order(source, repository, folder):
    said: list[str] = []
    assert fetch(JARS, folder, source, said.append) == [folder / jar.file for jar in JARS]
    assert_all_there(folder)
    assert said == ["fetching 9 jars of Apache Kafka (0.1 MB), once"]
    fetch(JARS, folder, source, said.append)
    assert sorted(repository.asked) == sorted(jar.path for jar in JARS)
    assert len(said) == 1


@pytest.mark.parametrize("trouble", ["cut off", "changed", "missing"])
def test_what_arrives_wrong_is_fetched_again(trouble, source, repository, folder):
    wrong = JARS[3].path
    repository.troubles[wrong] = [trouble] * (TRIES_MAX - 1)
    fetch(JARS, folder, source, quiet)
    assert_all_there(folder)
    assert repository.asked.count(wrong) == TRIES_MAX


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ("cut off", "peer closed connection"),
        ("changed", "another checksum than the lock"),
        ("missing", "404 Not Found"),
    ],
)
def test_what_never_arrives_right_is_refused_and_the_rest_is_kept(
    trouble, why, source, repository, folder
):
    wrong = JARS[3]
    repository.troubles[wrong.path] = [trouble] * TRIES_MAX
    with pytest.raises(JarNotFetched, match=why) as refused:
        fetch(JARS, folder, source, quiet)
    assert f"{repository.url}/{wrong.path}" in str(refused.value)
    assert "MAVEN_REPO_URL=" in str(refused.value)
    kept = {path.name for path in folder.iterdir()}  # whatever was not begun yet is not fetched
    assert kept <= {jar.file for jar in JARS if jar != wrong}
    assert all(jar.is_at(folder / jar.file) for jar in JARS if jar.file in kept)


@pytest.mark.parametrize("content", [b"", b"half of", CONTENTS["part2"][:-1] + b"?"])
def test_a_cut_off_or_changed_jar_in_the_folder_is_fetched_again(
    content, source, repository, folder
):
    fetch(JARS, folder, source, quiet)
    repository.asked.clear()
    (folder / JARS[2].file).write_bytes(content)
    fetch(JARS, folder, source, quiet)
    assert_all_there(folder)
    assert repository.asked == [JARS[2].path]


def test_a_jar_that_maven_has_is_copied_when_its_content_is_right(source, repository, folder):
    for given, content in (
        (JARS[0], CONTENTS["part0"]),
        (JARS[1], CONTENTS["part1"][:-1] + b"?"),
    ):
        there = source.local / given.path
        there.parent.mkdir(parents=True)
        there.write_bytes(content)
    fetch(JARS, folder, source, quiet)
    assert_all_there(folder)
    assert set(repository.asked) == {jar.path for jar in JARS[1:]}


def test_no_repository_is_looked_up_when_all_jars_are_there(source, folder, tmp_path):
    fetch(JARS, folder, source, quiet)
    broken = tmp_path / "broken"
    (broken / ".m2").mkdir(parents=True)
    (broken / ".m2" / "settings.xml").write_text("no xml")
    assert len(fetch(JARS, folder, Source({}, broken), quiet)) == len(JARS)


def test_a_repository_that_does_not_answer_is_named_without_its_password(folder, tmp_path):
    address = f"127.0.0.1:{free_port()}/maven2"
    source = Source({"MAVEN_REPO_URL": f"http://jo:secret@{address}"}, tmp_path)
    with pytest.raises(JarNotFetched) as refused:
        fetch(JARS[:1], folder, source, quiet)
    assert f"http://{address}/{JARS[0].path}: " in str(refused.value)
    assert "secret" not in str(refused.value)


def test_several_may_fetch_into_one_folder_at_once(source, folder):
    threads = [threading.Thread(target=fetch, args=(JARS, folder, source, quiet)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_all_there(folder)


def test_the_lock_of_kafka_names_each_jar_once():
    jars = read_lock(LOCK.read_text())
    assert len(jars) == len({jar.file for jar in jars}) == 31
    assert round(sum(jar.size for jar in jars) / 1_000_000) == 36
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert [jar.version for jar in jars if jar.artifact == "kafka_2.13"] == ["4.3.1"]
