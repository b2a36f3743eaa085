"""What ``python -m catalogue_service`` reads from the environment."""

from pydantic import Field

from schema.http.settings import HttpSettings
from schema.settings import PooledSettings


class CatalogueSettings(PooledSettings, HttpSettings):
    """Settings of the catalogue service."""

    port: int = Field(default=8002, ge=0, le=65535, description="Port the service listens on.")
