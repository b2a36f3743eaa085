"""Settings of the commands."""

from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from engage.alerts import QuietHours
from engage.webhook import Webhook, key_of
from runtime.settings import AddressSettings, TimeZoneSettings
from schema.errors import SetupError

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class ClientSettings(AddressSettings):
    """Addresses and keys of a system that `engage up` did not start."""

    api_url: str | None = Field(default=None, description="URL of the read API, for commands.")
    ingest_key: SecretStr | None = Field(default=None, description="Ingest key, for commands.")
    read_key: SecretStr | None = Field(default=None, description="Read key, for commands.")
    admin_key: SecretStr | None = Field(default=None, description="Admin key, for commands.")


class MonitorSettings(TimeZoneSettings):
    """Settings of the webhook for alerts."""

    webhook_url: str | None = Field(
        default=None,
        description="URL to which `engage monitor` posts alerts. Unset: it posts none.",
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description=(
            "Secret that signs webhook requests: `whsec_` and base64 of at least 24 bytes."
        ),
    )
    webhook_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="Seconds before one delivery attempt fails."
    )
    webhook_attempts: int = Field(
        default=3, ge=1, le=10, description="Maximum delivery attempts of one alert."
    )
    webhook_cooldown_seconds: float = Field(
        default=14_400.0,
        ge=0,
        description="Minimum seconds between two notifications of the same alert.",
    )
    webhook_quiet_hours: str = Field(
        default="",
        description=(
            "Hours, in the reporting time zone, in which only critical alerts are sent,"
            " such as 22:00-07:00."
        ),
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
        """The webhook; None: alerts are not sent."""
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
        raise SetupError(
            "ENGAGE_WEBHOOK_URL must be an https URL; http is allowed on this machine only"
        )
