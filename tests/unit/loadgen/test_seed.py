"""Errors of PostgreSQL while the catalogue is read."""

from typing import Any

import asyncpg
import pytest

from loadgen.seed import read_facts
from schema.errors import EngagementError, SetupError, Unavailable


class FailingConnection:
    """A connection on which every statement fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def fetch(self, *_: Any) -> Any:
        raise self._error

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.UndefinedTableError("no table"), SetupError),
        (asyncpg.ConnectionDoesNotExistError("lost"), Unavailable),
    ],
)
async def test_read_facts_explains_missing_tables_and_lost_connections(
    error: Exception, expected: type[EngagementError], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: Any) -> FailingConnection:
        return FailingConnection(error)

    monkeypatch.setattr("sql.command.connect", connect)

    with pytest.raises(expected):
        await read_facts("postgresql://127.0.0.1/engagement")
