"""How often a loop does what need not be done in each pass."""

import asyncio


class Pace:
    """Says that it is time once so many seconds have passed since it last was."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.last = 0.0
        """In seconds of the event loop's clock."""

    def is_due(self) -> bool:
        """Whether it is time; if so, the seconds begin anew."""
        due = asyncio.get_running_loop().time() - self.last >= self.seconds
        if due:
            self.begin()
        return due

    def begin(self) -> None:
        """Count the seconds from now on."""
        self.last = asyncio.get_running_loop().time()
