"""Progress of long steps: bars on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Progress = Callable[[str, int, int, str], None]
"""Called with a step's name, how much of it is done, of how much, and a short remark."""

_LINE_INTERVAL_SECONDS: Final = 2.0


def silent(_step: str, _done: int, _total: int, _remark: str = "") -> None:
    """Show nothing."""


@contextmanager
def shown(console: Console | None = None, *, transient: bool = False) -> Iterator[Progress]:
    """Show progress while the context lasts.

    Args:
        console: where to; default: stderr.
        transient: whether bars disappear at the end.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        with _bars(console, transient=transient) as progress:
            yield progress
    else:
        yield _Lines(console)


@contextmanager
def _bars(console: Console, *, transient: bool) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    # Other output appears above the bars, but never in another stream.
    redirect_stdout = sys.stdout.isatty()
    tasks = {}
    with Bars(
        *columns, console=console, transient=transient, redirect_stdout=redirect_stdout
    ) as bars:

        def update(step: str, done: int, total: int, remark: str = "") -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total, remark=remark)
            bars.update(tasks[step], completed=done, total=total, remark=remark)

        yield update


class _Lines:
    """Prints a line when a step begins and ends, and every two seconds between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due: dict[str, float] = {}

    def __call__(self, step: str, done: int, total: int, remark: str = "") -> None:
        now = time.monotonic()
        if done < total and now < self._due.get(step, 0.0):
            return
        self._due[step] = now + _LINE_INTERVAL_SECONDS
        line = f"{step}: {done:,} of {total:,}"
        line = f"{line}, {remark}" if remark else line
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
