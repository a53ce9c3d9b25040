"""The rule of validity in force: the one that opening uses, which a guard's test may replace."""

from shared.chain.link import Head, Linked
from shared.stream import opening


def follow(head: Head, record: Linked) -> Head | None:
    """See `shared.chain.link.follow`."""
    after: Head | None = vars(opening)["follow"](head, record)
    return after
