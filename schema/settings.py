"""Settings that more than one process reads. Each service adds its own in its settings.py.

They come from environment variables named ``ENGAGE_`` and the field, nothing is read at
import, and all faults are reported at once without printing a value.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schema import topics
from schema.admission import Window
from schema.errors import SetupError
from schema.transport import fault_of_database, fault_of_kafka

PREFIX = "ENGAGE_"


class Settings(BaseSettings):
    """Base of every settings class: frozen, prefixed, values hidden in errors."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises SetupError naming every faulty variable."""
        try:
            return cls()
        except ValidationError as error:
            faults = map(_told, error.errors(include_input=False, include_url=False))
            raise SetupError(f"settings are wrong: {'; '.join(faults)}") from None


def _told(fault: Mapping[str, Any]) -> str:
    """Say which variable is wrong and why; what several are about names them itself."""
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{PREFIX}{str(fault['loc'][0]).upper()}: {message}" if fault["loc"] else message


class TransportSettings(Settings):
    """Whether plain text may leave the machine."""

    allow_plaintext: bool = Field(
        default=False, description="Reach Kafka and PostgreSQL beyond loopback without TLS."
    )


class KafkaSettings(TransportSettings):
    """Where the log is, and how it is reached."""

    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Comma-separated host:port of Kafka brokers."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_ssl_ca_file: str | None = Field(
        default=None, description="PEM of the CA that signed the brokers; unset: the system's."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        default="SCRAM-SHA-512", description="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN."
    )
    kafka_sasl_username: str | None = Field(default=None, description="Login at Kafka.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="Its password.")
    topic: str = Field(default=topics.EVENTS_TOPIC, description="Topic the events stand in.")
    topic_partitions: int = Field(
        default=topics.PARTITIONS, ge=1, description="Partitions of a topic made by `engage up`."
    )
    topic_replication_factor: int = Field(
        default=1, ge=1, description="Replicas of a topic made by `engage up`."
    )
    topic_min_insync_replicas: int | None = Field(
        default=None,
        ge=1,
        description="How many must have an event before it is accepted; unset: more than half.",
    )

    @model_validator(mode="after")
    def _safe_way_to_kafka(self) -> Self:
        if fault := fault_of_kafka(self):
            raise ValueError(fault)
        if self.least_replicas > self.topic_replication_factor:
            raise ValueError(
                "ENGAGE_TOPIC_MIN_INSYNC_REPLICAS is more than ENGAGE_TOPIC_REPLICATION_FACTOR:"
                " nothing would be accepted"
            )
        return self

    @property
    def least_replicas(self) -> int:
        """How many replicas must have an event before the broker acknowledges it."""
        return self.topic_min_insync_replicas or self.topic_replication_factor // 2 + 1


class DatabaseSettings(TransportSettings):
    """Where the tables are."""

    database_url: SecretStr = Field(
        default=SecretStr("postgresql://127.0.0.1:5432/engagement"),
        description="PostgreSQL connection URL of this process.",
    )
    database_role: str | None = Field(
        default=None, description="Role taken after connecting (SET ROLE); unset: the login itself."
    )
    database_connect_timeout_seconds: float = Field(
        default=5.0, gt=0, description="How long a connection attempt may take."
    )
    database_command_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long one statement may take."
    )

    @model_validator(mode="after")
    def _safe_way_to_postgresql(self) -> Self:
        self._require_safe("ENGAGE_DATABASE_URL", self.database_url)
        return self

    def _require_safe(self, variable: str, url: SecretStr) -> None:
        text = url.get_secret_value()
        if fault := fault_of_database(text, allow_plaintext=self.allow_plaintext):
            raise ValueError(f"{variable}: {fault}")


class PooledSettings(DatabaseSettings):
    """What processes with several connections to PostgreSQL have."""

    database_pooler: bool = Field(
        default=False,
        description="The URL leads to pgbouncer, or the like, in transaction mode.",
    )

    @model_validator(mode="after")
    def _nothing_a_pooler_forgets(self) -> Self:
        if self.database_pooler and self.database_role:
            raise ValueError(
                "ENGAGE_DATABASE_ROLE cannot be taken through a pooler: unset it, and give the"
                " login that role for good; see docs/deployment.md"
            )
        return self


class ReplicaSettings(PooledSettings):
    """Where reports are read from, if that is not the database that is written to."""

    read_database_url: SecretStr | None = Field(
        default=None, description="URL of a replica that reports are read from; unset: no replica."
    )

    @model_validator(mode="after")
    def _safe_way_to_the_replica(self) -> Self:
        if self.read_database_url is not None:
            self._require_safe("ENGAGE_READ_DATABASE_URL", self.read_database_url)
        return self

    @property
    def replica(self) -> PooledSettings | None:
        """How the replica is reached, if there is one: in all else like the primary."""
        if self.read_database_url is None:
            return None
        return self.model_copy(update={"database_url": self.read_database_url})


class WindowSettings(Settings):
    """Which event times are accepted, relative to their receipt."""

    retention_days: int = Field(
        default=400, ge=1, description="Days that raw events are kept; older ones are refused."
    )
    future_tolerance_seconds: int = Field(
        default=300, ge=0, description="How far ahead of its receipt an event's time may be."
    )

    @property
    def window(self) -> Window:
        """The accepted distance between an event's time and its receipt."""
        return Window(
            past=timedelta(days=self.retention_days),
            future=timedelta(seconds=self.future_tolerance_seconds),
        )


class ProcessSettings(Settings):
    """What every long-running process has."""

    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    metrics_host: str = Field(
        default="127.0.0.1", description="Address of the side port with health and metrics."
    )
    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="Side port with health and metrics; 0: none."
    )
    shutdown_timeout_seconds: float = Field(
        default=15.0, gt=0, description="How long a SIGTERM may take before work is cut short."
    )


class TracedSettings(ProcessSettings):
    """What the processes on an event's way have."""

    tracing: bool = Field(
        default=False, description="Send spans by OTLP to where the variables OTEL_… say."
    )


class TimeZoneSettings(Settings):
    """The zone that reports count days in."""

    time_zone: str = Field(default="UTC", description="IANA name of the reporting time zone.")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("not an IANA time zone name, such as Europe/Vienna")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The reporting time zone."""
        return ZoneInfo(self.time_zone)
