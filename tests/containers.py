"""Kafka and Postgres in containers, for tests: the images and settings of docker-compose.yml.

Needs a Docker engine, and what testcontainers needs: where its cleaner's image cannot be had, set
TESTCONTAINERS_RYUK_DISABLED=true (then a test run that is killed leaves its containers behind).
"""

from pathlib import Path
from typing import Any, Self

import yaml
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

COMPOSE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).resolve().parents[1] / "docker-compose.yml").read_text("utf-8")
)
INSIDE, OUTSIDE = 9092, 29092
START_SECONDS_MAX = 180
ADVERTISED = "/tmp/advertised"
# a test's database survives the server's process, not the machine's power
FAST = "-c fsync=off -c full_page_writes=off"


def engine_trouble() -> str | None:
    """Why no Docker engine can be used, or None when one answers."""
    try:
        client = DockerClient().client
        client.ping()
        client.close()
    except DockerException as error:
        return str(error)
    return None


class Kafka(DockerContainer):
    """A broker on a port of this machine that Docker chooses.

    What a broker advertises must be known before it starts, and the port is known only once the
    container runs: so the container waits for a file that says it, and starts the broker then.
    """

    def __init__(self) -> None:
        service = COMPOSE["services"]["kafka"]
        super().__init__(service["image"])
        self.with_envs(**{name: str(value) for name, value in service["environment"].items()})
        self.with_exposed_ports(OUTSIDE)
        when_told = (
            f"until [ -s {ADVERTISED} ]; do sleep 0.1; done; "
            f"export KAFKA_ADVERTISED_LISTENERS=$(cat {ADVERTISED}); "
            "exec /etc/kafka/docker/run"
        )
        self.with_command(["bash", "-c", when_told])

    @property
    def bootstrap(self) -> str:
        """What clients are given as `bootstrap_servers`."""
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(OUTSIDE)}"

    def start(self) -> Self:
        """Return when the broker serves."""
        super().start()
        advertised = f"INSIDE://localhost:{INSIDE},OUTSIDE://{self.bootstrap}"
        self.copy_into_container(advertised.encode(), ADVERTISED)
        started = LogMessageWaitStrategy("Kafka Server started")
        started.with_startup_timeout(START_SECONDS_MAX).wait_until_ready(self)
        return self


def postgres() -> PostgresContainer:
    """A server with a database whose owner may create more."""
    service = COMPOSE["services"]["postgres"]
    container = PostgresContainer(
        service["image"], username="tessera", password="tessera", dbname="tessera", driver=None
    )
    container.with_env("POSTGRES_INITDB_ARGS", service["environment"]["POSTGRES_INITDB_ARGS"])
    container.with_command(f"{service['command']} {FAST}")
    return container
