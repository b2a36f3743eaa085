"""The system a command uses: the stack of a folder, else that of the environment."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

import sql
from engage.client import Response, get
from engage.embedded.scram import Login
from engage.settings import ClientSettings
from engage.stack.layout import Layout, StackFile
from engage.stack.services import kafka_settings
from engage.terminal import GivenFolder
from runtime.settings import DatabaseSettings, KafkaSettings, is_in_secrets_folder
from schema.errors import SetupError, Unavailable
from sql.command import connected

_URLS: Final = ("ingest_url", "api_url", "catalogue_url")


async def fetch(url: str, name: str, **values: Any) -> list[dict[str, Any]]:
    """Run sql/<name>.sql. Raises as ``connected`` does."""
    async with connected(url) as connection:
        return [dict(row) for row in await sql.load(name).fetch(connection, **values)]


async def fetch_value(url: str, name: str, **values: Any) -> Any:
    """Run sql/<name>.sql and return its single value. Raises as ``connected`` does."""
    async with connected(url) as connection:
        return await sql.load(name).fetchval(connection, **values)


@dataclass(frozen=True)
class Target:
    """Addresses and keys. Reading one that is not configured raises Unavailable.

    A key of None means that the service needs none.
    """

    folder: Path
    stack: StackFile | None
    settings: ClientSettings

    @property
    def ingest_url(self) -> str:
        return self._url("ingest_url")

    @property
    def api_url(self) -> str:
        return self._url("api_url")

    @property
    def catalogue_url(self) -> str:
        return self._url("catalogue_url")

    @property
    def ingest_key(self) -> str | None:
        return self._key("ingest_key")

    @property
    def read_key(self) -> str | None:
        return self._key("read_key")

    @property
    def admin_key(self) -> str | None:
        return self._key("admin_key")

    @property
    def database_url(self) -> str:
        """The URL of the database for its owner."""
        if self.stack:
            return self.stack.database_url
        if not _is_given("ENGAGE_DATABASE_URL"):
            return self._missing("ENGAGE_DATABASE_URL")
        return DatabaseSettings.load().database_url.get_secret_value()

    @property
    def kafka(self) -> KafkaSettings:
        if self.stack:
            password = self.stack.kafka_sasl_password
            return kafka_settings(
                self.stack.kafka_sasl_bootstrap_servers or self.stack.kafka_bootstrap_servers,
                Login(password) if password else None,
            )
        if not _is_given("ENGAGE_KAFKA_BOOTSTRAP_SERVERS"):
            self._missing("ENGAGE_KAFKA_BOOTSTRAP_SERVERS")
        return KafkaSettings.load()

    @property
    def topic(self) -> str:
        return self.stack.topic if self.stack else KafkaSettings.load().topic

    def query(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """Run sql/<name>.sql and return its rows. Raises as ``connected`` does."""
        return asyncio.run(fetch(self.database_url, name, **values))

    def get_response(self, path: str, **parameters: Any) -> Response:
        """GET a path of the read API. Raises as ``client.get`` does."""
        return get(self.api_url + path, self.read_key, **parameters)

    def get(self, path: str, **parameters: Any) -> Any:
        """GET a path of the read API and parse its JSON. Raises as ``client.get`` does."""
        return self.get_response(path, **parameters).json()

    def _url(self, name: str) -> str:
        found: str | None = getattr(self.stack or self.settings, name)
        return found or self._missing(f"ENGAGE_{name.upper()}")

    def _key(self, name: str) -> str | None:
        if self.stack:
            return str(getattr(self.stack, name))
        key: SecretStr | None = getattr(self.settings, name)
        return key.get_secret_value() if key else None

    def _missing(self, variable: str) -> str:
        raise Unavailable(
            f"no stack runs in {self.folder} and {variable} is not set:"
            " start one with `engage up`, name one with --dir, or set the variable"
        )


def _is_given(variable: str) -> bool:
    return variable in os.environ or is_in_secrets_folder(variable)


def find(folder: Path) -> Target:
    """Return what the folder's stack.json names, or the environment.

    Raises:
        SetupError: both name a system, not the same, and --dir was not given.
    """
    path = Layout(folder).stack_file
    stack = StackFile.read(path) if path.exists() else None
    settings = ClientSettings.load()
    if stack and not isinstance(folder, GivenFolder):
        _require_same_system(folder, stack, settings)
    return Target(folder, stack, settings)


def kafka_of(folder: Path) -> KafkaSettings | None:
    """Return how to reach the Kafka that ``find`` names; None where there is none."""
    target = find(folder)
    if target.stack is None and not _is_given("ENGAGE_KAFKA_BOOTSTRAP_SERVERS"):
        return None
    return target.kafka.model_copy(update={"topic": target.topic})


def _require_same_system(folder: Path, stack: StackFile, settings: ClientSettings) -> None:
    given = {f"ENGAGE_{name.upper()}": getattr(settings, name) for name in _URLS}
    if "ENGAGE_DATABASE_URL" in os.environ:
        given["ENGAGE_DATABASE_URL"] = os.environ["ENGAGE_DATABASE_URL"]
    for variable, url in given.items():
        address = _address(getattr(stack, variable.removeprefix("ENGAGE_").lower()))
        if url and _address(url) != address:
            raise SetupError(
                f"{variable} names {_address(url)}, but the stack in {folder} is at {address}:"
                " unset the variable, or name the stack with --dir"
            )


def _address(url: str) -> str:
    """Return host, port and path of a URL, without the login and options that it may have."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def key_file(folder: Path) -> Path:
    """Return the key file that the folder's services, or the environment's, read."""
    given = os.environ.get("ENGAGE_API_KEYS_FILE")
    path = Layout(folder).keys_file
    if given and not path.exists():
        return Path(given)
    if not folder.is_dir():
        raise SetupError(f"{folder} has no stack: name one with --dir, or set ENGAGE_API_KEYS_FILE")
    return path


def key_uses_folders(folder: Path) -> list[Path]:
    """Return where the services of ``key_file`` record when each key was last used.

    ENGAGE_KEY_USES_DIR may name several here, as the services of one host have one each.
    """
    layout = Layout(folder)
    if key_file(folder) == layout.keys_file:
        return [layout.key_uses]
    given = os.environ.get("ENGAGE_KEY_USES_DIR", "")
    return [Path(part) for part in given.split(os.pathsep) if part]
