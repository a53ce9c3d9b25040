"""What the demo keeps: the first answer stays, and a broken file is said so."""

from datetime import UTC, datetime, timedelta

import pytest

from cli.demo.kept import Kept, KeptError


def test_the_shift_is_drawn_once(tmp_path):
    home = tmp_path / "new" / "home"
    assert Kept(home).weeks(drawn=411) == 411
    assert Kept(home).weeks(drawn=412) == 411


def test_when_it_was_first_played_is_kept_beside_the_shift(tmp_path):
    first = datetime(2026, 11, 22, 7, 30, 15, 999, tzinfo=UTC)
    kept = Kept(tmp_path)
    assert kept.played_at(drawn=first) == first.replace(microsecond=0)
    assert kept.weeks(drawn=411) == 411
    assert kept.played_at(drawn=first + timedelta(days=1)) == first.replace(microsecond=0)
    assert kept.weeks(drawn=412) == 411


def test_a_year_that_was_published_without_returns_is_published_again(tmp_path):
    (tmp_path / "demo-published.json").write_text('{"baskets": 155848}')
    assert Kept(tmp_path).published() == 0


def test_nothing_is_published_or_asked_for_at_first(tmp_path):
    kept = Kept(tmp_path)
    assert (kept.published(), kept.redemptions()) == (0, {})


def test_what_was_noted_last_is_what_is_kept(tmp_path):
    for events in (1_000, 2_000):
        Kept(tmp_path).note_published(events)
    Kept(tmp_path).note_redemptions({"900": 1_500})
    assert Kept(tmp_path).published() == 2_000
    assert Kept(tmp_path).redemptions() == {"900": 1_500}


def test_a_write_that_was_cut_off_is_not_seen(tmp_path):
    Kept(tmp_path).note_published(1_000)
    (tmp_path / "demo-published.new").write_text('{"baske')
    assert Kept(tmp_path).published() == 1_000


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"baskets": "1"}', '{"baskets": 1.5}'])
def test_a_broken_file_is_named(tmp_path, content):
    (tmp_path / "demo-published.json").write_text(content)
    with pytest.raises(KeptError, match=r"demo-published\.json"):
        Kept(tmp_path).published()
