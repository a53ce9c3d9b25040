"""Embedded Apache Kafka (KRaft) and Postgres for a machine with Python and nothing else.

Guarantees: real servers on loopback as direct children that never outlive their parent; data that
is there again after a restart or a `kill -9`; a `LocalServerError` that says what to do when one
cannot start. For demos, tests and a developer's machine: production names its own servers.
"""

from shared.local.errors import LocalServerError
from shared.local.kafka import EmbeddedKafka
from shared.local.ports import free_port
from shared.local.postgres import EmbeddedPostgres

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "LocalServerError", "free_port"]
