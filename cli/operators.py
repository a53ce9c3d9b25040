"""The verbs of operators: members and rewards. What they do is imported when they are called."""

from pathlib import Path
from typing import Annotated

import typer

from cli import writes
from cli.refusals import WronglySetUp
from cli.writes import (
    Who,
    Write,
    adjustment,
    codes_in,
    merge,
    of_lot,
    of_reward,
    refund,
    stock,
    transfer,
)

member = typer.Typer(help="What a member has, and corrections of it.", no_args_is_help=True)
reward = typer.Typer(help="Rewards: the catalogue, its stock, fulfilment.", no_args_is_help=True)

Program = Annotated[str, typer.Argument(help="The program, such as grocer.")]
Member = Annotated[str, typer.Argument(help="The member's id.")]
Lot = Annotated[str, typer.Argument(help="The lot's id, as the API lists it.")]
Reward = Annotated[str, typer.Argument(help="The reward's name in the program.")]
Redemption = Annotated[str, typer.Argument(help="The redemption's id, as the API told it.")]
Actor = Annotated[str, typer.Option("--actor", help="Who does it.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in a line; kept with it.")]
Key = Annotated[str, typer.Option("--key", help="Done once for each key; another one without it.")]
Until = Annotated[str, typer.Argument(help="The new date: an instant with its offset.")]


def _ask(program: str, asked: Write, key: str) -> None:
    from cli.api import carry_out
    from cli.installation import api_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(carry_out(api_of(Settings()), program, asked, key)))


@member.command("show")
def member_show(program: Program, member: Member) -> None:
    """Balances, open lots by date and the last entries of a member, as the API says them."""
    from cli import member as members
    from cli.installation import api_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(members.show(api_of(Settings()), program, member)))


@member.command("adjust")
def member_adjust(
    program: Program,
    member: Member,
    points: Annotated[int, typer.Argument(help="Points to add; negative (after --): to deduct.")],
    actor: Actor,
    reason: Why,
    key: Key = "",
    below_zero: Annotated[
        bool, typer.Option("--below-zero", help="Deduct what is not there, too: it becomes due.")
    ] = False,
) -> None:
    """Add points to a member, or deduct them, within the operator's limit."""
    _ask(program, adjustment(member, points, Who(actor, reason), below_zero=below_zero), key)


@member.command("extend")
def member_extend(
    program: Program,
    member: Member,
    lot: Lot,
    until: Until,
    actor: Actor,
    reason: Why,
    key: Key = "",
) -> None:
    """Give a lot that is not past its date a later one."""
    _ask(program, of_lot(member, lot, "extension", Who(actor, reason), until=until), key)


@member.command("reinstate")
def member_reinstate(
    program: Program,
    member: Member,
    lot: Lot,
    until: Until,
    actor: Actor,
    reason: Why,
    key: Key = "",
) -> None:
    """Bring back what has expired of a lot, until a new date."""
    _ask(program, of_lot(member, lot, "reinstatement", Who(actor, reason), until=until), key)


@member.command("confirm")
def member_confirm(
    program: Program, member: Member, lot: Lot, actor: Actor, reason: Why, key: Key = ""
) -> None:
    """Make a pending lot active now."""
    _ask(program, of_lot(member, lot, "confirmation", Who(actor, reason)), key)


@member.command("cancel")
def member_cancel(
    program: Program, member: Member, lot: Lot, actor: Actor, reason: Why, key: Key = ""
) -> None:
    """Take a pending lot back."""
    _ask(program, of_lot(member, lot, "cancellation", Who(actor, reason)), key)


@member.command("refund")
def member_refund(
    program: Program,
    member: Member,
    redemption: Redemption,
    points: Annotated[int | None, typer.Argument(help="How many; all without it.")] = None,
    key: Key = "",
) -> None:
    """Cancel a redemption, or a part of it: its points come back to their lots."""
    _ask(program, refund(member, redemption, points), key)


@member.command("give")
def member_give(
    program: Program,
    member: Member,
    to: Annotated[str, typer.Argument(help="The id of the member who gets them.")],
    points: Annotated[int, typer.Argument(help="How many points.")],
    key: Key = "",
) -> None:
    """Give points of a member to another, as far as the program allows it."""
    _ask(program, transfer(member, to, points), key)


@member.command("merge")
def member_merge(
    program: Program,
    member: Member,
    into: Annotated[str, typer.Argument(help="The id of the member who gets everything.")],
    actor: Actor,
    reason: Why,
    key: Key = "",
) -> None:
    """Move all that a member has to another; what comes later goes there too."""
    _ask(program, merge(member, into, Who(actor, reason)), key)


@reward.command("list")
def reward_list(program: Program) -> None:
    """The rewards of a program and their stock."""
    from cli import catalogue
    from cli.installation import api_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(catalogue.show(api_of(Settings()), program)))


@reward.command("stock")
def reward_stock(
    program: Program,
    reward: Reward,
    actor: Actor,
    reason: Why,
    units: Annotated[int | None, typer.Option(help="How many units.")] = None,
    codes: Annotated[
        Path | None, typer.Option(help="A file with the codes of a pool, one a line.")
    ] = None,
    key: Key = "",
) -> None:
    """Put units of a reward in stock: a number, or the codes of a pool."""
    if (units is None) == (codes is None):
        raise typer.BadParameter("one of --units and --codes")
    try:
        named = codes_in(codes) if codes is not None else []
    except WronglySetUp as error:
        raise typer.BadParameter(str(error), param_hint="--codes") from error
    _ask(program, stock(reward, Who(actor, reason), units=units, codes=named), key)


@reward.command("redeem")
def reward_redeem(program: Program, member: Member, reward: Reward, key: Key = "") -> None:
    """Spend a member's points on a reward."""
    _ask(program, writes.reward(member, reward), key)


@reward.command("fulfil")
def reward_fulfil(
    program: Program,
    member: Member,
    redemption: Redemption,
    actor: Actor,
    reason: Why,
    key: Key = "",
) -> None:
    """Note that a redeemed reward was handed over."""
    _ask(program, of_reward(member, redemption, "fulfilment", Who(actor, reason)), key)


@reward.command("cancel")
def reward_cancel(
    program: Program,
    member: Member,
    redemption: Redemption,
    actor: Actor,
    reason: Why,
    key: Key = "",
) -> None:
    """Cancel a reward that was not handed over: its points come back."""
    _ask(program, of_reward(member, redemption, "cancellation", Who(actor, reason)), key)
