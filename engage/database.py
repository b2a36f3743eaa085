"""Commands' way to PostgreSQL: one connection, one question."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

import sql
from schema.errors import SetupError, Unavailable
from schema.settings import DatabaseSettings
from sql.pool import OUTAGES, REFUSALS, Connection, connect

_COMMAND_TIMEOUT_SECONDS: Final = 600.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Yield a connection of the command line; statements may take ten minutes.

    Raises:
        Unavailable: PostgreSQL does not answer, or goes away meanwhile.
        SetupError: the login is refused, or the tables are not there.
    """
    settings = DatabaseSettings(
        database_url=SecretStr(url),
        database_role=None,
        database_command_timeout_seconds=_COMMAND_TIMEOUT_SECONDS,
    )
    try:
        connection = await connect(settings, "engage-cli")
        try:
            yield connection
        finally:
            await connection.close()
    except OUTAGES as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from error
    except Unavailable as error:
        if isinstance(error.__cause__, REFUSALS):
            raise SetupError("PostgreSQL refuses this login: check ENGAGE_DATABASE_URL") from None
        raise
    except asyncpg.UndefinedTableError:
        raise SetupError("the tables are missing: run `engage db migrate`") from None


async def fetch(url: str, name: str, **values: Any) -> list[dict[str, Any]]:
    """Ask the question sql/<name>.sql. Raises as ``connected`` does."""
    query = sql.load(name)
    async with connected(url) as connection:
        return [dict(row) for row in await connection.fetch(query.text, *query.bind(**values))]


async def fetch_value(url: str, name: str, **values: Any) -> Any:
    """Do the same for a question with one value as its answer."""
    query = sql.load(name)
    async with connected(url) as connection:
        return await connection.fetchval(query.text, *query.bind(**values))
