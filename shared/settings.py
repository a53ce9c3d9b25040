"""Configuration: one model, environment variables with the prefix `TESSERA_`.

Pointing `kafka` and `postgres` at existing servers is all that production needs.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TESSERA_"


class SettingsWrong(Exception):
    """Variables that say what cannot be; names each, what was found and what is allowed."""


def _in_lower_case(level: object) -> object:
    return level.lower() if isinstance(level, str) else level


LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_in_lower_case)]


class Settings(BaseSettings):
    """What a process of Tessera is told from outside."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    kafka: str = Field("127.0.0.1:29092", description="Bootstrap servers of Apache Kafka")
    postgres: str = Field(
        "postgresql://tessera@127.0.0.1:25432/tessera", description="Address of the database"
    )
    kafka_port: int = Field(29092, ge=1, le=65535, description="Port of the embedded Kafka")
    postgres_port: int = Field(25432, ge=1, le=65535, description="Port of the embedded Postgres")
    ledger_id: str = Field(
        "",
        description="Identity of the ledger, drawn once when its topics were made; "
        "empty: what ledger.json in the home folder says",
    )
    partitions: int = Field(
        8, ge=1, le=4096, description="Partitions of every keyed topic, chosen once and for ever"
    )
    replication: int = Field(1, ge=1, description="Copies of each partition")
    home: Path = Field(
        Path(".tessera"),
        description="Folder of the ledger's identity, the embedded servers and the demo",
    )
    api_host: str = Field("127.0.0.1", description="Address on which the API listens")
    api_port: int = Field(8080, ge=0, le=65535, description="Port of the API")
    metrics_host: str = Field(
        "127.0.0.1", description="Address on which a service's own metrics are served"
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of a service's own metrics; 0 for none"
    )
    inputs_per_turn: int = Field(1_000, ge=1, description="Most inputs that one turn takes")
    sweep_seconds: float = Field(60.0, gt=0, description="How often due dates are looked for")
    answer_seconds: float = Field(
        5.0, gt=0, description="How long a write waits for its decision before it answers 202"
    )
    log_level: LogLevel = Field("info", description="debug, info, warning or error")

    @classmethod
    def read(cls) -> Self:
        """What the environment says. Raises SettingsWrong."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsWrong("; ".join(map(_told, error.errors(include_url=False)))) from error


def _told(fault: Any) -> str:
    name = PREFIX + ".".join(map(str, fault["loc"])).upper()
    allowed = fault["msg"].removeprefix("Input should be ")
    return f"{name} is {fault['input']!r}; allowed: {allowed}"
