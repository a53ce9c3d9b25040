"""The containers fit the code: services, settings, ports, versions of servers, the image.

Needs no Docker: it reads docker-compose.yml, the Dockerfile and .dockerignore.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from cli.stack.host import SERVICES
from shared.local import kafka, postgres
from shared.local.jars import read_lock
from shared.local.ports import LOOPBACK
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
INTERPOLATED = re.compile(r"\$\{(\w+):-([^}]*)\}")
"""A value that the environment may set, and what it is otherwise."""
SERVERS = {"kafka": "apache/kafka", "postgres": "postgres"}
TOOLS = {"setup": "sh", "demo": "tessera", "tessera": "tessera"}
PREFIX = "TESSERA_"
LAID_OUT_ELSEWHERE = {
    *("log.dirs", "inter.broker.listener.name", "listener.security.protocol.map"),
    *("listen_addresses", "unix_socket_directories"),
}
"""Settings of the embedded servers that a container has of its own."""


def as_it_runs(environment: dict[str, str]) -> dict[str, Any]:
    """The services with every variable filled in, as Compose would."""
    filled = INTERPOLATED.sub(lambda found: environment.get(found[1], found[2]), TEXT)
    read: dict[str, Any] = yaml.safe_load(filled)
    return read


COMPOSE = as_it_runs({})
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [*SERVICES, *TOOLS]


def settings_of(name: str) -> dict[str, str]:
    """What a container is told, by the names of the settings."""
    environment = CONTAINERS[name]["environment"]
    return {
        variable.removeprefix(PREFIX).lower(): str(value)
        for variable, value in environment.items()
        if variable.startswith(PREFIX)
    }


def test_there_is_one_container_for_each_service_and_each_server():
    assert set(CONTAINERS) == {*SERVERS, *SERVICES, *TOOLS}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_started_as_on_one_machine(name: str):
    assert CONTAINERS[name]["command"] == ["python", "-m", f"services.{name}"]
    assert find_spec(f"services.{name}.__main__") is not None


@pytest.mark.parametrize("name", OURS)
def test_what_a_container_is_told_is_a_setting(name: str):
    told = settings_of(name)
    assert set(told) <= set(Settings.model_fields)
    read = Settings.model_validate(told)
    assert {field: str(getattr(read, field)) for field in told} == told


@pytest.mark.parametrize("name", OURS)
def test_a_container_finds_the_servers(name: str):
    told = Settings.model_validate(settings_of(name))
    listeners = CONTAINERS["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{told.kafka}" in listeners.split(",")
    database, address = CONTAINERS["postgres"]["environment"], urlsplit(told.postgres)
    assert (address.hostname, address.port) == ("postgres", 5432)
    assert address.username == database["POSTGRES_USER"]
    assert address.password == database["POSTGRES_PASSWORD"]
    assert address.path == f"/{database['POSTGRES_DB']}"


@pytest.mark.parametrize("name", OURS)
def test_a_containers_ledger_is_kept_and_only_tools_write_it(name: str):
    only_reads = ":ro" if name in SERVICES else ""
    home = re.search(r"TESSERA_HOME=(\S+)", (ROOT / "ops/docker/Dockerfile").read_text("utf-8"))
    assert home is not None
    assert CONTAINERS[name]["volumes"] == [f"ledger:{home[1]}{only_reads}"]


def test_a_healthy_service_is_one_that_answers_on_its_own_port():
    for name in SERVICES:
        told = Settings.model_validate(settings_of(name))
        expected = (
            ["CMD", "answers", str(told.api_port), "/health/ready"]
            if name == "query"
            else ["CMD", "answers", str(told.metrics_port), "/metrics"]
        )
        assert CONTAINERS[name]["healthcheck"]["test"] == expected
    assert all("healthcheck" in CONTAINERS[name] for name in SERVERS)


def test_what_should_run_is_started_again_and_the_rest_is_not():
    restarts = {name: container.get("restart", "no") for name, container in CONTAINERS.items()}
    assert restarts == dict.fromkeys([*SERVERS, *SERVICES], "unless-stopped") | dict.fromkeys(
        TOOLS, "no"
    )


def test_services_wait_for_the_setup_and_the_setup_for_the_servers():
    for name in SERVICES:
        needed = CONTAINERS[name]["depends_on"]
        assert needed == {"setup": {"condition": "service_completed_successfully"}}
    healthy = {"condition": "service_healthy"}
    assert CONTAINERS["setup"]["depends_on"] == dict.fromkeys(SERVERS, healthy)


def test_volumes_that_are_used_are_declared_and_the_other_way_round():
    used = {
        volume.partition(":")[0]
        for container in CONTAINERS.values()
        for volume in container["volumes"]
    }
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    ("name", "setting"),
    [("kafka", "kafka_port"), ("postgres", "postgres_port"), ("query", "api_port")],
)
def test_a_port_is_this_machines_alone_and_can_be_chosen(name: str, setting: str):
    [default] = CONTAINERS[name]["ports"]
    address, outside, _ = default.split(":")
    assert (address, int(outside)) == (LOOPBACK, Settings.model_fields[setting].default)
    changed = as_it_runs({f"{PREFIX}{setting.upper()}": "4711"})["services"]
    assert changed[name]["ports"][0].startswith(f"{LOOPBACK}:4711:")


def test_only_ports_and_the_password_come_from_outside():
    ports = {f"{PREFIX}{name}_PORT" for name in ("API", "KAFKA", "POSTGRES")}
    assert set(INTERPOLATED.findall(TEXT)) == {
        (name, str(Settings.model_fields[name.removeprefix(PREFIX).lower()].default))
        for name in ports
    } | {("POSTGRES_PASSWORD", "tessera")}


def test_whoever_connects_from_this_machine_is_sent_to_the_published_port():
    services = as_it_runs({"TESSERA_KAFKA_PORT": "4711"})["services"]
    kafka_container = services["kafka"]
    inside = kafka_container["ports"][0].split(":")[2]
    assert f"OUTSIDE://:{inside}" in kafka_container["environment"]["KAFKA_LISTENERS"].split(",")
    advertised = kafka_container["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"OUTSIDE://{LOOPBACK}:4711" in advertised.split(",")


def test_an_address_of_the_api_is_the_same_inside_and_outside():
    services = as_it_runs({"TESSERA_API_PORT": "4711"})["services"]
    assert services["query"]["ports"] == [f"{LOOPBACK}:4711:4711"]
    for name in ("query", "demo", "tessera"):
        assert services[name]["environment"]["TESSERA_API_PORT"] == 4711
    for name in ("demo", "tessera"):
        assert services[name]["network_mode"] == "service:query"


def test_the_servers_are_the_versions_that_are_embedded():
    [broker] = [jar for jar in read_lock(kafka.LOCK.read_text("utf-8")) if "kafka_2.13" in str(jar)]
    image, _, tag = CONTAINERS["kafka"]["image"].partition(":")
    assert image == SERVERS["kafka"]
    assert tag in str(broker)
    assert CONTAINERS["postgres"]["image"] == f"{SERVERS['postgres']}:{postgres.MAJOR}"


def test_kafka_is_set_as_the_embedded_one():
    environment = CONTAINERS["kafka"]["environment"]
    expected = {
        f"KAFKA_{name.upper().replace('.', '_')}": value
        for name, value in kafka.PROPERTIES.items()
        if name not in LAID_OUT_ELSEWHERE
    }
    assert {name: str(environment[name]) for name in expected} == expected


def test_postgres_is_set_as_the_embedded_one():
    program, *options = CONTAINERS["postgres"]["command"].split()
    assert program == "postgres"
    assert set(options[::2]) == {"-c"}
    assert dict(option.split("=") for option in options[1::2]) == {
        name: value for name, value in postgres.SETTINGS.items() if name not in LAID_OUT_ELSEWHERE
    }


# the image


def dockerfile() -> list[list[str]]:
    """The Dockerfile's instructions, in words."""
    text = (ROOT / "ops/docker/Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return [line.split() for line in lines if line.strip()]


def test_all_containers_of_ours_are_one_image_built_once():
    [image] = {CONTAINERS[name]["image"] for name in OURS}
    [build] = [container["build"] for container in CONTAINERS.values() if "build" in container]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert image not in {CONTAINERS[name]["image"] for name in SERVERS}


def test_the_image_installs_what_is_locked_and_runs_as_nobody_special():
    instructions = dockerfile()
    installs = [line for line in instructions if line[0] == "RUN" and "install" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)
    assert [line[1] for line in instructions if line[0] == "USER"][-1] not in {"root", "0"}


def test_the_image_gets_what_it_copies_and_nothing_else():
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copies = [line[1:-1] for line in dockerfile() if line[0] == "COPY" and "--from" not in line[1]]
    copied = {path for sources in copies for path in sources}
    assert all((ROOT / path).exists() for path in copied)
    assert {path if path in allowed else str(Path(path).parent) for path in copied} == allowed


@pytest.mark.skipif(sys.platform == "win32", reason="files have no such mode there")
@pytest.mark.parametrize("name", ["answers", "tessera"])
def test_the_images_programs_can_be_executed(name: str):
    assert os.access(ROOT / "ops/docker" / name, os.X_OK)


# the tests on containers


def test_without_an_engine_the_tests_on_containers_say_what_to_do(tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/integration/demo"],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if "DOCKER" not in name},
            "TESSERA_TEST_SERVERS": "containers",
            "DOCKER_HOST": f"unix://{tmp_path}/no.sock",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no Docker engine answers" in ended.stdout + ended.stderr
