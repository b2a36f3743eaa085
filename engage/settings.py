"""What the commands read from the environment where no stack's folder tells them."""

from pydantic import Field, SecretStr

from schema.settings import Settings


class ClientSettings(Settings):
    """Where commands find a system that was not started by `engage up`."""

    ingest_url: str | None = Field(default=None, description="Ingest service, for commands.")
    api_url: str | None = Field(default=None, description="Read API, for commands.")
    catalogue_url: str | None = Field(default=None, description="Catalogue service, for commands.")
    ingest_key: SecretStr | None = Field(default=None, description="Ingest key, for commands.")
    read_key: SecretStr | None = Field(default=None, description="Read key, for commands.")
    admin_key: SecretStr | None = Field(default=None, description="Admin key, for commands.")
