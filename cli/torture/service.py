"""`python -m cli.torture.service <name>`: a service as it is, with a log and a store that can kill.

The classes are exchanged before the service is imported, so that whatever it names is theirs.
"""

import runpy
import sys

import services.intake.store
import shared.postgres.rows
import shared.stream.kafka
from cli.torture.points import MortalIntakeStore, MortalLog, MortalStore


def main(name: str) -> None:
    """Run the service's own module as if it had been started itself."""
    setattr(shared.stream.kafka, "KafkaLog", MortalLog)  # noqa: B010  (no assignment to a type)
    setattr(shared.postgres.rows, "PostgresStore", MortalStore)  # noqa: B010
    setattr(services.intake.store, "PostgresStore", MortalIntakeStore)  # noqa: B010
    runpy.run_module(f"services.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
