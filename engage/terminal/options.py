"""What commands have in common: options, and how they fail."""

import functools
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, ParamSpec

import typer

CHECK_FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3

DEFAULT_DIR: Final = Path(".engage")

P = ParamSpec("P")


def _absolute(folder: Path) -> Path:
    return folder.expanduser().absolute()


Dir = Annotated[
    Path,
    typer.Option(
        "--dir",
        envvar="ENGAGE_DIR",
        help="The stack's folder.",
        callback=_absolute,
        file_okay=False,
    ),
]


class Output(StrEnum):
    """How data are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How data are printed.")]


def failing_well(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the project's errors into one line on stderr and the exit code they stand for."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        from schema.errors import EngagementError

        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except EngagementError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(exit_code(error)) from None

    return wrapped


def exit_code(error: Exception) -> int:
    """Return what an error of the project ends a command with."""
    from schema.errors import SetupError, Unavailable

    if isinstance(error, Unavailable):
        return UNREACHABLE
    # What derives from SetupError is no mistake of the caller's.
    return USAGE if type(error) is SetupError else CHECK_FAILED
