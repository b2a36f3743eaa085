"""Settings that several processes have. Each service adds its own in its settings.py.

Sources are environment variables named ``ENGAGE_`` and the field, and files with these names in
the folder ENGAGE_SECRETS_DIR or systemd's CREDENTIALS_DIRECTORY. Nothing is read at import. All
errors are reported together, without values.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.transport import database_problem, kafka_problem
from schema import topics
from schema.errors import SetupError
from schema.time_zones import zone_of
from schema.validation import Window

PREFIX = "ENGAGE_"
_SECRETS_DIR = "ENGAGE_SECRETS_DIR"


class Settings(BaseSettings):
    """Base of every settings class: frozen, prefixed, values hidden in errors."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    secrets_dir: str | None = Field(
        default=None,
        description=(
            "Folder with secrets, each in a file that is named like its variable, such as"
            " ENGAGE_DATABASE_URL. The environment wins over a file. Unset: systemd's"
            " CREDENTIALS_DIRECTORY, if there is one."
        ),
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment and the files. Raises SetupError that names invalid ones."""
        try:
            return cls(_secrets_dir=_secrets_folder())
        except ValidationError as error:
            faults = map(_describe, error.errors(include_input=False, include_url=False))
            raise SetupError(f"invalid settings: {'; '.join(faults)}") from None


def _secrets_folder() -> str | None:
    """Return the folder with secrets, if one is configured. Raises SetupError."""
    given = os.environ.get(_SECRETS_DIR)
    if given and not Path(given).is_dir():
        raise SetupError(f"{_SECRETS_DIR}: folder not found: {given}")
    return given or os.environ.get("CREDENTIALS_DIRECTORY") or None


def is_in_secrets_folder(variable: str) -> bool:
    """Return whether the secrets folder has a file for this variable. Raises SetupError."""
    folder = _secrets_folder()
    return folder is not None and (Path(folder) / variable).is_file()


def _describe(fault: Mapping[str, Any]) -> str:
    """Describe an error; errors of several variables name them in their message."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{str(fault['loc'][0]).upper()}: {message}" if fault["loc"] else message


class TransportSettings(Settings):
    allow_plaintext: bool = Field(
        default=False,
        description="Allow connections to Kafka and PostgreSQL beyond loopback without TLS.",
    )


class KafkaSettings(TransportSettings):
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka brokers, as comma-separated host:port."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description=(
            "Protocol of connections to Kafka: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
        ),
    )
    kafka_ssl_ca_file: str | None = Field(
        default=None,
        description=(
            "PEM file of the CA that signed the brokers' certificates. Unset: the system's CAs."
        ),
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512",
        description="SASL mechanism: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN.",
    )
    kafka_sasl_username: str | None = Field(default=None, description="SASL user name at Kafka.")
    kafka_sasl_password: SecretStr | None = Field(
        default=None, description="SASL password at Kafka."
    )
    topic: str = Field(default=topics.EVENTS_TOPIC, description="Kafka topic of the events.")
    topic_partitions: int = Field(
        default=topics.PARTITIONS,
        ge=1,
        description="Number of partitions of the topic when `engage up` creates it.",
    )
    topic_replication_factor: int = Field(
        default=1, ge=1, description="Replication factor of the topic when `engage up` creates it."
    )
    topic_min_insync_replicas: int | None = Field(
        default=None,
        ge=1,
        description=(
            "`min.insync.replicas` of the topic when `engage up` creates it. Unset: a"
            " majority of its replicas."
        ),
    )

    @model_validator(mode="after")
    def _check_kafka(self) -> Self:
        if fault := kafka_problem(self):
            raise ValueError(fault)
        if self.least_replicas > self.topic_replication_factor:
            raise ValueError(
                "ENGAGE_TOPIC_MIN_INSYNC_REPLICAS is more than ENGAGE_TOPIC_REPLICATION_FACTOR:"
                " no event could be accepted"
            )
        return self

    @property
    def least_replicas(self) -> int:
        """The topic's min.insync.replicas."""
        return self.topic_min_insync_replicas or self.topic_replication_factor // 2 + 1


class DatabaseSettings(TransportSettings):
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://127.0.0.1:5432/engagement"),
        description="PostgreSQL connection URL of this process.",
    )
    database_role: str | None = Field(
        default=None,
        description="Role to take after connecting (`SET ROLE`). Unset: the login's own role.",
    )
    database_connect_timeout_seconds: float = Field(
        default=5.0, gt=0, description="Seconds before a connection attempt to PostgreSQL fails."
    )
    database_command_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds before a statement fails and its connection is closed.",
    )

    @model_validator(mode="after")
    def _check_database_url(self) -> Self:
        self._require_secure("ENGAGE_DATABASE_URL", self.database_url)
        return self

    def _require_secure(self, variable: str, url: SecretStr) -> None:
        text = url.get_secret_value()
        if fault := database_problem(text, allow_plaintext=self.allow_plaintext):
            raise ValueError(f"{variable}: {fault}")


class MigrateSettings(DatabaseSettings):
    """Settings of migrations: the URL of the owner, and passwords of the services' roles."""

    consumer_database_password: SecretStr | None = Field(
        default=None,
        description=(
            "Password that `python -m schema` and `engage db migrate` give the role"
            " `engage_consumer`, which may then log in. Unset: the role stays as it is."
        ),
    )
    refresher_database_password: SecretStr | None = Field(
        default=None, description="Password of the role `engage_refresher`."
    )
    reader_database_password: SecretStr | None = Field(
        default=None, description="Password of the role `engage_reader`, of the read API."
    )
    editor_database_password: SecretStr | None = Field(
        default=None, description="Password of the role `engage_editor`, of the catalogue."
    )

    @property
    def passwords(self) -> dict[str, str]:
        """The configured passwords, by role."""
        found = {
            "engage_consumer": self.consumer_database_password,
            "engage_refresher": self.refresher_database_password,
            "engage_reader": self.reader_database_password,
            "engage_editor": self.editor_database_password,
        }
        return {role: text.get_secret_value() for role, text in found.items() if text is not None}


class PooledSettings(DatabaseSettings):
    database_pooler: bool = Field(
        default=False,
        description=(
            "Set to true when the URL leads to a pooler in transaction mode, such as pgbouncer."
        ),
    )

    @model_validator(mode="after")
    def _check_pooler(self) -> Self:
        if self.database_pooler and self.database_role:
            raise ValueError(
                "ENGAGE_DATABASE_ROLE does not work with a pooler: unset it, and set the role of"
                " the login in PostgreSQL; see docs/deployment.md"
            )
        return self


class ReplicaSettings(PooledSettings):
    read_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "PostgreSQL URL of a replica that serves the reports. Unset: the primary serves them."
        ),
    )

    @model_validator(mode="after")
    def _check_replica_url(self) -> Self:
        if self.read_database_url is not None:
            self._require_secure("ENGAGE_READ_DATABASE_URL", self.read_database_url)
        return self

    @property
    def replica(self) -> PooledSettings | None:
        """The settings of the replica, if there is one; except for the URL those of the primary."""
        if self.read_database_url is None:
            return None
        return self.model_copy(update={"database_url": self.read_database_url})


class WindowSettings(Settings):
    retention_days: int = Field(
        default=400,
        ge=1,
        description=(
            "Days that raw events are kept. Older events are rejected at ingest; the"
            " refresher drops expired days."
        ),
    )
    future_tolerance_seconds: int = Field(
        default=300,
        ge=0,
        description=(
            "Seconds that an event's time may be ahead of its receipt. Events further"
            " ahead are rejected."
        ),
    )

    @property
    def window(self) -> Window:
        """The accepted distance between an event's time and its receipt."""
        return Window(
            past=timedelta(days=self.retention_days),
            future=timedelta(seconds=self.future_tolerance_seconds),
        )


class ProcessSettings(Settings):
    log_level: str = Field(
        default="INFO", description="Lowest level that is logged: DEBUG, INFO, WARNING or ERROR."
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description=(
            "Address of the metrics port, which serves /metrics, /healthz and /readyz"
            " without a key."
        ),
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port for /metrics, /healthz and /readyz. 0 opens none.",
    )
    shutdown_timeout_seconds: float = Field(
        default=15.0, gt=0, description="Seconds after SIGTERM before unfinished work is abandoned."
    )


class TracedSettings(ProcessSettings):
    tracing: bool = Field(
        default=False,
        description="Send OpenTelemetry spans by OTLP to the endpoint in the OTEL_* variables.",
    )


class AddressSettings(Settings):
    """URLs of services that commands and the dashboard's first steps name."""

    ingest_url: str | None = Field(
        default=None,
        description="URL of the ingest service, for commands and the dashboard's first steps.",
    )
    catalogue_url: str | None = Field(
        default=None,
        description="URL of the catalogue service, for commands and the dashboard's first steps.",
    )


class HistorySettings(Settings):
    history_url: str | None = Field(
        default=None,
        description=(
            "Folder or object store, such as s3://bucket/history, to which each finished day is"
            " copied as Parquet while it is still in PostgreSQL. Unset: days are not copied."
        ),
    )


class TimeZoneSettings(Settings):
    time_zone: str = Field(
        default="UTC",
        description=(
            "IANA name of the reporting time zone. Days, weeks and months of the reports"
            " begin in it."
        ),
    )

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        return zone_of(name).key

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.time_zone)
