"""`engage config`: all settings, their values in this environment, and the source of each."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import typer
from pydantic import SecretStr

from analytics_api.settings import ApiSettings
from catalogue_service.settings import CatalogueSettings
from consumer.settings import ConsumerSettings
from engage.settings import ClientSettings, MonitorSettings
from engage.terminal import USAGE, Output, OutputOption, print_rows
from ingest_service.settings import IngestSettings
from refresher.settings import RefresherSettings
from runtime.settings import PREFIX, MigrateSettings, Settings, is_in_secrets_folder
from schema.errors import SetupError

MASK: Final = "********"
SETTINGS: Final[tuple[type[Settings], ...]] = (
    IngestSettings, ConsumerSettings, RefresherSettings, ApiSettings, CatalogueSettings,
    MigrateSettings, MonitorSettings, ClientSettings,
)  # fmt: skip

app = typer.Typer(help="Settings.", no_args_is_help=True)


@app.command()
def show(output: OutputOption = Output.TABLE) -> None:
    """Show every setting, its value and where that comes from. Secrets are masked.

    Exit code 2: a setting is wrong; stderr says which and why.
    """
    print_rows(settings_in_force(), output)
    if found := faults():
        typer.echo("\n".join(f"error: {fault}" for fault in found), err=True)
        raise typer.Exit(USAGE)


@app.command()
def table() -> None:
    """Print every setting with its default as a Markdown table, as in the README."""
    typer.echo(settings_table())


def settings_in_force() -> list[dict[str, Any]]:
    """Return one row per variable, and per value where services differ.

    An invalid value is shown as it is; ``faults`` returns its error.
    """
    return [
        {
            "variable": variable,
            "value": value,
            "source": _source(variable),
            "used_by": users,
            "meaning": meaning,
        }
        for variable, value, users, meaning in _by_variable(_values)
    ]


def faults() -> list[str]:
    found = []
    for kind in SETTINGS:
        try:
            kind.load()
        except SetupError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def settings_table() -> str:
    rows = [
        f"| `{variable}` | {default} | {users} | {meaning} |"
        for variable, default, users, meaning in _by_variable(_defaults)
    ]
    return "\n".join(["| variable | default | read by | meaning |", "|---|---|---|---|", *rows])


def _by_variable(
    values_of: Callable[[type[Settings]], Mapping[str, str]],
) -> list[tuple[str, str, str, str]]:
    """Return variable, value, its readers and its meaning; one row where readers agree."""
    rows: dict[tuple[str, str], tuple[list[str], str]] = {}
    for kind in SETTINGS:
        for name, value in values_of(kind).items():
            meaning = kind.model_fields[name].description or ""
            users, _ = rows.setdefault((PREFIX + name.upper(), value), ([], meaning))
            users.append(kind.__name__.removesuffix("Settings").lower())
    return [(*key, ", ".join(users), meaning) for key, (users, meaning) in sorted(rows.items())]


def _defaults(kind: type[Settings]) -> dict[str, str]:
    found = {}
    for name, field in kind.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        found[name] = "" if shown is None else f"`{shown}`"
    return found


def _values(kind: type[Settings]) -> dict[str, str]:
    """Return the values in force, with secrets masked."""
    try:
        values = dict(kind.load())
    except SetupError:
        values = {
            name: os.environ.get(
                PREFIX + name.upper(), field.get_default(call_default_factory=True)
            )
            for name, field in kind.model_fields.items()
        }
    found = {}
    for name, field in kind.model_fields.items():
        is_secret = isinstance(values[name], SecretStr) or "SecretStr" in repr(field.annotation)
        found[name] = MASK if is_secret and values[name] else str(values[name])
    return found


def _source(variable: str) -> str:
    if variable in os.environ:
        return "environment"
    return "secrets folder" if is_in_secrets_folder(variable) else "default"
