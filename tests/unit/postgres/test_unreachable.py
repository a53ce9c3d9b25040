"""A Postgres that does not answer: its address is told, and what to do, but no password."""

import pytest

from shared.postgres.pool import require_reachable, unreachable
from shared.stream.store import StoreUnavailable
from tests.servers import run


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:secret@db:5432/x", " at 'postgresql://u@db:5432/x'"),
        ("postgresql://db/x?password=secret", " at 'postgresql://db/x'"),
        ("postgresql://[secret", ""),
        ("host=db password=secret", ""),
        ("nonsense", ""),
    ],
)
def test_no_password_is_told(dsn: str, shown: str):
    said = str(unreachable(dsn, OSError("refused")))
    assert said.startswith(f"Postgres{shown} cannot be reached (refused)")
    assert "secret" not in said
    assert "TESSERA_POSTGRES" in said


@pytest.mark.parametrize(
    "dsn", ["nonsense", "postgresql://[x/", "postgresql://nobody@127.0.0.1:1/x"]
)
def test_an_address_with_no_database_behind_it_is_unavailable(dsn: str):
    with pytest.raises(StoreUnavailable, match=r"cannot be reached \(.+\)\. Start it"):
        run(require_reachable(dsn))
