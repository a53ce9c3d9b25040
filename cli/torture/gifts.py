"""Points that members give to each other: each transfer arrives whole or comes back whole, once."""

from collections import Counter
from http import HTTPStatus

import asyncpg

from cli.torture.found import Checked, Found
from cli.torture.journal import PROGRAM, Answer, Journal
from shared.events.base import account_key
from shared.events.ids import command_cause

BETWEEN_ACCOUNTS = {"loyalty.command.receive-points.v1", "loyalty.command.accept-merge.v1"}
"""What no caller asks for: an account asks it of another, and its refusal answers nobody."""
MADE = """
SELECT transfer_id, account, "to", points, state FROM redeem.transfer WHERE state <> 'moved'
"""
"""Those of merged accounts stand with the accounts that have them."""
RECEIVED = """
SELECT fact::json ->> 'transfer_id' FROM redeem.decision
WHERE type = 'loyalty.transfer.received.v1'
"""
SUMS = "SELECT coalesce(sum(sent), 0), coalesce(sum(received), 0) FROM redeem.account"


async def gifts_arrived(connection: asyncpg.Connection, journal: Journal) -> Checked:
    """The transfers in the tables against what their senders were told, and against the sums."""
    found = Found(
        "every transfer is received whole, once, or given back whole; over all accounts "
        "nothing is made or lost",
        "I2 I4",
    )
    told = {
        command_cause(account_key(PROGRAM, member), key).id: (member, to, answer)
        for (member, key), to in journal.gifts.items()
        for answer in [journal.answers[member, key]]
    }
    receipts = Counter(transfer for (transfer,) in await connection.fetch(RECEIVED))
    for transfer_id, account, to, points, state in await connection.fetch(MADE):
        found.looked_at += 1
        member, other, answer = told.pop(transfer_id, ("", "", Answer(0, b"")))
        is_received = state == "received"
        status = HTTPStatus.OK if is_received else HTTPStatus.CONFLICT
        sender = account_key(PROGRAM, journal.owner(member))
        if (account, to) != (sender, account_key(PROGRAM, other)):
            found.find(f"{transfer_id} from {account} to {to} was not asked for")
        elif answer.status != status or (is_received and answer.told["points"] != points):
            found.find(f"{transfer_id} of {points} is {state}, and was answered with {answer}")
        if receipts.pop(str(transfer_id), 0) != is_received:
            found.find(f"{transfer_id} is {state}, and was not received as often as that")
    for transfer_id, (member, other, answer) in told.items():
        if answer.status == HTTPStatus.OK:
            found.find(f"{transfer_id} from {member} to {other} is gone: {answer}")
    for transfer, count in receipts.items():
        found.find(f"{transfer} was received {count} times, and never sent")
    sent, received = await connection.fetchrow(SUMS)
    if sent != received:
        found.find(f"{sent} points are sent, {received} are received")
    return found.checked
