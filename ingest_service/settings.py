"""Settings of the ingest service."""

from datetime import timedelta
from typing import Final

from pydantic import Field, SecretStr

from runtime.settings import KafkaSettings, WindowSettings
from schema.validation import Window
from web.settings import HttpSettings

BOT_TOKENS: Final = (
    "bot,crawl,spider,slurp,headless,preview,monitor,lighthouse,pagespeed,facebookexternalhit,"
    "pingdom,uptime,phantomjs,selenium,scrapy,archiver,feedfetcher,python-requests,go-http-client"
)

_MIN_SECRET_LENGTH: Final = 32


class IngestSettings(KafkaSettings, WindowSettings, HttpSettings):
    produce_timeout_seconds: float = Field(
        default=4.5,
        gt=0,
        description=(
            "Seconds to wait for Kafka's acknowledgement of an event. After that the"
            " request gets 503."
        ),
    )
    max_in_flight_events: int = Field(
        default=50_000,
        ge=1,
        description="Maximum events awaiting Kafka's acknowledgement. Further requests get 503.",
    )
    derived_id_secret: SecretStr | None = Field(
        default=None,
        min_length=_MIN_SECRET_LENGTH,
        description=(
            "Secret that keys the event IDs derived by `once`, at least 32 characters. All ingest"
            " processes of a deployment must have the same. Unset: `once` gets 503, except on"
            " loopback without API keys."
        ),
    )
    public_key_max_age_seconds: int = Field(
        default=172_800,
        ge=1,
        description=(
            "Maximum age, at receipt, of events sent with a key that is bound to origins. Older"
            " ones are rejected. Keys without origins may send as far back as"
            " ENGAGE_RETENTION_DAYS."
        ),
    )
    bot_filter: bool = Field(
        default=True, description="Filter events that bots send to the beacon and the pixel."
    )
    bot_tokens: str = Field(
        default=BOT_TOKENS,
        description="Comma-separated lower-case substrings of User-Agent that identify a bot.",
    )
    ignored_user_ids: str = Field(
        default="",
        description=(
            "Users whose events from browsers are filtered: numbers and external IDs, separated"
            ' by commas, or as a JSON array such as [42, "ann, editor"].'
        ),
    )
    event_filter: str = Field(
        default="",
        pattern=r"^([\w.]+:\w+)?$",
        description=(
            "A function, as module:function, that may filter events from browsers; see"
            " docs/browser.md."
        ),
    )

    @property
    def public_window(self) -> Window:
        """The accepted window of events sent with a public key."""
        past = min(self.window.past, timedelta(seconds=self.public_key_max_age_seconds))
        return Window(past=past, future=self.window.future, is_public=True)

    @property
    def derived_id_key(self) -> bytes | None:
        """The HMAC key of derived event IDs; None: a secret is required and missing.

        Without API keys on loopback, any client can retract any event, so a constant suffices.
        """
        if self.derived_id_secret is not None:
            return self.derived_id_secret.get_secret_value().encode()
        is_development = self.api_keys_file is None and not self.allow_anonymous
        return f"engage-development:{self.topic}".encode() if is_development else None
