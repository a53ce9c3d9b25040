"""Where a replay goes: back where it stood, or where its account belongs."""

import pytest

from cli.quarantine import _partition, _plain
from shared.events.quarantine import Quarantined, Reason
from shared.events.topics import partition_of
from shared.events.wire import Source


@pytest.mark.parametrize(
    ("topic", "value", "partition"),
    [
        ("retail.purchases.v1", b'{"account":"p:1"}', 5),
        ("loyalty.activity.v1", b'{"account":"p:1"}', partition_of("p:1", 8)),
        ("loyalty.commands.v1", b'{"account":"p:4"}', partition_of("p:4", 8)),
        ("loyalty.commands.v1", b'{"account":4}', 5),
        ("loyalty.commands.v1", b"[]", 5),
        ("loyalty.commands.v1", b"{", 5),
        ("loyalty.commands.v1", b"\xff", 5),
        ("loyalty.commands.v1", b"[" * 100_000, 5),
        ("loyalty.commands.v1", None, 5),
    ],
)
def test_a_replay_goes_where_it_stood_or_where_its_account_belongs(topic, value, partition):
    item = Quarantined(Source(topic, 13, 7), Reason.WRONG_KEY, "", "redeem", b"k", value, ())
    assert _partition(item, 8) == partition


def test_nothing_that_is_shown_steers_the_terminal():
    assert _plain("é\x1b[2J\x07\r\u202e\n") == "é\\x1b[2J\\x07\\r\\u202e\n"
