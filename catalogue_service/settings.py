"""Settings of the catalogue service."""

from pydantic import Field

from runtime.settings import PooledSettings
from web.settings import HttpSettings


class CatalogueSettings(PooledSettings, HttpSettings):
    port: int = Field(default=8002, ge=0, le=65535, description="Port the service listens on.")
