"""The environment and the command of each service: all that a service ever learns."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded.errors import StackError
from engage.embedded.jars import CHART_LIBRARY, JarStore
from engage.stack.layout import Layout
from engage.stack.member import Service
from engage.stack.state import MemberState
from schema.settings import PREFIX

_KEPT: Final = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV",
    "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH",
)  # fmt: skip
MODULES: Final = {
    "ingest": "ingest_service",
    "consumer": "consumer",
    "refresher": "analytics_api.refresher",
    "api": "analytics_api",
    "catalogue": "catalogue_service",
}
DATABASE_ROLES: Final = {
    "consumer": "engage_consumer",
    "refresher": "engage_refresher",
    "api": "engage_reader",
    "catalogue": "engage_editor",
}
"""The services that may speak to PostgreSQL, and as whom."""

_OPENTELEMETRY: Final = "OTEL_"
_REPLICA: Final = "READ_DATABASE_URL"
_SECRET: Final = (
    "DATABASE_URL", "DATABASE_ROLE", _REPLICA, "INGEST_KEY", "READ_KEY", "ADMIN_KEY",
)  # fmt: skip
_NEEDS_KAFKA: Final = ("ingest", "consumer", "refresher", "api")
_ABOUT_KAFKA: Final = f"{PREFIX}KAFKA_"
# How the archive's object store is reached.
_OBJECT_STORES: Final = ("AWS_", "AZURE_", "GOOGLE_")


@dataclass(frozen=True)
class Wiring:
    """The addresses that services need of each other.

    Attributes:
        database_urls: by role of the stack; the ingest service has none.
        is_external: the servers are someone else's: each service takes its database role after
            connecting, and reaches Kafka as the environment says.
        replica_url: of the database that reports are read from, if it is another one.
    """

    kafka_bootstrap_servers: str
    database_urls: Mapping[str, str]
    topic: str
    is_external: bool = False
    replica_url: str | None = None


def service(
    place: MemberState, *, wiring: Wiring, layout: Layout, listen_fd: int | None = None
) -> Service:
    """Return what starts the process of a place; HTTP services inherit their socket."""
    settings = _settings(place, wiring, layout)
    if listen_fd is not None:
        settings["LISTEN_FD"] = str(listen_fd)
        settings["API_KEYS_FILE"] = str(layout.keys_file)
    environment = {PREFIX + setting: value for setting, value in settings.items()}
    return Service(
        # -P: the stack's folder must not be searched for modules.
        command=(sys.executable, "-P", "-m", MODULES[place.role]),
        environment=_inherited(place.role) | environment,
        folder=layout.folder,
        log_path=layout.log(place.name),
        descriptors=() if listen_fd is None else (listen_fd,),
    )


def _inherited(role: str) -> dict[str, str]:
    """Return what a service sees of the caller's environment; of secrets, what it needs."""
    hidden = tuple(PREFIX + setting for setting in _SECRET)
    if role not in _NEEDS_KAFKA:
        hidden += (_ABOUT_KAFKA,)
    shown = (PREFIX, *_OBJECT_STORES) if role == "refresher" else PREFIX
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT
        or name.startswith(_OPENTELEMETRY)
        or (name.startswith(shown) and not name.startswith(hidden))
    } | {"PYTHONUNBUFFERED": "1"}


def _settings(place: MemberState, wiring: Wiring, layout: Layout) -> dict[str, str]:
    settings = {"METRICS_PORT": str(place.side_port), "TOPIC": wiring.topic}
    if place.role in _NEEDS_KAFKA:
        settings["KAFKA_BOOTSTRAP_SERVERS"] = wiring.kafka_bootstrap_servers
        if not wiring.is_external:
            settings["KAFKA_SECURITY_PROTOCOL"] = "PLAINTEXT"
    if url := wiring.database_urls.get(place.role):
        settings["DATABASE_URL"] = url
        if wiring.is_external:
            settings["DATABASE_ROLE"] = DATABASE_ROLES[place.role]
    if place.role == "api" and wiring.replica_url:
        settings[_REPLICA] = wiring.replica_url
    if place.role == "api" and (jar := _chart_library()):
        settings["CHART_LIBRARY"] = str(jar)
    if place.role == "refresher":
        settings["WATCHED_DISKS"] = str(layout.folder)
    if place.role == "consumer":
        settings["CONSUMER_INSTANCE_ID"] = f"engage-consumer-{place.slot}"
    return settings


def _chart_library() -> Path | None:
    """Return what the dashboard's charts are drawn with, if it was fetched: it can do without."""
    try:
        return JarStore().verified_webjar(CHART_LIBRARY)
    except StackError:
        return None
