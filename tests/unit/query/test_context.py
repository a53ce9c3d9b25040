"""Names in paths: the same ones that the contracts take, and no others."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.query.context import account_of, stock_of
from services.query.problems import Code, Problem
from shared.events.base import Id, Slug, is_reserved, split_stock, stock_account

NAMES = st.one_of(
    st.text(max_size=140),
    st.text("ab-1. \x00\n\u2028\u00a0é", max_size=8),
    st.sampled_from(["a" * 64, "a" * 65, "é" * 128, "é" * 129, "\ud800", "a\n", "\u0085", ""]),
)


def takes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def code_of(program: str, member: str) -> Code | None:
    """Why there can be no such account; None if there can be."""
    try:
        assert account_of(program, member) == f"{program}:{member}"
    except Problem as problem:
        return problem.code
    return None


@given(NAMES)
def test_a_member_is_what_the_contracts_take_for_an_id(member: str):
    is_taken = takes(Id, member) and not is_reserved(member)
    assert code_of("shop", member) == (None if is_taken else Code.ACCOUNT_UNKNOWN)


@given(NAMES)
def test_a_program_is_what_the_contracts_take_for_one(program: str):
    assert code_of(program, "jo") == (None if takes(Slug, program) else Code.PROGRAM_UNKNOWN)


def test_no_member_has_the_account_of_a_stock():
    assert code_of("shop", "~reward~mug") is Code.ACCOUNT_UNKNOWN
    assert stock_of("shop", "mug") == stock_account("shop", "mug") == "shop:~reward~mug"
    assert split_stock("shop:~reward~mug") == ("shop", "mug")
    assert split_stock("shop:reward~mug") is None
    with pytest.raises(Problem, match=Code.REWARD_UNKNOWN):
        stock_of("shop", "no mug")


@pytest.mark.parametrize("program", ["shop", "a", "a-b-9", "0"])
def test_ordinary_names_are_taken(program: str):
    assert account_of(program, "jo:é 1/2") == f"{program}:jo:é 1/2"
