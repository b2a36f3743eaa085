"""How long steps show where they are: a bar on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Progress = Callable[[str, int, int, str], None]
"""Called with a step's name, how much of it is done, of how much, and a short remark."""

_PLAIN_INTERVAL_SECONDS = 2.0


def silent(_step: str, _done: int, _total: int, _remark: str = "") -> None:
    """Show nothing."""


@contextmanager
def shown() -> Iterator[Progress]:
    """Show progress on stderr while the context lasts."""
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _Lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    tasks = {}
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def update(step: str, done: int, total: int, remark: str = "") -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total, remark=remark)
            bars.update(tasks[step], completed=done, total=total, remark=remark)

        yield update


class _Lines:
    """Prints a line when a step ends, and now and then while it lasts."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _PLAIN_INTERVAL_SECONDS

    def __call__(self, step: str, done: int, total: int, remark: str = "") -> None:
        if done < total and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _PLAIN_INTERVAL_SECONDS
        line = f"{step}: {done:,} of {total:,}"
        print(f"{line}, {remark}" if remark else line, file=sys.stderr, flush=True)  # noqa: T201
