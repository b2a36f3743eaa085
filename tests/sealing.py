"""Sealing the days of a database of the tests."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from refresher.sealed_days import SealedDays
from refresher.settings import RefresherSettings


def sealing(url: str, folder: Path, **changed: Any) -> SealedDays:
    """Return the job of a refresher that has just started and seals every finished day."""
    values = {"history_delay_hours": 0.000001} | changed
    settings = RefresherSettings(database_url=SecretStr(url), history_url=str(folder), **values)
    return SealedDays(settings)
