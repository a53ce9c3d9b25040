"""Cursors: where a page goes on, and where the first one begins."""

from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.query.pages import BIGINT_MAX, cursor_of, number_of, order_of
from services.query.problems import Problem

orders, ids = st.integers(0, BIGINT_MAX), st.uuids()


@given(orders, ids)
def test_a_cursor_names_the_row_that_it_was_made_of(order: int, row_id: UUID):
    assert order_of(cursor_of(order, row_id)) == (order, row_id)


@given(orders, ids)
@example(BIGINT_MAX, UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"))
def test_without_a_cursor_no_row_lies_before_the_first_page(order: int, row_id: UUID):
    """Pages of rows go from the greatest order and id down, those of entries by number."""
    assert order_of(None) >= (order, row_id)
    assert number_of(None) >= order


@pytest.mark.parametrize("cursor", ["", "-1", "1.0", "x", "٣", str(BIGINT_MAX + 1)])
def test_a_number_that_no_page_has_told_is_malformed(cursor: str):
    with pytest.raises(Problem, match="cursor_malformed"):
        number_of(cursor)


@pytest.mark.parametrize("row_id", ["", "1", "0" * 33, "G" * 32, "A" * 32])
def test_an_id_that_no_page_has_told_is_malformed(row_id: str):
    with pytest.raises(Problem, match="cursor_malformed"):
        order_of(f"7-{row_id}")
