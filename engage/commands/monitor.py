"""`engage monitor`: is anything wrong or unusual? For monitoring systems, and to be told."""

import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

if TYPE_CHECKING:
    from engage.monitoring.findings import Finding
    from engage.monitoring.looking import Notifier


class Check(StrEnum):
    """What is looked at."""

    PIPELINE = "pipeline"
    MOVERS = "movers"
    WEAK_HOURS = "weak-hours"


Checks = Annotated[
    list[Check] | None,
    typer.Option("--check", help="May be given several times; pipeline and movers if unset."),
]
Once = Annotated[
    bool, typer.Option("--once/--watch", help="Look once, or again and again until Ctrl-C.")
]
Every = Annotated[
    float, typer.Option("--every", min=1, help="Seconds from look to look of --watch.")
]
Hours = Annotated[int, typer.Option(min=1, max=168, help="In which movers moved, up to now.")]
LeastZ = Annotated[float, typer.Option(min=1, max=100, help="Distance of movers from which on.")]
State = Annotated[
    Path | None,
    typer.Option(help="Remembers what was sent; monitor.json of the stack's folder if unset."),
]


@failing_well
def monitor(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    checks: Checks = None,
    is_once: Once = True,
    every_seconds: Every = 60,
    hours: Hours = 24,
    least_z: LeastZ = 5.0,
    state: State = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Is anything wrong, or unusual?

    Exit codes are those of a monitoring plugin: 0 no, 1 something is unusual, 2 something is
    gravely wrong, 3 nobody answers. With ENGAGE_WEBHOOK_URL findings are sent there as well, each
    again only after ENGAGE_WEBHOOK_COOLDOWN_SECONDS.
    """
    from engage.monitoring.looking import Notifier, look, unreachable
    from engage.settings import MonitorSettings
    from engage.target import find
    from schema.errors import Unavailable

    target, asked = find(folder), checks or [Check.PIPELINE, Check.MOVERS]
    remembered = state or (folder / "monitor.json" if folder.is_dir() else None)
    notifier = Notifier(MonitorSettings.load(), remembered)
    while True:
        try:
            found = look(target, asked, hours, least_z)
        except Unavailable as error:
            found = [unreachable(error)]
        _print(found, asked, output)
        is_told = _tell(notifier, found)
        if is_once:
            raise typer.Exit(_code(found, is_told=is_told))
        time.sleep(every_seconds)


def _print(found: Sequence["Finding"], checks: Sequence[Check], output: Output) -> None:
    from engage.monitoring.findings import summary
    from engage.terminal.output import print_rows

    if output is Output.TABLE:
        print(summary(found, checks), flush=True)
    else:
        print_rows([finding.as_row() for finding in found], output)


def _tell(notifier: "Notifier", found: Sequence["Finding"]) -> bool:
    from schema.errors import Unavailable

    try:
        notifier.tell(found)
    except Unavailable as error:
        print(f"error: {error}", file=sys.stderr)
        return False
    return True


def _code(found: Sequence["Finding"], *, is_told: bool) -> int:
    """Return the exit code; a webhook that does not work is a warning of its own."""
    from engage.monitoring.findings import Severity, worst

    return int(max(worst(found), Severity.OK if is_told else Severity.WARNING))
