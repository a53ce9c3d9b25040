"""Schemas of services: numbered SQL files, applied once and in order, one transaction each.

A service's tables live in a schema of its own; the same files make the schema that a rebuild fills
beside the live one. Applied files are remembered with a digest: a file that was edited afterwards
is an error, not a surprise.
"""

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import asyncpg

STREAM = "shared.postgres"
"""Package whose `schema/` every deciding service's schema begins with."""
THERE_ALREADY = (
    asyncpg.DuplicateTableError,
    asyncpg.DuplicateColumnError,
    asyncpg.DuplicateObjectError,
)


class Migration(NamedTuple):
    """One numbered file."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """By which an edited file is recognised."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationError(Exception):
    """A schema and the files that should have made it do not match."""


def migrations(package: str) -> Sequence[Migration]:
    """The files of a package's `schema/` folder, in order."""
    folder = files(package).joinpath("schema")
    found = [
        Migration(f"{package}/{file.name}", file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found)


async def migrate(connection: asyncpg.Connection, schema: str, packages: Sequence[str]) -> None:
    """Bring `schema` to the newest version, if it is not there yet; safe to call concurrently."""
    async with connection.transaction():
        # folds may be lost in a crash and are folded again; nobody makes a lost table again
        await connection.execute("SET LOCAL synchronous_commit TO on")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", f"tessera.{schema}")
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        await connection.execute(f'SET LOCAL search_path TO "{schema}"')
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, digest text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = dict(await connection.fetch("SELECT name, digest FROM migration"))
        for package in packages:
            for migration in migrations(package):
                known = applied.get(migration.name)
                if known is None:
                    await _apply(connection, schema, migration)
                    await connection.execute(
                        "INSERT INTO migration (name, digest) VALUES ($1, $2)",
                        migration.name,
                        migration.digest,
                    )
                elif known != migration.digest:
                    raise MigrationError(
                        f"{migration.name} was changed after it was applied to schema {schema}: "
                        "put the change into a new file"
                    )


async def _apply(connection: asyncpg.Connection, schema: str, migration: Migration) -> None:
    """Run a file. Raises MigrationError where what it makes is there already."""
    try:
        await connection.execute(migration.sql)
    except THERE_ALREADY as error:
        raise MigrationError(
            f"schema {schema} does not say that {migration.name} was applied, but {error}: "
            f"the schema was changed by hand; `tessera rebuild {schema}` makes it anew"
        ) from error
