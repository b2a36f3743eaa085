"""Write docs/reference from the code: ``python -m docs.generate``; `make docs` includes it.

The pages are committed, because they are also read in the repository; tests compare them with the
code. Each function here returns a page. docs/tables.py returns that of the tables, which needs a
database; the settings are a table of the README.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Final

import typer.main
from prometheus_client.metrics import MetricWrapperBase

from analytics_api.report import load_reports
from docs.markdown import item_list, page
from docs.tables import of_a_fresh_database
from engage.cli import app as engage
from schema import topics
from schema.codes import CODES
from schema.published import PATH, schemas

FOLDER: Final = Path(__file__).with_name("reference")
SERVICES: Final = {
    "ingest": "ingest_service",
    "api": "analytics_api",
    "catalogue": "catalogue_service",
}
METERED: Final = (
    "ingest_service",
    "consumer",
    "analytics_api",
    "catalogue_service",
    "refresher",
    "runtime",
    "web",
)
_LEFT_OUT: Final = {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"}
# An option that this many commands have is described once.
_COMMON: Final = 5
_FILTERS: Final = ("period", "start", "end", "tz", "category", "author", "type", "tag", "promoted")


def pages() -> dict[str, str]:
    """Return each page that needs no database, by its file name."""
    return {
        "cli.md": command_line(),
        "http.md": http(),
        "reports.md": reports(),
        "events.md": events(),
        "metrics.md": metrics(),
    }


def command_line() -> str:
    """Return the page of all commands; options that many commands have are described once."""
    root = typer.main.get_command(engage)
    commands = list(_commands(root, "engage"))
    counts = Counter(row for _, command in commands for row in map(_parameter, _shown(command)))
    common = [row for row, count in counts.items() if count >= _COMMON]
    return page(
        "Command line",
        str(root.epilog),
        "## Common options",
        "Many commands have these. Each names those that it has, except `--dir`.",
        item_list(common),
        *(block for path, command in commands for block in _of(path, command, common)),
    )


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what can be run, groups' own options aside."""
    below = getattr(command, "commands", {})
    for name, child in below.items():
        yield from _commands(child, f"{path} {name}")
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command


def _of(path: str, command: Any, common: list[tuple[str, str]]) -> Iterator[str]:
    shown = _shown(command)
    arguments = [one.name.upper() for one in shown if not one.opts[0].startswith("-")]
    yield f"## {' '.join([path, *arguments])}"
    yield (command.help or "").strip()
    yield command.epilog.replace("engage", "`engage", 1) + "`"
    rows = {one.opts[0]: _parameter(one) for one in shown}
    if own := [row for row in rows.values() if row not in common]:
        yield item_list(own)
    shared = [name for name, row in rows.items() if row in common and name != "--dir"]
    if shared:
        yield f"Common options: {_names(shared)}."


def _shown(command: Any) -> list[Any]:
    return [one for one in command.params if not one.hidden]


def _parameter(one: Any) -> tuple[str, str]:
    """Return the names of an option or argument, and its meaning with its default."""
    names = [*one.opts, *one.secondary_opts]
    if not names[0].startswith("-"):
        names = [one.name.upper()]
    default = one.default
    is_shown = default is not None and not callable(default) and default not in (False, "", ())
    sentences = [" ".join((one.help or "").split())]
    if is_shown:
        sentences.append(f"Default: `{getattr(default, 'value', default)}`.")
    if one.envvar:
        sentences.append(f"From `{one.envvar}` if it is not given.")
    return _names(names), " ".join(filter(None, sentences))


def http() -> str:
    """Return the page of every route of the three HTTP services, and of the error codes."""
    blocks = []
    for service, package in SERVICES.items():
        rows = [
            (f"`{method.upper()} {path}`", _summary(operation) + _parameters(operation))
            for path, operations in _openapi(package)["paths"].items()
            if path not in _LEFT_OUT
            for method, operation in operations.items()
        ]
        blocks += [f"## {service}", item_list(rows)]
    return page(
        "HTTP",
        "Each service shows its routes with schemas and statuses at `/docs`, and as OpenAPI at"
        " `/openapi.json`. All have `/`, `/healthz`, `/readyz` and `/metrics`. HEAD responds like"
        " GET, without the body, except for the pixel, whose GET stores an event."
        f" *filters* are {_names(_FILTERS)}.",
        *blocks,
        "## Error codes",
        "Errors are `application/problem+json` with one of these as `code`.",
        item_list((f"`{code}`", text) for code, text in CODES.items()),
    )


def _openapi(package: str) -> dict[str, Any]:
    kind = next(
        value
        for name, value in vars(import_module(f"{package}.settings")).items()
        if name in {"IngestSettings", "ApiSettings", "CatalogueSettings"}
    )
    app, _ = import_module(f"{package}.app").create_app(kind())
    document: dict[str, Any] = _fastapi(app).openapi()
    return document


def _fastapi(app: Any) -> Any:
    """Return the application inside what is wrapped around it."""
    while not hasattr(app, "openapi"):
        app = next(v for v in vars(app).values() if callable(v) and hasattr(v, "__dict__"))
    return app


def _summary(operation: dict[str, Any]) -> str:
    text: str = operation.get("description") or operation.get("summary", "")
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def _parameters(operation: dict[str, Any]) -> str:
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    shown = [f"`{name}`" for name in names]
    if set(_FILTERS) <= set(names):
        shown = [*(f"`{name}`" for name in names if name not in _FILTERS), "*filters*"]
    return f" Query: {', '.join(shown)}." if shown else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def reports() -> str:
    """Return the page of every declared report."""
    items = [
        (
            f"`engage report {report.name}`, `{report.path.replace(':path', '')}`",
            f"{report.title} From: "
            + ", ".join(f"[`{name}`](../../sql/{name}.sql)" for name in report.sql),
        )
        for report in sorted(load_reports().values(), key=lambda each: each.name)
    ]
    return page(
        "Reports",
        "Each report is a command and a route. Their parameters: [HTTP](http.md); their numbers:"
        " [metrics.md](../metrics.md).",
        item_list(items),
    )


def events() -> str:
    """Return the page of the fields of events and records, and of the topic."""
    blocks = []
    for name, schema in schemas().items():
        required = set(schema.get("required", ()))
        rows = [
            (f"`{field}`{' (required)' * (field in required)}", found.get("description", ""))
            for field, found in schema["properties"].items()
        ]
        description = schema["description"].replace("``", "`")
        blocks += [f"## {schema['title']}", f"{description} Its JSON Schema: `{PATH}{name}`."]
        blocks.append(item_list(rows))
        blocks += [f"```json\n{json.dumps(example)}\n```" for example in schema["examples"]]
    headers = ", ".join(f"`{name}: {value.decode()}`" for name, value in topics.RECORD_HEADERS)
    return page(
        "Events and topics",
        f"Topic `{topics.EVENTS_TOPIC}`: {topics.PARTITIONS} partitions unless"
        f" `ENGAGE_TOPIC_PARTITIONS` is set, kept {topics.RETENTION_DAYS} days, consumed by group"
        f" `{topics.CONSUMER_GROUP}`. A record's key is the post's number or external ID as text;"
        f" its headers are {headers}, and `{topics.KEY_HEADER}`: the ID of the API key that the"
        " event was sent with, if keys are required.",
        *blocks,
    )


def metrics() -> str:
    """Return the page of the Prometheus metrics."""
    blocks = []
    for package in METERED:
        found = {metric.describe()[0].name: metric for metric in _metrics(package)}
        rows = [_metric(metric) for _, metric in sorted(found.items())]
        if rows:
            blocks.append(f"## {'HTTP services' if package == 'web' else package}")
            blocks.append(item_list(rows))
    return page(
        "Metrics",
        "At `/metrics` of each HTTP service, and of each process's metrics port"
        " (`ENGAGE_METRICS_PORT`). [metrics.md](../metrics.md) defines the numbers of the reports.",
        *blocks,
    )


def _metrics(package: str) -> Iterator[MetricWrapperBase]:
    """Yield what a package's own modules define."""
    for found in walk_packages(import_module(package).__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            values = vars(import_module(found.name)).values()
            yield from (v for v in values if isinstance(v, MetricWrapperBase))


def _metric(metric: MetricWrapperBase) -> tuple[str, str]:
    [found] = metric.describe()
    name = found.name + ("_total" if found.type == "counter" else "")
    labels = _names(metric._labelnames)  # noqa: SLF001
    return f"`{name}` ({found.type}{', by ' * bool(labels)}{labels})", found.documentation


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in (pages() | {"tables.md": asyncio.run(of_a_fresh_database())}).items():
        page_file = FOLDER / name
        # Tests that run meanwhile read these pages: write only what changed.
        if not page_file.exists() or page_file.read_text(encoding="utf-8") != text:
            page_file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
