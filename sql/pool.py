"""Connections to PostgreSQL, bounded in every direction.

A peer that went silent would hold asyncpg's own clean-up for ever, so who gets a timeout
terminates the connection instead of closing it.
"""

import asyncio
from typing import Any, Final, TypeAlias

import asyncpg

from schema.errors import Unavailable
from schema.settings import DatabaseSettings, PooledSettings

# Quoted: asyncpg's classes are generic in its stubs alone.
Connection: TypeAlias = "asyncpg.Connection[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"
AnyConnection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"

REFUSALS = (
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password among them
    asyncpg.InvalidCatalogNameError,
)
"""What means "this login may not in"; a password that is being changed, or a restore."""

OUTAGES = (
    *REFUSALS,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection that was just killed may raise
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ProtocolViolationError,
)
"""What means "PostgreSQL is away or too busy; try again later"."""

DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.RaiseError,
    ValueError,  # what the client cannot encode, such as a lone surrogate
    OverflowError,
)
"""What means "not these values", whenever they are sent. A unique violation is among them."""

_ROLE_REFUSED: Final = (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)
"""What a login meets whose role was not granted to it, or is not there (yet)."""

_ABANDONED: Final = {
    # A process that froze in a transaction, or whose machine died, must not keep its locks:
    # whoever got a consumer's partitions waits for their offset rows.
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def told(error: Exception) -> str:
    """Return what an error says, without the row that PostgreSQL may quote: rows name users."""
    return str(error.args[0]) if isinstance(error, asyncpg.PostgresError) else str(error)


def _arguments(
    settings: DatabaseSettings, application_name: str, server_settings: dict[str, str]
) -> dict[str, Any]:
    extra = {"application_name": application_name, "timezone": "UTC"}
    extra |= _ABANDONED | server_settings
    if settings.database_role:
        extra["role"] = settings.database_role
    return {
        "dsn": settings.database_url.get_secret_value(),
        "timeout": settings.database_connect_timeout_seconds,
        "command_timeout": settings.database_command_timeout_seconds,
        "server_settings": extra,
    }


async def connect(
    settings: DatabaseSettings, application_name: str, **server_settings: str
) -> Connection:
    """Open one connection.

    Raises:
        Unavailable: PostgreSQL does not answer in time, or the login may not take its role.
    """
    arguments = _arguments(settings, application_name, server_settings)
    try:
        async with asyncio.timeout(settings.database_connect_timeout_seconds):
            connection: Connection = await asyncpg.connect(**arguments)
            return connection
    except OUTAGES as error:
        raise Unavailable(f"PostgreSQL: {type(error).__name__}") from error
    except _ROLE_REFUSED as error:
        raise Unavailable(f"PostgreSQL: {told(error)}: check ENGAGE_DATABASE_ROLE") from error


async def open_pool(
    settings: PooledSettings,
    application_name: str,
    *,
    max_size: int,
    **server_settings: str,
) -> Pool:
    """Make a pool that opens its connections on first use, so it starts with PostgreSQL away.

    Behind a pooler a connection is another one in each transaction: nothing is kept in it, and
    the server settings are the login's own.
    """
    arguments = _arguments(settings, application_name, server_settings)
    if settings.database_pooler:
        kept_by_poolers = ("application_name", "timezone")
        given = arguments["server_settings"]
        arguments["server_settings"] = {name: given[name] for name in kept_by_poolers}
        arguments |= {"statement_cache_size": 0, "reset": _leave_as_it_is}
    return await asyncpg.create_pool(
        **arguments,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=300.0,
    )


async def _leave_as_it_is(_connection: AnyConnection) -> None:
    """Reset nothing: what is asked next may reach another server connection."""
