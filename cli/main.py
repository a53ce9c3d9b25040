"""The `tessera` command: its verbs. What they do is imported when they are called: quick help."""

from pathlib import Path
from typing import Annotated

import typer

from cli import operators

app = typer.Typer(
    name="tessera",
    help="An event-sourced loyalty-points ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
program = typer.Typer(help="Programs: the rules, as versioned files.", no_args_is_help=True)
app.add_typer(program, name="program")
topics = typer.Typer(help="The topics of a ledger, on a Kafka of your own.", no_args_is_help=True)
app.add_typer(topics, name="topics")
app.add_typer(operators.member, name="member")
app.add_typer(operators.reward, name="reward")
quarantine = typer.Typer(help="Records that could not be taken.", no_args_is_help=True)
app.add_typer(quarantine, name="quarantine")
positions = typer.Typer(help="How far input topics were read.", no_args_is_help=True)
app.add_typer(positions, name="positions")


def _say_version(asked: bool) -> None:
    if asked:
        from shared.version import VERSION

        typer.echo(f"tessera {VERSION}")
        raise typer.Exit


@app.callback()
def tessera(
    _asked: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which it is."),
    ] = False,
) -> None:
    """An event-sourced loyalty-points ledger."""
    import logging

    from shared.settings import Settings, SettingsWrong

    # what the client of Kafka logs would stand between the lines; what matters is raised
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        Settings.read()
    except SettingsWrong as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(2) from None


# all of Tessera on this machine


@app.command()
def run(
    data: Annotated[
        str, typer.Option(help="demo: play a year of real purchases; none: start empty.")
    ] = "demo",
) -> None:
    """Start everything on this machine and stay; Ctrl-C stops it."""
    from cli.stack import run as stack

    if data not in {"demo", "none"}:
        raise typer.BadParameter("demo or none", param_hint="--data")
    raise typer.Exit(stack.run(demo=data == "demo"))


@app.command()
def up() -> None:
    """Start everything in the background."""
    from cli.stack import run as stack

    raise typer.Exit(stack.up())


@app.command()
def down() -> None:
    """Stop what `up` or `run` started."""
    from cli.stack import run as stack

    raise typer.Exit(stack.down())


@app.command()
def status() -> None:
    """Say what runs here."""
    from cli.stack import run as stack

    raise typer.Exit(stack.status())


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="One service; all without it.")] = None,
    lines: Annotated[int, typer.Option("-n", min=0, help="How many lines.")] = 20,
    follow: Annotated[bool, typer.Option("-f", help="Go on as lines are written.")] = False,
) -> None:
    """Print the last lines of the services' logs."""
    from cli.stack import run as stack

    raise typer.Exit(stack.logs(service, lines, follow=follow))


@app.command()
def demo() -> None:
    """Play the demo on what runs already: a year of real purchases, then redemptions."""
    from cli.operation import console, perform
    from cli.stack.demo import demo as play
    from shared.settings import Settings

    raise typer.Exit(perform(play(Settings(), console().print)))


# programs


Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Program documents, in YAML.")]


@program.command("validate")
def program_validate(files: Files) -> None:
    """Say what is wrong or odd: line, field, what was found, what is allowed."""
    from cli import program as programs

    raise typer.Exit(programs.validate(files))


@program.command("publish")
def program_publish(files: Files) -> None:
    """Publish program files, in the order given; versions never change."""
    from cli import program as programs
    from cli.installation import kafka_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(programs.publish(kafka_of(Settings()), files)))


@program.command("diff")
def program_diff(
    before: Annotated[Path, typer.Argument(help="A YAML file.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Say in words what a program changes against another."""
    from cli import program as programs

    raise typer.Exit(programs.diff(before, after))


@program.command("list")
def program_list() -> None:
    """List the published versions."""
    from cli import program as programs
    from cli.installation import kafka_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(programs.show(kafka_of(Settings()))))


# operations


@topics.command("create")
def topics_create() -> None:
    """Make the topics that are missing and print what every process has to be told."""
    from cli import topics as made
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(made.create(Settings())))


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many; as many as processors without it.")
    ] = None,
) -> None:
    """Fold the log from nothing, check every invariant, compare with every row."""
    from cli.operation import perform
    from cli.verify.command import verify as work
    from shared.settings import Settings

    raise typer.Exit(perform(work(Settings(), processes=processes, as_json=as_json)))


@app.command()
def rebuild(
    service: Annotated[str, typer.Argument(help="earn, redeem or intake.")],
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many; as many as processors without it.")
    ] = None,
    accept_log: Annotated[
        bool,
        typer.Option(
            "--accept-log", help="The log is the truth, also where the live tables say otherwise."
        ),
    ] = False,
) -> None:
    """Fold a service's tables anew beside the live ones and swap them; everything goes on."""
    from cli.operation import perform
    from cli.rebuild.command import rebuild as work
    from shared.settings import Settings

    raise typer.Exit(perform(work(Settings(), service, processes=processes, accept_log=accept_log)))


@positions.command("reset")
def positions_reset(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="TOPIC...", help="Input topics that were made anew, or services: all theirs."
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only say what it does.")] = False,
) -> None:
    """Have input topics read from their beginnings; known causes make it harmless."""
    from cli import positions as kept
    from cli.installation import with_log
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(
        perform(
            with_log(
                Settings(), lambda where, log: kept.reset(where.postgres, log, names, sure=yes)
            )
        )
    )


# quarantine


OfReason = Annotated[str | None, typer.Option("--reason", help="Only those of this reason.")]


@quarantine.command("list")
def quarantine_list(
    reason: OfReason = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    replayed: Annotated[
        bool, typer.Option("--replayed", help="Also those that were replayed and taken.")
    ] = False,
) -> None:
    """List what is set aside, newest first, each record once."""
    from cli import quarantine as kept
    from cli.installation import kafka_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(kept.listed(kafka_of(Settings()), reason, limit, replayed=replayed)))


@quarantine.command("show")
def quarantine_show(
    id: Annotated[str, typer.Argument(help="As `list` shows it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only the value, byte for byte.")] = False,
) -> None:
    """Show one record: where it came from, why it was set aside, its headers and bytes."""
    from cli import quarantine as kept
    from cli.installation import kafka_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(kept.show(kafka_of(Settings()), id, raw=raw)))


@quarantine.command("replay")
def quarantine_replay(
    id: Annotated[str | None, typer.Argument(help="As `list` shows it.")] = None,
    reason: OfReason = None,
) -> None:
    """Publish a record, or all of a reason, once more where it came from."""
    from cli import quarantine as kept
    from cli.installation import kafka_of
    from cli.operation import perform
    from shared.settings import Settings

    raise typer.Exit(perform(kept.replay(kafka_of(Settings()), id, reason)))


# for developers


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option(min=1, help="How many histories.")] = 1_000,
    first: Annotated[int, typer.Option("--from", min=0, help="The first seed.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="How many run them.")] = 1,
) -> None:
    """The real services in a simulated world where everything fails; a seed is a history."""
    from cli.simulate import simulate as work

    raise typer.Exit(work(seeds, first, processes))


@app.command()
def torture(
    minutes: Annotated[float, typer.Option(min=0.1, help="Of load and faults.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Which faults, in which order.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these faults beside kills: broker, zombie, …")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder that the report is put into, with those before it.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Page that shows the table of all reports.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep data and logs in any case.")] = False,
) -> None:
    """Real servers and processes under load and faults; then everything is checked."""
    from cli.operation import perform
    from cli.torture.command import torture as work

    running = work(minutes, seed, only=only or (), results=results, page=page, keep_folder=keep)
    raise typer.Exit(perform(running))


@app.command()
def contracts(
    check: Annotated[
        bool, typer.Option("--check", help="Only compare; fail if any differs.")
    ] = False,
) -> None:
    """Write the generated contracts in docs/contracts anew."""
    from cli.contracts.command import run as write

    raise typer.Exit(write(check=check))


if __name__ == "__main__":
    app()
