"""The `tessera` command: its verbs. What they do is imported when they are called: quick help."""

from typing import Annotated

import typer

app = typer.Typer(
    name="tessera",
    help="An event-sourced loyalty-points ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def tessera() -> None:
    """An event-sourced loyalty-points ledger."""


@app.command()
def contracts(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; fail if any differs.")
    ] = False,
) -> None:
    """Write the generated contracts in docs/contracts anew."""
    from cli.contracts.command import run

    raise typer.Exit(run(check=check))
