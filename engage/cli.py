"""The command line ``engage``: the list of its commands, each in a module of engage.commands."""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from engage.examples import add_examples
from engage.terminal import exit_code
from schema.errors import EngagementError

_INTERRUPTED: Final = 130


class Command(NamedTuple):
    """A command, or a group of commands: its panel, its place in engage.commands, its summary."""

    panel: str
    module: str
    attribute: str
    summary: str


RUN, DATA, OPERATE = "Run", "Data", "Operate"
COMMANDS: Final = {
    "demo": Command(RUN, "demo", "demo", "Start a stack with data, and show its reports."),
    "up": Command(RUN, "stack", "up", "Start Kafka, PostgreSQL and every service."),
    "down": Command(RUN, "stack", "down", "Stop a stack."),
    "status": Command(RUN, "stack", "status", "Show the processes of a stack, and its lag."),
    "env": Command(RUN, "stack", "env", "Print addresses and keys of a stack for a shell."),
    "doctor": Command(RUN, "stack", "doctor", "Check whether this machine can run a stack."),
    "seed": Command(DATA, "load", "seed", "Create a catalogue of authors, posts and users."),
    "import": Command(DATA, "imports", "app", "Import a catalogue or past events from files."),
    "load": Command(DATA, "load", "app", "Send events over HTTP, and verify that each is stored."),
    "report": Command(DATA, "report", "app", "Print a report."),
    "experiment": Command(DATA, "experiment", "app", "Plan, start and read an experiment."),
    "ledger": Command(DATA, "ledger", "ledger", "Print the account of every record of the topic."),
    "monitor": Command(OPERATE, "monitor", "monitor", "Run health checks and print the alerts."),
    "db": Command(OPERATE, "db", "app", "Migrate, verify and inspect the database."),
    "dead-letters": Command(OPERATE, "dead_letters", "app", "Records that could not be stored."),
    "consumer": Command(OPERATE, "consumer", "app", "Resume halted partitions."),
    "events": Command(OPERATE, "events", "app", "Retract events."),
    "annotations": Command(OPERATE, "annotations", "app", "Explain what happened at an instant."),
    "users": Command(OPERATE, "users", "app", "Export and erase personal data."),
    "archive": Command(OPERATE, "archive", "app", "List, check, restore and scrub expired days."),
    "fetch-charts": Command(OPERATE, "stack", "fetch_charts", "Download the chart library."),
    "keys": Command(OPERATE, "keys", "app", "Create, list and revoke API keys."),
    "config": Command(OPERATE, "config", "app", "Settings."),
}


def load_command(name: str) -> Any:
    found = getattr(
        import_module(f"engage.commands.{COMMANDS[name].module}"), COMMANDS[name].attribute
    )
    if isinstance(found, typer.Typer):
        return add_examples(typer.main.get_group(found), name)
    single = typer.Typer(add_completion=False)
    single.command(name)(found)
    return add_examples(typer.main.get_command(single), name)


class _Root(TyperGroup):
    """Imports a command when it is run: together they take seconds to import.

    An error of the project becomes one line on stderr and an exit code.
    """

    @property  # type: ignore[override]
    def commands(self) -> dict[str, Any]:
        return {name: load_command(name) for name in COMMANDS}

    @commands.setter
    def commands(self, commands: dict[str, Any]) -> None:
        """Ignore the commands that typer collects."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: Any, name: str) -> TyperCommand | None:
        """Return a command with the summary alone."""
        if (found := COMMANDS.get(name)) is None:
            return None
        return TyperCommand(name, help=found.summary, rich_help_panel=found.panel)

    def resolve_command(self, context: Any, arguments: list[str]) -> Any:
        name, _, rest = super().resolve_command(context, arguments)
        return name, load_command(str(name)), rest

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        except EngagementError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(exit_code(error)) from None


app = typer.Typer(
    name="engage",
    cls=_Root,
    help="Collect views, likes, comments and shares, store each exactly once, and report on them.",
    epilog="Begin with `engage demo`, or `engage up`. Every command that needs a running stack"
    " takes --dir DIR (or ENGAGE_DIR). Exit codes: 0 ok, 1 a check failed, 2 wrong usage,"
    " 3 a service is unreachable. Data go to stdout, everything else to stderr.",
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
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Define the options that belong to no command."""
