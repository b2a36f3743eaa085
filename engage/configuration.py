"""Every setting there is: its value in this environment, and where that comes from."""

import os
from collections.abc import Iterator
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from engage.settings import ClientSettings, MonitorSettings
from schema.errors import SetupError
from schema.settings import PREFIX, Settings

MASK: Final = "********"


def settings_classes() -> list[type[Settings]]:
    """Return the settings of each service, and the command line's own."""
    from analytics_api.settings import ApiSettings, RefresherSettings
    from catalogue_service.settings import CatalogueSettings
    from consumer.settings import ConsumerSettings
    from ingest_service.settings import IngestSettings

    services: list[type[Settings]] = [
        IngestSettings,
        ConsumerSettings,
        RefresherSettings,
        ApiSettings,
    ]
    return [*services, CatalogueSettings, MonitorSettings, ClientSettings]


def settings_in_force() -> list[dict[str, Any]]:
    """Return one row a variable; a service's own default is noted where services differ.

    A wrong value is shown as it was given; ``faults`` tells what is wrong with it.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for kind in settings_classes():
        for name, field, value in _read(kind):
            variable = PREFIX + name.upper()
            row = rows.setdefault(
                (variable, value),
                {
                    "variable": variable,
                    "value": value,
                    "source": "environment" if variable in os.environ else "default",
                    "used_by": [],
                    "meaning": field.description,
                },
            )
            row["used_by"].append(kind.__name__.removesuffix("Settings").lower())
    return [
        row | {"used_by": ", ".join(row["used_by"])}
        for _, row in sorted(rows.items(), key=lambda item: item[0])
    ]


def faults() -> list[str]:
    """Return what is wrong with the settings, each fault once."""
    found = []
    for kind in settings_classes():
        try:
            kind.load()
        except SetupError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def settings_table() -> str:
    """Return every setting with its default as a Markdown table, as it stands in the README."""
    rows: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for kind in settings_classes():
        for name, field in kind.model_fields.items():
            default = field.get_default(call_default_factory=True)
            shown = default.get_secret_value() if isinstance(default, SecretStr) else default
            key = (PREFIX + name.upper(), "" if shown is None else f"`{shown}`")
            _, users = rows.setdefault(key, (field.description or "", []))
            users.append(kind.__name__.removesuffix("Settings").lower())
    head = ["| variable | default | read by | meaning |", "|---|---|---|---|"]
    return "\n".join(
        head
        + [
            f"| `{variable}` | {default} | {', '.join(users)} | {meaning} |"
            for (variable, default), (meaning, users) in sorted(rows.items())
        ]
    )


def _read(kind: type[Settings]) -> Iterator[tuple[str, FieldInfo, str]]:
    try:
        values = dict(kind.load())
    except SetupError:
        values = {name: _as_given(name, field) for name, field in kind.model_fields.items()}
    for name, field in kind.model_fields.items():
        value = values[name]
        is_secret = isinstance(value, SecretStr) or "SecretStr" in repr(field.annotation)
        yield name, field, MASK if is_secret and value else str(value)


def _as_given(name: str, field: FieldInfo) -> Any:
    return os.environ.get(PREFIX + name.upper(), field.get_default(call_default_factory=True))
