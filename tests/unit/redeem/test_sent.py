"""What the courier has sent lately: not sent again for a while, and not remembered for ever."""

import pytest

from services.redeem import courier
from services.redeem.courier import AGAIN_SECONDS, Sent
from tests.stories.setting import named

ONE, OTHER, THIRD = map(named, ("one", "other", "third"))


def test_what_was_sent_is_sent_again_only_after_a_while() -> None:
    sent = Sent()
    sent.note([ONE], 10.0)
    assert sent.is_recent(ONE, 10.0)
    assert not sent.is_recent(ONE, 10.0 + AGAIN_SECONDS)
    assert not sent.is_recent(OTHER, 10.0)
    sent.note([ONE], 11.0)
    assert sent.is_recent(ONE, 10.0 + AGAIN_SECONDS)


def test_what_was_sent_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "REMEMBERED_MAX", 2)
    sent = Sent()
    for cause in (ONE, OTHER, ONE, THIRD):
        sent.note([cause], 10.0)
    recent = [cause for cause in (ONE, OTHER, THIRD) if sent.is_recent(cause, 10.0)]
    assert recent == [ONE, THIRD]
