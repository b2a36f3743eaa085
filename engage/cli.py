"""The command line ``engage``: what there is; each command stands in a module of its own."""

from importlib.metadata import version
from typing import Annotated

import typer

from engage.commands import (
    archive,
    charts,
    config,
    consumer,
    db,
    dead_letters,
    demo,
    experiment,
    imports,
    keys,
    ledger,
    load,
    monitor,
    report,
    stack,
    users,
)

app = typer.Typer(
    name="engage",
    help="Views, likes, comments and shares, through Kafka into PostgreSQL exactly once,"
    " and out again as reports.",
    epilog="Begin with `engage demo`, or `engage up`. Every command that needs a running stack"
    " takes --dir DIR (or ENGAGE_DIR). Exit codes: 0 ok, 1 a check failed, 2 wrong usage,"
    " 3 something is unreachable. Data go to stdout, everything else to stderr.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(version("engagement-analytics"))
        raise typer.Exit


@app.callback()
def engage(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Hold the options that belong to no command."""


RUN, DATA, CARE = "Run", "Data", "Look after"

app.command(rich_help_panel=RUN)(demo.demo)
app.command(rich_help_panel=RUN)(stack.up)
app.command(rich_help_panel=RUN)(stack.down)
app.command(rich_help_panel=RUN)(stack.status)
app.command(rich_help_panel=RUN)(stack.env)
app.command(rich_help_panel=RUN)(stack.doctor)
app.command(rich_help_panel=DATA)(load.seed)
app.add_typer(imports.app, name="import", rich_help_panel=DATA)
app.add_typer(load.app, name="load", rich_help_panel=DATA)
app.add_typer(report.app, name="report", rich_help_panel=DATA)
app.add_typer(experiment.app, name="experiment", rich_help_panel=DATA)
app.command(rich_help_panel=DATA)(ledger.ledger)
app.command(rich_help_panel=CARE)(monitor.monitor)
app.add_typer(db.app, name="db", rich_help_panel=CARE)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=CARE)
app.add_typer(consumer.app, name="consumer", rich_help_panel=CARE)
app.add_typer(users.app, name="users", rich_help_panel=CARE)
app.add_typer(archive.app, name="archive", rich_help_panel=CARE)
app.command(rich_help_panel=CARE)(charts.fetch_charts)
app.add_typer(keys.app, name="keys", rich_help_panel=CARE)
app.add_typer(config.app, name="config", rich_help_panel=CARE)
