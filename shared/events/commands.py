"""What callers and sweeps want of an account, on `loyalty.commands.v1`."""

from shared.events.base import AccountKey, AmountMinor, Contract, Id, Instant, Points


class Command(Contract):
    """Something that an account is asked to do."""

    account: AccountKey


class RedeemPoints(Command):
    """Spend points as cash off.

    `points` is what is asked; `order_minor` the total of the order that is paid, where the program
    limits the share. The idempotency key is scoped to the account.
    """

    idempotency_key: Id
    points: Points
    order_minor: AmountMinor | None = None


class Tick(Command):
    """Write down what dates alone have brought about on an account.

    `due_at` is the earliest date that is known to have passed.
    """

    due_at: Instant
