"""Settings that all HTTP services have."""

from pydantic import Field, field_validator

from runtime.settings import TracedSettings
from web.client_address import parse_networks
from web.cors import parse_origins


class HttpSettings(TracedSettings):
    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the service listens on.")
    listen_fd: int | None = Field(
        default=None,
        description=(
            "File descriptor of an inherited listening socket. It replaces host and port."
        ),
    )
    arrival_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description=(
            "Close the connection when a request is incomplete, or its response unread,"
            " after this many seconds."
        ),
    )
    max_buffered_body_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024 * 1024,
        description="Maximum bytes of request bodies that this process holds, inflated ones"
        " included. At the limit, and for unfinished bodies at half of it, requests get 503.",
    )
    api_keys_file: str | None = Field(
        default=None,
        description=(
            "JSON file of hashed API keys. Unset: no key is required, and the"
            " service binds to loopback only."
        ),
    )
    key_uses_dir: str | None = Field(
        default=None,
        description=(
            "Folder in which this service records when each key was last used, for `engage keys"
            " list`. It must not be the folder of the key file. Unset: not recorded."
        ),
    )
    allow_anonymous: bool = Field(
        default=False, description="Serve requests without a key, also beyond loopback."
    )
    cors_origins: str = Field(
        default="",
        description=(
            "Comma-separated origins whose pages may read responses, in addition to the"
            " origins of keys."
        ),
    )
    hsts_seconds: int = Field(
        default=0,
        ge=0,
        description=(
            "`Strict-Transport-Security` max-age in seconds. 0 omits the header. Set it"
            " only behind TLS."
        ),
    )
    client_rate_per_second: float = Field(
        default=0.0,
        ge=0,
        le=100_000,
        description=(
            "Maximum requests per second of one client address to this process. Further"
            " requests get 429. 0: unlimited."
        ),
    )
    trusted_proxies: str = Field(
        default="",
        description=(
            "Comma-separated addresses or networks of reverse proxies whose"
            " X-Forwarded-For is trusted."
        ),
    )

    @field_validator("cors_origins")
    @classmethod
    def _parse_origins(cls, text: str) -> str:
        return ",".join(parse_origins(part for part in text.split(",") if part.strip()))

    @field_validator("trusted_proxies")
    @classmethod
    def _parse_networks(cls, text: str) -> str:
        return ",".join(map(str, parse_networks(text)))
