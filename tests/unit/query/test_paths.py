"""Names in paths: whatever is in them, routes see one name where one was written."""

from typing import Any
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from services.query.paths import SlashesInNames, name_of
from tests.servers import run

NAMES = st.lists(st.text("ab/%25F2é \x00", min_size=1, max_size=8), min_size=1, max_size=4)


def seen(names: list[str]) -> str:
    """The path that routes see of these names, each encoded, where servers decode all of it."""
    raw = "/" + "/".join(quote(name, safe="") for name in names)
    scope: dict[str, Any] = {"type": "http", "path": unquote(raw), "raw_path": raw.encode()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """What is behind."""

    run(SlashesInNames(app)(scope, None, None))  # type: ignore[arg-type]
    path: str = scope["path"]
    return path


@given(NAMES)
def test_every_name_arrives_as_it_was_written(names: list[str]):
    assert [name_of(part) for part in seen(names).split("/")[1:]] == names


def test_plain_paths_are_left_alone():
    assert seen(["v1", "programs", "é b"]) == "/v1/programs/é b"
