"""Write docs/reference from the code: ``python -m docs.generate``, or as a part of `make docs`.

The pages are committed, as they are read in the repository as well; tests hold them to the code.
Each function here is a page; only the tables' page asks a database, a fresh one.
"""

import asyncio
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module, resources
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Final

import asyncpg
import typer.main
from prometheus_client.metrics import MetricWrapperBase

FOLDER: Final = Path(__file__).with_name("reference")
SERVICES: Final = {
    "ingest": "ingest_service",
    "api": "analytics_api",
    "catalogue": "catalogue_service",
}
METERED: Final = ("ingest_service", "consumer", "analytics_api", "catalogue_service", "schema")
# Their own pages tell more.
_LEFT_OUT: Final = {"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"}
_NOTE: Final = "<!-- Written by `make docs` from the code: change the code, not this page. -->"
_COLUMNS: Final = """
SELECT c.relname AS relation, c.relkind, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_required,
       coalesce(a.attnum = ANY (k.conkey), false) AS is_key
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'v')
   AND NOT c.relispartition
 ORDER BY c.relname, a.attnum"""
_RIGHTS: Final = """
SELECT g.table_name AS relation, g.grantee, string_agg(DISTINCT g.privilege_type, ', ') AS rights
  FROM (SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
        UNION ALL
        SELECT table_name, grantee, privilege_type || ' of columns'
          FROM information_schema.column_privileges AS c
         WHERE NOT EXISTS (SELECT FROM information_schema.role_table_grants AS t
                            WHERE (t.table_name, t.grantee, t.privilege_type)
                                  = (c.table_name, c.grantee, c.privilege_type))) AS g
 WHERE g.grantee LIKE 'engage\\_%'
 GROUP BY g.table_name, g.grantee
 ORDER BY g.table_name, g.grantee"""
_KINDS: Final = {"r": "table", "p": "partitioned table", "m": "materialized view", "v": "view"}


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
    from engage.configuration import settings_table

    return _page(
        "Settings",
        "Each service is configured by the environment alone; `engage config show` tells what is in"
        " force, and where it comes from.",
        settings_table(),
    )


def command_line() -> str:
    """Return the page of every command, as `--help` shows it."""
    from engage.cli import app

    root = typer.main.get_command(app)
    blocks = [block for path, command in _commands(root, "engage") for block in _of(path, command)]
    return _page("Command line", str(root.epilog), *blocks)


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
        yield _table(("option", "default", "meaning"), rows)


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
    from schema.codes import CODES

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
        blocks.append(_table(("route", "", "query"), rows))
    codes = _table(("code", "meaning"), [(f"`{code}`", text) for code, text in CODES.items()])
    return _page(
        "HTTP",
        "Each service shows all of this with schemas and statuses at `/docs`, and as OpenAPI at"
        " `/openapi.json`. All have `/`, `/healthz`, `/readyz` and `/metrics`.",
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
    return " ".join(text.split("\n\n")[0].split())


def _parameters(operation: dict[str, Any]) -> str:
    return ", ".join(
        f"`{one['name']}`" for one in operation.get("parameters", ()) if one["in"] == "query"
    )


def events() -> str:
    """Return the page of what is sent, and what stands in Kafka."""
    from schema import topics
    from schema.published import PATH, schemas

    blocks = []
    for name, schema in schemas().items():
        required = set(schema.get("required", ()))
        rows = [
            (f"`{field}`", "yes" if field in required else "", said.get("description", ""))
            for field, said in schema["properties"].items()
        ]
        said_of_all = schema["description"].replace("``", "`")
        blocks += [f"## {schema['title']}", f"{said_of_all} Its JSON Schema: `{PATH}{name}`."]
        blocks.append(_table(("field", "required", "meaning"), rows))
        blocks += [f"```json\n{json.dumps(example)}\n```" for example in schema["examples"]]
    headers = ", ".join(f"`{name}: {value.decode()}`" for name, value in topics.RECORD_HEADERS)
    return _page(
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
            blocks.append(_table(("metric", "kind", "labels", "meaning"), rows))
    return _page(
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


async def tables(connection: Any) -> str:
    """Return the page of the tables of a migrated database."""
    columns = await connection.fetch(_COLUMNS)
    rights: dict[str, list[str]] = {}
    for row in await connection.fetch(_RIGHTS):
        rights.setdefault(row["relation"], []).append(f"`{row['grantee']}` {row['rights']}")
    purposes = _purposes()
    blocks = []
    for relation in dict.fromkeys(row["relation"] for row in columns):
        of = [row for row in columns if row["relation"] == relation]
        kind = _KINDS[of[0]["relkind"].decode()]
        blocks += [f"## {relation}", " ".join([f"A {kind}.", purposes.get(relation, "")]).strip()]
        rows = [
            (
                f"`{row['name']}`",
                row["type"],
                "key" if row["is_key"] else "required" if row["is_required"] else "",
            )
            for row in of
        ]
        blocks.append(_table(("column", "type", ""), rows))
        if relation in rights:
            blocks.append(f"Rights: {'; '.join(rights[relation])}.")
    return _page(
        "Tables",
        "What `engage db migrate` makes. The daily partitions of `engagements` look as it does.",
        *blocks,
    )


def _purposes() -> dict[str, str]:
    """Return what the migrations say of each relation, in the comment above it."""
    found = {}
    folder = resources.files("schema").joinpath("migrations")
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        matches = re.finditer(
            r"^((?:-- .*\n)+)CREATE (?:OR REPLACE )?(?:TABLE|MATERIALIZED VIEW|VIEW) (\w+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        for match in matches:
            said = match[1].replace("-- ", " ").replace("\n", "").strip()
            found.setdefault(match[2], said)
    return found


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _page(title: str, *blocks: str) -> str:
    return "\n\n".join([f"# {title}", _NOTE, *blocks]) + "\n"


async def _fresh_tables() -> str:
    """Return the page of the tables, from a PostgreSQL that is started for it."""
    from engage.embedded import ports
    from engage.embedded.postgres import PostgresServer
    from schema.migrate import migrate

    with tempfile.TemporaryDirectory(prefix="engage-docs-") as folder:
        server = PostgresServer(Path(folder), port=ports.pick())
        await server.start()
        try:
            await server.wait_ready()
            connection = await asyncpg.connect(server.superuser_url)
            await migrate(connection)
            page = await tables(connection)
            await connection.close()
        finally:
            await server.stop()
    return page


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in (pages() | {"tables.md": asyncio.run(_fresh_tables())}).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
