"""Tokens and tickets: what was given out is read again, and nothing else is."""

from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.query.problems import Code, Problem
from services.query.reading import Reader
from services.query.redemptions import Ticket
from services.query.tokens import Served, Token
from shared.events.ids import DIGEST_BYTES
from shared.stream.log import Bounds, Place

MALFORMED = [
    *("", " ", "1", "1-", "-1", "a-b", "1-2-3", "01-2", "1-02", "1-2 ", "-1-2", "1--2", "٣-1"),
    *("1-" + "9" * 19, "9999999-1", "1.0-1", "1-1e3", "1-2\n", "1-2\x00"),
]


@given(st.integers(0, 4_095), st.integers(0, 10**18 - 1))
def test_a_token_is_read_as_it_was_written(partition: int, position: int):
    assert Token.read(str(Token(partition, position))) == (partition, position)


@pytest.mark.parametrize("text", MALFORMED)
def test_a_token_that_was_not_given_out_is_refused(text: str):
    with pytest.raises(Problem) as refused:
        Token.read(text)
    assert refused.value.code is Code.TOKEN_MALFORMED


@given(st.text())
def test_any_text_is_a_token_as_it_is_written_or_none(text: str):
    try:
        token = Token.read(text)
    except Problem:
        return
    assert str(token) == text


@given(st.integers(0, 10**18 - 1), st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES))
def test_a_ticket_is_read_as_it_was_written(offset: int, body: bytes):
    assert Ticket.read(str(Ticket(offset, body))) == (offset, body)


@pytest.mark.parametrize("text", ["", "1", "1-", "1-ab", "x-" + "0" * 32, "1-" + "G" * 32])
def test_a_ticket_that_was_not_given_out_is_refused(text: str):
    with pytest.raises(Problem) as refused:
        Ticket.read(text)
    assert refused.value.code is Code.TICKET_MALFORMED


@given(st.lists(st.builds(Token, st.integers(0, 3), st.integers(0, 9))))
def test_the_highest_position_of_each_partition_is_kept(tokens: list[Token]):
    served = Served()
    for token in tokens:
        served.note(token)
    for partition in range(4):
        positions = [token.position for token in tokens if token.partition == partition]
        assert served.at(partition) == max(positions, default=0)


class AtItsEnd:
    """A log of which this many records are known to be there."""

    def __init__(self, end: int) -> None:
        self.made = self
        self.end = end

    async def bounds(self, places: list[Place]) -> dict[Place, Bounds]:
        """See `Log.bounds`."""
        return {place: Bounds(0, self.end) for place in places}


@pytest.mark.parametrize(("end", "is_taken"), [(5, True), (4, False)])
async def test_a_token_of_the_last_record_may_have_been_given_out(end: int, is_taken: bool):
    nothing: Any = None
    log: Any = AtItsEnd(end)
    reader = Reader(nothing, nothing, log, 1)
    with nullcontext() if is_taken else pytest.raises(Problem, match=Code.TOKEN_MALFORMED):
        await reader._check_given_out(Token(0, 5))
