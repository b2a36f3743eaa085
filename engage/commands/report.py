"""`engage report NAME`: one command per declared report, and `weekly`.

Arguments and options of a command are the parameters of the report's declaration.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperGroup

from analytics_api.report import Report, load_reports
from engage.commands.weekly import weekly
from engage.report_headings import heading
from engage.report_tables import print_report
from engage.target import find
from engage.terminal import DEFAULT_DIR, Dir, print_json, write_text

_FORMATS: Final = ("table", "json", "csv", "sql")
_PAGE_START: Final = "after"
"""Only programs that follow the Link header to further pages use this parameter."""


class _ReportGroup(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        declared = {name: command_of(report) for name, report in load_reports().items()}
        self.commands = dict(sorted((declared | dict(self.commands)).items()))


app = typer.Typer(help="Print a report.", no_args_is_help=True, cls=_ReportGroup)
app.command()(weekly)


def command_of(report: Report) -> Any:
    def run(folder: Path, output: str, file: Path | None, **given: Any) -> None:
        path, query = _split(report, given)
        if output not in {"table", "json"}:
            query["format"] = output
        system = find(folder)
        response = system.get_response(path, **query)
        text = response.body.decode()
        if file is not None or output not in {"table", "json"}:
            write_text(text, file)
        elif output == "json":
            print_json(json.loads(text))
        else:
            zone = ZoneInfo(given.get("tz") or system.get("/")["time_zone"])
            as_of = datetime.fromisoformat(response.headers["Data-As-Of"])
            title = heading(report, given, zone, as_of)
            print_report(report, json.loads(text), title, zone)

    parameters = [*_parameters(report), *_common(report)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__doc__ = report.description
    single = typer.Typer(add_completion=False)
    single.command(report.name)(run)
    return typer.main.get_command(single)


def _parameters(report: Report) -> Iterator[inspect.Parameter]:
    for name, field in report.parameters.model_fields.items():
        if name != _PAGE_START:
            is_argument = f"{{{name}}}" in _path(report) or field.is_required()
            yield _parameter(name, field, is_argument=is_argument)


def _parameter(name: str, field: FieldInfo, *, is_argument: bool) -> inspect.Parameter:
    # The API parses dates.
    kind: Any = field.annotation
    if "date" in str(kind):
        kind = str | None
    elif "bool" in str(kind):
        kind = bool | None
    bounds = {end: getattr(each, end) for each in field.metadata for end in ("ge", "le")
              if hasattr(each, end)}  # fmt: skip
    described: dict[str, Any] = {
        "help": field.description, "min": bounds.get("ge"), "max": bounds.get("le"),
    }  # fmt: skip
    if is_argument:
        return _keyword(name, kind, typer.Argument(**described), inspect.Parameter.empty)
    return _keyword(name, kind, typer.Option(**described), field.default)


def _common(report: Report) -> Iterator[inspect.Parameter]:
    formats: Any = Literal[(*_FORMATS, *report.exports)]
    output = typer.Option("--output", "-o", help="Output format. sql: a script for psql.")
    file = typer.Option("--file", help="Write to this file instead of stdout.")
    yield inspect.Parameter(
        "folder", inspect.Parameter.KEYWORD_ONLY, default=DEFAULT_DIR, annotation=Dir
    )
    yield _keyword("output", formats, output, "table")
    yield _keyword("file", Path | None, file, None)


def _keyword(name: str, kind: Any, declared: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[kind, declared]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _path(report: Report) -> str:
    return report.path.replace(":path}", "}")


def _split(report: Report, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    path, query = _path(report), {}
    for name, value in given.items():
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        else:
            query[name] = str(value).lower() if isinstance(value, bool) else value
    return path, query
