"""What a store keeps of an account, and back: the same account, whatever has happened to it."""

import pytest

from shared.ledger.stored import account_of, account_row, debit_of, debit_row, lots_named
from tests.stories.setting import at, named, program
from tests.stories.steps import adjust, cancel, capture, earned, hold, redeem, returned
from tests.stories.telling import Story, given

LATER = program(
    holds={"longest": "1h"}, returns={"deficit": "written_off", "write_off_after": "30D"}
)
OWING = (earned(100), earned(50, "L2", expires=90), redeem(150), returned(40))

STORIES = {
    "nothing but points": given(earned(100)),
    "spent from two lots": given(*OWING[:3]),
    "due for ever": given(*OWING),
    "due until a date": Story().under(LATER).given(*OWING),
    "written off": Story().under(LATER).given(*OWING, earned(0, "L3", on=31)),
    "held until a date": given(earned(100), hold(60, until=20)),
    "captured in part": given(earned(100), hold(60, until=20), capture(40)),
    "given back": given(*OWING[:3], cancel()),
    "added by an operator": given(adjust(10)),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_an_account_comes_back_as_it_was_stored(story: Story):
    account = story.open_account
    debits = {key: debit_of(debit_row(debit)) for key, debit in account.debits.items()}
    assert account_of(account_row(account), dict(account.lots), debits) == account


def test_the_row_of_a_debit_says_when_a_date_changes_it_and_which_lots_cover_it():
    [owes] = map(debit_row, STORIES["due until a date"].open_account.debits.values())
    assert (owes.due, owes.settles_at) == (40, at(30))
    assert lots_named(owes) == [named("L2"), named("L1")]
