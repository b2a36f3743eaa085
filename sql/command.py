"""The connection of a command, with errors for the person who runs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from pydantic import SecretStr

from runtime.settings import DatabaseSettings
from schema.errors import SetupError, Unavailable
from sql.pool import LOGIN_ERRORS, OUTAGES, Connection, connect

_COMMAND_TIMEOUT_SECONDS: Final = 600.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Yield a connection with a statement timeout of ten minutes.

    Raises:
        Unavailable: PostgreSQL does not respond, or the connection is lost.
        SetupError: the login is rejected, or the tables are missing.
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
        if isinstance(error.__cause__, LOGIN_ERRORS):
            raise SetupError("PostgreSQL rejects this login: check ENGAGE_DATABASE_URL") from None
        raise
    except asyncpg.UndefinedTableError:
        raise SetupError("the tables are missing: run `engage db migrate`") from None
