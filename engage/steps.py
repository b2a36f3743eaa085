"""Showing a person how a long piece of work goes: a bar while a step lasts, a line when it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_WIDTH: Final = 10


class Step:
    """One step under way. ``told`` becomes part of its line; ``update`` moves its bar."""

    def __init__(self, bars: Progress | None, name: str) -> None:
        self.told = ""
        self._bars = bars
        self._task = bars.add_task(name, total=None) if bars else None

    def update(self, _step: str, done: int, total: int, _remark: str = "") -> None:
        """Note how much is done, as loadgen's progress is told."""
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, total=total)


class Steps:
    """Prints the steps of a piece of work to *console*."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the block lasts, and what came of it when it ends well."""
        began = time.monotonic()
        if self._console.is_terminal:
            columns = (TextColumn("{task.description:<10}"), BarColumn(24), MofNCompleteColumn())
            with Progress(
                *columns, TimeElapsedColumn(), console=self._console, transient=True
            ) as bars:
                step = Step(bars, name)
                yield step
        else:
            step = Step(None, name)
            yield step
        seconds = time.monotonic() - began
        self._console.print(
            f"[green]✓[/] [bold]{name:<{_WIDTH}}[/] {step.told}  [dim]{seconds:.1f} s[/]"
        )
