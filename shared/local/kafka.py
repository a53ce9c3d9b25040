"""Apache Kafka 4.3.1 as one embedded node, broker and KRaft controller: nothing to install.

Guarantees: what was acknowledged is there after a `kill -9` of anything; it answers Metadata when
`start` returns. One node with `acks=all` means the page cache: a power cut may lose the log's tail.
"""

import asyncio
import base64
import fcntl
import os
import shutil
import signal
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.local.child import POLL_SECONDS, Child
from shared.local.errors import MIB, EarlierRunRemains
from shared.local.folders import cache_folder, first_writable
from shared.local.jars import Source, fetch, read_lock
from shared.local.java import find_java
from shared.local.ports import LOOPBACK, free_port, is_answering
from shared.local.server import EARLIER_RUN_SECONDS_MAX, EmbeddedServer, Note

ANSWER_MS_MAX = 5000
LOCK = Path(__file__).with_name("kafka.lock")
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "log.dirs": "log",  # relative to the data folder, whatever characters its path has
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    # one node: one replica, few partitions of the internal topics
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # the default of 9 s makes every restart after a kill take 11 s
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "400",
    "group.initial.rebalance.delay.ms": "0",
    # small: the machine is a laptop
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": str(16 * MIB),
    "log.segment.bytes": str(128 * MIB),
    "log.index.size.max.bytes": str(
        MIB
    ),  # a segment's index takes 128 MiB / 4 KiB entries of 12 bytes
    "log.retention.ms": "-1",
}
JVM_OPTIONS = (
    # half the broker's time for a redemption, a seventh more purchases a second on two cores: the
    # compiler of hot code never pays for itself in what a laptop asks of one broker
    "-XX:TieredStopAtLevel=1",
    *("-XX:+UseSerialGC", "-Xss512k", "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData"),
    *("-Djava.awt.headless=true", "-Djava.io.tmpdir=tmp"),
    *(
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
    ),
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class Listener(NamedTuple):
    """One more port of the broker; who comes there is told to connect to `advertised_port`."""

    name: str
    port: int
    advertised_port: int


class EmbeddedKafka(EmbeddedServer):
    """A broker on 127.0.0.1:`port` whose data lies in `data_dir`.

    `listeners` are further ports, for clients that come through something in between. `heap` is the
    JVM's memory and `jvm_options` what else it is told; `jars_dir` is where the jars lie, by
    default the user's cache; `port_setting` is what a message calls the setting of the port.
    """

    name: ClassVar[str] = "Kafka"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    # the demo: 0.3 GB upstream, as much for activity, awards and points each, and twice that
    disk_bytes_needed: ClassVar[int] = 2560 * MIB
    # the controller's port is drawn anew at each start, and somebody may be faster
    passing_troubles: ClassVar[tuple[str, ...]] = ("Address already in use",)

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *,
        heap: str = "256m",
        jvm_options: Sequence[str] = (),
        jars_dir: Path | None = None,
        listeners: Sequence[Listener] = (),
        port_setting: str = "TESSERA_KAFKA_PORT",
        note: Note | None = None,
    ) -> None:
        super().__init__(data_dir, port, port_setting, note)
        self._jvm_options = (f"-Xms{heap}", f"-Xmx{heap}", *JVM_OPTIONS, *jvm_options)
        self._jars_dir = jars_dir
        self._listeners = tuple(listeners)
        self._java: Path | None = None
        self._class_path = ""

    @property
    def bootstrap(self) -> str:
        """What clients are given as `bootstrap_servers`."""
        return f"{LOOPBACK}:{self.port}"

    async def _prepare(self) -> None:
        self._java = await asyncio.to_thread(find_java, os.environ)
        jars = await asyncio.to_thread(
            fetch,
            read_lock(LOCK.read_text("utf-8")),
            self._jars_dir or self._usual_jars_dir(),
            Source(dict(os.environ), Path.home()),
            self.note,
        )
        self._class_path = os.pathsep.join(map(str, jars))
        await self._await_earlier_run()
        temporary = self.data_dir / "tmp"  # a killed JVM leaves its unpacked libraries there
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        if not (self.data_dir / "log" / "meta.properties").exists():
            await self._format()

    def _usual_jars_dir(self) -> Path:
        """The user's cache, shared by all checkouts; beside the data for a user without a home."""
        cache = cache_folder(dict(os.environ), Path.home())
        return first_writable(cache / "kafka-4.3.1", self.data_dir / "jars")

    def _server_process(self) -> Child:
        self._write_properties()
        return self._java_process(*self._jvm_options, "kafka.Kafka", "server.properties")

    async def _answers(self) -> bool:
        """A Metadata answer that names a broker; the port opens earlier than that."""
        if not is_answering(self.port):
            return False
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap, request_timeout_ms=ANSWER_MS_MAX)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()

    async def _format(self) -> None:
        """Give the log folder its cluster id, once."""
        self.note("initialising Kafka, once")
        self._write_properties()
        arguments = ("--cluster-id", cluster_id(), "--config", "server.properties")
        await self._run(
            self._java_process(
                *(*JVM_OPTIONS, "kafka.tools.StorageTool", "format"),
                *(*arguments, "--ignore-formatted"),
            )
        )

    async def _await_earlier_run(self) -> None:
        """Wait for the JVM of a killed run to let go of the log folder's lock (POSIX, `.lock`)."""
        path = self.data_dir / "log" / ".lock"
        if not path.exists():
            return
        deadline = time.monotonic() + EARLIER_RUN_SECONDS_MAX
        with path.open("r+b") as lock:
            while True:
                try:
                    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EarlierRunRemains(
                            self.name, self.data_dir, None, EARLIER_RUN_SECONDS_MAX
                        ) from None
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    return

    def _write_properties(self) -> None:
        controller = f"{LOOPBACK}:{free_port()}"
        named = [PROPERTIES["listener.security.protocol.map"]]
        listening = [f"PLAINTEXT://{self.bootstrap}", f"CONTROLLER://{controller}"]
        advertised = [f"PLAINTEXT://{self.bootstrap}"]
        for name, port, advertised_port in self._listeners:
            named.append(f"{name}:PLAINTEXT")
            listening.append(f"{name}://{LOOPBACK}:{port}")
            advertised.append(f"{name}://{LOOPBACK}:{advertised_port}")
        ports = {
            "listener.security.protocol.map": ",".join(named),
            "listeners": ",".join(listening),
            "advertised.listeners": ",".join(advertised),
            "controller.quorum.voters": f"1@{controller}",
        }
        lines = [f"{name}={value}\n" for name, value in (PROPERTIES | ports).items()]
        (self.data_dir / "server.properties").write_text("".join(lines), "ascii")

    def _java_process(self, *arguments: str) -> Child:
        return Child(
            command=(str(self._java), "-cp", self._class_path, *arguments),
            folder=self.data_dir,
            log=self.log_file,
            environment={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
        )


def cluster_id() -> str:
    """A random id as Kafka writes them; one that begins with `-` would be taken for an option."""
    while (drawn := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith(
        "-"
    ):
        pass
    return drawn
