"""Telling the person who waits how far a long step is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_STEP: Final = 0.25
"""Off a terminal, a line is printed each time this much more of a step is done."""


class Report(Protocol):
    """Receives how far a step is; may be called from several threads."""

    def __call__(self, step: str, fraction: float, detail: str = "") -> None:
        """Note that *step* is done to *fraction* (0 to 1); *detail* is for people."""


def silent(step: str, fraction: float, detail: str = "") -> None:
    """Report nothing."""


class PlainLines:
    """One line at the start of a step, at each quarter, and at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next: dict[str, float] = {}

    def __call__(self, step: str, fraction: float, detail: str = "") -> None:
        """Print the step when the next mark is reached."""
        if fraction < self._next.get(step, 0.0):
            return
        passed = 2.0 if fraction >= 1 else (fraction // PLAIN_STEP + 1) * PLAIN_STEP
        self._next[step] = passed
        self._console.print(f"{step}: {fraction:.0%} {detail}".rstrip(), highlight=False)


class Bars:
    """One bar a step, on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks = {task.description: task.id for task in progress.tasks}

    def __call__(self, step: str, fraction: float, detail: str = "") -> None:
        """Move the step's bar, adding it when it is new."""
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=1.0, detail="")
        self._progress.update(self._tasks[step], completed=fraction, detail=detail)


@contextmanager
def shown(console: Console) -> Iterator[Report]:
    """Yield a report that draws bars on a terminal and prints plain lines elsewhere."""
    if not console.is_terminal:
        yield PlainLines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(progress)
