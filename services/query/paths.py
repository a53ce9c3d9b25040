"""Names in paths may hold any character, a slash too: it is written as `%2F`, and divides nothing.

Servers decode a path before it is taken apart. So names keep their slashes encoded until they are
alone, and therefore their percent signs too.
"""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class SlashesInNames:
    """Has routes see paths whose names are as `name_of` reads them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if b"%2" in (scope.get("raw_path") or b""):
            scope["path"] = _with_names(scope["raw_path"])
        await self.app(scope, receive, send)


def _with_names(raw_path: bytes) -> str:
    parts = (unquote(part) for part in raw_path.decode("ascii").split("/"))
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def name_of(part: str) -> str:
    """The name that stands in a part of a path."""
    return part.replace("%2F", "/").replace("%25", "%")
