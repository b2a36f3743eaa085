"""Showing a person how a long piece of work goes: a bar while a step lasts, a line when it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_WIDTH: Final = 10
_BAR_WIDTH: Final = 24


class Step:
    """One step under way. ``told`` becomes part of its line; ``update`` moves its bar."""

    def __init__(self, bars: Progress | None, name: str) -> None:
        self.told = ""
        self._bars = bars
        self._task = bars.add_task(name, total=None, count="") if bars else None

    def update(self, _step: str, done: int, total: int, _remark: str = "") -> None:
        """Note how much is done, as loadgen's progress is told."""
        if self._bars is not None and self._task is not None:
            count = f"{done:,} of {total:,}"
            self._bars.update(self._task, completed=done, total=total, count=count)


class Steps:
    """Prints the steps of a piece of work to *console*."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Show a step while the block lasts, and what came of it when it ends well."""
        began = time.monotonic()
        with self._bars() as bars:
            step = Step(bars, name)
            yield step
        seconds = time.monotonic() - began
        self._console.print(
            f"[green]✓[/] [bold]{name:<{_WIDTH}}[/] {step.told}  [dim]{seconds:.1f} s[/]",
            soft_wrap=True,
        )

    @contextmanager
    def _bars(self) -> Iterator[Progress | None]:
        if not self._console.is_terminal:
            yield None
            return
        columns = (
            SpinnerColumn(),
            TextColumn(f"[bold]{{task.description:<{_WIDTH}}}"),
            BarColumn(_BAR_WIDTH),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as bars:
            yield bars
