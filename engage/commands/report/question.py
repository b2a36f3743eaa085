"""How a report command is declared: its first parameter brings the options that all of them have.

@report
def funnel(question: ScopedQuestion) -> None:
"""

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

import typer

from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

_FILTERS: Final = ("category", "author", "type", "tag", "promoted")

Limit = Annotated[int, typer.Option(min=1, max=1000, help="Rows at most.")]
Hours = Annotated[
    int | None, typer.Option(help="Of a post's life that count: 1, 6, 24, 48 or 168.")
]
Zone = Annotated[str | None, typer.Option("--tz", help="IANA zone.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", help=f"NAME=VALUE, of {', '.join(_FILTERS)}; may be given several times."
    ),
]
_Period = Annotated[str | None, typer.Option(help="7d, 30d, 90d, 365d or all; 30d if unset.")]
_Start = Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; instead of --period.")]
_End = Annotated[str | None, typer.Option(help="Last day; today if unset.")]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Who is asked, and how the answer is shown."""

    folder: Dir = DEFAULT_DIR
    output: OutputOption = Output.TABLE

    @property
    def is_for_people(self) -> bool:
        """Whether the answer is read by a person."""
        return self.output is Output.TABLE

    def ask(self, path: str, **parameters: Any) -> Any:
        """Return what the read API says; raises what client.get_text does."""
        return json.loads(self.text(path, **parameters))

    def text(self, path: str, **parameters: Any) -> str:
        """Return what the read API says, as it is; raises what client.get_text does."""
        from engage.client import get_text
        from engage.target import find

        asked = parameters | self.scope()
        system = find(self.folder)
        return get_text(system.api_url, path, system.read_key, **asked)

    def scope(self) -> dict[str, str | None]:
        """Return the parameters that say what counts. Raises SetupError for what says nothing."""
        return {}

    def show(self, report: str, rows: Any) -> None:
        """Print all columns for programs, those that people compare for people."""
        from engage.terminal.output import print_rows
        from engage.terminal.report_tables import for_people

        print_rows(for_people(report, rows) if self.is_for_people else rows, self.output)

    def show_one(self, facts: Mapping[str, Any]) -> None:
        """Print one thing, a line a fact for people."""
        from engage.terminal.output import print_facts

        print_facts(facts, self.output)


@dataclass(frozen=True, kw_only=True)
class ScopedQuestion(Question):
    """A question about a period and what counts in it."""

    period: _Period = None
    start: _Start = None
    end: _End = None
    tz: Zone = None
    only: Only = None

    def scope(self) -> dict[str, str | None]:
        """Return the parameters that say what counts. Raises SetupError for what says nothing."""
        period = {"period": self.period, "start": self.start, "end": self.end, "tz": self.tz}
        return period | filters(self.only)


def filters(only: Sequence[str] | None) -> dict[str, str | None]:
    """Read NAME=VALUE pairs. Raises SetupError for what is none."""
    from schema.errors import SetupError

    chosen: dict[str, str | None] = {}
    for pair in only or ():
        name, equals, value = pair.partition("=")
        if name not in _FILTERS or not equals:
            raise SetupError(f"--only {pair}: expected NAME=VALUE, of {', '.join(_FILTERS)}")
        chosen[name] = value
    return chosen


def report(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function: the fields of its question become options around its own."""
    first, *own = inspect.signature(command).parameters.values()
    common = inspect.signature(first.annotation).parameters
    names = [field.name for field in fields(first.annotation)]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        question = first.annotation(**{name: given.pop(name) for name in names})
        command(question, **given)

    before, after, *between = (common[name] for name in names)
    wrapped.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in sorted((before, *own, *between, after), key=_is_optional)
        ]
    )
    return failing_well(wrapped)


def _is_optional(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty
