"""The running system a command speaks to: the stack of a folder, else the environment's."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engage.stack.layout import Layout, StackFile
from schema.errors import SetupError, Unavailable

if TYPE_CHECKING:
    from engage.settings import ClientSettings


@dataclass(frozen=True)
class Target:
    """Addresses and keys; asking for one that nobody named raises SetupError."""

    folder: Path
    stack: StackFile | None
    settings: "ClientSettings"

    @property
    def ingest_url(self) -> str:
        """The ingest service."""
        found = self.stack.ingest_url if self.stack else self.settings.ingest_url
        return found or self._missing("ENGAGE_INGEST_URL")

    @property
    def api_url(self) -> str:
        """The read API."""
        found = self.stack.api_url if self.stack else self.settings.api_url
        return found or self._missing("ENGAGE_API_URL")

    @property
    def catalogue_url(self) -> str:
        """The catalogue service."""
        found = self.stack.catalogue_url if self.stack else self.settings.catalogue_url
        return found or self._missing("ENGAGE_CATALOGUE_URL")

    @property
    def admin_key(self) -> str | None:
        """What the catalogue service lets in; None: it asks for no key."""
        if self.stack:
            return self.stack.admin_key
        key = self.settings.admin_key
        return key.get_secret_value() if key else None

    @property
    def ingest_key(self) -> str | None:
        """What the ingest service lets in; None: it asks for no key."""
        if self.stack:
            return self.stack.ingest_key
        key = self.settings.ingest_key
        return key.get_secret_value() if key else None

    @property
    def read_key(self) -> str | None:
        """What the read API lets in; None: it asks for no key."""
        if self.stack:
            return self.stack.read_key
        key = self.settings.read_key
        return key.get_secret_value() if key else None

    @property
    def database_url(self) -> str:
        """The database, for its owner."""
        if self.stack:
            return self.stack.database_url
        if "ENGAGE_DATABASE_URL" not in os.environ:
            return self._missing("ENGAGE_DATABASE_URL")
        from schema.settings import DatabaseSettings

        return DatabaseSettings.load().database_url.get_secret_value()

    @property
    def kafka_bootstrap_servers(self) -> str:
        """The brokers."""
        if self.stack:
            return self.stack.kafka_bootstrap_servers
        if "ENGAGE_KAFKA_BOOTSTRAP_SERVERS" not in os.environ:
            return self._missing("ENGAGE_KAFKA_BOOTSTRAP_SERVERS")
        from schema.settings import KafkaSettings

        return KafkaSettings.load().kafka_bootstrap_servers

    @property
    def topic(self) -> str:
        """The topic the events stand in."""
        from schema.settings import KafkaSettings

        return self.stack.topic if self.stack else KafkaSettings.load().topic

    def _missing(self, variable: str) -> str:
        raise Unavailable(
            f"no stack runs in {self.folder} and {variable} is not set:"
            " start one with `engage up`, or name one with --dir"
        )


def find(folder: Path) -> Target:
    """Return what the folder's stack.json names, or the environment. Raises SetupError."""
    from engage.settings import ClientSettings

    path = Layout(folder).stack_file
    stack = StackFile.read(path) if path.exists() else None
    return Target(folder, stack, ClientSettings.load())


def key_file(folder: Path) -> Path:
    """Return the key file that the folder's services, or the environment's, read."""
    given = os.environ.get("ENGAGE_API_KEYS_FILE")
    path = Layout(folder).keys_file
    if given and not path.exists():
        return Path(given)
    if not folder.is_dir():
        raise SetupError(
            f"no stack is in {folder}: set ENGAGE_API_KEYS_FILE, or name it with --dir"
        )
    return path
