"""A log that cannot be written is lost, and nothing else is."""

import errno
import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared import logs


class Full(io.StringIO):
    """A disk that takes nothing while it is full."""

    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Full]:
    """What standard output is for the time of a test; logging is as it was afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    full = Full()
    monkeypatch.setattr("sys.stdout", full)
    logs.configure("test", "info")
    yield full
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers, root.level = before, level


def test_logging_to_a_full_disk_raises_nothing_and_goes_on_when_there_is_room(
    disk: Full, capfd: pytest.CaptureFixture[str]
):
    structlog.get_logger().info("lost")
    logging.getLogger("aiokafka").error("lost too")
    disk.is_full = False
    structlog.get_logger().info("kept")
    assert "lost" not in disk.getvalue()
    assert '"event": "kept"' in disk.getvalue()
    assert capfd.readouterr().err == ""
