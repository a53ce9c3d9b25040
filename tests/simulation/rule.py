"""The rule of validity in force, which a guard's test may replace."""

from shared.chain import link
from shared.chain.link import Head, Linked


def follow(head: Head, record: Linked) -> Head | None:
    """See `shared.chain.link.follow`."""
    after: Head | None = vars(link)["follow"](head, record)
    return after
