"""Settings that the HTTP services have in common."""

from pydantic import Field, field_validator

from schema.http.client_address import parse_networks
from schema.http.origins import parse_origins
from schema.settings import TracedSettings


class HttpSettings(TracedSettings):
    """What both HTTP services have."""

    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the service listens on.")
    listen_fd: int | None = Field(
        default=None, description="An inherited listening socket; it wins over host and port."
    )
    arrival_deadline_seconds: float = Field(
        default=10.0,
        gt=0,
        description="A request not here whole, or an answer not taken, by then is given up.",
    )
    api_keys_file: str | None = Field(
        default=None, description="JSON file of hashed API keys; unset: loopback only."
    )
    allow_anonymous: bool = Field(
        default=False, description="Serve without keys, also beyond loopback."
    )
    cors_origins: str = Field(
        default="",
        description="Comma-separated origins whose pages may read answers, besides those of keys.",
    )
    hsts_seconds: int = Field(
        default=0,
        ge=0,
        description="How long browsers shall insist on HTTPS, once TLS is in front; 0: unsaid.",
    )
    client_rate_per_second: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        description="Requests a second of one client address, to each process; 0: any number.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Comma-separated addresses or networks whose X-Forwarded-For is believed.",
    )

    @field_validator("cors_origins")
    @classmethod
    def _true_origins(cls, text: str) -> str:
        return ",".join(parse_origins(part for part in text.split(",") if part.strip()))

    @field_validator("trusted_proxies")
    @classmethod
    def _true_networks(cls, text: str) -> str:
        return ",".join(map(str, parse_networks(text)))
