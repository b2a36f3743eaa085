"""What the commands read from the environment."""

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from engage.monitoring.notices import QuietHours
from engage.monitoring.webhook import Webhook, key_of
from schema.errors import SetupError
from schema.settings import Settings, TimeZoneSettings

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class ClientSettings(Settings):
    """Where commands find a system that was not started by `engage up`."""

    ingest_url: str | None = Field(default=None, description="Ingest service, for commands.")
    api_url: str | None = Field(default=None, description="Read API, for commands.")
    catalogue_url: str | None = Field(default=None, description="Catalogue service, for commands.")
    ingest_key: SecretStr | None = Field(default=None, description="Ingest key, for commands.")
    read_key: SecretStr | None = Field(default=None, description="Read key, for commands.")
    admin_key: SecretStr | None = Field(default=None, description="Admin key, for commands.")


class MonitorSettings(TimeZoneSettings):
    """Where findings are sent, and when."""

    webhook_url: str | None = Field(
        default=None, description="Where `engage monitor` POSTs findings; unset: nowhere."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="What it signs them with: whsec_ and base64 of 24 bytes or more."
    )
    webhook_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="How long one attempt may take."
    )
    webhook_attempts: int = Field(default=3, ge=1, le=10, description="Attempts at most.")
    webhook_cooldown_seconds: float = Field(
        default=14_400.0, ge=0, description="The same finding is sent no more often."
    )
    webhook_quiet_hours: str = Field(
        default="",
        description="When only what is critical is sent: two times in the reporting zone, such as"
        " 22:00-07:00.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        try:
            QuietHours.parse(self.webhook_quiet_hours)
            if self.webhook_url is not None:
                _require_safe(self.webhook_url)
                key_of(self.webhook_secret.get_secret_value() if self.webhook_secret else "")
        except SetupError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def webhook(self) -> Webhook | None:
        """Where findings go; None: nowhere."""
        if self.webhook_url is None or self.webhook_secret is None:
            return None
        return Webhook(
            self.webhook_url,
            self.webhook_secret.get_secret_value(),
            self.webhook_timeout_seconds,
            self.webhook_attempts,
        )


def _require_safe(url: str) -> None:
    address = urlsplit(url)
    is_plain = address.scheme == "http" and address.hostname in _LOOPBACK
    if not address.hostname or not (address.scheme == "https" or is_plain):
        raise SetupError("ENGAGE_WEBHOOK_URL: https://…; http only to this machine")
