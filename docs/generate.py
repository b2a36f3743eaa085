"""Write docs/reference from the code: ``python -m docs.generate``, or as a part of `make docs`.

The pages are committed, as they are read in the repository as well; tests hold them to the code.
Each function here is a page; that of the tables, which asks a database, is docs/tables.py's.
"""

import asyncio
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Final

import typer.main
from prometheus_client.metrics import MetricWrapperBase

from docs.markdown import page, table
from docs.tables import of_a_fresh_database
from engage.cli import app as engage
from engage.configuration import settings_table
from schema import topics
from schema.codes import CODES
from schema.published import PATH, schemas

FOLDER: Final = Path(__file__).with_name("reference")
SERVICES: Final = {
    "ingest": "ingest_service",
    "api": "analytics_api",
    "catalogue": "catalogue_service",
}
METERED: Final = ("ingest_service", "consumer", "analytics_api", "catalogue_service", "schema")
# Their own pages tell more.
_LEFT_OUT: Final = {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"}


def pages() -> dict[str, str]:
    """Return each page that needs no database, by its file name."""
    return {
        "settings.md": settings(),
        "cli.md": command_line(),
        "http.md": http(),
        "events.md": events(),
        "metrics.md": metrics(),
    }


def settings() -> str:
    """Return the page of what the environment says."""
    return page(
        "Settings",
        "Each service is configured by the environment alone; `engage config show` tells what is in"
        " force, and where it comes from.",
        settings_table(),
    )


def command_line() -> str:
    """Return the page of every command, as `--help` shows it."""
    root = typer.main.get_command(engage)
    blocks = [block for path, command in _commands(root, "engage") for block in _of(path, command)]
    return page("Command line", str(root.epilog), *blocks)


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what can be run, groups' own options aside."""
    below = getattr(command, "commands", {})
    for name, child in below.items():
        yield from _commands(child, f"{path} {name}")
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command


def _of(path: str, command: Any) -> Iterator[str]:
    shown = [one for one in command.params if not one.hidden]
    arguments = [one.name.upper() for one in shown if not one.opts[0].startswith("-")]
    yield f"## {path}"
    yield f"`{' '.join([path, *arguments, '[OPTIONS]' if len(shown) > len(arguments) else ''])}`"
    yield (command.help or "").strip()
    if rows := [_parameter(one) for one in shown]:
        yield table(("option", "default", "meaning"), rows)


def _parameter(one: Any) -> tuple[str, str, str]:
    names = [*one.opts, *one.secondary_opts]
    if not names[0].startswith("-"):
        names = [one.name.upper()]
    default = one.default
    is_shown = default is not None and not callable(default) and default not in (False, "", ())
    value = getattr(default, "value", default)
    help_text = " ".join((one.help or "").split())
    if one.envvar:
        help_text += f" From `{one.envvar}` if it is not given."
    return ", ".join(f"`{name}`" for name in names), f"`{value}`" if is_shown else "", help_text


def http() -> str:
    """Return the page of every route of the three HTTP services, and of the codes of problems."""
    blocks = []
    for service, package in SERVICES.items():
        blocks.append(f"## {service}")
        paths = _openapi(package)["paths"]
        rows = [
            (f"`{method.upper()} {path}`", _summary(operation), _parameters(operation))
            for path, operations in paths.items()
            if path not in _LEFT_OUT
            for method, operation in operations.items()
        ]
        blocks.append(table(("route", "", "query"), rows))
    codes = table(("code", "meaning"), [(f"`{code}`", text) for code, text in CODES.items()])
    return page(
        "HTTP",
        "Each service shows all of this with schemas and statuses at `/docs`, and as OpenAPI at"
        " `/openapi.json`. All have `/`, `/healthz`, `/readyz` and `/metrics`. HEAD answers like"
        " GET, without the body; only the pixel, whose GET stores an event, takes none.",
        *blocks,
        "## Codes of problems",
        "Errors are `application/problem+json`; their `code` is one of these.",
        codes,
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
    return ", ".join(
        f"`{one['name']}`" for one in operation.get("parameters", ()) if one["in"] == "query"
    )


def events() -> str:
    """Return the page of what is sent, and what stands in Kafka."""
    blocks = []
    for name, schema in schemas().items():
        required = set(schema.get("required", ()))
        rows = [
            (f"`{field}`", "yes" if field in required else "", said.get("description", ""))
            for field, said in schema["properties"].items()
        ]
        said_of_all = schema["description"].replace("``", "`")
        blocks += [f"## {schema['title']}", f"{said_of_all} Its JSON Schema: `{PATH}{name}`."]
        blocks.append(table(("field", "required", "meaning"), rows))
        blocks += [f"```json\n{json.dumps(example)}\n```" for example in schema["examples"]]
    headers = ", ".join(f"`{name}: {value.decode()}`" for name, value in topics.RECORD_HEADERS)
    return page(
        "Events and topics",
        f"Topic `{topics.EVENTS_TOPIC}`: {topics.PARTITIONS} partitions unless"
        f" `ENGAGE_TOPIC_PARTITIONS` says otherwise, kept {topics.RETENTION_DAYS} days, read by"
        f" group `{topics.CONSUMER_GROUP}`. A record's key is the post's number or external id as"
        f" text; its headers are {headers}.",
        *blocks,
    )


def metrics() -> str:
    """Return the page of what Prometheus is told."""
    blocks = []
    for package in METERED:
        found = {metric.describe()[0].name: metric for metric in _metrics(package)}
        rows = [_metric(metric) for _, metric in sorted(found.items())]
        if rows:
            blocks.append(f"## {package if package != 'schema' else 'HTTP services'}")
            blocks.append(table(("metric", "kind", "labels", "meaning"), rows))
    return page(
        "Metrics",
        "At `/metrics` of each HTTP service, and of each process's side port"
        " (`ENGAGE_METRICS_PORT`). What the reports' numbers mean: [metrics.md](../metrics.md).",
        *blocks,
    )


def _metrics(package: str) -> Iterator[MetricWrapperBase]:
    """Yield what a package's own modules define."""
    for found in walk_packages(import_module(package).__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            values = vars(import_module(found.name)).values()
            yield from (v for v in values if isinstance(v, MetricWrapperBase))


def _metric(metric: MetricWrapperBase) -> tuple[str, str, str, str]:
    [said] = metric.describe()
    name = said.name + ("_total" if said.type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001
    return f"`{name}`", said.type, labels, said.documentation


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in (pages() | {"tables.md": asyncio.run(of_a_fresh_database())}).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
