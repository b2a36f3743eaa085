"""The command line ``engage``: what there is; each command stands in a module of its own."""

from importlib.metadata import version
from typing import Annotated

import typer

from engage import (
    commands_archive,
    commands_charts,
    commands_db,
    commands_dead_letters,
    commands_demo,
    commands_experiment,
    commands_fair,
    commands_import,
    commands_insight,
    commands_keys,
    commands_ledger,
    commands_load,
    commands_monitor,
    commands_ops,
    commands_privacy,
    commands_reports,
    commands_scoped,
    commands_stack,
    commands_weekly,
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

app.command(rich_help_panel=RUN)(commands_demo.demo)
app.command(rich_help_panel=RUN)(commands_stack.up)
app.command(rich_help_panel=RUN)(commands_stack.down)
app.command(rich_help_panel=RUN)(commands_stack.status)
app.command(rich_help_panel=RUN)(commands_stack.env)
app.command(rich_help_panel=RUN)(commands_stack.doctor)
app.command(rich_help_panel=DATA)(commands_load.seed)
app.add_typer(commands_import.app, name="import", rich_help_panel=DATA)
app.add_typer(commands_load.app, name="load", rich_help_panel=DATA)
for report in (
    commands_scoped.overview,
    commands_scoped.series,
    commands_scoped.ranking,
    commands_fair.fair_posts,
    commands_fair.fair_authors,
    commands_fair.fair_opportunity,
    commands_fair.cohorts,
    commands_fair.effects,
    commands_insight.when_to_post,
    commands_insight.posting_hours,
    commands_insight.movers,
    commands_insight.funnel,
    commands_insight.audience,
    commands_weekly.weekly,
):
    commands_reports.app.command()(report)
app.add_typer(commands_reports.app, name="report", rich_help_panel=DATA)
app.add_typer(commands_experiment.app, name="experiment", rich_help_panel=DATA)
app.command(rich_help_panel=DATA)(commands_ledger.ledger)
app.command(rich_help_panel=CARE)(commands_monitor.monitor)
app.add_typer(commands_db.app, name="db", rich_help_panel=CARE)
app.add_typer(commands_dead_letters.app, name="dead-letters", rich_help_panel=CARE)
app.add_typer(commands_ops.consumer, name="consumer", rich_help_panel=CARE)
app.add_typer(commands_privacy.app, name="users", rich_help_panel=CARE)
app.add_typer(commands_archive.app, name="archive", rich_help_panel=CARE)
app.command(rich_help_panel=CARE)(commands_charts.fetch_charts)
app.add_typer(commands_keys.keys, name="keys", rich_help_panel=CARE)
app.add_typer(commands_keys.config, name="config", rich_help_panel=CARE)
