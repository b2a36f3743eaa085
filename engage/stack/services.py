"""Services of a stack, and how they, commands and shells reach its Kafka and PostgreSQL."""

import hashlib
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from analytics_api.settings import ApiSettings
from catalogue_service.settings import CatalogueSettings
from consumer.settings import ConsumerSettings
from engage.embedded.jars import CHART_LIBRARY, JarStore
from engage.embedded.machine import StackError
from engage.embedded.programs import Program, spawn
from engage.embedded.scram import MECHANISM, Login
from engage.settings import ClientSettings
from engage.stack.layout import Layout, MemberState, StackFile
from ingest_service.settings import IngestSettings
from refresher.settings import RefresherSettings
from runtime.files import replace_file
from runtime.settings import PREFIX, KafkaSettings, Settings

_KEPT: Final = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV",
    "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH",
)  # fmt: skip
SERVICES: Final[Mapping[str, tuple[str, type[Settings]]]] = {
    "ingest": ("ingest_service", IngestSettings),
    "consumer": ("consumer", ConsumerSettings),
    "refresher": ("refresher", RefresherSettings),
    "api": ("analytics_api", ApiSettings),
    "catalogue": ("catalogue_service", CatalogueSettings),
}
"""The services: their packages and settings, by role."""

DATABASE_ROLES: Final = {
    "consumer": "engage_consumer",
    "refresher": "engage_refresher",
    "api": "engage_reader",
    "catalogue": "engage_editor",
}
"""The services that connect to PostgreSQL, and their roles."""

# -P: the stack's folder must not be searched for modules.
_PYTHON: Final = (sys.executable, "-P", "-m", "engagement_analytics")
_HOST_CHARACTERS: Final = 64
_STACK_CHARACTERS: Final = 8
_OPENTELEMETRY: Final = "OTEL_"
_REPLICA: Final = "read_database_url"
# Settings that come from the stack, never from the caller's environment.
_GIVEN: Final = ("database_url", "database_role", _REPLICA, "api_keys_file", "key_uses_dir")
_NEEDS_KAFKA: Final = ("ingest", "consumer", "refresher", "api")
_USES_HISTORY: Final = ("refresher", "api")
_DERIVED_ID_SECRET: Final = f"{PREFIX}DERIVED_ID_SECRET"
# Settings of the archive's object store.
_OBJECT_STORES: Final = ("AWS_", "AZURE_", "GOOGLE_")


@dataclass(frozen=True)
class Wiring:
    """The addresses that services need.

    Attributes:
        kafka_bootstrap_servers: where services reach the broker.
        database_urls: by role of the stack; the ingest service has none.
        kafka_login: of the embedded broker; None: the environment has it.
        kafka_gateway: address of the embedded broker that needs no password; None: none.
        is_external: the stack does not run the servers: each service sets its database role after
            connecting, and the environment configures Kafka.
        replica_url: of the read replica, if there is one.
    """

    kafka_bootstrap_servers: str
    database_urls: Mapping[str, str]
    topic: str
    kafka_login: Login | None = None
    kafka_gateway: str | None = None
    is_external: bool = False
    replica_url: str | None = None


@dataclass
class Service(Program):
    """A service: a module of the project, configured by its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log_path: Path
    descriptors: Sequence[int] = ()

    async def start(self) -> None:
        self._child = spawn(
            self.command,
            log_path=self.log_path,
            folder=self.folder,
            environment=self.environment,
            inherited_descriptors=self.descriptors,
        )


def service(  # noqa: PLR0913  (wired in one place, engage.stack.supervisor)
    place: MemberState,
    *,
    wiring: Wiring,
    layout: Layout,
    derived_id_secret: str,
    listen_fd: int | None = None,
    urls: Mapping[str, str] | None = None,
) -> Service:
    """Return the program of a service. HTTP services inherit their socket.

    *derived_id_secret* is for ingest, unless the caller's environment has one; *urls* of the other
    services, by the names of settings, are for the read API.
    """
    settings = _settings(place, wiring, layout)
    if place.role == "api":
        settings |= urls or {}
    if place.role == "ingest" and _DERIVED_ID_SECRET not in os.environ:
        settings["derived_id_secret"] = derived_id_secret
    if place.role == "refresher":
        settings["api_keys_file"] = str(layout.keys_file)
    if listen_fd is not None:
        settings["listen_fd"] = str(listen_fd)
        settings["api_keys_file"] = str(layout.keys_file)
        settings["key_uses_dir"] = str(layout.key_uses)
    environment = {PREFIX + name.upper(): value for name, value in settings.items()}
    return Service(
        command=(*_PYTHON, SERVICES[place.role][0]),
        environment=_inherited(place.role) | environment,
        folder=layout.folder,
        log_path=layout.log(place.name),
        descriptors=() if listen_fd is None else (listen_fd,),
    )


def _inherited(role: str) -> dict[str, str]:
    """Return the part of the caller's environment that a service gets: the settings it reads."""
    _, settings = SERVICES[role]
    read = {PREFIX + name.upper() for name in settings.model_fields}
    hidden = {PREFIX + name.upper() for name in _GIVEN}
    prefixes = (_OPENTELEMETRY, *_OBJECT_STORES) if role == "refresher" else (_OPENTELEMETRY,)
    return {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(prefixes) or name in read - hidden
    } | {"PYTHONUNBUFFERED": "1"}


def _settings(place: MemberState, wiring: Wiring, layout: Layout) -> dict[str, str]:
    settings = {"metrics_port": str(place.metrics_port), "topic": wiring.topic}
    if place.role in _NEEDS_KAFKA:
        settings["kafka_bootstrap_servers"] = wiring.kafka_bootstrap_servers
        if wiring.kafka_login:
            settings |= login_settings(wiring.kafka_login)
    if url := wiring.database_urls.get(place.role):
        settings["database_url"] = url
        if wiring.is_external:
            settings["database_role"] = DATABASE_ROLES[place.role]
    if place.role == "api" and wiring.replica_url:
        settings[_REPLICA] = wiring.replica_url
    if place.role == "api" and (jar := _chart_library()):
        settings["chart_library"] = str(jar)
    if place.role == "refresher":
        settings["monitored_disks"] = str(layout.folder)
    if place.role in _USES_HISTORY and not wiring.is_external:
        settings |= _history(place.role, layout)
    if place.role == "consumer":
        settings["consumer_instance_id"] = _instance_id(layout.folder, place.slot)
    return settings


def _history(role: str, layout: Layout) -> dict[str, str]:
    """Return where days are sealed, unless the environment says so or the extra is missing."""
    chosen = {PREFIX + name for name in ("HISTORY_URL", "HISTORY_ENGINE")}
    if chosen & os.environ.keys() or find_spec("duckdb") is None:
        return {}
    folder = {"history_url": str(layout.history.absolute())}
    return folder | {"history_engine": "duckdb:"} if role == "api" else folder


def _instance_id(folder: Path, slot: int) -> str:
    """Return a consumer's static member ID, unique among hosts and stacks."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:_HOST_CHARACTERS]
    stack = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:_STACK_CHARACTERS]
    return f"engage-{host}-{stack}-consumer-{slot}"


def gateway(layout: Layout, *, listen_fd: int, broker_port: int, login: Login) -> Service:
    arguments = {"listen-fd": listen_fd, "broker-port": broker_port, "username": login.username}
    return Service(
        command=(
            *_PYTHON,
            "engage.gateway",
            *(f"--{name}={value}" for name, value in arguments.items()),
        ),
        environment={
            **{name: value for name, value in os.environ.items() if name in _KEPT},
            "PYTHONUNBUFFERED": "1",
            "KAFKA_GATEWAY_PASSWORD": login.password,
        },
        folder=layout.folder,
        log_path=layout.log("kafka-gateway"),
        descriptors=(listen_fd,),
    )


def _chart_library() -> Path | None:
    """Return the chart library if it was fetched. The dashboard works without it."""
    try:
        return JarStore().verified_webjar(CHART_LIBRARY)
    except StackError:
        return None


def login_settings(login: Login) -> dict[str, str]:
    """Return the settings, by name, of a client that logs in at the embedded broker."""
    return {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_mechanism": MECHANISM,
        "kafka_sasl_username": login.username,
        "kafka_sasl_password": login.password,
    }


def kafka_settings(bootstrap_servers: str, login: Login | None) -> KafkaSettings:
    """Return the environment's settings with this address, and this login if there is one."""
    fields: dict[str, Any] = {"kafka_bootstrap_servers": bootstrap_servers}
    if login:
        fields |= login_settings(login) | {"kafka_sasl_password": SecretStr(login.password)}
    return KafkaSettings.load().model_copy(update=fields)


def kafka_fields(wiring: Wiring) -> dict[str, Any]:
    """Return the fields of stack.json about Kafka."""
    fields = {"kafka_bootstrap_servers": wiring.kafka_gateway or wiring.kafka_bootstrap_servers}
    if wiring.kafka_login:
        login = login_settings(wiring.kafka_login)
        fields |= {name: login[name] for name in StackFile.__struct_fields__ if name in login}
        fields["kafka_sasl_bootstrap_servers"] = wiring.kafka_bootstrap_servers
    return fields


def variables(layout: Layout) -> dict[str, str]:
    """Return the variables by which commands, services and psql reach a running stack.

    Those of Kafka and PostgreSQL are included only where they belong to the stack: the environment
    already names external ones. Raises Unavailable, SetupError.
    """
    stack = StackFile.read(layout.stack_file)
    names = (name for name in ClientSettings.model_fields if hasattr(stack, name))
    found = {name: getattr(stack, name) for name in names}
    if stack.processes.get("postgres"):
        found |= {"topic": stack.topic, "kafka_bootstrap_servers": stack.kafka_bootstrap_servers}
        if stack.kafka_bootstrap_servers == stack.kafka_sasl_bootstrap_servers:
            # There is no gateway.
            found |= login_settings(Login(str(stack.kafka_sasl_password)))
        found["database_url"] = _without_password(stack.database_url, layout.password_file)
    return {PREFIX + name.upper(): value for name, value in found.items()}


def _without_password(url: str, path: Path) -> str:
    """Write the password to a file that libpq and asyncpg read; return a URL that names the file.

    A command line, which every user of the machine can read, may contain this URL.
    """
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port}"
    replace_file(path, f"{place}:*:{parts.username}:{parts.password}\n".encode())
    query = urlencode({"passfile": path}, safe="/", quote_via=quote)
    return urlunsplit(parts._replace(netloc=f"{parts.username}@{place}", query=query))
